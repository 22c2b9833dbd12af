"""What came of a check, kept in the transaction that ends its run: the row, how many failed in a row, and the issue."""

from django.utils import timezone

from registry.models import Connection
from sandbox.breakers import HELD_BACK
from sandbox.errors import RunError
from sandbox.issues import close_issues, open_issue
from sandbox.models import Category, CheckSchedule, HealthCheck, Issue, Run
from sandbox.sandboxd.client import Unreachable

_NEVER_LEFT = {Unreachable.code, HELD_BACK, "budget_unreadable", "hold_lost"}
TWICE = 2  # failed checks in a row; a single one may be a hiccup


def record_check(run: Run, error: RunError | None) -> None:
    """Keep how the check ``run``, which is over, ended. Failing twice in a row opens an issue, passing closes it.

    What never reached the other system, since a rule or a budget of this workspace stopped it, says nothing of its
    health: it is noted as a hindrance, and neither passes nor fails.
    """
    if run.connection is None:
        raise ValueError("a check goes out by the connection it is a check of")
    schedule, _ = CheckSchedule.objects.select_for_update().get_or_create(
        workspace=run.workspace, connection=run.connection
    )
    schedule.hindrance = error.sentence[:300] if error and tells_nothing(error) else ""
    if not schedule.hindrance:
        schedule.failures = schedule.failures + 1 if error else 0
        _keep(run, run.connection, error)
        _tell(run, error, schedule.failures)
    schedule.save(update_fields=["failures", "hindrance"])


def tells_nothing(error: RunError) -> bool:
    """Whether the other system was not asked at all: policy, a budget of Galaxy's own (it has no status), calls held
    back, or no sandboxd to ask through."""
    is_own_budget = error.category in {Category.RATE_LIMIT, Category.QUOTA} and error.status is None
    return error.category == Category.POLICY_BLOCK or is_own_budget or error.code in _NEVER_LEFT


def _keep(run: Run, connection: Connection, error: RunError | None) -> None:
    ended = run.finished_at or timezone.now()
    HealthCheck.objects.create(
        workspace=run.workspace,
        connection=connection,
        run=run,
        passed=error is None,
        category=error.category if error else "",
        sentence=error.sentence[:300] if error else "",
        duration_ms=(ended - run.started_at).total_seconds() * 1000 if run.started_at else 0,
        checked_at=ended,
    )


def _tell(run: Run, error: RunError | None, failures: int) -> None:
    if error is None:
        close_issues(run.installation, Issue.Kind.HEALTH_FAILING, because="A check passed.", connection=run.connection)
    elif failures >= TWICE:
        open_issue(
            run.installation,
            Issue.Kind.HEALTH_FAILING,
            target=run.target,
            sentence=f"{failures} checks in a row failed. {error.sentence}",
            next_step=error.next_step,
            connection=run.connection,
            facts={"failures": failures, "category": error.category, "status": error.status},
        )
