"""What a connection's page says of its health: how it stands now, its checks, and its share of the objective."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.urls import reverse
from django.utils import timezone

from galaxy.core.models import User
from galaxy.core.permissions import Denied
from registry.models import Connection
from registry.standing import Standing
from sandbox.connections.permissions import why_not_yours
from sandbox.health.manifests import DeclaredCheck, check_of
from sandbox.health.objective import LEAST, Objective
from sandbox.health.page import next_check
from sandbox.health.reading import connections_of, objectives_of, open_breakers
from sandbox.health.standing import Facts, standing_of
from sandbox.models import HealthCheck, Run

CHECKS_SHOWN = 20


@dataclass(frozen=True)
class ConnectionHealth:
    """``next_check`` is in words, ``hindrance`` why the last try told nothing; ``denied`` why the button is off."""

    connection: Any
    declared: DeclaredCheck | None
    standing: Standing
    objective: Objective
    checks: list[HealthCheck]
    next_check: str
    hindrance: str
    is_under_way: bool
    denied: Denied | None
    checks_url: str
    least: int = LEAST

    @property
    def last(self) -> HealthCheck | None:
        return self.checks[0] if self.checks else None

    @property
    def may_check(self) -> bool:
        """Whether there is something to ask for: a check is declared, the account connected, and none under way."""
        return bool(self.declared) and self.connection.is_authenticated and not self.is_under_way


def facts_for(connection: Connection, user: User, now: datetime | None = None) -> ConnectionHealth:
    """The health of ``connection`` as ``user`` sees it, in a fixed number of queries.

    Read with installation (its workspace, extension and pinned version) and owner.
    """
    now = now or timezone.now()
    installation, workspace = connection.installation, connection.workspace
    ids = [installation.pk]
    row = next(one for one in connections_of(workspace, ids)[installation.pk] if one.pk == connection.pk)
    objective = objectives_of(workspace, ids, now)[installation.pk].get(connection.pk, Objective())
    breakers = [one for one in open_breakers(workspace, ids)[installation.pk] if one.connection_id == connection.pk]
    declared = check_of(installation)
    checks = HealthCheck.objects.in_workspace(workspace).filter(connection=connection)
    under_way = Run.objects.in_workspace(workspace).filter(
        connection=connection, is_check=True, state__in=[Run.State.QUEUED, Run.State.WAITING, Run.State.RUNNING]
    )  # in the words of the index that holds them
    schedule = getattr(row, "check_schedule", None)
    return ConnectionHealth(
        connection=row,
        declared=declared,
        standing=standing_of(Facts(installation, [row], breakers, objective)),
        objective=objective,
        checks=list(checks.order_by("-checked_at").select_related("run", "workspace")[:CHECKS_SHOWN]),
        next_check=next_check(row, declared is not None, now),
        hindrance=schedule.hindrance if schedule else "",
        is_under_way=under_way.exists(),
        denied=why_not_yours(connection, user),
        checks_url=f"{reverse('sandbox:run-list', args=[workspace.slug])}?connection={connection.pk}&checks=1",
    )
