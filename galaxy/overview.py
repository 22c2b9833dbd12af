"""The first page of a workspace: figures from every floor, each a link to the rows behind it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import Case, Count, F, Func, IntegerField, QuerySet, Value, When
from django.db.models.functions import Now
from django.shortcuts import render
from django.template.defaultfilters import pluralize
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from galaxy.core.db.prepared import prepared
from galaxy.core.kept_queries import kept_rows, rows_together
from galaxy.core.models import BreakGlass, User, Workspace
from galaxy.core.permissions import can, require, why_not
from policies.models import Approval
from policies.services.reviewers import asked_of
from policies.services.standing import standing_of
from registry.models import Installation, Kind
from registry.standing import STATES, Standing, standings_of
from sandbox.forms import PERIODS, WEEK
from sandbox.models import Run
from sandbox.outcomes import counting_in
from sandbox.outcomes.weeks import week_of

LATEST = 6
WAITING = 5
UNWELL = 5


@dataclass(frozen=True)
class Figure:
    """One number, the address of the rows it counts, and a note below; parts of the note may be links too."""

    label: str
    value: int
    unit: str
    url: str
    notes: tuple[tuple[str, str], ...] = ()


@require_safe
def overview(request, workspace):
    here, user = request.workspace, request.user
    require(user, "core.view_listing", here)
    latest = kept_rows(user, here, "overview.latest", partial(_latest, user, here))
    waiting_count = _number_of(user, here)  # what the navigation counts and the queue begins with
    installed = Installation.objects.in_workspace(here).active().visible_to(user)
    kinds = dict(
        kept_rows(
            user,
            here,
            "overview.kinds",
            lambda: installed.values_list("extension__kind").annotate(Count("pk")).order_by(),
        )
    )
    answers = bool(waiting_count) or can(user, "core.decide_approval", here)
    unwell = _unwell(installed, user, here)
    context = {
        "figures": _figures(here, _counted(user, here), kinds, waiting_count if answers else None),
        "waiting_count": waiting_count,
        "latest": latest,
        "unwell": unwell[:UNWELL],
        "unwell_more": max(len(unwell) - UNWELL, 0),
        "waiting": _waiting(user, here) if waiting_count else [],
        "answers": answers,
        "sees_all": can(user, "core.view_run", here),
        "first_steps": [] if latest else _first_steps(here, user, kinds),
        "run_denied": why_not(user, "core.run_installation", here),
        "support": _support(here) if can(user, "core.manage_member", here) else [],
        "install_denied": why_not(user, "core.install_extension", here),
    }
    return render(request, "overview.html", context)


def _support(workspace: Workspace) -> list[BreakGlass]:
    """Who of those that run Galaxy may look in here at this moment."""
    return _looking(workspace=workspace.pk, now=timezone.now())


@prepared
def _looking(workspace: UUID, now: datetime) -> QuerySet[BreakGlass]:
    return BreakGlass.objects.filter(workspace=workspace).open(now).select_related("user")


def _latest(user: User, workspace: Workspace) -> QuerySet[Run]:
    runs = Run.objects.in_workspace(workspace).visible_to(user).top_level()
    shown = runs.select_related("workspace", "installation__extension", "requested_by", "outcome")
    return shown.order_by("-created_at")[:LATEST]


def _waiting(user: User, workspace: Workspace) -> list[Approval]:
    """The first of ``asked_of``, which rests on what somebody is here."""

    def ask() -> QuerySet[Approval]:
        waiting = asked_of(user, workspace).select_related("workspace", "requested_by")
        return waiting.order_by("requested_at")[:WAITING]

    return kept_rows(user, workspace, ("overview.first waiting", standing_of(user, workspace)), ask)


def _unwell(installed: QuerySet[Installation], user: User, workspace: Workspace) -> list[tuple[Installation, Standing]]:
    """What needs somebody, the worst first."""
    shown = installed.select_related("workspace", "extension", "pin")
    rows = {one.pk: one for one in kept_rows(user, workspace, "overview.installed", lambda: shown)}
    found = [(rows[pk], one) for pk, one in standings_of(rows.values()).items() if one.is_unhealthy]
    return sorted(found, key=lambda pair: (STATES.index(pair[1].state), str(pair[0])))


def _number_of(user: User, workspace: Workspace) -> int:
    """How many of ``asked_of``; asked only where anything waits at all."""
    if not _anything_waits(workspace=workspace.pk):
        return 0
    which = ("overview.waiting", standing_of(user, workspace))
    rows = rows_together(user, workspace, which, lambda: [asked_of(user, workspace).order_by().values(number=_count())])
    return rows[0][0] if rows else 0


@prepared
def _anything_waits(workspace: UUID) -> QuerySet[Approval, UUID]:
    return Approval.objects.filter(workspace=workspace).waiting().order_by().values_list("pk", flat=True)[:1]


class _Counted(NamedTuple):
    """Runs of seven days by how they ran, and outcomes of this week; of what somebody may see."""

    runs: int
    live: int
    simulated: int
    partly: int
    failed: int
    outcomes: int


def _counted(user: User, workspace: Workspace) -> _Counted:
    week = week_of()

    def ask() -> list[QuerySet]:
        runs = Run.objects.in_workspace(workspace).visible_to(user).top_level()
        reached = counting_in(workspace, week.since, week.until).filter(run__in=runs)
        kinds = [_count(mode=mode) for mode in (Run.Mode.LIVE, Run.Mode.SIMULATED, Run.Mode.PARTIAL)]
        told = [_count(), *kinds, _count(state=Run.State.FAILED)]
        columns = ("runs", "live", "simulated", "partly", "failed")
        lately = runs.filter(created_at__gte=Now() - timedelta(days=PERIODS["7"][1])).order_by()
        return [
            lately.values(place=Value(0), **dict(zip(columns, told, strict=True))),
            reached.order_by().values(place=Value(1), runs=_count(), **{name: Value(0) for name in columns[1:]}),
        ]

    lately, reached = sorted(rows_together(user, workspace, ("overview", week.since), ask))
    return _Counted._make([*lately[1:], reached[1]])


def _count(**which: Any) -> Func:
    """How many rows there are, or are so. No aggregate to Django, which would group by it."""
    what = Case(When(**which, then=F("pk"))) if which else F("pk")
    return Func(what, function="COUNT", output_field=IntegerField())


def _figures(workspace: Workspace, counted: _Counted, kinds: dict[str, int], waiting: int | None) -> list[Figure]:
    """The figures this person may see, each with the address of its rows."""
    list_url = reverse("sandbox:run-list", args=[workspace.slug])
    figures = [_outcomes(counted, list_url)]
    if waiting is not None:
        figures.append(
            Figure(
                "Waiting for you",
                waiting,
                f"request{pluralize(waiting)}",
                f"{reverse('policies:approval-list', args=[workspace.slug])}?to=me",
            )
        )
    figures.append(_recent_runs(counted, list_url))
    by_kind = ", ".join(f"{count} {Kind(kind).label.lower()}{pluralize(count)}" for kind, count in kinds.items())
    total = sum(kinds.values())
    figures.append(
        Figure(
            "Installed",
            total,
            f"extension{pluralize(total)}",
            reverse("registry:installation-list", args=[workspace.slug]),
            ((by_kind, ""),) if by_kind else (),
        )
    )
    return figures


def _outcomes(counted: _Counted, list_url: str) -> Figure:
    """Live outcomes reached since Monday, 00:00 UTC, of the runs this person sees."""
    return Figure(
        "Successful outcomes",
        counted.outcomes,
        "this week",
        f"{list_url}?mode=live&outcome=reached&when={WEEK}",
        (("Simulated runs never count.", ""),),
    )


def _recent_runs(counted: _Counted, list_url: str) -> Figure:
    counts = counted._asdict()
    named = [("live", "mode=live"), ("simulated", "mode=simulated"), ("failed", "state=failed")]
    if counts["partly"]:
        named.insert(2, ("partly", "mode=partial"))
    notes = tuple(
        (f"{counts[name]} {'partly simulated' if name == 'partly' else name}", f"{list_url}?when=7&{query}")
        for name, query in named
    )
    return Figure("Runs", counted.runs, "in 7 days", f"{list_url}?when=7", notes)


def _first_steps(workspace: Workspace, user: User, kinds: dict[str, int]) -> list[dict[str, Any]]:
    """What to do first, while nothing has run: list of {title, text, url, action, is_done, denied}."""
    market, create = (
        reverse(name, args=[workspace.slug]) for name in ("marketplace:listing-list", "sandbox:run-create")
    )
    install, run = (why_not(user, f"core.{name}", workspace) for name in ("install_extension", "run_installation"))
    has_connector, has_pack = Kind.CONNECTOR in kinds, Kind.PACK in kinds
    return [
        {
            "title": "Install a connector",
            "text": "Read in plain sentences what it asks for before you agree. No account is needed to try it.",
            "url": f"{market}?kind=connector",
            "action": "Install a connector" if install else "Browse connectors",
            "is_done": has_connector,
            "denied": install,
        },
        {
            "title": "Add a pack",
            "text": "A pack puts transforms and actions together, such as following up on a lead.",
            "url": f"{market}?kind=pack",
            "action": "Add a pack" if install else "Browse packs",
            "is_done": has_pack,
            "denied": install,
        },
        {
            "title": "Simulate a run",
            "text": "It answers with samples, reaches no live system and leaves a trace to read.",
            "url": create,
            "action": "Simulate a first run",
            "is_done": False,
            "denied": run,
        },
    ]
