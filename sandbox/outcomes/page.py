"""The page of outcomes: those of one week that count, by pack and extension; every line is a run."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django import forms

from galaxy.core.addresses import address
from galaxy.core.models import User, Workspace
from galaxy.core.permissions import can
from galaxy.core.ui.charts import Chart, Series
from sandbox.outcomes.attribution import Part, makers_of, with_part
from sandbox.outcomes.weeks import Week, counting_in, history, week_named, week_of


class OutcomeFilterForm(forms.Form):
    """``week`` is any day of it; an odd value means this week. ``installation`` and ``version`` name an extension that
    took part."""

    week = forms.CharField(required=False, max_length=10)
    installation = forms.UUIDField(required=False)
    version = forms.UUIDField(required=False)
    pack = forms.CharField(required=False, max_length=160)


@dataclass(frozen=True)
class OutcomePage:
    """``parts`` are the choices of the filter: (part, address)."""

    week: Week
    weeks: list[Week]
    chart: Chart
    rows: Any
    parts: list[tuple[Part, str]]
    chosen: Part | None
    pack: str
    total: int
    sees_all: bool
    all_url: str


def outcomes_url(workspace: Workspace, week: Week | None = None, **filters: Any) -> str:
    given = ({"week": week.day} if week else {}) | {name: value for name, value in filters.items() if value}
    base = address("sandbox:outcome-list", workspace.slug)
    return f"{base}?{urlencode(given)}" if given else base


def makers_url(workspace: Workspace, week: Week, part: Part) -> str:
    return outcomes_url(workspace, week, installation=part.installation, version=part.version)


def outcome_page(workspace: Workspace, user: User, form: OutcomeFilterForm) -> OutcomePage:
    """What ``user`` sees of the week chosen: the outcomes of the runs that they may see."""
    form.is_valid()
    given = form.cleaned_data
    week = week_named(given.get("week") or "") or week_of()
    sees_all = can(user, "core.view_run", workspace)
    seen_by = None if sees_all else user
    weeks = history(workspace, seen_by)
    counted = counting_in(workspace, week.since, week.until, seen_by)
    parts = makers_of(counted)
    rows: Any = counted
    installation: UUID | None = given.get("installation")
    if installation:
        rows = with_part(rows, installation, given.get("version"))
    pack = given.get("pack") or ""
    if pack:
        rows = rows.filter(run__target=pack)
    chosen = [one for one in parts if one.installation == installation and given.get("version") in (None, one.version)]
    return OutcomePage(
        week=week,
        weeks=[one for one, _ in reversed(weeks)],
        chart=weekly_chart(workspace, weeks, week),
        rows=rows.select_related("run__workspace", "run__installation__extension", "run__version").order_by(
            "-reached_at", "pk"
        ),
        parts=[(one, makers_url(workspace, week, one)) for one in parts],
        chosen=chosen[0] if installation and chosen else None,
        pack=pack,
        total=sum(number for one, number in weeks if one == week),
        sees_all=sees_all,
        all_url=outcomes_url(workspace, week),
    )


def weekly_chart(workspace: Workspace, weeks: list[tuple[Week, int]], marked: Week | None = None) -> Chart:
    """Outcomes of each of ``weeks``, each leading to its rows; ``marked`` (the last, if None) stands out."""
    counts = [number for _, number in weeks]
    chosen = marked or weeks[-1][0]
    return Chart(
        "Successful outcomes by week",
        _finding(counts),
        [week.label for week, _ in weeks],
        [Series("Outcomes", list(counts))],
        kind="bars",
        label_name="Week from",
        links=[outcomes_url(workspace, week) for week, _ in weeks],
        marked=next((at for at, (week, _) in enumerate(weeks) if week == chosen), None),
    )


def _finding(counts: list[int]) -> str:
    *_, last, this = counts
    if not any(counts):
        return f"No outcome in {len(counts)} weeks. Simulated runs never count."
    return f"{this} this week so far, {last} last week. Simulated runs never count."
