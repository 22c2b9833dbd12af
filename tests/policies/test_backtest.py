"""What other rules would have done: stored questions asked again, and what people said of them at the time."""

from dataclasses import asdict
from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone

from policies import backtest
from policies.backtest import replay
from policies.engine import Action, Context, Principal, Resource
from policies.models import Approval, ApprovalStage, Decision, Effect
from policies.services.approvals import decide_approval
from tests.policies.rule_samples import rule

ASK = "require_approval"
UPDATES = {"scopes": ["crm.**.write"]}


@pytest.fixture
def call(workspace):
    """``call(count, age=days, …)``: one recorded call that updates so many contacts, or something else."""

    def called(count=1, *, age=1.0, effect="write", scope="crm.contacts.write", agent=None, about=None, **context):
        said = {"principal": {"kind": "agent", "agent": agent} if agent else {}, "context": context}
        question = {
            "principal": asdict(Principal("person", "1", "Mia", ("member",), holds_read=True, holds_write=True)),
            "action": asdict(Action(f"hubspot.{effect}_contacts", effect, (scope,), destructive=effect == "delete")),
            "resource": asdict(Resource("hubspot", "action", "i", "d" * 64, scopes_granted=(scope,))),
            "context": asdict(Context("live", bulk_count=count)) | {"now": "2026-01-02T03:04:00+00:00"},
        }
        return Decision.objects.create(
            workspace=workspace,
            subject_id=about,
            effect=Effect.ALLOW,
            action=question["action"]["target"],
            input={part: values | said.get(part, {}) for part, values in question.items()},
            decided_at=timezone.now() - timedelta(days=age),
        )

    return called


@pytest.fixture
def answered(workspace, creator, approver):
    """``answered(decision, decision=…, minutes)``: a person said so just now, that long after they were asked."""

    def said(decision, choice, minutes=10):
        asked_at = timezone.now() - timedelta(minutes=minutes)
        approval = Approval.objects.create(
            workspace=workspace,
            subject_kind="run",
            subject_id=uuid4(),
            digest="d" * 64,
            summary="Update contacts",
            requested_by=creator,
            decision=decision,
            requested_at=asked_at,
            expires_at=timezone.now() + timedelta(days=1),
        )
        ApprovalStage.objects.create(
            workspace=workspace, approval=approval, reviewers=["approvers"], opened_at=asked_at
        )
        return decide_approval(approval, reviewer=approver, decision=choice, note="No.", digest=approval.digest)

    return said


def test_each_call_is_asked_of_both_sets(workspace, call):
    for count in (1, 5, 20, 50):
        call(count)
    call(effect="read", scope="crm.contacts.read")
    call(effect="delete", scope="crm.contacts.delete")
    call(3, age=31)
    before = [rule(ASK, what=UPDATES, when={"over": 4})]
    after = [rule(ASK, what=UPDATES, when={"over": 10}), rule("deny", 2, what=UPDATES, when={"over": 40})]
    report = replay(workspace, before, after)
    assert (report.calls, report.unchanged, report.cut) == (6, 4, "")
    assert report.now == {Effect.ALLOW: 2, Effect.REQUIRE_APPROVAL: 4}
    assert report.then == {Effect.ALLOW: 3, Effect.REQUIRE_APPROVAL: 2, Effect.DENY: 1}
    assert (report.blocked, report.queued, report.freed) == (1, 0, 1)
    assert {(one.action, one.now, one.then, one.calls) for one in report.groups} == {
        ("hubspot.write_contacts", Effect.REQUIRE_APPROVAL, Effect.ALLOW, 1),
        ("hubspot.write_contacts", Effect.REQUIRE_APPROVAL, Effect.DENY, 1),
    }


def test_a_run_that_was_asked_about_anew_is_one_call_as_it_was_at_last(workspace, call):
    run = uuid4()
    call(50, about=run, age=3)
    newest = call(5, about=run, age=2)
    call(50, about=uuid4())
    call(50)
    report = replay(workspace, [], [rule("deny", what=UPDATES, when={"over": 10})])
    assert (report.calls, report.blocked) == (3, 2)
    assert newest.pk not in {one.decision for group in report.groups for one in group.records}


def test_a_group_links_its_calls_and_says_how_people_answered_them(workspace, call, answered):
    calls = [call(count) for count in range(1, 9)]
    answered(calls[0], "rejected")
    answered(calls[1], "approved")
    report = replay(workspace, [rule(ASK, what=UPDATES)], [])
    (group,) = report.groups
    assert (group.calls, group.approved, group.rejected) == (8, 1, 1)
    assert group.records[0].decision == calls[0].pk
    assert group.records[0].approval == Approval.objects.get(decision=calls[0]).pk
    assert len(group.records) == backtest.EXAMPLES
    assert report.rejected == [group]


