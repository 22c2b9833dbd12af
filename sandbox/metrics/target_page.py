"""The page of one target with its times, failures, waits and versions."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet
from django.http import Http404

from galaxy.core.db.prepared import prepared
from galaxy.core.models import User
from galaxy.core.permissions import can
from galaxy.core.ui.charts import MOST_SERIES, Chart, Series, milliseconds
from galaxy.core.ui.words import duration
from registry.models import Installation, Version
from sandbox.metrics.dashboard import in_words
from sandbox.metrics.lines import Line, Number, label_of
from sandbox.metrics.reading import Figures, Slot, figures_of
from sandbox.metrics.rolling import behind_since
from sandbox.metrics.rows import rows_url
from sandbox.metrics.windows import HOUR, Window, windows
from sandbox.models import Breaker


@dataclass(frozen=True)
class VersionRow:
    """One version beside the others."""

    number: str
    line: Line

    @property
    def url(self) -> str:
        return self.line.rows(version=self.line.figures.version)

    @property
    def failed_url(self) -> str:
        return self.line.rows(version=self.line.figures.version, counts="bad")


@dataclass(frozen=True)
class TargetPage:
    installation: Installation
    target: str
    window: Window
    windows: list[Window]
    line: Line
    latency: Chart
    failures: Chart
    calls: Chart
    waits: list[Number]
    saturation: list[Number]
    mistakes: list[Number]
    versions: list[VersionRow]
    cost: str
    cost_url: str
    others: Number
    breakers: list[Breaker]
    behind: datetime | None
    sees_all: bool


def target_page(
    installation: Installation, target: str, user: User, window: Window, *, simulated: bool = False
) -> TargetPage:
    """One target of ``installation`` (with workspace and extension at hand) within ``window``: its live runs, or the
    simulated ones alone. Raises Http404 where it never ran there, either way, and there is no such action now either.
    """
    if "\0" in target:
        raise Http404
    workspace = installation.workspace
    only: dict[str, Any] = {"installations": [installation.pk], "target": target, "waits": True}
    whole = figures_of(workspace, window, simulated=simulated, **only)
    others = figures_of(workspace, window, simulated=not simulated, **only)
    if not whole and not others and not _is_known(installation, target):
        raise Http404
    figures = whole[0] if whole else Figures("action", target, installation.pk, slots=_no_slots(window))
    line = Line(figures, workspace, window, target, installation.extension.slug, simulated)
    by_version = figures_of(workspace, window, simulated=simulated, by_version=True, **only)
    known = ",".join(str(one.version) for one in by_version if one.version)
    numbers = dict(_numbers(versions=known)) if known else {}
    number = others[0].calls if others else 0
    return TargetPage(
        installation=installation,
        target=target,
        window=window,
        windows=windows(),
        line=line,
        latency=_latency(line),
        failures=_failures(line),
        calls=_calls(line),
        waits=_waits(line),
        saturation=_saturation(line),
        mistakes=[
            Number(
                label_of(name), f"{number:,}", line.rows(counts="caller", category=name if name != "cancelled" else "")
            )
            for name, number in sorted(figures.mistakes.items(), key=lambda pair: -pair[1])
        ],
        versions=[
            VersionRow(numbers.get(one.version, "–"), Line(one, workspace, window, target, "", simulated))
            for one in by_version
        ],
        cost=in_words(figures.money),
        cost_url=line.rows(why="charged"),
        others=Number(
            "live" if simulated else "simulated",
            f"{number:,}",
            rows_url(
                workspace, window, installation=installation.pk, action=target, simulated="" if simulated else "on"
            )
            if number
            else "",
        ),
        breakers=_breakers(
            workspace=workspace.pk, installation=installation.pk, target=target, action=target.partition(".")[2]
        ),
        behind=behind_since(workspace),
        sees_all=can(user, "core.view_run", workspace),
    )


@prepared
def _numbers(versions: str) -> QuerySet[Version, tuple[UUID, str]]:
    return Version.objects.filter(pk__among=versions).values_list("pk", "number")


@prepared
def _breakers(workspace: UUID, installation: UUID, target: str, action: str) -> QuerySet[Breaker]:
    """Those that are not closed; ``action`` is the target without its extension, as some are named."""
    rows = Breaker.objects.filter(Q(action=target) | Q(action=action), workspace=workspace)
    rows = rows.filter(connection__installation=installation).exclude(state=Breaker.State.CLOSED)
    return rows.select_related("connection__workspace")


def _is_known(installation: Installation, target: str) -> bool:
    slug = installation.extension.slug
    return target == slug or target.startswith(f"{slug}.")


def _no_slots(window: Window) -> list[Slot]:
    return [Slot(start, 0, 0, 0, None, None) for start in window.starts]


def _labels(window: Window) -> list[str]:
    return [f"{start:%H:%M}" if window.period == HOUR else f"{start:%-d %b}" for start in window.starts]


def _label_name(window: Window) -> str:
    return "Hour (UTC)" if window.period == HOUR else "Day (UTC)"


def _links(line: Line) -> list[str]:
    window = line.window
    return [
        rows_url(
            line.workspace,
            Window(window.key, window.label, window.period, 1, start),
            installation=line.figures.installation,
            action=line.figures.target,
            simulated="on" if line.is_simulated else "",
        )
        for start in window.starts
    ]


def _latency(line: Line) -> Chart:
    one = line.figures
    return Chart(
        "Latency",
        line.finding,
        _labels(line.window),
        [Series("95 %", one.latencies), Series("median", [slot.p50_ms for slot in one.slots])],
        words=milliseconds,
        limit=one.budget_ms,
        limit_label=f"budget {duration(one.budget_ms)}" if one.budget_ms else "",
        label_name=_label_name(line.window),
        links=_links(line),
    )


def _failures(line: Line) -> Chart:
    one = line.figures
    sums = Counter(one.errors)
    names = [name for name, _ in sums.most_common(MOST_SERIES)]
    series = [Series(label_of(name), [slot.errors.get(name, 0) for slot in one.slots]) for name in names]
    others = [sum(slot.errors.values()) - sum(slot.errors.get(name, 0) for name in names) for slot in one.slots]
    if any(others):
        series.append(Series("Other", list(others)))
    finding = "No call failed."
    if one.bad:
        worst = max(one.slots, key=lambda slot: slot.bad)
        at = f"at {worst.start:%H:%M}" if line.window.period == HOUR else f"on {worst.start:%-d %B}"
        most = f"most {at}: {worst.bad:,}"
        finding = f"{one.bad:,} of {one.counted:,} calls failed, {most}; {label_of(names[0]).lower()} first of all."
    return Chart(
        "Failures by category",
        finding,
        _labels(line.window),
        series or [Series("Failed", [None] * line.window.length)],
        kind="stacks",
        label_name=_label_name(line.window),
        links=_links(line),
    )


def _calls(line: Line) -> Chart:
    one = line.figures
    finding = f"{one.calls:,} calls ended in {line.window.label}." if one.calls else "No call ended in this time."
    return Chart(
        "Calls",
        finding,
        _labels(line.window),
        [Series("Calls", [slot.calls for slot in one.slots] if one.calls else [None] * line.window.length)],
        kind="bars",
        label_name=_label_name(line.window),
        links=_links(line),
    )


def _waits(line: Line) -> list[Number]:
    one = line.figures
    approval = line.rows(why="waited") if one.approval_p95_ms is not None else ""
    return [
        Number("in the queue, 95 % within", duration(one.queue_p95_ms)),
        Number("for a yes, 95 % within", duration(one.approval_p95_ms), approval),
    ]


def _saturation(line: Line) -> list[Number]:
    one = line.figures
    told = (
        ("held back by a breaker", one.held_back, "held_back"),
        ("refused by a budget of this workspace", one.over_budget, "over_budget"),
        ("without a free place in the sandbox", one.pool_busy, "pool_busy"),
        ("times a turn had not come", one.turns, "turns"),
        ("tries beyond the first", one.retries, "retried"),
        ("of which nobody knows", one.unknown, "unknown"),
    )
    return [Number(label, f"{number:,}", line.rows(why=why) if number else "") for label, number, why in told]
