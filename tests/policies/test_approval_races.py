"""Two people, or a hundred workers, at once: on connections of their own, with real commits."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from uuid import uuid4

import pytest
from django.db import connections, transaction

from galaxy.core.models import AuditEvent
from galaxy.core.scope import workspace_scope
from policies.models import Approval, Vote
from policies.services.approvals import AlreadyDecided, ApprovalSpent, consume, decide_approval, request_approval

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "owner"])
AT_ONCE = 10


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
        digest="c" * 64,
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
