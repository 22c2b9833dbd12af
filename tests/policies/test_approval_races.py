"""Two people, or a hundred workers, at once: on connections of their own, with real commits."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from uuid import uuid4

import pytest
from django.db import connections, transaction

from galaxy.core.models import AuditEvent
from galaxy.core.scope import workspace_scope
from policies.models import Approval, Vote
from policies.rules.asks import Ask, Stage
from policies.services import voting
from policies.services.approvals import AlreadyDecided, ApprovalSpent, consume, decide_approval, request_approval
from policies.services.standing import Standing
from tests.policies.races import world as races

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "owner"])
AT_ONCE = 10
SCHEDULES = 200  # of 10,000 that ``python -m tests.policies.races`` plays


@pytest.fixture
def together(workspace):
    """``together(calls)``: run them in threads of their own, ten at a time, each within the workspace's scope.

    Returns what each returned, or the exception it raised.
    """

    def run(calls):
        start = Barrier(min(AT_ONCE, len(calls)))

        def one(call):
            with workspace_scope([workspace.pk]):
                try:
                    start.wait(timeout=20)
                    return call()
                except Exception as error:
                    return error
                finally:
                    connections.close_all()

        with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
            return list(pool.map(one, calls))

    return run


@pytest.fixture
def approval(workspace, creator):
    return request_approval(
        workspace,
        subject_kind="run",
        subject_id=uuid4(),
        bound={"inputs": "c"},
        summary="Delete a task in HubSpot",
        facts={},
        requested_by=creator,
    )


def test_exactly_one_of_two_hurried_reviewers_wins(approval, approver, admin, together):
    def vote(reviewer, decision):
        mine = Approval.objects.get(pk=approval.pk)
        return lambda: decide_approval(mine, reviewer=reviewer, decision=decision, note="x", digest=approval.digest)

    answers = together([vote(approver, "approved"), vote(admin, "rejected")])
    assert sorted(type(answer).__name__ for answer in answers) == ["AlreadyDecided", "Approval"]
    assert isinstance(next(a for a in answers if isinstance(a, Exception)), AlreadyDecided)
    approval.refresh_from_db()
    assert [approval.status] == list(Vote.objects.values_list("choice", flat=True))
    decided = AuditEvent.objects.filter(action__in=["approval.approved", "approval.rejected"])
    assert [event.action for event in decided] == [f"approval.{approval.status}"]


@pytest.mark.asvs("2.3.4", "15.4.1")
def test_one_of_a_hundred_uses_gets_through(approval, approver, together):
    decide_approval(approval, reviewer=approver, decision="approved", digest=approval.digest)

    def use():
        mine = Approval.objects.get(pk=approval.pk)
        with transaction.atomic():
            consume(mine, digest=approval.digest)

    answers = together([use] * 100)
    assert answers.count(None) == 1
    assert sum(isinstance(answer, ApprovalSpent) for answer in answers) == 99
    assert AuditEvent.objects.filter(action="approval.consumed").count() == 1


def test_two_of_three_who_say_yes_at_once_are_enough_and_counted_once(workspace, creator, cast, together):
    approval = request_approval(
        workspace,
        subject_kind="run",
        subject_id=uuid4(),
        bound={"inputs": "d"},
        summary="Mail everybody",
        facts={},
        requested_by=creator,
        ask=Ask(stages=(Stage("approvers", 2),)),
    )

    def vote(reviewer):
        mine = Approval.objects.get(pk=approval.pk)
        return lambda: decide_approval(mine, reviewer=reviewer, decision="approved", digest=approval.digest)

    people = [cast[role] for role in ("owner", "admin", "approver")]
    answers = together([vote(person) for person in people])
    assert sorted(type(answer).__name__ for answer in answers) == ["AlreadyDecided", "Approval", "Approval"]
    approval.refresh_from_db()
    assert (approval.status, Vote.objects.count()) == ("approved", 2)
    assert AuditEvent.objects.filter(action="approval.approved").count() == 1


# --- Every order of hurried people -------------------------------------------------------------------------------


@pytest.fixture
def world(db):
    made = races.make_world()
    with workspace_scope([made.workspace.pk]), races.without_mail():
        yield made


@pytest.mark.asvs("15.4.1", "15.4.2")
def test_nothing_that_must_never_be_comes_of_any_order(world):
    tally = races.play(world, SCHEDULES)
    assert tally.broken == {}, tally.table()
    done = {what.partition(":")[0] for what in tally.seen if what.endswith(": done")}
    refused = {what.partition(":")[0] for what in tally.seen if not what.endswith(": done")}
    assert {"ada approves", "bo rejects", "bo narrows", "withdrawn", "one worker uses it"} <= done & refused
    assert {"the requester approves", "the requester's delegate approves", "the author approves"} <= refused - done


BREAK = {
    # A gate that says what was approved and does not look again; a vote that believes whoever casts it; and one that
    # lets in who is too close, which the database refuses all the same, in no words for people.
    "unapproved": (races.Schedule, "claimed", lambda self, approval, bound: approval.digest),
    "lost grant": (voting, "standing_of", lambda user, *rest: Standing(user, frozenset({"approvers"}))),
    "error": (voting, "why_not_yours", lambda approval, reviewer: ""),
}
AMONG = {
    "unapproved": ["one worker uses it", "rules change", "version rolled back"],
    "lost grant": ["ada approves", "ada loses her grant", "bo approves"],
    "error": ["the author approves", "the requester approves", "the requester's delegate approves"],
}


@pytest.mark.parametrize("rule", BREAK)
def test_the_judgement_finds_what_is_broken_on_purpose(world, monkeypatch, rule):
    """A table of noughts tells nothing unless what is wrong would show in it; soon, though not in each dozen."""
    monkeypatch.setattr(*BREAK[rule])
    dozens = (races.play(world, 12, first, among=AMONG[rule]) for first in range(0, SCHEDULES, 12))
    assert next((set(tally.broken) for tally in dozens if tally.broken), set()) == {rule}
