"""Checks of connections: asked for by beat when they are due, and by a person who presses Test.

A check is a live run of the read action that the manifest names, through the one gate, so that it finds whatever a call
would find. It goes out by its connection whoever asks, uses the budgets of that connection and of no agent, and counts
towards no objective. At most one is under way for a connection: PostgreSQL refuses a second (run_one_check_at_a_time).
"""

import random
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from galaxy.core.audit import Actor
from galaxy.core.audit.actors import Link
from galaxy.core.errors import Conflict, DomainError
from galaxy.core.models import User
from galaxy.core.permissions import can
from galaxy.core.scope import workspace_scope
from registry.models import Connection
from sandbox.connections.permissions import require_yours
from sandbox.health.manifests import DeclaredCheck, check_of
from sandbox.models import Breaker, CheckSchedule, HealthCheck, Run
from sandbox.services.admission import invoke_check

log = structlog.get_logger(__name__)
JITTER = 0.1  # of the time between checks, either way, so that what was connected together drifts apart
KEPT = timedelta(days=30)
AT_MOST = 100  # checks in one round of beat; the next one takes the rest
BY_SCHEDULE = Actor((Link("system", "health", "Health check"),))


class NotCheckable(Conflict):
    code = "not_checkable"


def ring_due_checks(now: datetime | None = None, *, at_most: int = AT_MOST) -> int:
    """Ask for the checks that are due, in every workspace within its own scope; returns how many were asked for."""
    now = now or timezone.now()
    with connection.cursor() as cursor:
        cursor.execute("SELECT workspace_id, connection_id FROM sandbox_due_checks(%s, %s)", [now, at_most])
        due = cursor.fetchall()
    rung = 0
    for workspace_id, connection_id in due:
        with workspace_scope([workspace_id]):
            rung += _ring(connection_id, now)
    return rung


def check_now(row: Connection, actor: User) -> Run:
    """Check a connection now, asked by ``actor``; returns the run, which a worker takes up.

    Raises NotGranted, or NotCheckable: not connected, no check declared, or one under way.
    """
    row = _read(row.pk)
    require_yours(row, actor)
    declared = check_of(row.installation) if row.installation.is_active else None
    if declared is None:
        raise NotCheckable(f"{row.installation} declares no check.", "Run one of its actions that read.")
    if not row.is_authenticated:
        raise NotCheckable("There is nothing to check: it is not connected.", "Connect it first.")
    try:
        with transaction.atomic():
            schedule = _locked(row)
            schedule.next_at = timezone.now() + _pause(declared)
            schedule.save(update_fields=["next_at"])
            return invoke_check(row, declared.target, user=actor, chain=Actor.of(actor))
    except IntegrityError as error:
        raise NotCheckable("A check of it is under way already.", "Wait for what it says.") from error


def delete_old_checks() -> int:
    """Delete checks older than KEPT in every workspace; their runs stay. Returns how many."""
    before = timezone.now() - KEPT
    with connection.cursor() as cursor:
        cursor.execute("SELECT workspace_id FROM sandbox_workspaces_with_old_checks(%s)", [before])
        ids = [row[0] for row in cursor.fetchall()]
    deleted = 0
    for id in ids:
        with workspace_scope([id]):
            count, _ = HealthCheck.objects.filter(workspace=id, checked_at__lt=before).delete()
            deleted += count
    return deleted


def asks_for(row: Connection) -> User | None:
    """In whose name a connection is checked: its owner's; of the shared one, whoever connected it, or else whoever
    installed the extension. None where none of them may run it any more."""
    people = [row.owner] if row.owner else [row.connected_by, row.installation.installed_by]
    for person in filter(None, people):
        is_here = person.is_active and person.memberships.filter(workspace=row.workspace).exists()
        if is_here and can(person, "registry.run_installation", row.installation):
            return person
    return None


@transaction.atomic
def _ring(connection_id: UUID, now: datetime) -> bool:
    """Ask for one check that is due, and settle when the next one is."""
    row = _read(connection_id)
    declared, person = check_of(row.installation), asks_for(row)
    schedule = _locked(row)
    if declared is None or schedule.next_at > now:  # somebody else was faster
        return False
    schedule.next_at = now + _pause(declared)
    schedule.hindrance, opens = _hindrance(row, declared, now)
    if person is None:
        schedule.hindrance = "Nobody who connected it may run it any more, so nobody asks for checks. Reconnect it."
    if opens:  # the check is the trial call then
        schedule.next_at = opens
    schedule.save(update_fields=["next_at", "hindrance"])
    if schedule.hindrance or person is None:
        return False
    try:
        with transaction.atomic():
            run = invoke_check(
                row, declared.target, user=person, chain=BY_SCHEDULE.through("person", str(person.pk), str(person))
            )
    except IntegrityError:
        return False  # one is under way
    except DomainError as error:
        CheckSchedule.objects.filter(pk=schedule.pk).update(hindrance=str(error)[:300])
        return False
    log.info("asked for a check", connection=str(row.pk), run=str(run.pk))
    return True


def _hindrance(row: Connection, declared: DeclaredCheck, now: datetime) -> tuple[str, datetime | None]:
    """Why no check is asked for now, and when to look again if that is known; ("", None) where nothing is in the way.

    While the breaker of the very action is open, a check would be held back like any call and say nothing new.
    """
    open_now = Breaker.objects.in_workspace(row.workspace).filter(
        connection=row, action=declared.action, state=Breaker.State.OPEN
    )
    for breaker in open_now:
        if breaker.is_manual or breaker.until is None:
            return f"Calls of {declared.action} are held back by hand, and checks with them.", None
        if breaker.until > now:
            return f"Calls of {declared.action} are held back, and checks with them.", breaker.until
    return "", None


def _locked(row: Connection) -> CheckSchedule:
    """Its schedule; one that has none yet is due since it exists."""
    rows = CheckSchedule.objects.select_for_update()
    return rows.get_or_create(workspace=row.workspace, connection=row, defaults={"next_at": row.created_at})[0]


def _pause(declared: DeclaredCheck) -> timedelta:
    return timedelta(seconds=declared.every_s * random.uniform(1 - JITTER, 1 + JITTER))  # noqa: S311  (no secret)


def _read(connection_id: UUID) -> Connection:
    return Connection.objects.select_related(
        "workspace",
        "owner",
        "connected_by",
        "installation__workspace",
        "installation__extension",
        "installation__installed_by",
        "installation__pin__version",
    ).get(pk=connection_id)
