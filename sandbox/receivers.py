"""What the sandbox does when a lower floor has news."""

from typing import Any

from django.urls import reverse

from galaxy.core.models import User, Workspace
from galaxy.core.signals import member_removed, workspace_restored
from policies import outcomes, proofs
from policies.models import Approval
from policies.signals import approval_decided
from policies.subjects import Subject, register
from registry import dependants, moves
from registry.models import Installation
from registry.rollback import checks as rollback_checks
from registry.signals import installation_removed, pin_moved
from sandbox.approved_runs import outcomes_of
from sandbox.connections.services import end_own_connections
from sandbox.outlived import installation_ended, version_changed
from sandbox.panels import show
from sandbox.restoring import settle_restored
from sandbox.services import approval_was_decided, cancel_runs_of
from sandbox.services.narrowing import narrow, narrowable
from sandbox.services.renewing import ask_again
from sandbox.services.taking import require_fit
from sandbox.triggers.pausing import owner_left, target_ended
from sandbox.triggers.reading import uses_of
from sandbox.upgrades import back_checks
from sandbox.upgrades.carrying import carried_by_move, carry_over
from sandbox.upgrades.proving import foresight, proof, report_id


def connect() -> None:
    """Subscribe once, when the app is ready, and say what an approval of a run is about."""
    approval_decided.connect(_approval_decided, dispatch_uid="sandbox.approval_decided")
    member_removed.connect(_member_removed, dispatch_uid="sandbox.member_removed")
    installation_removed.connect(_installation_removed, dispatch_uid="sandbox.installation_removed")
    pin_moved.connect(_pin_moved, dispatch_uid="sandbox.pin_moved")
    workspace_restored.connect(_restored, dispatch_uid="sandbox.workspace_restored")
    register("run", Subject("Run", _url_of_run, show=show, narrowable=narrowable, narrow=narrow, again=ask_again))
    outcomes.register("run", outcomes_of)
    rollback_checks.register(back_checks.checks_of)
    dependants.register(uses_of)
    moves.register_reporter(report_id)
    moves.register_along(carry_over)
    moves.register_fitter(require_fit)
    moves.register_carrier(carried_by_move)
    moves.register_foreseer(foresight)
    proofs.register(proof)


def _approval_decided(approval: Approval, **kwargs: Any) -> None:
    if approval.subject_kind == "run":
        approval_was_decided(approval)


def _member_removed(workspace: Workspace, user: User, actor: User, **kwargs: Any) -> None:
    cancel_runs_of(user, workspace, actor=actor)
    end_own_connections(user, workspace, actor=actor)
    owner_left(workspace, user, actor)


def _installation_removed(installation: Installation, actor: User, **kwargs: Any) -> None:
    installation_ended(installation, actor)
    target_ended(installation, actor)


def _pin_moved(installation: Installation, **kwargs: Any) -> None:
    version_changed(installation)


def _restored(workspace: Workspace, **kwargs: Any) -> dict[str, int]:
    return settle_restored(workspace)


def _url_of_run(approval: Approval) -> str | None:
    return reverse("sandbox:run-detail", args=[approval.workspace.slug, approval.subject_id])
