"""The news of floor 0, and how its objects are found for a reader."""

from collections.abc import Iterable
from uuid import UUID

from django.urls import reverse

from galaxy.core.models import (
    Agent,
    AuditSink,
    BreakGlass,
    ExportJob,
    Membership,
    NewsHook,
    PermissionRequest,
    User,
    Workspace,
)
from galaxy.core.notifications.hooks.places import host_of
from galaxy.core.notifications.kinds import Kind, Place, add_kind, add_target, find
from galaxy.core.permissions import can, label_of

KINDS = (
    Kind(
        "permission_asked",
        "A permission is asked of you",
        "Permissions asked of me",
        "hand",
        "warn",
        by_mail=True,
        own_mail=True,
    ),
    Kind(
        "permission_answered",
        "Your request for a permission was answered",
        "Answers to permissions I asked for",
        "key-round",
        "info",
        by_mail=True,
        own_mail=True,
    ),
    Kind("grant_revoked", "A permission of yours was taken back", "Permissions taken back", "key-round", "warn"),
    Kind("invitation_accepted", "Your invitation was accepted", "Invitations accepted", "user-check", "ok"),
    Kind("agent_suspended", "Your agent is suspended", "Agents suspended", "ban", "warn", by_mail=True),
    Kind("agent_ending", "Your agent ends within three days", "Agents near their end", "timer", "warn"),
    Kind("sink_failing", "An audit stream is not taken", "Audit streams that fail", "radio-tower", "bad", by_mail=True),
    Kind("export_ready", "Your export is ready", "Exports that are ready", "download", "ok"),
    Kind("export_failed", "Your export did not finish", "Exports that failed", "download", "bad"),
    Kind(
        "break_glass_opened",
        "Staff opened this workspace",
        "Staff opening the workspace",
        "siren",
        "bad",
        own_mail=True,
        fixed="Owners are always told when staff open their workspace, by a mail of its own.",
    ),
    Kind(
        "hook_off",
        "Your webhook is switched off",
        "My webhook switched off",
        "webhook",
        "bad",
        by_mail=True,
        fixed="It says that another way to you is closed.",
    ),
)


def connect() -> None:
    """Register once, when the app is ready."""
    for kind in KINDS:
        add_kind(kind)
    add_target("core.workspace", _workspace)
    add_target("core.membership", _memberships)
    add_target("core.permissionrequest", _requests)
    add_target("core.agent", _agents)
    add_target("core.breakglass", _break_glasses)
    add_target("core.exportjob", _exports)
    add_target("core.auditsink", _sinks)
    add_target("core.newshook", _hooks)


def _workspace(user: User, workspace: Workspace, ids: Iterable[UUID]) -> dict[UUID, Place]:
    return {id: Place(workspace.name, workspace.get_absolute_url()) for id in ids if id == workspace.pk}


def _memberships(user: User, workspace: Workspace, ids: Iterable[UUID]) -> dict[UUID, Place]:
    if not can(user, "core.view_member", workspace):
        return {}
    rows = Membership.objects.in_workspace(workspace).filter(pk__in=ids).select_related("user", "workspace")
    return {row.pk: Place(str(row.user), row.get_absolute_url()) for row in rows}


def _requests(user: User, workspace: Workspace, ids: Iterable[UUID]) -> dict[UUID, Place]:
    """Their own requests lead to what they asked it for; those they may answer, to where that is done."""
    may_answer = can(user, "core.manage_member", workspace)
    rows = [
        row
        for row in PermissionRequest.objects.in_workspace(workspace).filter(pk__in=ids).select_related("asked_by")
        if may_answer or row.asked_by_id == user.pk
    ]
    targets = find(user, workspace, [(row.target_kind, row.target_id) for row in rows])
    answering = reverse("core:member-list", args=[workspace.slug]) + "#asked"
    places = {}
    for row in rows:
        target = targets.get((row.target_kind, row.target_id))
        label = f"“{label_of(row.codename)}”" + (f" on {target.label}" if target else "")
        if row.asked_by_id == user.pk:
            places[row.pk] = Place(label, target.url if target else "")
        else:
            places[row.pk] = Place(f"{label}, for {row.asked_by}", answering)
    return places


def _agents(user: User, workspace: Workspace, ids: Iterable[UUID]) -> dict[UUID, Place]:
    """Whoever owns an agent may know of it; its page is for those who manage agents."""
    manages = can(user, "core.manage_agent", workspace)
    rows = Agent.objects.in_workspace(workspace).filter(pk__in=ids).select_related("workspace")
    if not manages:
        rows = rows.filter(owner=user)
    return {row.pk: Place(row.name, row.get_absolute_url() if manages else "") for row in rows}


def _break_glasses(user: User, workspace: Workspace, ids: Iterable[UUID]) -> dict[UUID, Place]:
    if not can(user, "core.view_auditevent", workspace):
        return {}
    rows = BreakGlass.objects.in_workspace(workspace).filter(pk__in=ids).select_related("user")
    url = reverse("core:support-access", args=[workspace.slug])
    return {row.pk: Place(str(row), url) for row in rows}


def _sinks(user: User, workspace: Workspace, ids: Iterable[UUID]) -> dict[UUID, Place]:
    if not can(user, "core.view_auditevent", workspace):
        return {}
    rows = AuditSink.objects.in_workspace(workspace).filter(pk__in=ids, removed_at=None).select_related("workspace")
    return {row.pk: Place(row.name, row.get_absolute_url()) for row in rows}


def _hooks(user: User, workspace: Workspace, ids: Iterable[UUID]) -> dict[UUID, Place]:
    """Nobody's but one's own."""
    rows = NewsHook.objects.in_workspace(workspace).of(user).filter(pk__in=ids)
    url = reverse("core:news-settings", args=[workspace.slug]) + "#webhook"
    return {row.pk: Place(f"Your webhook at {host_of(row.address)}", url) for row in rows}


def _exports(user: User, workspace: Workspace, ids: Iterable[UUID]) -> dict[UUID, Place]:
    if not can(user, "core.export_auditevent", workspace):
        return {}
    rows = ExportJob.objects.in_workspace(workspace).filter(pk__in=ids).select_related("workspace")
    return {row.pk: Place(str(row), row.get_absolute_url()) for row in rows}
