"""What simulated runs did: never mixed with what ran live, and without outcomes, costs and objectives, which they have
none of."""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Sum

from galaxy.core.models import User, Workspace
from galaxy.core.permissions import can
from galaxy.core.ui.charts import percent_words
from sandbox.metrics.glance import glance_at
from sandbox.metrics.lines import Line, installed_for, lines_of
from sandbox.metrics.rows import rows_url
from sandbox.metrics.windows import Window, windows
from sandbox.models import RollUp

SLOWEST = 10


@dataclass(frozen=True)
class SimulatedBoard:
    """``slow`` and ``slowest`` are of ``targets``, those that have a budget; calls are of everything that ran."""

    window: Window
    windows: list[Window]
    calls: int
    failed: int
    failed_share: str
    targets: int
    slow: int
    slowest: list[Line]
    sees_all: bool
    calls_url: str
    failed_url: str


def simulated_board(workspace: Workspace, user: User, window: Window) -> SimulatedBoard:
    """What ``user`` is shown of the simulated runs of a time."""
    installed = installed_for(workspace, user)
    sees_all = can(user, "core.view_run", workspace)
    only = None if sees_all else list(installed)
    glance = glance_at(workspace, window, slowest=SLOWEST, simulated=True, installations=only)
    counted = glance.good + glance.bad
    return SimulatedBoard(
        window=window,
        windows=windows(),
        calls=glance.calls,
        failed=glance.bad,
        failed_share=percent_words(round(100 * glance.bad / counted, 1)) if counted else "–",
        targets=glance.targets,
        slow=glance.slow,
        slowest=lines_of(glance.slowest, workspace, window, installed, simulated=True),
        sees_all=sees_all,
        calls_url=rows_url(workspace, window, simulated="on"),
        failed_url=rows_url(workspace, window, simulated="on", counts="bad"),
    )


def simulated_calls(workspace: Workspace, window: Window, installations: Iterable[UUID] | None = None) -> int:
    """How many simulated calls ended within ``window``, of ``installations`` alone if they are given."""
    rows = RollUp.objects.in_workspace(workspace).within(window.period, window.since, window.until)
    rows = rows.filter(is_simulated=True)
    if installations is not None:
        rows = rows.filter(installation__in=list(installations))
    return rows.aggregate(calls=Sum("calls"))["calls"] or 0
