"""Who is told of an approval: reviewers while it waits, whoever asked once it is decided."""

from datetime import timedelta

from django.core import mail
from django.utils import timezone

from galaxy.core.members.people import change_role
from galaxy.core.members.roles import create_role
from galaxy.core.models import Membership, Notification
from galaxy.core.notifications.kinds import find
from galaxy.core.scope import workspace_scope
from galaxy.core.tasks import mail_digests
from policies.models import Approval
from policies.notifications import tell_of_expiring_approvals
from policies.services.approvals import decide_approval, expire_approvals, withdraw_approval


def told(kind):
    """Who has news of ``kind``, and whether it is unread."""
    return {row.person: row.read_at is None for row in Notification.objects.filter(kind=kind).select_related("person")}


def test_reviewers_are_told_and_nobody_else(ask, owner, admin, approver, creator):
    approval = ask()
    assert told("approval_asked") == {owner: True, admin: True, approver: True}
    row = Notification.objects.filter(person=approver).get()
    assert (row.target_kind, row.target_id, row.by) == ("policies.approval", approval.pk, creator)


def test_whoever_asked_or_wrote_the_version_is_not_asked(ask, owner, admin, approver):
    ask(requested_by=owner, version_author=admin)
    assert told("approval_asked") == {approver: True}


def test_a_decision_reaches_whoever_asked_and_leaves_nothing_to_do(ask, owner, admin, approver, creator):
    approval = ask()
    decide_approval(approval, reviewer=approver, decision="rejected", note="Ask again", digest=approval.digest)
    assert told("approval_asked") == {owner: False, admin: False, approver: False}
    row = Notification.objects.get(kind="approval_decided")
    assert (row.person, row.by, row.note) == (creator, approver, "Rejected: Ask again")


def test_what_was_taken_back_asks_nobody_any_more(ask, creator):
    withdraw_approval(ask(), actor=creator)
    assert set(told("approval_asked").values()) == {False}
    assert told("approval_decided") == {}


def test_reviewers_are_warned_once_before_a_request_ends_and_whoever_asked_hears_of_the_end(
    workspace, ask, owner, admin, approver, creator
):
    now = timezone.now()
    soon, later, young = ask("Soon"), ask("Later"), ask("Young")
    asked_at = now - timedelta(hours=5)
    Approval.objects.filter(pk=soon.pk).update(requested_at=asked_at, expires_at=now + timedelta(minutes=50))
    Approval.objects.filter(pk=later.pk).update(requested_at=asked_at, expires_at=now + timedelta(minutes=70))
    Approval.objects.filter(pk=young.pk).update(expires_at=now + timedelta(minutes=50))
    with workspace_scope():  # beat has none
        assert tell_of_expiring_approvals() == 1
    assert told("approval_expiring") == {owner: True, admin: True, approver: True}
    Notification.objects.update(read_at=now)
    with workspace_scope():
        tell_of_expiring_approvals()
    assert set(told("approval_expiring").values()) == {False}
    Approval.objects.filter(pk=soon.pk).update(expires_at=now - timedelta(minutes=1))
    with workspace_scope():
        expire_approvals()
    row = Notification.objects.get(kind="approval_decided")
    assert (row.person, row.by, row.note) == (creator, None, "Nobody decided it in time, and that means no.")


def test_only_who_may_see_an_approval_finds_it(workspace, ask, owner, approver, creator, member):
    approval = ask("Delete a task")
    key = ("policies.approval", approval.pk)
    for person in (approver, creator):
        place = find(person, workspace, [key])[key]
        assert (place.label, place.url) == ("Delete a task", approval.get_absolute_url())
    assert find(member, workspace, [key]) == {}
    blind = create_role(workspace, name="Blind", permissions={"view_listing"}, actor=owner)
    change_role(Membership.objects.get(user=approver), to=blind, actor=owner)
    assert find(approver, workspace, [key]) == {}


def test_fifty_requests_at_low_risk_are_one_mail(ask, approver, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        for _ in range(50):
            ask(simulated=True)
    assert mail.outbox == []
    mail_digests()
    sent = [one for one in mail.outbox if one.to == [approver.email]]
    assert [one.subject for one in sent] == ["50 pieces of news, in Meridian"]
