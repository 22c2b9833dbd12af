"""Break-glass: how staff who are no members look into a workspace; with a reason, for an hour at most, and loudly.

It opens what an Auditor sees (galaxy.core.permissions.SUPPORT_PERMISSIONS), to read on pages and nothing else: no form
is taken (galaxy.core.middleware.ScopeMiddleware), no API and no token. Each page is written to the workspace's own
trail before it is shown. Owners are told when it begins, may end it, and may forbid it for good.
"""

import time
from datetime import timedelta

from django.core.exceptions import PermissionDenied
from django.db import connection, transaction
from django.urls import is_valid_path
from django.utils import timezone

from galaxy.core import audit, mail
from galaxy.core.errors import Conflict, DomainError, Invalid
from galaxy.core.members.people import lock
from galaxy.core.models import AuditDetail, AuditEvent, BreakGlass, Membership, Role, User, Workspace
from galaxy.core.models.support import LONGEST_LOOK, SHORTEST_REASON
from galaxy.core.notifications import notify
from galaxy.core.permissions import forget_grants, require
from galaxy.core.scope import workspace_scope
from galaxy.core.second_factor import has_second_factor

MINUTES = (15, 30, 60)  # on offer
SHOWN_LOOKS = 200  # on the owners' page; the trail has all of them
_LOOKS = "galaxy_looks"  # in the session
_LOOK_S = 600  # the same page within this time is one look
_LOOKS_KEPT = 200


class SupportForbidden(DomainError):
    status = 403
    code = "support_forbidden"
    next_step = "Ask an owner of the workspace to allow it in Settings, Support access."


class SecondFactorNeeded(DomainError):
    status = 403
    code = "second_factor_missing"
    next_step = "Set one up for your account, then come back."


class ReadingOnly(DomainError):
    status = 403
    code = "reading_only"
    next_step = "Ask somebody in the workspace to do it."


@transaction.atomic
def break_glass(*, slug: str, reason: str, minutes: int, actor: User) -> BreakGlass:
    """Let a staff person look into the workspace at ``slug`` from now on, for ``minutes``; audited there.

    Raises PermissionDenied (no staff), SecondFactorNeeded, SupportForbidden, Conflict (open already), or Invalid: no
    such workspace, a member already, a reason of fewer than SHORTEST_REASON characters, more than an hour.
    """
    if not actor.is_staff or not actor.is_active:
        raise PermissionDenied("This is for those who run Galaxy.")
    if not has_second_factor(actor):
        raise SecondFactorNeeded("Looking into a workspace needs a second factor, and you have none.")
    if len(reason.strip()) < SHORTEST_REASON:
        raise Invalid("The owners read the reason.", {"reason": f"Say it in at least {SHORTEST_REASON} characters."})
    if not timedelta(0) < timedelta(minutes=minutes) <= LONGEST_LOOK:
        raise Invalid("It lasts an hour at most.", {"minutes": "Choose an hour at most."})
    workspace_id = _workspace_at(slug)
    if workspace_id is None:
        raise Invalid("There is no such workspace.", {"workspace": "No workspace has this address."})
    with workspace_scope([workspace_id], actor.pk):
        workspace = Workspace.objects.get(pk=workspace_id)
        lock(workspace)
        workspace.refresh_from_db()  # the lock may have waited for whoever forbids it
        if Membership.objects.in_workspace(workspace).filter(user=actor).exists():
            raise Invalid(f"You are a member of {workspace}.", {"workspace": "You are a member: just open it."})
        if not workspace.allows_support_access:
            raise SupportForbidden(f"{workspace} has forbidden support access.")
        if BreakGlass.objects.in_workspace(workspace).open().filter(user=actor).exists():
            raise Conflict(f"You may look into {workspace} already.")
        now = timezone.now()
        row = BreakGlass.objects.create(
            workspace=workspace,
            user=actor,
            reason=reason.strip(),
            started_at=now,
            ends_at=now + timedelta(minutes=minutes),
        )
        audit.record(
            "break_glass.opened",
            actor=actor,
            target=row,
            after={"reason": row.reason, "ends_at": row.ends_at},
        )
        told = Membership.objects.in_workspace(workspace).filter(role__in=[Role.OWNER, Role.ADMIN])
        people = User.objects.filter(pk__in=told.values("user"))
        notify(workspace, people, "break_glass_opened", row, note=row.reason)
    forget_grants()
    return row


@transaction.atomic
def end_break_glass(row: BreakGlass, *, actor: User) -> None:
    """End a look before its time: one's own, or anybody's as an owner. Felt at once. Raises NotGranted or Conflict."""
    with workspace_scope([row.workspace_id], actor.pk):
        row = BreakGlass.objects.select_related("workspace", "user").get(pk=row.pk)
        if row.user_id != actor.pk:
            require(actor, "core.change_settings", row.workspace)
        now = timezone.now()
        if not BreakGlass.objects.open().filter(pk=row.pk).update(ended_at=now, ended_by=actor):
            raise Conflict("It is over already.")
        audit.record("break_glass.ended", actor=actor, target=row, after={"ended_at": now}, reason=row.reason)
    forget_grants()


