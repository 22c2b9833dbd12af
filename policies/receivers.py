"""What policies does when the floor below has news, and when one of its own requests is decided."""

from typing import Any

from django.urls import reverse

from galaxy.core.models import User, Workspace
from galaxy.core.signals import member_removed, role_left
from policies.models import Approval
from policies.signals import approval_decided
from policies.subjects import Subject, register
from registry import dependants, gates
from registry.models import Installation
from registry.rollback import checks as rollback_checks
from registry.signals import installation_removed, pin_moved


def connect() -> None:
    """Subscribe once, when the app is ready, and say what the approvals of this floor are about."""
    from policies import back_checks
    from policies.change_gate import RulesGate
    from policies.services.change_facts import panels_of
    from policies.services.changes import ask_again
    from policies.services.granting import panels_of as panels_of_grant

    member_removed.connect(_member_removed, dispatch_uid="policies.member_removed")
    role_left.connect(_role_left, dispatch_uid="policies.role_left")
    pin_moved.connect(_version_moved, dispatch_uid="policies.pin_moved")
    installation_removed.connect(_version_moved, dispatch_uid="policies.installation_removed")
    approval_decided.connect(_approval_decided, dispatch_uid="policies.approval_decided")
    gates.register(RulesGate())
    rollback_checks.register(back_checks.checks_of)
    dependants.register(back_checks.uses_of)
    for kind, label in (("install", "Install"), ("upgrade", "Upgrade"), ("widen", "Wider scopes")):
        register(kind, Subject(label, _url_of_change, show=panels_of, again=ask_again))
    register("auto_approval", Subject("Auto-Approve grant", _url_of_grant, show=panels_of_grant))


def _member_removed(workspace: Workspace, user: User, actor: User, **kwargs: Any) -> None:
    from policies.services.approvals import withdraw_requests_of
    from policies.services.delegations import end_delegations_of
    from policies.services.granting import owner_left
    from policies.services.groups import leave_groups

    owner_left(user, workspace)
    withdraw_requests_of(user, workspace, actor=actor)
    end_delegations_of(user, workspace, actor=actor)
    leave_groups(user, workspace, actor=actor)


def _role_left(workspace: Workspace, role: str, **kwargs: Any) -> None:
    from policies.services.groups import tell_of_short_role

    tell_of_short_role(workspace, role)


def _version_moved(installation: Installation, **kwargs: Any) -> None:
    from policies.services.granting import version_moved

    version_moved(installation)


def _approval_decided(approval: Approval, **kwargs: Any) -> None:
    from policies.services.changes import act_upon

    act_upon(approval)


def _url_of_change(approval: Approval) -> str:
    return reverse("policies:change-detail", args=[approval.workspace.slug, approval.subject_id])


def _url_of_grant(approval: Approval) -> str:
    return reverse("policies:auto-approval-detail", args=[approval.workspace.slug, approval.subject_id])
