"""The queue and its two acts, through the door."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from galaxy.core.models import AuditEvent
from galaxy.core.scope import workspace_scope
from policies import subjects
from policies.models import Approval, Decision, Delegation, Effect, Vote
from policies.queue import BRIEF_CHARS, PAGE_SIZE
from policies.services.approvals import decide_approval
from tests.policies.conftest import FACTS

HOSTILE = '<img src=x onerror="alert(1)">{{ 7|add:7 }}'


def url(name, approval, **query):
    return reverse(f"policies:approval-{name}", args=[approval.workspace.slug, approval.pk], query=query or None)


@pytest.fixture
def queue_url(workspace):
    return reverse("policies:approval-list", args=[workspace.slug])


def body(approval, decision="approved", **fields):
    return {"decision": decision, "digest": approval.digest, **fields}


def decide(approval, reviewer, decision="approved", note=""):
    return decide_approval(approval, reviewer=reviewer, decision=decision, note=note, digest=approval.digest)


# --- Looking -----------------------------------------------------------------------------------------------------


def test_the_queue_opens_the_request_that_waits_longest(client_of, ask, approver, queue_url):
    first, second = ask("Delete one task"), ask("Delete another task")
    response = client_of(approver).get(queue_url)
    assert response.context["opened"].approval == first
    assert [row.approval for row in response.context["queue"].rows] == [first, second]
    text = response.text
    for words in ("Delete another task", "hubspot.delete_task", "HubSpot, not connected", "Simulated", "t_1"):
        assert words in text
    assert f'value="{first.digest}"' in text


def test_a_link_opens_any_request_of_the_queue(client_of, ask, approver, queue_url):
    ask()
    second = ask("Delete another task")
    response = client_of(approver).get(queue_url, {"open": second.pk})
    assert response.context["opened"].approval == second


def test_two_requests_of_one_name_are_told_apart_by_their_inputs(client_of, ask, approver, queue_url):
    for inputs in ({"task_id": "t_1", "done": True, "tags": ["a"]}, {"task_id": "t_" + "2" * 80}, ["t_3"], None):
        ask(facts=FACTS | {"inputs": inputs})
    briefs = [row.brief for row in client_of(approver).get(queue_url).context["queue"].rows]
    assert briefs == ["task_id t_1", "task_id t_" + "2" * (BRIEF_CHARS - 11) + "…", "", ""]


@pytest.mark.parametrize("odd", ["x", "00000000-0000-0000-0000-000000000000"])
def test_a_link_to_nothing_is_not_found(client_of, approver, queue_url, odd):
    assert client_of(approver).get(queue_url, {"open": odd}).status_code == 404


def test_odd_tabs_and_pages_fall_back(client_of, approval, approver, queue_url):
    response = client_of(approver).get(queue_url, {"tab": "<script>", "page": "-3x"})
    assert (response.status_code, response.context["queue"].tab) == (200, "waiting")


def test_htmx_gets_the_queue_without_the_shell(as_htmx, approval, approver, queue_url):
    response = as_htmx(approver).get(queue_url)
    assert "<html" not in response.text
    assert response.text.lstrip().startswith('<div class="triage" id="triage">')
    assert "HX-Request" in response.headers["Vary"]


def test_the_tabs_part_what_waits_what_i_asked_and_what_is_over(client_of, ask, approver, creator, queue_url):
    waiting, over, late = ask("Waits"), ask("Is over"), ask("Ran out")
    decide(over, approver)
    Approval.objects.filter(pk=late.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    mine = ask("Asked by the approver", requested_by=approver)

    def rows(tab, user=approver):
        queue = client_of(user).get(queue_url, {"tab": tab}).context["queue"]
        return [(row.approval, row.state) for row in queue.rows], (queue.waiting, queue.mine)

    assert rows("waiting") == ([(waiting, "pending"), (mine, "pending")], (2, 1))
    assert rows("mine") == ([(mine, "pending")], (2, 1))
    assert rows("decided")[0] == [(late, "expired"), (over, "approved")]
    assert {approval for approval, _ in rows("mine", creator)[0]} == {waiting, over, late}


def test_who_only_asks_sees_their_own_requests_alone(client_of, ask, creator, member, queue_url):
    own, foreign = ask("Mine", requested_by=member), ask("Not mine", requested_by=creator)
    client = client_of(member)
    assert [row.approval for row in client.get(queue_url).context["queue"].rows] == [own]
    assert client.get(url("detail", own)).status_code == 200
    assert client.get(url("detail", foreign)).status_code == 404
    assert client.post(url("decision", foreign), body(foreign)).status_code == 404


def test_the_navigation_counts_what_this_person_can_decide(client_of, ask, approver, auditor, queue_url):
    ask()
    ask(requested_by=approver)
    ask(version_author=approver)
    assert 'id="due-count">1<' in client_of(approver).get(queue_url).text
    assert 'id="due-count"><' in client_of(auditor).get(queue_url).text


def test_the_navigation_counts_what_waits_for_somebody_by_what_they_are_now(
    client_of, ask, approver, auditor, workspace, queue_url
):
    """The question is written once for what somebody is, and another one once they are something else."""
    ask()
    client = client_of(auditor)
    assert 'id="due-count"><' in client.get(queue_url).text
    now = timezone.now()
    times = {"starts_at": now - timedelta(hours=1), "ends_at": now + timedelta(days=1)}
    loan = Delegation.objects.create(workspace=workspace, giver=approver, taker=auditor, **times)
    assert 'id="due-count">1<' in client.get(queue_url).text
    ask()
    assert 'id="due-count">2<' in client.get(queue_url).text
    Delegation.objects.filter(pk=loan.pk).update(ended_at=now)
    assert 'id="due-count"><' in client.get(queue_url).text


def test_an_auditor_reads_and_is_told_who_could_let_them_decide(client_of, approval, auditor, cast):
    text = client_of(auditor).get(url("detail", approval)).text
    assert "Needs “Decide approval requests”" in text
    assert cast["owner"].name in text
    assert 'name="decision"' not in text


def test_ones_own_request_offers_to_withdraw_and_not_to_decide(client_of, ask, approver):
    own = ask(requested_by=approver)
    text = client_of(approver).get(url("detail", own)).text
    assert "Waiting for someone else." in text and "Withdraw" in text
    assert 'name="decision"' not in text


def test_the_author_of_a_version_is_told_why_they_do_not_decide(client_of, ask, approver):
    text = client_of(approver).get(url("detail", ask(version_author=approver))).text
    assert "You published this version" in text and 'name="decision"' not in text


def test_hostile_words_are_shown_as_words(client_of, ask, approver, creator, queue_url):
    creator.name = HOSTILE
    creator.save()
    facts = {"what": HOSTILE, "where": HOSTILE, "data_classes": [HOSTILE], "inputs": {HOSTILE: HOSTILE}}
    decide(ask(HOSTILE, facts=facts), approver, "rejected", HOSTILE)
    approval = ask(HOSTILE, facts=facts)
    for page in (queue_url, url("detail", approval)):
        text = client_of(approver).get(page).text
        assert "<img" not in text
        assert "&lt;img src=x onerror=" in text and "{{ 7|add:7 }}" in text


def test_a_request_says_why_a_person_is_asked_and_once(client_of, ask, approver, workspace):
    decision = Decision.objects.create(
        workspace=workspace,
        effect=Effect.REQUIRE_APPROVAL,
        action="hubspot.delete_task",
        input={},
        reasons=[{"code": "delete", "text": "It deletes.", "passes_if": "Somebody else approves it", "who": "x"}],
    )
    approval = ask(decision=decision, facts={"what": "hubspot.delete_task", "rule": ["It deletes."], "undo": None})
    response = client_of(approver).get(url("detail", approval))
    assert response.text.count("It deletes.") == 1
    shown = {fact.term: fact.shown for fact in response.context["opened"].facts}
    assert (shown["Rule"], shown["Undo"]) == ("Default, below", "None declared")
    assert f'href="{reverse("policies:decision-detail", args=["meridian", decision.pk])}"' in response.text


def test_a_rule_that_asks_is_named_once(client_of, ask, approver, workspace):
    text = "Rule 2, Mail to many: 30 records is more than 20."
    decision = Decision.objects.create(
        workspace=workspace,
        effect=Effect.REQUIRE_APPROVAL,
        action="gmail.send",
        input={},
        reasons=[{"code": "rule_asks", "text": text, "passes_if": "", "who": "", "rule": 2}],
    )
    shown = client_of(approver).get(url("detail", ask(decision=decision))).text
    assert text in shown
    assert shown.count("Rule 2") == 2  # the fact that leads here, and the reason


def test_a_decided_request_names_who_decided_why_and_the_way_to_what_came_of_it(
    client_of, ask, approver, creator, monkeypatch
):
    monkeypatch.setattr(subjects, "_subjects", {"run": subjects.Subject("run", lambda approval: "/somewhere/")})
    approval = ask()
    decide(approval, approver, note="Checked with the team")
    text = client_of(creator).get(url("detail", approval)).text
    assert f"Approved by {approver.name}" in text and "Checked with the team" in text
    assert '<a class="btn btn-s" href="/somewhere/">Open the run</a>' in text


def test_another_workspaces_request_is_not_found_in_any_way(client_of, approval, approver, stranger, other_workspace):
    for user, slug in ((stranger, "meridian"), (stranger, "tidewater"), (approver, "tidewater")):
        client = client_of(user)
        for name in ("detail", "decision", "withdrawal"):
            address = reverse(f"policies:approval-{name}", args=[slug, approval.pk])
            answer = client.get(address) if name == "detail" else client.post(address, body(approval))
            assert answer.status_code == 404
    approval.refresh_from_db()
    assert approval.status == "pending"


def test_the_queue_costs_the_same_whatever_its_length(
    client_of, ask, approver, queue_url, django_assert_max_num_queries
):
    client = client_of(approver)
    for number in range(PAGE_SIZE + 5):
        ask(f"Delete task {number}")
    for number in range(3):
        decide(ask(f"Decided {number}"), approver)
    # The first page of a session writes down its rights, and one a minute later that somebody is there: three queries
    # and two more, which come or not by how quick the machine is. This is what every other page of the queue costs.
    client.get(queue_url)
    with django_assert_max_num_queries(23):
        response = client.get(queue_url)
    assert len(response.context["queue"].rows) == PAGE_SIZE
    assert response.text.count("data-row") == PAGE_SIZE + 3
    with django_assert_max_num_queries(19):
        client.get(queue_url, {"page": 2})


# --- Deciding ----------------------------------------------------------------------------------------------------


def test_a_decision_without_javascript_answers_with_a_redirect_and_a_toast(client_of, approval, approver):
    response = client_of(approver).post(url("decision", approval), body(approval), follow=True)
    assert response.redirect_chain == [(approval.get_absolute_url(), 302)]
    assert "Approved. 0 waiting." in response.text
    approval.refresh_from_db()
    event = AuditEvent.objects.get(action="approval.approved")
    assert (approval.status, event.actor_id) == ("approved", str(approver.pk))


def test_a_decision_by_htmx_brings_the_next_request_the_counts_and_the_news(as_htmx, ask, approver):
    first, second, third = ask("First"), ask("Second"), ask("Third")
    response = as_htmx(approver).post(url("decision", second), body(second, "rejected", note="Not now", tab="waiting"))
    text = response.text
    assert (response.status_code, response.context["opened"].approval) == (200, third)
    assert [row.approval for row in response.context["queue"].rows] == [first, third]
    assert [row.approval for row in response.context["queue"].lately] == [second]
    assert f'id="open-{third.pk}"' in text and "data-focus" in text.split(f'id="open-{third.pk}"')[1].split(">")[0]
    assert '<div id="announcer" hx-swap-oob="innerHTML">Rejected. 2 waiting.</div>' in text
    assert 'id="due-count" hx-swap-oob="innerHTML">2' in text
    assert "Rejected by" in text and "Not now" in text


def test_after_the_last_decision_the_queue_says_that_nothing_waits(as_htmx, approval, approver):
    text = as_htmx(approver).post(url("decision", approval), body(approval)).text
    assert "Nothing waits" in text and '<span id="due-count" hx-swap-oob="innerHTML"></span>' in text


@pytest.mark.parametrize(
    "fields", [{"decision": "rejected"}, {"decision": "rejected", "note": "   "}, {"decision": "x"}, {}]
)
@pytest.mark.parametrize("kind", ["client_of", "as_htmx"])
def test_an_unfinished_decision_brings_the_form_back(request, approval, approver, fields, kind):
    client = request.getfixturevalue(kind)(approver)
    response = client.post(url("decision", approval), {"digest": approval.digest, **fields})
    assert response.status_code == 422
    assert response.context["form"].errors and "error" in response.text
    approval.refresh_from_db()
    assert (approval.status, Vote.objects.count()) == ("pending", 0)


def test_what_was_typed_comes_back_with_the_form(client_of, approval, approver):
    response = client_of(approver).post(
        url("decision", approval), {"digest": approval.digest, "note": "Typed </textarea>"}
    )
    assert "Typed &lt;/textarea&gt;" in response.text


@pytest.mark.parametrize("method", ["get", "head", "put", "delete"])
@pytest.mark.parametrize("name", ["decision", "withdrawal"])
def test_only_a_post_changes_anything(client_of, approval, approver, creator, method, name):
    client = client_of(approver if name == "decision" else creator)
    events = AuditEvent.objects.count()
    response = getattr(client, method)(url(name, approval, decision="approved", digest=approval.digest))
    approval.refresh_from_db()
    assert (response.status_code, approval.status) == (405, "pending")
    assert AuditEvent.objects.count() == events


def test_looking_at_the_queue_changes_nothing(client_of, approval, approver, queue_url):
    client = client_of(approver)
    events = AuditEvent.objects.count()
    for address in (queue_url, url("detail", approval)):
        client.get(address, {"decision": "approved", "digest": approval.digest})
    approval.refresh_from_db()
    assert (approval.status, AuditEvent.objects.count()) == ("pending", events)


@pytest.mark.asvs("3.5.1")
def test_a_decision_needs_the_forms_own_token(approval, approver):
    client = Client(enforce_csrf_checks=True)
    client.force_login(approver, backend="allauth.account.auth_backends.AuthenticationBackend")
    assert client.post(url("decision", approval), body(approval)).status_code == 403
    approval.refresh_from_db()
    assert approval.status == "pending"


def test_the_requester_who_posts_anyway_is_refused_with_a_sentence(client_of, as_htmx, ask, approver):
    own = ask(requested_by=approver)
    response = client_of(approver).post(url("decision", own), body(own))
    assert response.status_code == 403 and "You asked for this, so someone else decides it." in response.text
    partial = as_htmx(approver).post(url("decision", own), body(own))
    assert (partial.status_code, partial.headers["HX-Retarget"]) == (403, "#problems")


def test_who_comes_second_is_told_in_place(as_htmx, approval, approver, admin):
    decide(Approval.objects.get(pk=approval.pk), admin)
    response = as_htmx(approver).post(url("decision", approval), body(approval, "rejected", note="No"))
    assert (response.status_code, response.headers["HX-Retarget"]) == (409, "#problems")
    assert "Someone else decided this a moment ago." in response.text


def test_an_old_form_decides_nothing(client_of, approval, approver):
    response = client_of(approver).post(url("decision", approval), body(approval) | {"digest": "0" * 64})
    assert (response.status_code, Vote.objects.count()) == (409, 0)


# --- Taking back -------------------------------------------------------------------------------------------------


def test_the_requester_withdraws_and_nobody_else_can(client_of, approval, approver, creator):
    assert client_of(approver).post(url("withdrawal", approval)).status_code == 403
    response = client_of(creator).post(url("withdrawal", approval), follow=True)
    assert "Withdrawn. Nothing of it will run." in response.text
    approval.refresh_from_db()
    assert approval.status == "withdrawn"


def test_a_request_whose_time_is_over_shows_so_before_the_sweep(client_of, approval, approver):
    Approval.objects.filter(pk=approval.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    text = client_of(approver).get(url("detail", approval)).text
    assert "Nobody decided in time." in text and 'name="decision"' not in text


def test_a_workspace_out_of_scope_shows_no_approval(approval):
    with workspace_scope():
        assert not Approval.objects.filter(pk=approval.pk).exists()
