"""One request opened: the nine facts, what was decided about its like, and what its requester can do."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.urls import reverse
from django.utils import timezone

from galaxy.core.models import AuditEvent
from policies import subjects
from policies.models import Approval, ApproverGroup
from policies.rules.asks import Ask, Stage
from policies.services.voting import decide_approval
from policies.subjects import FieldChange, Narrowable, Panels, Record, Subject
from policies.waiting import ENOUGH, Wait, usual_wait, who_will_be_asked

NINE = ("Calls", "Target", "Records", "Data classes", "Asked by", "Who pays", "Rule", "Undo", "Simulated effect")


def url(act, approval):
    return reverse(f"policies:approval-{act}", args=[approval.workspace.slug, approval.pk])


def decide(approval, reviewer, decision="approved", note="Checked"):
    return decide_approval(approval, reviewer=reviewer, decision=decision, note=note, digest=approval.digest)


@pytest.fixture
def subject(monkeypatch):
    """``subject(show=…, narrow=…)``: what the kind "run" has to say of itself."""

    def registered(**parts):
        monkeypatch.setattr(subjects, "_subjects", {"run": Subject("run", lambda approval: "/somewhere/", **parts)})

    return registered


# --- What it shows -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("facts", [{}, {"what": "", "where": None, "records": None, "data_classes": None}])
def test_all_nine_facts_are_there_and_what_is_not_known_says_so(client_of, ask, approver, subject, facts):
    subject()
    answer = client_of(approver).get(url("detail", ask(facts=facts)))
    for term in NINE:
        assert term in answer.text
    unknown = [fact.term for fact in answer.context["opened"].facts if fact.shown == "Not known"]
    assert unknown == ["Calls", "Target", "Records", "Data classes", "Who pays", "Rule", "Undo"]
    assert '<p class="simbox-none">Not known</p>' in answer.text


def test_what_the_floor_above_computed_is_shown(client_of, ask, approver, subject):
    panels = Panels(
        effect=(("Would change", "38"), ("Refused", "0")),
        effect_note="reads live, writes stubbed",
        records=(
            Record("Ada", (FieldChange("stage", "lead", "<b>won</b>"), FieldChange("owner", None, "North"))),
            Record("Bo", (FieldChange("stage", "won", "won"),)),
        ),
        undo="By restore_contacts, tested",
        payer="Sales budget, about $0.04",
        facts=(("Hosts", "api.example"),),
    )
    subject(show=lambda approval, reader: panels)
    text = client_of(approver).get(url("detail", ask())).text
    for words in ("Would change", "reads live, writes stubbed", "Sales budget, about $0.04", "By restore_contacts"):
        assert words in text
    assert "<del>lead</del>" in text and "<ins>&lt;b&gt;won&lt;/b&gt;</ins>" in text and "api.example" in text
    assert "1 record more" in text and "Not known" not in text.split("Simulated effect")[1].split("Before and after")[0]


def test_the_past_and_the_recommendation_stand_beside_it(client_of, ask, approver, admin, creator):
    like = {"shape": "a" * 64, "data_classes": ["email"], "effect": "write"}
    decide(ask("Earlier 1", records=50, **like), approver, "rejected", "Wrong list")
    for number in range(5):
        decide(ask(f"Later {number}", records=40 + number, **like), admin)
    waiting = ask("Now", records=38, **like)
    text = client_of(approver).get(url("detail", waiting)).text
    assert "Recommends: approve." in text and "Same shape as 5 earlier requests that were approved, and smaller" in text
    assert "Past 5 like it:" in text and "5 approved" in text and "1 rejected" not in text
    # The same request with one more class than was ever approved is looked at more closely.
    other = ask("Now too", records=38, **(like | {"data_classes": ["email", "payment"]}))
    assert "It carries payment, which none that was approved did." in client_of(approver).get(url("detail", other)).text
    # Whoever may see no other request sees none here either.
    own = client_of(creator).get(url("detail", waiting)).text
    assert "Later 1" in own or "Nothing like it was decided before." in own


def test_what_came_back_says_what_changed_and_leads_to_the_earlier_one(client_of, ask, approver):
    first = ask("First", bound={"inputs": "a", "version": "1"})
    second = ask("Second", subject_id=first.subject_id, bound={"inputs": "b", "version": "2"})
    text = client_of(approver).get(url("detail", second)).text
    assert "something changed: the inputs, the version." in text and first.get_absolute_url() in text
    assert "Another request came in its place" in client_of(approver).get(url("detail", first)).text


def test_stages_are_a_line_of_steps(client_of, ask, workspace, approver, admin):
    group = ApproverGroup.objects.create(workspace=workspace, name="Sales-Ops", created_by=admin)
    asked = ask(ask=Ask((Stage("approvers", 2), Stage(f"group:{group.pk}"))))
    decide(asked, admin)
    answer = client_of(approver).get(url("detail", asked))
    stages = [(stage.yes, stage.needed, stage.state) for stage in answer.context["opened"].stages]
    assert stages == [(1, 2, "open"), (0, 1, "later")]
    assert "One of Sales-Ops" in answer.text and f"<b>{admin.name}</b> said yes" in answer.text
    assert "You may decide this as an approver." in answer.text


# --- What its reviewer does --------------------------------------------------------------------------------------


def test_a_reviewer_hands_it_over_and_the_other_finds_it(client_of, ask, approver, admin, creator):
    asked = ask()
    client = client_of(approver)
    page = client.get(url("handover", asked)).text
    assert admin.name in page and creator.name not in page.split("<main")[1].split("</main")[0].split("choice")[-1]
    assert client.post(url("handover", asked), {"to": creator.pk}).status_code == 422
    client.post(url("handover", asked), {"to": admin.pk, "note": "You know them"})
    asked.refresh_from_db()
    assert asked.assigned_to == admin
    assert AuditEvent.objects.filter(action="approval.handed_over").count() == 1
    queue = client_of(admin).get(reverse("policies:approval-list", args=["meridian"]), {"to": "assigned"})
    assert queue.context["opened"].approval == asked and f"handed over to {admin.name}" in queue.text


def test_a_reviewer_makes_it_smaller_and_nobody_can_make_it_larger(client_of, ask, approver, subject, workspace):
    seen = []

    def narrow(approval, reviewer, values):
        seen.append(values)
        return ask("Less", subject_id=approval.subject_id, narrowed_from=approval, records=1)

    parts = (Narrowable("to", "Recipients", ("a•••", "b•••", "c•••")), Narrowable("limit", "Limit", value=50))
    subject(narrowable=lambda approval: parts, narrow=narrow)
    asked = ask("More", records=3)
    client = client_of(approver)
    assert "Recipients" in client.get(url("narrowing", asked)).text
    wide = client.post(url("narrowing", asked), {"digest": asked.digest, "keep_0": ["0", "1", "2"], "lower_1": "51"})
    assert wide.status_code == 422 and seen == []
    body = {"digest": asked.digest, "keep_0": ["0", "2"], "lower_1": "10"}
    done = client.post(url("narrowing", asked), body)
    assert seen == [{"without": {"to": [1]}, "lower": {"limit": 10.0}, "leave_out": []}]
    less = Approval.objects.get(summary="Less")
    assert done["Location"] == less.get_absolute_url() and less.status == "pending"
    assert "Narrowed by a reviewer." in client.get(less.get_absolute_url()).text
    assert client.post(url("narrowing", asked), body).status_code in (409, 422)  # the wider one is over


# --- What whoever asked does -------------------------------------------------------------------------------------


def test_a_requester_reminds_once_an_hour_and_is_told_when_again(client_of, approval, creator, approver):
    client = client_of(creator)
    assert "It waits for an approver. Usual wait: not known yet." in " ".join(
        client.get(url("detail", approval)).text.split()
    )
    assert client.post(url("reminder", approval), follow=True).text.count("Those who are asked were reminded.") == 1
    page = client.get(url("detail", approval)).text
    assert "They were reminded" in page and 'aria-describedby="remind-when"' in page
    again = client.post(url("reminder", approval))
    assert again.status_code == 429 and "within the last hour" in again.text
    assert client_of(approver).post(url("reminder", approval)).status_code == 403


def test_what_nobody_decided_is_asked_again_in_one_click(client_of, approval, ask, creator, approver, subject):
    def again(old, actor):
        return ask("Once more", again=old)

    subject(again=again)
    Approval.objects.filter(pk=approval.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    client = client_of(creator)
    assert "Ask again" in client.get(url("detail", approval)).text
    assert "Ask again" not in client_of(approver).get(url("detail", approval)).text
    done = client.post(url("repetition", approval))
    assert done["Location"] == Approval.objects.get(again=approval).get_absolute_url()
    assert "Ask again" not in client.get(url("detail", approval)).text  # it was


def test_a_page_left_open_says_that_it_was_taken_back(as_htmx, approval, creator, approver, client_of):
    client_of(creator).post(url("withdrawal", approval))
    late = as_htmx(approver).post(url("decision", approval), {"decision": "approved", "digest": approval.digest})
    assert late.status_code == 409 and "took this back" in late.text


# --- How long it takes -------------------------------------------------------------------------------------------


def test_the_usual_wait_is_of_the_same_reviewers_and_takes_enough_decisions(ask, workspace, approver, admin):
    group = ApproverGroup.objects.create(workspace=workspace, name="Sales-Ops", created_by=admin)
    for minutes in (10, 20, 30, 40, 600)[:ENOUGH]:
        one = ask(ask=Ask((Stage("approvers"),)))
        assert usual_wait(workspace, ["approvers"]).words == "not known yet"
        decide(one, approver)
        Approval.objects.filter(pk=one.pk).update(requested_at=one.decided_at - timedelta(minutes=minutes))
    wait = usual_wait(workspace, ["approvers"])
    assert (wait.decided, wait.median) == (5, timedelta(minutes=30))
    assert timedelta(hours=6) < wait.p90 < timedelta(hours=10)
    assert usual_wait(workspace, [f"group:{group.pk}"]) == Wait(0)
    asked = who_will_be_asked(Ask((Stage("approvers"), Stage(f"group:{group.pk}", 2)), second_factor=True), workspace)
    assert asked.sentence.startswith("an approver, then 2 people: each one of Sales-Ops. Usual wait: 30 min, nine")
    assert asked.needs_second_factor
    old = timezone.now() - timedelta(days=120)
    Approval.objects.update(requested_at=old, expires_at=old + timedelta(days=1), decided_at=old)
    assert usual_wait(workspace, ["approvers"]).words == "not known yet"


def test_opening_a_request_costs_the_same_whatever_was_decided(
    client_of, ask, approver, admin, django_assert_max_num_queries
):
    like = {"shape": "a" * 64}
    waiting = ask("Now", **like)
    client = client_of(approver)
    client.get(url("detail", waiting))
    for rows in (1, 12):
        for _ in range(rows):
            decide(ask(subject_id=uuid4(), **like), admin)
        with django_assert_max_num_queries(23):
            client.get(url("detail", waiting))