def test_questions_to_people_are_counted_by_whom_they_go_to(workspace, call, answered):
    for age in (1, 2, 9.5):
        call(age=age)
    answered(call(50, age=3), "approved", minutes=10)
    answered(call(50, age=4), "rejected", minutes=30)
    group = f"group:{uuid4()}"
    before = [rule(ASK, what=UPDATES)]
    after = [rule(ASK, what=UPDATES, when={"over": 10}, ask={"reviewers": group, "needed": 2})]
    report = replay(workspace, before, after)
    assert report.days == 10
    assert [(one.reviewers, one.now, one.then) for one in report.load] == [(group, 0, 2), ("approvers", 5, 0)]
    assert report.load[0].median_s is None
    assert report.load[1].median_s == pytest.approx(20 * 60, abs=60)
    assert (report.load[0].then_per_day, report.load[1].now_per_day) == (0.2, 0.5)
    assert report.asked_otherwise == 2


def test_what_loosens_is_shown_by_a_recorded_call_and_by_any_there_could_be(workspace, call):
    call(2)
    newest = call(5, age=0.5)
    call(20)
    loosening = replay(workspace, [rule(ASK, what=UPDATES)], [rule(ASK, what=UPDATES, when={"over": 10})])
    assert (loosening.only_tightens, loosening.looser_calls) == (False, 2)
    assert (loosening.looser[0].decision, loosening.looser[1]) == (newest.pk, "asked now, allowed then")
    assert "asked now, allowed then" in loosening.comparison.looser
    tightening = replay(workspace, [], [rule("deny", what=UPDATES)])
    assert (tightening.only_tightens, tightening.looser, tightening.looser_calls) == (True, None, 0)
    assert tightening.blocked == 3


def test_a_change_can_loosen_though_no_recorded_call_shows_it(workspace, call):
    call(effect="read", scope="crm.contacts.read")
    report = replay(workspace, [rule("deny", what={"scopes": ["mail.**"]})], [])
    assert (report.unchanged, report.looser) == (1, None)
    assert "mail" in report.comparison.looser
    assert not report.only_tightens


def test_what_cannot_be_known_is_said(workspace, call, admin):
    call(None, numbers={"total": 9})
    old = call(3)
    stored = {part: dict(values) for part, values in old.input.items()}
    for name in ("numbers", "new_destination", "act", "pack", "trigger"):
        del stored["context"][name]
    del stored["resource"]["level"]
    Decision.objects.create(workspace=workspace, effect="allow", action="x", input=stored, decided_at=old.decided_at)
    call(3, agent=str(uuid4()))
    about = {"amount": {"field": "total", "over": 5}, "over": 1, "new_destination": True}
    report = replay(
        workspace, [], [rule("deny", what={"acts": ["call", "install"], "levels": ["community"]}, when=about)]
    )
    assert report.calls == report.blocked == 4  # unknown is not few, and not known to be safe
    text = " ".join(report.unknown)
    for words in (
        "3 requests recorded no number called total",
        "1 request did not say how many records",
        "Of 4 requests it is not known whether they went to a new place",
        "Nobody asked to install anything in this time",
        "1 request came from agents that have ended",
        "as it was when the call was made",
        "What people would have answered",
    ):
        assert words in text
    assert replay(workspace, [], [rule("deny", what=UPDATES)]).unknown[1:] == report.unknown[-1:]


def test_installs_are_replayed_where_a_changed_rule_is_about_them_and_only_then(workspace, call):
    call(3)
    call(None, act="install", new_destination=None)
    calls = replay(workspace, [], [rule("deny", when={"over": 10})])
    assert (calls.acts, calls.noun, calls.calls, calls.unchanged) == (("call",), "call", 1, 1)
    assert len(calls.unknown) == 1  # of the call itself nothing is lacking
    installs = replay(workspace, [], [rule("deny", what={"acts": ["install"]})])
    assert (installs.noun, installs.calls, installs.blocked) == ("request", 1, 1)
    both = replay(workspace, [], [rule("deny", what={"acts": ["call", "install"]})])
    assert (both.acts, both.calls, both.blocked) == (("call", "install"), 2, 2)


def test_what_no_rule_would_look_at_is_not_missed(workspace, call):
    call(None)
    call(None, scope="mail.send.write")
    report = replay(workspace, [], [rule("deny", what=UPDATES, when={"over": 10})])
    assert report.unknown[0].startswith("1 call did not say how many records")


def test_a_workspace_without_calls_says_nothing_of_any(workspace):
    report = replay(workspace, [], [rule("deny", what=UPDATES)])
    assert (report.calls, report.groups, report.load, report.days) == (0, [], [], 1)
    assert report.only_tightens


def test_a_replay_that_was_cut_short_says_so(workspace, call, monkeypatch):
    for age in (1, 2, 3):
        call(age=age)
    monkeypatch.setattr(backtest, "MOST_CALLS", 2)
    report = replay(workspace, [], [])
    assert (report.calls, report.cut) == (2, "Only the newest 2 calls were replayed.")
    monkeypatch.setattr(backtest, "BUDGET_S", -1)
    report = replay(workspace, [], [])
    assert (report.calls, report.cut) == (0, "Only the newest 0 calls were replayed: more would have taken too long.")


def test_calls_of_another_workspace_are_not_replayed(workspace, other_workspace, call, stranger):
    call()
    assert replay(other_workspace, [], []).calls == 0


def test_replaying_takes_a_few_queries_however_many_calls_there_are(workspace, call, django_assert_max_num_queries):
    for _ in range(20):
        call()
    with django_assert_max_num_queries(8):
        replay(workspace, [], [rule(ASK, what=UPDATES)])
