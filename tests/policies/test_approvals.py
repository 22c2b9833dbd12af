"""Approvals by their services: one vote by somebody else, one use, and what the database itself refuses."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from galaxy.core.errors import Invalid
from galaxy.core.models import AuditDetail, AuditEvent
from galaxy.core.permissions import NotGranted
from galaxy.core.scope import workspace_scope
from policies import subjects
from policies.models import Approval, Vote
from policies.rules.asks import Ask, Stage
from policies.services import sweeping
from policies.services.approvals import (
    AlreadyDecided,
    ApprovalChanged,
    ApprovalExpired,
    ApprovalMissing,
    ApprovalSpent,
    Changed,
    NotYours,
    SelfApproval,
    consume,
    decide_approval,
    expire_approvals,
    withdraw_approval,
)
from policies.signals import approval_decided
from policies.tasks import expire_approvals as expire_task


@pytest.fixture
def news():
    """Approvals that ``approval_decided`` was sent for, as (pk, status)."""
    heard = []

    def listen(sender, approval, **kwargs):
        heard.append((approval.pk, approval.status))

    approval_decided.connect(listen)
    yield heard
    approval_decided.disconnect(listen)


def approve(approval, reviewer, **fields):
    return decide_approval(
        approval, reviewer=reviewer, **({"decision": "approved", "digest": approval.digest} | fields)
    )


def let_expire(approval):
    Approval.objects.filter(pk=approval.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    approval.refresh_from_db()


def test_a_request_waits_a_day_and_is_in_the_trail(ask, creator, trail):
    approval = ask()
    assert approval in Approval.objects.waiting()
    assert approval.expires_at - approval.requested_at == timedelta(hours=24)
    assert trail("approval.") == ["approval.requested"]


def test_asking_again_for_the_same_thing_gives_the_same_request(ask):
    what = {"subject_id": uuid4(), "bound": {"inputs": "a"}}
    assert ask(**what) == ask(**what)


def test_asking_for_the_same_subject_with_another_digest_withdraws_the_old_request(ask, approver, trail):
    subject = uuid4()
    old, new = ask(subject_id=subject), ask(subject_id=subject)
    with pytest.raises(AlreadyDecided, match="took this back"):
        approve(old, approver)
    assert [old.status, new.status] == ["withdrawn", "pending"]
    assert trail("approval.") == ["approval.requested", "approval.withdrawn", "approval.requested"]


def test_a_reviewer_approves_and_vote_trail_and_signal_say_so(
    approval, approver, news, django_capture_on_commit_callbacks
):
    with django_capture_on_commit_callbacks(execute=True):
        stored = approve(approval, approver, note="Fine")
        assert news == []  # nothing is announced before the commit
    vote = Vote.objects.get()
    event = AuditEvent.objects.get(action="approval.approved")
    fields = AuditDetail.objects.get(event_id=event.pk).fields
    assert stored.status == "approved" and stored.decided_at
    assert (vote.approval, vote.reviewer, vote.choice, vote.reason) == (approval, approver, "approved", "Fine")
    assert vote.digest == approval.digest
    assert (event.actor_id, event.target_id, event.simulated) == (str(approver.pk), str(approval.pk), True)
    assert (fields["before.status"], fields["after.status"], fields["data.reason"]) == ("pending", "approved", "Fine")
    assert news == [(approval.pk, "approved")]


def test_a_rejection_needs_a_reason(approval, approver):
    with pytest.raises(Invalid) as refused:
        approve(approval, approver, decision="rejected", note="  ")
    assert (refused.value.status, list(refused.value.fields)) == (422, ["note"])
    assert approve(approval, approver, decision="rejected", note="Not today").status == "rejected"


def test_a_choice_that_does_not_exist_is_refused(approval, approver):
    with pytest.raises(Invalid):
        approve(approval, approver, decision="pending")


def test_the_second_reviewer_is_told_and_nothing_changes(approval, approver, admin, trail):
    late = Approval.objects.get(pk=approval.pk)
    approve(approval, approver)
    with pytest.raises(AlreadyDecided, match="a moment ago"):
        approve(late, admin, decision="rejected", note="no")
    assert (late.status, Vote.objects.count()) == ("approved", 1)
    assert trail("approval.") == ["approval.requested", "approval.approved"]


@pytest.mark.asvs("2.3.5")
def test_who_asked_cannot_decide(ask, admin):
    own = ask(requested_by=admin)
    with pytest.raises(SelfApproval, match="You asked for this"):
        approve(own, admin)
    own.refresh_from_db()
    assert (own.status, Vote.objects.count()) == ("pending", 0)


def test_the_author_of_the_version_cannot_decide(ask, admin):
    with pytest.raises(SelfApproval, match="You published this version"):
        approve(ask(version_author=admin), admin)


@pytest.mark.parametrize("role", ["creator", "auditor", "member", "stranger"])
def test_nobody_decides_without_the_permission(ask, admin, cast, role):
    approval = ask(requested_by=admin)
    with pytest.raises(NotGranted):
        approve(approval, cast[role])


def test_a_form_that_showed_something_else_decides_nothing(approval, approver):
    with pytest.raises(Changed):
        approve(approval, approver, digest="f" * 64)
    assert (approval.status, Vote.objects.count()) == ("pending", 0)


def test_expiry_means_no_even_when_nobody_swept(approval, approver):
    let_expire(approval)
    assert approval.status == "pending"
    with pytest.raises(ApprovalExpired):
        approve(approval, approver)
    assert approval not in Approval.objects.waiting()


def test_an_approval_that_ran_out_before_its_use_is_a_no(approval, approver):
    approve(approval, approver)
    Approval.objects.filter(pk=approval.pk).update(
        decided_at=timezone.now() - timedelta(minutes=2), expires_at=timezone.now() - timedelta(minutes=1)
    )
    with pytest.raises(ApprovalExpired), transaction.atomic():
        consume(approval, digest=approval.digest)


def test_who_asked_takes_it_back_and_nobody_else(approval, approver, creator, trail):
    with pytest.raises(NotYours):
        withdraw_approval(approval, actor=approver)
    assert withdraw_approval(approval, actor=creator).status == "withdrawn"
    with pytest.raises(AlreadyDecided):
        withdraw_approval(approval, actor=creator)
    with pytest.raises(AlreadyDecided):
        approve(approval, approver)
    assert trail("approval.") == ["approval.requested", "approval.withdrawn"]


# --- Use ---------------------------------------------------------------------------------------------------------


def test_an_approval_is_good_for_one_use(approval, approver, trail):
    approve(approval, approver)
    with transaction.atomic():
        consume(approval, digest=approval.digest)
    assert approval.consumed_at
    with pytest.raises(ApprovalSpent), transaction.atomic():
        consume(approval, digest=approval.digest)
    assert trail("approval.consumed") == ["approval.consumed"]


@pytest.mark.asvs("15.4.2")
def test_an_approval_is_good_for_exactly_what_was_approved(approval, approver):
    approve(approval, approver)
    with pytest.raises(ApprovalChanged), transaction.atomic():
        consume(approval, digest="e" * 64)
    assert approval.consumed_at is None


@pytest.mark.asvs("2.3.1")
@pytest.mark.parametrize("decision", [None, "rejected"])
def test_nothing_runs_on_a_request_that_was_not_approved(approval, approver, decision):
    if decision:
        approve(approval, approver, decision=decision, note="No")
    with pytest.raises(ApprovalMissing), transaction.atomic():
        consume(approval, digest=approval.digest)


@pytest.mark.asvs("2.3.3")
def test_a_use_that_is_rolled_back_was_no_use(approval, approver):
    approve(approval, approver)
    with pytest.raises(RuntimeError), transaction.atomic():
        consume(approval, digest=approval.digest)
        raise RuntimeError
    with transaction.atomic():
        consume(approval, digest=approval.digest)


# --- The database's own refusals ---------------------------------------------------------------------------------


def vote(approval, reviewer, **fields):
    values = {
        "workspace": approval.workspace,
        "approval": approval,
        "reviewer": reviewer,
        "requested_by": approval.requested_by,
        "version_author": approval.version_author,
        "choice": "approved",
        "digest": approval.digest,
        "stage": approval.stages.get(),
    }
    return Vote.objects.create(**(values | fields))


@pytest.mark.parametrize(
    ("constraint", "reviewer", "fields"),
    [
        ("vote_not_by_requester", "creator", {}),
        ("vote_not_by_author", "owner", {}),
        ("vote_rejected_has_reason", "admin", {"choice": "rejected"}),
    ],
)
def test_the_database_refuses_a_vote_that_no_service_would_write(ask, cast, constraint, reviewer, fields):
    approval = ask(version_author=cast["owner"])
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        vote(approval, cast[reviewer], **fields)


def test_the_database_refuses_a_vote_that_names_another_requester(approval, creator, admin):
    with pytest.raises(IntegrityError, match="requester_is_the_approvals"), transaction.atomic():
        vote(approval, creator, requested_by=admin)
        connection.check_constraints()  # the foreign key is deferred to the commit, which a test never reaches


def test_the_database_refuses_a_second_vote_of_one_reviewer(ask, approver):
    approval = ask(ask=Ask(stages=(Stage("approvers", 2),)))
    approve(approval, approver)
    with pytest.raises(IntegrityError, match="vote_once"), transaction.atomic():
        vote(approval, approver)


@pytest.mark.parametrize(
    ("constraint", "fields"),
    [
        ("approval_used_once", {"consumed_at": timezone.now}),
        ("approval_decided_at_iff_decided", {"status": "approved"}),
        (
            "approval_decided_before_expiry",
            {"status": "approved", "decided_at": lambda: timezone.now() + timedelta(days=2)},
        ),
    ],
)
def test_the_database_refuses_impossible_states(approval, constraint, fields):
    values = {name: value() if callable(value) else value for name, value in fields.items()}
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        Approval.objects.filter(pk=approval.pk).update(**values)


# --- The sweep ---------------------------------------------------------------------------------------------------


def test_the_sweep_closes_what_is_due_in_every_workspace(ask, approver, cast, other_workspace, stranger, trail):
    due, fresh, decided = ask(), ask(), ask()
    approve(decided, approver)
    let_expire(due)
    with workspace_scope([other_workspace.pk]):
        foreign = Approval.objects.create(
            workspace=other_workspace,
            subject_kind="run",
            subject_id=uuid4(),
            digest="b" * 64,
            summary="Next door",
            requested_by=stranger,
            expires_at=timezone.now() - timedelta(seconds=1),
        )
    with workspace_scope():  # the sweep is started by nobody, within no workspace
        assert expire_approvals() == 2
        assert expire_task.run() == 0
    states = [Approval.objects.get(pk=one.pk).status for one in (due, fresh, decided)]
    assert states == ["expired", "pending", "approved"]
    assert trail("approval.expired") == ["approval.expired"]
    assert AuditEvent.objects.get(action="approval.expired").actor_kind == "system"
    with workspace_scope([other_workspace.pk]):
        assert Approval.objects.get(pk=foreign.pk).status == "expired"


def test_one_that_cannot_be_closed_holds_up_no_other_and_is_tried_again(ask, monkeypatch, caplog):
    ours = [ask(), ask()]
    for one in ours:
        let_expire(one)
    close, tried = sweeping.close, []

    def fails_at_first(approval, *rest):
        tried.append(approval)
        close(approval, *rest)
        if approval == tried[0]:
            raise ValueError("of some kind")

    monkeypatch.setattr(sweeping, "close", fails_at_first)
    assert (expire_approvals(), len(tried)) == (1, 2) and str(tried[0].pk) in caplog.text
    tried[0].refresh_from_db()
    assert tried[0].status == "pending"
    monkeypatch.undo()
    assert expire_approvals() == 1


# --- Subjects ----------------------------------------------------------------------------------------------------


def test_a_subject_says_what_it_is_called_and_where_it_is_seen(ask, monkeypatch):
    monkeypatch.setattr(subjects, "_subjects", {})
    approval = ask(subject_kind="box")
    assert (subjects.label_of(approval), subjects.url_of(approval)) == ("box", None)
    box = subjects.Subject("box of things", lambda approval: f"/box/{approval.subject_id}")
    subjects.register("box", box)
    subjects.register("box", box)
    assert subjects.label_of(approval) == "box of things"
    assert subjects.url_of(approval) == f"/box/{approval.subject_id}"
    with pytest.raises(ValueError, match="registered already"):
        subjects.register("box", subjects.Subject("another", lambda approval: None))
