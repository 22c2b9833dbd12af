"""What waits in a workspace and for how long, and what is not counted yet: one query for all of it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db.models import Case, DateTimeField, F, Func, IntegerField, QuerySet, Value, When
from django.db.models.functions import Now
from django.utils import timezone

from galaxy.core.addresses import address
from galaxy.core.kept_queries import rows_together
from galaxy.core.models import User, Workspace
from galaxy.core.permissions import can
from policies.models import Approval
from sandbox.metrics.rows import held_runs
from sandbox.models import Issue, Run, Uncounted

LATE = timedelta(minutes=2)  # how far figures may be behind without a word about it
_DAY, _HOURS = timedelta(days=1), timedelta(hours=4)
_ISSUES, _APPROVALS, _QUEUED, _HELD, _UNCOUNTED = range(5)


@dataclass(frozen=True)
class Wait:
    """Something that waits: how many, since when the oldest, and where they are."""

    label: str
    number: int
    oldest: datetime | None
    url: str
    older: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Waiting:
    """``issues`` are open ones; ``behind`` is since when nothing is counted, where that is longer ago than it should
    be."""

    waits: list[Wait]
    issues: int
    behind: datetime | None


class _Told(NamedTuple):
    """How many, since when the oldest, and how many of them for longer than a day and than four hours."""

    number: int = 0
    oldest: datetime | None = None
    for_a_day: int = 0
    for_hours: int = 0


def waiting_in(workspace: Workspace, user: User) -> Waiting:
    """What ``user`` may see of it."""
    told = _told(workspace, user)
    asked, queued, held = told[_APPROVALS], told[_QUEUED], told[_HELD]
    queue_url = f"{address('policies:approval-list', workspace.slug)}?tab=waiting"
    list_url = address("sandbox:run-list", workspace.slug)
    ages = ((asked.for_a_day, "longer than a day", "old1d"), (asked.for_hours, "longer than 4 hours", "old4h"))
    older = tuple((f"{number} {label}", f"{queue_url}&when={name}") for number, label, name in ages if number)
    return Waiting(
        waits=[
            Wait("For an approval", asked.number, asked.oldest, queue_url, older),
            Wait("In the queue", queued.number, queued.oldest, f"{list_url}?state=queued"),
            Wait("For a connection", held.number, held.oldest, f"{list_url}?held=on"),
        ],
        issues=told[_ISSUES].number,
        behind=if_late(told[_UNCOUNTED].oldest),
    )


def if_late(since: datetime | None) -> datetime | None:
    """``since``, the moment of the oldest that is not counted, where it is longer ago than LATE."""
    return since if since and timezone.now() - since > LATE else None


def _told(workspace: Workspace, user: User) -> dict[int, _Told]:
    opens_all = can(user, "core.view_approval", workspace) or can(user, "core.decide_approval", workspace)

    def ask() -> list[QuerySet]:
        runs = Run.objects.in_workspace(workspace).visible_to(user)
        issues = Issue.objects.in_workspace(workspace).visible_to(user).open()
        return [
            _summed(_ISSUES, issues, "opened_at"),
            *([_approvals(workspace, user)] if opens_all else []),
            _summed(_QUEUED, runs.top_level().filter(state=Run.State.QUEUED), "created_at"),
            _summed(_HELD, held_runs(runs), "created_at"),
            _summed(_UNCOUNTED, Uncounted.objects.in_workspace(workspace), "noted_at"),
        ]

    found = {place: _Told(*rest) for place, *rest in rows_together(user, workspace, "sandbox.waiting", ask)}
    if not opens_all:  # which of them they may open depends on groups and stand-ins as well
        found[_APPROVALS] = _Told(*_approvals(workspace, user).values_list(*_COLUMNS)[0])
    return found


_COLUMNS = ("number", "oldest", "for_a_day", "for_hours")


def _approvals(workspace: Workspace, user: User) -> QuerySet[Approval, Any]:
    rows = Approval.objects.in_workspace(workspace).visible_to(user).waiting()
    older = {"for_a_day": _older("requested_at", _DAY), "for_hours": _older("requested_at", _HOURS)}
    return _summed(_APPROVALS, rows, "requested_at", **older)


def _summed(place: int, rows: QuerySet[Any, Any], since: str, **ages: Any) -> QuerySet[Any, Any]:
    """One row of the columns of ``_Told``, after ``place``. No aggregates to Django, which would group by them."""
    return rows.order_by().values(
        place=Value(place),
        number=Func(F("pk"), function="COUNT", output_field=IntegerField()),
        oldest=Func(F(since), function="MIN", output_field=DateTimeField()),
        for_a_day=ages.get("for_a_day", Value(0)),
        for_hours=ages.get("for_hours", Value(0)),
    )


def _older(since: str, age: timedelta) -> Func:
    which = Case(When(**{f"{since}__lte": Now() - age, "then": F("pk")}))
    return Func(which, function="COUNT", output_field=IntegerField())
