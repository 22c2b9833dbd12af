"""The queue through its door: what is shown first, filters and kept views, and requests of one shape as a stack."""

from datetime import timedelta
from uuid import uuid4

import pytest
from allauth.account.internal.flows.login import (
    _AUTHENTICATION_METHODS_USER_SESSION_KEY,
    AUTHENTICATION_METHODS_SESSION_KEY,
)
from allauth.mfa.models import Authenticator
from django.urls import reverse
from django.utils import timezone

from galaxy.core.models import AuditEvent, SavedView
from galaxy.core.recent_proof import KEPT
from policies.bound import digest_of
from policies.models import Approval, ApproverGroup, ApproverGroupMember, Decision, Effect, Rule, Vote
from policies.rules.asks import Ask, Stage
from policies.services.following import withdraw_approval
from policies.services.voting import decide_approval
from policies.stacks import AT_ONCE
from tests.extensions import PROBE, installed
from tests.policies.conftest import FACTS

SHAPE = "5" * 64
PROOF = "/account/proof/"


@pytest.fixture
def queue_url(workspace):
    return reverse("policies:approval-list", args=[workspace.slug])


@pytest.fixture
def decisions_url(workspace):
    return reverse("policies:approval-decisions", args=[workspace.slug])


@pytest.fixture
def stack(ask):
    """``stack(6, odd=2)``: so many requests of one shape, the last ``odd`` of them with other inputs."""

    def made(count, odd=0, **fields):
        return [
            ask(
                f"Post to {number}",
                shape=SHAPE,
                target="slack.post_message",
                facts=FACTS | {"inputs": {"to": f"c{number}", "private": number >= count - odd}},
                **fields,
            )
            for number in range(count)
        ]

    return made


@pytest.fixture
def group(workspace, admin, member):
    made = ApproverGroup.objects.create(workspace=workspace, name="Sales-Ops", created_by=admin)
    ApproverGroupMember.objects.create(workspace=workspace, group=made, user=member, added_by=admin)
    return made


def shown(client, url, **query):
    return [head.row.approval for head in client.get(url, query).context["queue"].heads]


def show_factor(client, user):
    """As if ``user`` had just shown their app's code in this session."""
    Authenticator.objects.get_or_create(user=user, type="totp", defaults={"data": {"secret": "x"}})
    session = client.session
    session[AUTHENTICATION_METHODS_SESSION_KEY] = [
        {"method": "mfa", "type": "totp", "at": timezone.now().timestamp(), "reauthenticated": True}
    ]
    session[_AUTHENTICATION_METHODS_USER_SESSION_KEY] = str(user.pk)
    session.save()


# --- Order, lines, filters ---------------------------------------------------------------------------------------


def test_what_is_mine_to_decide_comes_first(client_of, ask, group, approver, queue_url):
    of_others = ask("For Sales-Ops", ask=Ask((Stage(f"group:{group.pk}"),)))
    mine = ask("For approvers")
    answer = client_of(approver).get(queue_url)
    assert [head.row.approval for head in answer.context["queue"].heads] == [mine, of_others]
    assert answer.text.count("for others to decide") == 1


def test_a_member_of_a_group_sees_and_decides_what_it_is_asked(client_of, ask, group, member, queue_url):
    asked = ask("For Sales-Ops", ask=Ask((Stage(f"group:{group.pk}"),)))
    ask("For approvers")
    client = client_of(member)
    answer = client.get(queue_url)
    assert [head.row.approval for head in answer.context["queue"].heads] == [asked]
    assert "You may decide this as one of Sales-Ops." in answer.text
    url = reverse("policies:approval-decision", args=["meridian", asked.pk])
    client.post(url, {"decision": "approved", "digest": asked.digest})
    assert Approval.objects.get(pk=asked.pk).status == "approved"


def test_a_line_says_who_asked_why_and_how_far_it_is(client_of, ask, admin, approver, queue_url):
    asked = ask("Send 30 mails", ask=Ask((Stage("approvers", 2),)), records=30, data_classes=["email"])
    decide_approval(asked, reviewer=admin, decision="approved", digest=asked.digest, note="Fine")
    text = client_of(approver).get(queue_url).text
    for words in ("1 of 2 said yes", "30 records", "A delete needs a second person", "ends in"):
        assert words in text
    # Whoever has said yes is told so, and asked no more.
    text = client_of(admin).get(queue_url, {"open": asked.pk}).text
    assert "You have said yes. Somebody else has to as well." in text and 'name="decision"' not in text


