"""Two reviewers at once: one of them wins, the other is told, and nothing is published twice."""

import threading

import pytest
from django.db import connections

from galaxy.core.models import AuditEvent
from galaxy.core.scope import workspace_scope
from marketplace.submissions.approving import approve
from marketplace.submissions.errors import NotNow
from marketplace.submissions.models import Submission
from marketplace.submissions.proof import prove_submission
from marketplace.submissions.services import reject, take, withdraw
from registry.models import Version
from tests.factories import make_cast, make_desk
from tests.submitting import submitted, taken

TRANSACTIONAL = pytest.mark.django_db(transaction=True, databases=["default", "owner"])


def _at_once(*acts) -> list:
    """What came of each, begun together: its result, or what it raised."""
    ready, found = threading.Barrier(len(acts)), [None] * len(acts)

    def run(at, act, scope):
        try:
            with workspace_scope(scope):
                ready.wait(timeout=30)
                found[at] = act()
        except Exception as error:
            found[at] = error
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(at, *act)) for at, act in enumerate(acts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    return found


@TRANSACTIONAL
def test_of_two_who_take_or_decide_at_once_one_wins(transactional_db):
    cast, desk = make_cast(), make_desk()
    here, there = [cast["meridian"].pk], [desk.workspace.pk]
    with workspace_scope(here):
        row = submitted(cast["meridian"], cast["creator"])
    at = {"desk": desk.workspace}
    found = _at_once(
        (lambda: take(row, actor=desk.reviewer, **at), there), (lambda: take(row, actor=desk.second, **at), there)
    )
    assert sorted(type(one).__name__ for one in found) == ["NotNow", "Submission"]
    with workspace_scope(there):
        row = Submission.objects.select_related("reviewer").get()
        prove_submission(row.pk)
        assert AuditEvent.objects.filter(action="submission.taken").count() == 1
    mine = {"actor": row.reviewer, **at}
    found = _at_once(
        (lambda: approve(row, **mine), there),
        (lambda: reject(row, reason="No.", **mine), there),
        (lambda: withdraw(row, actor=cast["creator"]), here),
    )
    assert sum(isinstance(one, Submission) for one in found) == 1, found
    assert sum(isinstance(one, NotNow) for one in found) == 2, found
    with workspace_scope(here):
        row.refresh_from_db()
        assert Version.objects.filter(extension__slug=row.slug).count() == (row.state == "approved")
        assert row.steps.count() == 3


@TRANSACTIONAL
def test_of_two_approvals_at_once_one_publishes(transactional_db):
    cast, desk = make_cast(), make_desk()
    with workspace_scope([cast["meridian"].pk]):
        row = taken(submitted(cast["meridian"], cast["creator"]), desk.workspace, desk.reviewer)
    act = (lambda: approve(row, desk=desk.workspace, actor=desk.reviewer), [desk.workspace.pk])
    found = _at_once(act, act)
    assert sorted(type(one).__name__ for one in found) == ["NotNow", "Submission"]
    with workspace_scope([desk.workspace.pk]):
        assert AuditEvent.objects.filter(action="submission.approved").count() == 1
        assert Version.objects.filter(extension__slug=row.slug).count() == 1
