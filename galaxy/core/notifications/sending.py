"""Writing news down, in the transaction of what it tells of."""

from collections.abc import Iterable
from functools import partial

from django.db import transaction
from django.db.models import Model, QuerySet
from django.utils import timezone
from django.utils.text import Truncator

from galaxy.core.models import Membership, Notification, User, Workspace
from galaxy.core.notifications.kinds import kind_of

NOTE_CHARS = 300


@transaction.atomic
def notify(
    workspace: Workspace,
    people: QuerySet[User] | Iterable[User],
    kind: str,
    target: Model,
    *,
    by: User | None = None,
    note: str = "",
    again: bool = True,
    later: bool = False,
) -> int:
    """Tell each of ``people`` that ``kind`` happened to ``target``; returns how many they are.

    Two queries, whatever their number. Whoever is no active member of ``workspace`` is left out, and so is ``by``, who
    knows. News of the same kind about the same object is one row: it comes up again as unread, or with ``again`` off
    stays as it is. Mails go out after the commit; what can wait until ``later`` goes out within the hour, together with
    others. KeyError for a kind that nobody registered.
    """
    known = kind_of(kind)
    members = Membership.objects.in_workspace(workspace).filter(user__in=people, user__is_active=True)
    if by is not None:
        members = members.exclude(user=by)
    now = timezone.now()
    rows = [
        Notification(
            workspace=workspace,
            person_id=person,
            kind=kind,
            target_kind=target._meta.label_lower,
            target_id=target.pk,
            by=by,
            note=Truncator(note).chars(NOTE_CHARS),
            occurred_at=now,
            later=later,
        )
        for person in members.order_by("user").values_list("user", flat=True)  # one order, so that none wait crosswise
    ]
    if not rows:
        return 0
    if again:
        Notification.objects.bulk_create(
            rows,
            update_conflicts=True,
            unique_fields=["workspace", "person", "kind", "target_id"],
            update_fields=["by", "note", "occurred_at", "read_at", "later"],
        )
    else:
        Notification.objects.bulk_create(rows, ignore_conflicts=True)
    if not known.own_mail and not later:
        transaction.on_commit(partial(_ring, workspace, kind, target), robust=True)
    return len(rows)


def settle(workspace: Workspace, target: Model, *kinds: str) -> int:
    """Mark news about ``target`` as read for everybody, since it asks nothing of them any more; returns how many."""
    rows = Notification.objects.in_workspace(workspace).unread().filter(kind__in=kinds, target_id=target.pk)
    return rows.update(read_at=timezone.now())


def take_back(workspace: Workspace, target: Model, *kinds: str) -> None:
    """Delete news about ``target`` that is not true any more, so that it can be told again."""
    Notification.objects.in_workspace(workspace).filter(kind__in=kinds, target_id=target.pk).delete()


def _ring(workspace: Workspace, kind: str, target: Model) -> None:
    """Let a worker send the mails. Where no broker answers, the news stands in the console all the same."""
    from galaxy.core.tasks import mail_notifications

    mail_notifications.apply_async(args=[str(workspace.pk), kind, str(target.pk)], retry=False)