@pytest.mark.parametrize(
    ("filters", "names"),
    [
        ({}, {"call", "install", "old"}),
        ({"kind": "install"}, {"install"}),
        ({"q": "INSTALL"}, {"install"}),
        ({"q": "creator"}, {"call", "old"}),
        ({"q": "gmail.send"}, {"call"}),
        ({"q": digest_of({"inputs": "a"})[:12]}, {"call"}),  # the beginning of its digest
        ({"extension": "gmail"}, {"call"}),
        ({"by": "admin"}, {"install"}),
        ({"carries": "payment"}, {"call"}),
        ({"rule": "7"}, {"install"}),
        ({"mode": "simulated"}, {"old"}),
        ({"when": "1h"}, {"call"}),
        ({"when": "old1d"}, {"old"}),
        ({"when": "1d"}, {"call", "install"}),
        ({"to": "assigned"}, {"old"}),
        ({"kind": "install", "mode": "simulated"}, set()),
        ({"kind": "nonsense", "when": "x", "rule": "\x00"}, {"call", "install", "old"}),
    ],
)
def test_each_filter_finds_its_own(client_of, ask, workspace, admin, approver, queue_url, filters, names):
    ruled = Decision.objects.create(
        workspace=workspace, effect=Effect.REQUIRE_APPROVAL, action="x", input={}, rules=[7], policy_version=1
    )
    Rule.objects.create(workspace=workspace, number=7, title="R", effect="deny", owner=admin, reason="x")
    rows = {
        "call": ask("call", target="gmail.send", data_classes=["payment"], bound={"inputs": "a"}),
        "install": ask("install", subject_kind="install", requested_by=admin, decision=ruled),
        "old": ask("old", simulated=True),
    }
    now = timezone.now()
    Approval.objects.filter(pk=rows["call"].pk).update(expires_at=now + timedelta(minutes=30))
    Approval.objects.filter(pk=rows["old"].pk).update(requested_at=now - timedelta(days=2), assigned_to=approver)
    if filters.get("extension"):
        installed(workspace, admin, PROBE.replace("connector: probe", "connector: gmail"))
    found = {approval.summary for approval in shown(client_of(approver), queue_url, **filters)}
    assert found == names


