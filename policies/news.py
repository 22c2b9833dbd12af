"""What people are told of groups, delegations, Auto-Approve grants and changes, and which of them a reader may see."""

from collections.abc import Iterable
from uuid import UUID

from django.urls import reverse

from galaxy.core.models import User, Workspace
from galaxy.core.notifications import Kind, Place, add_kind, add_target
from galaxy.core.permissions import can
from policies.models import ApproverGroup, AutoApproval, Change, Delegation, Rule

KINDS = (
    Kind("group_short", "A group of approvers is too small", "Groups that are too small", "users", "warn"),
    Kind("rule_short", "Too few can answer what a rule asks", "Rules that too few can answer", "users", "warn"),
    Kind("delegation_given", "You answer for somebody", "Delegations to me", "user-check", "info", by_mail=True),
    Kind("delegation_ended", "A delegation ended", "Delegations that ended", "user-check", "info"),
    Kind("auto_approval_ended", "An Auto-Approve grant ended", "Auto-Approve grants that ended", "timer-off", "warn"),
    Kind("change_made", "What you asked for was done", "Changes I asked for, done", "check", "ok"),
    Kind("change_failed", "What you asked for could not be done", "Changes I asked for, failed", "x", "bad"),
)


def connect() -> None:
    """Register once, when the app is ready."""
    for kind in KINDS:
        add_kind(kind)
    add_target("policies.approvergroup", _groups)
    add_target("policies.rule", _rules)
    add_target("policies.delegation", _delegations)
    add_target("policies.autoapproval", _grants)
    add_target("policies.change", _changes)


def _groups(user: User, workspace: Workspace, ids: Iterable[UUID]) -> dict[UUID, Place]:
    if not can(user, "core.view_rule", workspace):
        return {}
    rows = ApproverGroup.objects.in_workspace(workspace).filter(pk__in=ids).select_related("workspace")
    return {row.pk: Place(str(row), row.get_absolute_url()) for row in rows}


def _rules(user: User, workspace: Workspace, ids: Iterable[UUID]) -> dict[UUID, Place]:
    if not can(user, "core.view_rule", workspace):
        return {}
    rows = Rule.objects.in_workspace(workspace).filter(pk__in=ids).select_related("workspace")
    return {row.pk: Place(f"Rule {row.number}, {row.title}", row.get_absolute_url()) for row in rows}


def _delegations(user: User, workspace: Workspace, ids: Iterable[UUID]) -> dict[UUID, Place]:
    rows = Delegation.objects.in_workspace(workspace).filter(pk__in=ids).select_related("giver", "taker")
    url = reverse("policies:delegation-list", args=[workspace.slug])
    return {row.pk: Place(str(row), url) for row in rows if user.pk in (row.giver_id, row.taker_id)}


def _grants(user: User, workspace: Workspace, ids: Iterable[UUID]) -> dict[UUID, Place]:
    if not can(user, "core.view_rule", workspace):
        return {}
    rows = AutoApproval.objects.in_workspace(workspace).filter(pk__in=ids).select_related("workspace")
    return {row.pk: Place(str(row), row.get_absolute_url()) for row in rows}


def _changes(user: User, workspace: Workspace, ids: Iterable[UUID]) -> dict[UUID, Place]:
    rows = Change.objects.in_workspace(workspace).visible_to(user).filter(pk__in=ids)
    return {
        row.pk: Place(str(row), row.get_absolute_url())
        for row in rows.select_related("workspace", "version__extension")
    }
