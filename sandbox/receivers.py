"""What the sandbox does when a lower floor has news."""

from galaxy.core.signals import member_removed
from policies.signals import approval_decided


def connect() -> None:
    """Subscribe once, when the app is ready, and say what an approval of a run is about."""
    from policies.subjects import Subject, register

    approval_decided.connect(_approval_decided, dispatch_uid="sandbox.approval_decided")
    member_removed.connect(_member_removed, dispatch_uid="sandbox.member_removed")
    register("run", Subject("Run", _url_of_run))


def _approval_decided(sender, approval, **kwargs):
    from sandbox.services import approval_was_decided

    if approval.subject_kind == "run":
        approval_was_decided(approval)


def _member_removed(sender, workspace, user, actor, **kwargs):
    from sandbox.services import cancel_runs_of

    cancel_runs_of(user, workspace, actor=actor)


def _url_of_run(approval) -> str | None:
    from django.urls import reverse

    return reverse("sandbox:run-detail", args=[approval.workspace.slug, approval.subject_id])
