"""Writing news down, in the transaction of what it tells of."""

from collections.abc import Iterable
from functools import partial

from django.db import transaction
from django.db.models import Exists, Model, OuterRef, QuerySet
from django.utils import timezone
from django.utils.text import Truncator

from galaxy.core.models import Membership, Mute, NewsHook, Notification, User, Workspace
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
    stays as it is. Who muted the object has it as read. Mails and webhooks go out after the commit, as each person
    chose; what can wait until ``later`` goes out within the hour, together with others. What is to go out stands in
    the rows, so nothing is lost where no worker hears the bell. KeyError for a kind that nobody registered.
    """
    known = kind_of(kind)
    here = {"workspace": workspace, "person": OuterRef("user")}
    members = Membership.objects.in_workspace(workspace).filter(user__in=people, user__is_active=True)
    members = members.annotate(
        is_muted=Exists(Mute.objects.filter(**here, target_id=target.pk)),
        is_hooked=Exists(NewsHook.objects.filter(**here, off_at=None)),
    )
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
            read_at=now if is_muted and not known.fixed else None,
            mail_at=None if known.own_mail or (is_muted and not known.fixed) else now,
            hook_at=now if is_hooked and (known.fixed or not is_muted) else None,
            later=later,
        )
        # In one order, so that none wait crosswise.
        for person, is_muted, is_hooked in members.order_by("user").values_list("user", "is_muted", "is_hooked")
    ]
    if not rows:
        return 0
    if again:
        Notification.objects.bulk_create(
            rows,
            update_conflicts=True,
            unique_fields=["workspace", "person", "kind", "target_id"],
            update_fields=["by", "note", "occurred_at", "read_at", "mail_at", "hook_at", "later"],
        )
    else:
        Notification.objects.bulk_create(rows, ignore_conflicts=True)
    if not later and any(row.mail_at for row in rows):
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
    """Let a worker send the mails. Where no broker answers, they go out with the next round of digests."""
    from galaxy.core.tasks import mail_notifications

    mail_notifications.apply_async(args=[str(workspace.pk), kind, str(target.pk)], retry=False)