def test_history_is_searched_by_object_person_and_reason(client_of, ask, approver, admin, queue_url):
    no, yes, gone = ask("Delete the quarter"), ask("Send it", target="gmail.send"), ask("Ran out")
    for one, word, note in ((no, "rejected", "Not closed yet"), (yes, "approved", "")):
        decide_approval(one, reviewer=approver, decision=word, note=note, digest=one.digest)
    long_ago = timezone.now() - timedelta(days=400)
    Approval.objects.filter(pk=no.pk).update(requested_at=long_ago)
    Approval.objects.filter(pk=gone.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    client = client_of(admin)
    for query, found in (
        ({"q": "closed yet"}, {no}),
        ({"q": approver.name}, {no, yes}),
        ({"q": "quarter"}, {no}),
        ({"outcome": "rejected"}, {no}),
        ({"outcome": "expired"}, {gone}),
        ({"extension": "gmail"}, {no, yes, gone}),  # nothing of that name is installed, so it is no filter
        ({"when": "365d"}, {yes, gone}),
    ):
        assert set(shown(client, queue_url, tab="decided", **query)) == found, query


def test_filters_are_links_and_say_what_is_in_force(client_of, ask, approver, queue_url):
    ask("one", simulated=True)
    text = client_of(approver).get(queue_url, {"kind": "run", "mode": "simulated", "q": "one", "filters": "open"}).text
    assert "Kind: Calls" in text and "Mode: Simulated" in text
    assert 'href="/w/meridian/approvals/?tab=waiting&amp;kind=run&amp;mode=simulated"' in text  # less the words
    assert '<select name="kind"' in text
    nothing = client_of(approver).get(queue_url, {"kind": "install"}).text
    assert "No request matches" in nothing and 'href="?tab=waiting"' in nothing


def test_a_view_is_kept_opened_renamed_and_deleted_by_its_owner_alone(client_of, ask, approver, admin, queue_url):
    views_url = reverse("policies:view-list", args=["meridian"])
    client = client_of(approver)
    kept = client.post(views_url, {"name": "Installs", "query": "tab=waiting&kind=install&page=4&open=x&evil=1"})
    assert kept["Location"] == f"{queue_url}?tab=waiting&kind=install"
    view = SavedView.objects.get()
    assert 'aria-current="page">Installs</a>' in client.get(kept["Location"]).text
    change = reverse("policies:view-change", args=["meridian", view.pk])
    assert client_of(admin).post(change, {"name": "Mine"}).status_code == 404
    assert client.post(change, {"name": "  "}).status_code == 422
    client.post(change, {"name": "New things"})
    assert "New things" in client.get(views_url).text
    client.post(reverse("policies:view-removal", args=["meridian", view.pk]))
    assert not SavedView.objects.exists() and "You keep no views yet" in client.get(views_url).text


# --- Stacks ------------------------------------------------------------------------------------------------------


def test_requests_of_one_shape_are_one_line_that_says_what_is_odd(client_of, ask, stack, approver, queue_url):
    made = stack(6, odd=1)
    alone = ask("Alone")
    answer = client_of(approver).get(queue_url)
    heads = answer.context["queue"].heads
    assert [(head.row.approval, head.count) for head in heads] == [(made[0], 6), (alone, 1)]
    assert heads[0].odd == ("private is yes, usually no",)
    assert "6 requests of one shape · 1 odd: private is yes, usually no" in answer.text


def test_an_opened_stack_shows_each_and_the_odd_ones_first_and_unselected(client_of, stack, approver, queue_url):
    made = stack(6, odd=1)
    answer = client_of(approver).get(queue_url, {"stack": SHAPE})
    lines = answer.context["stack"].lines
    assert [line.row.approval for line in lines] == [made[-1], *made[:-1]]
    assert lines[0].odd == ("private is yes, usually no",) and lines[1].values == ("c0", "no")
    boxes = answer.text.count('name="pick"')
    assert (boxes, answer.text.count(" checked>")) == (6, 5)


def test_several_are_decided_each_on_its_own_and_what_changed_comes_back(
    client_of, ask, stack, approver, queue_url, decisions_url
):
    made = stack(AT_ONCE)
    client = client_of(approver)
    opened = client.get(queue_url, {"stack": SHAPE}).context["stack"]
    withdrawn, changed = made[3], made[4]
    withdraw_approval(withdrawn, actor=withdrawn.requested_by)
    ask("Post elsewhere", shape=SHAPE, subject_id=changed.subject_id)  # it takes the place of the one that was shown
    body = {"decision": "approved", "shown": opened.token, "pick": [one.pk.hex for one in made]}
    answer = client.post(decisions_url, body)
    assert answer.context["pane"].outcome.sentence == "48 approved, 2 returned with why."
    assert {result.approval for result in answer.context["pane"].outcome.returned} == {withdrawn, changed}
    assert "Whoever asked took this back" in answer.text
    assert Vote.objects.count() == 48
    assert all(vote.digest == vote.approval.digest for vote in Vote.objects.select_related("approval"))
    assert Approval.objects.get(summary="Post elsewhere").status == "pending"
    assert AuditEvent.objects.filter(action="approval.approved").count() == 48


def test_only_what_a_preview_showed_to_this_person_lately_is_decided(
    client_of, stack, ask, approver, admin, queue_url, decisions_url
):
    made = stack(3)
    later = ask("Later", shape=SHAPE)
    Approval.objects.filter(pk=later.pk).update(requested_at=timezone.now() - timedelta(days=1))
    token = client_of(admin).get(queue_url, {"stack": SHAPE}).context["stack"].token
    body = {"decision": "approved", "pick": [one.pk.hex for one in made]}
    for shown_list in ("", "made up", token):  # nothing, a forgery, somebody else's
        answer = client_of(approver).post(decisions_url, body | {"shown": shown_list})
        assert answer.status_code == 409
    own = client_of(approver).get(queue_url, {"stack": SHAPE}).context["stack"].token
    unseen = ask("Came after", shape=SHAPE)
    answer = client_of(approver).post(decisions_url, body | {"shown": own, "pick": [unseen.pk.hex, "x"]})
    assert answer.status_code == 422 and "Choose at least one of them." in answer.text
    assert Vote.objects.count() == 0


def test_rejecting_several_takes_a_reason_and_keeps_what_was_chosen(as_htmx, stack, approver, queue_url, decisions_url):
    made = stack(3)
    client = as_htmx(approver)
    token = client.get(queue_url, {"stack": SHAPE}).context["stack"].token
    body = {"decision": "rejected", "shown": token, "pick": [made[0].pk.hex], "place": f"tab=waiting&stack={SHAPE}"}
    answer = client.post(decisions_url, body)
    assert answer.status_code == 422 and "Say why" in answer.text
    assert answer.text.count(" checked>") == 1
    done = client.post(decisions_url, body | {"chip": "Wrong target", "note": "use #ops"})
    assert "1 rejected. 2 waiting." in done.text
    assert Vote.objects.get().reason == "Wrong target: use #ops"


def test_a_stack_can_be_decided_by_whom_it_asks_alone(client_of, stack, auditor, queue_url, decisions_url):
    made = stack(3)
    answer = client_of(auditor).get(queue_url, {"stack": SHAPE})
    assert 'name="pick"' not in answer.text and "for others to decide" in answer.text
    token = answer.context["stack"].token
    body = {"decision": "approved", "shown": token, "pick": [made[0].pk.hex]}
    assert client_of(auditor).post(decisions_url, body).status_code == 422
    assert Vote.objects.count() == 0


def test_after_a_stack_the_next_request_is_open(as_htmx, stack, ask, approver, queue_url, decisions_url):
    made = stack(3)
    alone = ask("Alone")
    client = as_htmx(approver)
    token = client.get(queue_url, {"stack": SHAPE}).context["stack"].token
    body = {"decision": "approved", "shown": token, "pick": [one.pk.hex for one in made]}
    answer = client.post(decisions_url, body | {"place": f"tab=waiting&stack={SHAPE}"})
    assert answer.context["opened"].approval == alone
    assert "3 approved. 1 waiting." in answer.text


# --- Cost --------------------------------------------------------------------------------------------------------


def test_a_page_of_stacks_costs_the_same_whatever_waits(
    client_of, ask, stack, approver, queue_url, django_assert_max_num_queries
):
    client = client_of(approver)
    stack(3, odd=1)
    ask("Alone")
    client.get(queue_url)
    for rows in (0, 40):
        for number in range(rows):
            ask(f"More {number}", shape=SHAPE if number % 2 else uuid4().hex)
        with django_assert_max_num_queries(27):
            client.get(queue_url)
        with django_assert_max_num_queries(27):
            client.get(queue_url, {"stack": SHAPE})


# --- Second factor -----------------------------------------------------------------------------------------------


def test_a_yes_that_takes_a_second_factor_asks_for_it_and_loses_nothing(client_of, ask, approver, queue_url):
    asked = ask("Delete", ask=Ask(second_factor=True))
    url = reverse("policies:approval-decision", args=["meridian", asked.pk])
    client = client_of(approver)
    body = {"decision": "approved", "digest": asked.digest, "note": "Checked", "place": "tab=waiting"}
    assert client.post(url, body)["Location"] == PROOF
    assert Approval.objects.get(pk=asked.pk).status == "pending"
    assert "A second factor is needed" in client.get(PROOF).text
    show_factor(client, approver)
    page = client.get(PROOF)
    assert "Approve “Delete”?" in page.text and 'value="Checked"' in page.text
    done = client.post(url, body)
    assert done["Location"] == f"{queue_url}?tab=waiting"
    vote = Vote.objects.get()
    assert (vote.choice, vote.factor, vote.reason) == ("approved", "totp", "Checked")
    assert KEPT not in client.session


def test_a_no_is_never_made_harder(client_of, ask, approver):
    asked = ask("Delete", ask=Ask(second_factor=True))
    url = reverse("policies:approval-decision", args=["meridian", asked.pk])
    client_of(approver).post(url, {"decision": "rejected", "digest": asked.digest, "chip": "Not now"})
    assert Approval.objects.get(pk=asked.pk).status == "rejected"


def test_several_that_take_a_second_factor_are_kept_together(client_of, stack, approver, queue_url, decisions_url):
    made = stack(3, ask=Ask(second_factor=True))
    client = client_of(approver)
    token = client.get(queue_url, {"stack": SHAPE}).context["stack"].token
    body = {"decision": "approved", "shown": token, "pick": [one.pk.hex for one in made]}
    assert client.post(decisions_url, body)["Location"] == PROOF
    show_factor(client, approver)
    assert client.get(PROOF).text.count('name="pick"') == 3
    client.post(decisions_url, body)
    assert Vote.objects.filter(factor="totp").count() == 3
