"""What health is made of, read in a fixed number of queries however many installations are asked for."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Count, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import JSONObject
from django.utils import timezone

from galaxy.core.db.prepared import prepared
from galaxy.core.models import Workspace
from registry.models import Connection
from sandbox.health.objective import DAY, WINDOW, Objective, Tally
from sandbox.models import Breaker, HealthCheck, Run

ByConnection = dict[UUID | None, Objective]


def objectives_of(
    workspace: Workspace, installations: Iterable[UUID], now: datetime | None = None
) -> dict[UUID, ByConnection]:
    """The objective of each connection of ``installations``, by their ids; what never goes out by one is under None.

    One aggregate, answered from the index run_counted alone.
    """
    now = now or timezone.now()
    rows = _counted(
        workspace=workspace.pk, installations=_together(installations), week=now - WINDOW, day=now - DAY, now=now
    )
    counts: dict[tuple[UUID, UUID | None], list[dict[str, int]]] = defaultdict(lambda: [{}, {}])
    for installation, connection, counts_as, of_week, of_day in rows:
        week, day = counts[installation, connection]
        week[counts_as], day[counts_as] = of_week, of_day
    found: dict[UUID, ByConnection] = defaultdict(dict)
    for (installation, connection), (week, day) in counts.items():
        found[installation][connection] = Objective(Tally(**week), Tally(**day))
    return found


def together(objectives: Iterable[Objective]) -> Objective:
    """Several connections as one."""
    week, day = Tally(), Tally()
    for one in objectives:
        week, day = week + one.week, day + one.day
    return Objective(week, day)


def connections_of(workspace: Workspace, installations: Iterable[UUID]) -> dict[UUID, list[Any]]:
    """The connections of ``installations`` by their ids, each with ``last_check`` ({passed, category, sentence} or
    None) and its schedule at hand."""
    found: dict[UUID, list[Any]] = defaultdict(list)
    for row in _connections(workspace=workspace.pk, installations=_together(installations)):
        found[row.installation_id].append(row)
    return found


def open_breakers(workspace: Workspace, installations: Iterable[UUID]) -> dict[UUID, list[Breaker]]:
    """The breakers that hold calls back now, by the id of their installation."""
    found: dict[UUID, list[Breaker]] = defaultdict(list)
    for row in _open(workspace=workspace.pk, installations=_together(installations)):
        found[row.connection.installation_id].append(row)
    return found


def _together(ids: Iterable[UUID]) -> str:
    """Keys as one text, as ``among`` takes them."""
    return ",".join(map(str, ids))


@prepared
def _counted(
    workspace: UUID, installations: str, week: datetime, day: datetime, now: datetime
) -> QuerySet[Run, tuple[UUID, UUID | None, str, int, int]]:
    rows = Run.objects.filter(workspace=workspace, installation__pk__among=installations).counted()
    rows = rows.filter(created_at__gt=week, created_at__lte=now).order_by()
    by_kind = rows.values_list("installation_id", "connection_id", "counts_as")
    return by_kind.annotate(of_week=Count("created_at"), of_day=Count("created_at", filter=Q(created_at__gt=day)))


@prepared
def _connections(workspace: UUID, installations: str) -> QuerySet[Connection]:
    last = HealthCheck.objects.filter(workspace=OuterRef("workspace"), connection=OuterRef("pk"))
    fields = JSONObject(passed="passed", category="category", sentence="sentence")
    rows = Connection.objects.filter(workspace=workspace, installation__pk__among=installations)
    rows = rows.select_related("owner", "check_schedule")
    return rows.annotate(last_check=Subquery(last.order_by("-checked_at").values(one=fields)[:1]))


@prepared
def _open(workspace: UUID, installations: str) -> QuerySet[Breaker]:
    rows = Breaker.objects.filter(workspace=workspace, state=Breaker.State.OPEN)
    return rows.filter(connection__installation__pk__among=installations).select_related("connection")