@transaction.atomic
def allow_support_access(workspace: Workspace, *, allowed: bool, actor: User) -> int:
    """Allow or forbid it from now on, audited; forbidding ends what is open. Returns how many that were."""
    require(actor, "core.change_settings", workspace)
    lock(workspace)
    before = Workspace.objects.get(pk=workspace.pk).allows_support_access
    workspace.allows_support_access = allowed
    if before != allowed:
        Workspace.objects.filter(pk=workspace.pk).update(allows_support_access=allowed)
        audit.record(
            "workspace.changed",
            actor=actor,
            target=workspace,
            before={"allows_support_access": before},
            after={"allows_support_access": allowed},
        )
    found = [] if allowed else list(BreakGlass.objects.in_workspace(workspace).open())
    for row in found:
        end_break_glass(row, actor=actor)
    return len(found)


def mail_owners(row: BreakGlass, *, link: str) -> int:
    """Tell every owner, after the commit; returns how many mails went out."""
    with workspace_scope([row.workspace_id]):
        owners = Membership.objects.in_workspace(row.workspace_id).filter(role=Role.OWNER, user__is_active=True)
        people = [membership.user for membership in owners.select_related("user")]
    return sum(mail.send("break_glass", person.email, {"row": row, "link": link}) for person in people)


def open_for(user: User) -> list[BreakGlass]:
    """What ``user`` may look into at this moment, with the workspaces. One query where there is nothing."""
    return with_workspaces(user, BreakGlass.objects.open().filter(user=user))


def with_workspaces(user: User, rows) -> list[BreakGlass]:
    """The user's own rows with their workspaces, whose rows they may not see otherwise."""
    with workspace_scope(user=user.pk):
        found = list(rows.filter(user=user).values_list("pk", "workspace_id"))
    if not found:
        return []
    with workspace_scope({workspace for _, workspace in found}, user.pk):
        return list(
            BreakGlass.objects.filter(pk__in=[pk for pk, _ in found]).select_related("workspace", "user", "ended_by")
        )


def record_look(request) -> None:
    """Write the page into the workspace's trail before it is shown; one that polls is written once in ten minutes.

    An address without a page shows nothing, so that nothing is written of it.
    """
    if not is_valid_path(request.path_info):
        return
    row, path, now = request.break_glass, request.get_full_path()[:300], int(time.time())
    key = f"{row.pk.hex[:8]} {path}"
    looks = {one: at for one, at in request.session.get(_LOOKS, {}).items() if now - at < _LOOK_S}
    if key in looks:
        return
    with transaction.atomic():
        audit.record("break_glass.viewed", actor=request.user, target=row, path=path)
    kept = sorted(looks.items(), key=lambda look: look[1])[1 - _LOOKS_KEPT :]
    request.session[_LOOKS] = dict(kept) | {key: now}


def looks_of(workspace: Workspace, rows: list[BreakGlass]) -> dict[str, list[str]]:
    """What was looked at, from the trail: {id of the row: paths in order}, the newest SHOWN_LOOKS in all."""
    events = AuditEvent.objects.in_workspace(workspace).filter(
        action="break_glass.viewed", target_id__in=[str(row.pk) for row in rows]
    )
    targets = dict(events.order_by("-occurred_at", "-id").values_list("pk", "target_id")[:SHOWN_LOOKS])
    details = AuditDetail.objects.in_workspace(workspace).in_bulk(list(targets))
    found: dict[str, list[str]] = {}
    for pk in sorted(details):
        found.setdefault(targets[pk], []).append(str(details[pk].fields.get("data.path", "")))
    return found


def expire_break_glasses() -> int:
    """Write down the end of every look whose time is over, in all workspaces; returns how many.

    Only book-keeping: a row past its end lets nobody in, whether this ran or not.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT workspace_id, break_glass_id FROM core_due_break_glasses(%s)", [timezone.now()])
        due = cursor.fetchall()
    closed = 0
    for workspace_id, pk in due:
        with workspace_scope([workspace_id]), transaction.atomic():
            rows = BreakGlass.objects.select_for_update(of=("self",), skip_locked=True).select_related("workspace")
            row = rows.filter(pk=pk, ended_at=None).first()
            if row is not None:
                row.ended_at = row.ends_at
                row.save(update_fields=["ended_at"])
                audit.record("break_glass.expired", actor=None, target=row, after={"ended_at": row.ended_at})
                closed += 1
    return closed


def _workspace_at(slug: str):
    """The id of the workspace with this address, across the walls (migration 0008)."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT core_workspace_at(%s)", [slug])
        return cursor.fetchone()[0]
