"""What people are told of their runs, of the calls of their agents, and of issues that wait for them."""

from collections.abc import Iterable
from uuid import UUID

from galaxy.core.models import User, Workspace
from galaxy.core.notifications import Kind, Place, add_kind, add_target
from sandbox.issues import NEWS
from sandbox.models import Issue, Run

KINDS = (
    Kind("run_failed", "Your run failed", "Failed runs of mine", "circle-x", "bad"),
    Kind(
        "run_unknown",
        "It is not known what your run did",
        "Runs of mine with unknown effect",
        "circle-question-mark",
        "warn",
        by_mail=True,
    ),
    Kind("agent_budget", "Your agent is near its calls of today", "Agents near their budget", "gauge", "warn"),
    Kind(NEWS, "Something needs you", "Issues of mine", "siren", "warn", by_mail=True),
)


def connect() -> None:
    """Register once, when the app is ready."""
    for kind in KINDS:
        add_kind(kind)
    add_target("sandbox.run", _runs)
    add_target("sandbox.issue", _issues)


def _runs(user: User, workspace: Workspace, ids: Iterable[UUID]) -> dict[UUID, Place]:
    rows = Run.objects.in_workspace(workspace).visible_to(user).filter(pk__in=ids).select_related("workspace")
    return {row.pk: _place(row) for row in rows}


def _place(run: Run) -> Place:
    return Place(f"{run.target}, {run.get_mode_display().lower()}", run.get_absolute_url(), run.is_simulated)


def _issues(user: User, workspace: Workspace, ids: Iterable[UUID]) -> dict[UUID, Place]:
    rows = Issue.objects.in_workspace(workspace).visible_to(user).filter(pk__in=ids)
    rows = rows.select_related("workspace", "installation__extension")
    return {
        row.pk: Place(
            f"{row.subject}: {row.get_kind_display().lower()}",
            row.get_absolute_url(),
            is_simulated=row.kind == Issue.Kind.GOLDEN_FAILING,  # found by playing it on samples
        )
        for row in rows
    }
