"""When failing becomes an issue: calls that fail after every retry, several times in a row."""

from uuid import UUID

from django.db.models import QuerySet

from galaxy.core.db.prepared import prepared
from sandbox.breakers import HELD_BACK
from sandbox.errors import CATEGORIES
from sandbox.issues import close_issues, open_issue
from sandbox.models import Issue, Run
from sandbox.rule_rates import SPENT

IN_A_ROW = 3
# Refusals of our own: nothing was tried.
_NOT_TRIED = frozenset({HELD_BACK, SPENT, "budget_spent", "budget_unreadable", "place_taken", "hold_lost"})


def call_ended(run: Run) -> None:
    """Open an issue where live calls of this action keep failing although they were retried; close it once one works.

    To be called after the run's last write; safe to call twice.
    """
    if run.is_simulated or run.connection is None:
        return
    if run.state == Run.State.SUCCEEDED:
        asked = {"installation": run.installation_id, "connection": run.connection.pk, "target": run.target}
        if not _open(workspace=run.workspace_id, **asked):  # as good as always
            return
        close_issues(
            run.installation,
            Issue.Kind.RETRIES_EXHAUSTED,
            target=run.target,
            connection=run.connection,
            because="A call went through again.",
        )
    elif is_exhausted(run):
        _escalate(run)


@prepared
def _open(workspace: UUID, installation: UUID, connection: UUID, target: str) -> QuerySet[Issue, UUID]:
    rows = Issue.objects.filter(workspace=workspace, installation=installation, connection=connection, target=target)
    return rows.open().filter(kind=Issue.Kind.RETRIES_EXHAUSTED).order_by().values_list("pk", flat=True)


def is_exhausted(run: Run) -> bool:
    """Whether it failed of what waiting might have helped, after it was tried."""
    if run.state not in {Run.State.FAILED, Run.State.UNKNOWN} or not run.error:
        return False
    return CATEGORIES[run.error_category].retryable and run.error["error_code"] not in _NOT_TRIED


def _escalate(run: Run) -> None:
    ended = Run.objects.in_workspace(run.workspace).filter(
        installation=run.installation,
        connection=run.connection,
        target=run.target,
        mode=Run.Mode.LIVE,
        finished_at__isnull=False,
    )
    error = run.error or {}
    # By when they were asked for, as an index has them: sorting all that ever ended took longer with each call.
    last = list(ended.only("state", "error", "error_category").order_by("-created_at")[:IN_A_ROW])
    if len(last) < IN_A_ROW or not all(is_exhausted(one) for one in last):
        return
    open_issue(
        run.installation,
        Issue.Kind.RETRIES_EXHAUSTED,
        target=run.target,
        connection=run.connection,
        sentence=f"The last {IN_A_ROW} calls of {run.target} failed after every retry. {error['sentence']}",
        next_step="Look whether the other system works, and whether its limits fit how often it is called.",
        facts={
            "category": run.error_category,
            "status": error["status"],
            "attempts": error["attempts"],
            "endpoint": error["last_endpoint"],
            "run": str(run.pk),
        },
    )
