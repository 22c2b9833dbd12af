"""Choosing how extensions go forward: the workspace's rules, those of one installation, and holds."""

from collections.abc import Mapping
from datetime import datetime, time
from typing import Any
from zoneinfo import available_timezones

from django.db import connection, transaction
from django.utils import timezone

from galaxy.core import audit
from galaxy.core.errors import Conflict, Invalid
from galaxy.core.models import User, Workspace
from galaxy.core.permissions import require
from galaxy.core.sweeps import apart
from registry.errors import AlreadyRemoved
from registry.models import Hold, Installation, UpdateDefaults, UpdatePolicy, UpdateSettings
from registry.models.updates import EVERY_DAY, LONGEST_WAIT

SHORTEST_WINDOW_MIN = 30  # a sweep comes every five minutes, and workers may be down for a while
WAITS = ("wait_community", "wait_verified", "wait_enterprise", "wait_own")
WINDOW = ("weekdays", "opens_at", "closes_at", "time_zone")
OF_WORKSPACE = ("policy", *WINDOW, *WAITS, "takes_code")
OF_ONE = ("policy", *WINDOW, "waiting_days", "takes_code")
LAPSED_AT_MOST = 500


class AlreadyHeld(Conflict):
    code = "already_held"
    next_step = "Let it go first, then hold it anew."


class NotHeld(Conflict):
    code = "not_held"


@transaction.atomic
def set_defaults(workspace: Workspace, *, actor: User, values: Mapping[str, Any]) -> UpdateDefaults:
    """Set what holds for every installation that says nothing else; ``values`` by the names of OF_WORKSPACE, those that
    are missing stay. Raises NotGranted or Invalid."""
    require(actor, "core.pin_installation", workspace)
    row = UpdateDefaults.objects.select_for_update().filter(workspace=workspace).first() or UpdateDefaults(
        workspace=workspace, set_by=actor
    )
    before = _facts(row, OF_WORKSPACE) if not row._state.adding else {}
    _take(row, values, OF_WORKSPACE)
    if not row.policy:
        raise Invalid("The workspace has to say how far.", {"policy": "Choose one."})
    row.set_by, row.set_at = actor, timezone.now()
    row.save()
    audit.record("update_rules.changed", actor=actor, target=row, before=before, after=_facts(row, OF_WORKSPACE))
    return row


@transaction.atomic
def set_updates(installation: Installation, *, actor: User, values: Mapping[str, Any]) -> UpdateSettings:
    """Set what one installation says for itself; ``values`` by the names of OF_ONE, None or "" for what is as the
    workspace says, and those that are missing stay. Raises NotGranted, AlreadyRemoved or Invalid."""
    require(actor, "registry.pin_installation", installation)
    _locked(installation)
    row = UpdateSettings.objects.filter(workspace=installation.workspace_id, installation=installation).first()
    row = row or UpdateSettings(workspace=installation.workspace, installation=installation)
    before = _facts(row, OF_ONE) if not row._state.adding else {}
    _take(row, values, OF_ONE)
    row.set_by, row.set_at = actor, timezone.now()
    row.save()
    audit.record("update_rules.changed", actor=actor, target=row, before=before, after=_facts(row, OF_ONE))
    return row


@transaction.atomic
def hold(installation: Installation, *, actor: User, reason: str, until: datetime | None = None) -> Hold:
    """Let nothing take it forward, until it is let go or until ``until``. Raises NotGranted, AlreadyRemoved,
    AlreadyHeld or Invalid."""
    require(actor, "registry.pin_installation", installation)
    _locked(installation)
    now = timezone.now()
    reason = reason.strip()
    if not 0 < len(reason) <= 300:
        raise Invalid("Why is it held?", {"reason": "Say it in 1 to 300 characters."})
    if until is not None and until <= now:
        raise Invalid("That is over already.", {"until": "Choose a time that is still to come."})
    there = Hold.objects.filter(workspace=installation.workspace_id, installation=installation).first()
    if there and there.holds(now):
        raise AlreadyHeld(f"{installation} is held by {there.held_by} already.")
    if there:
        _end(there, by=None)
    row = Hold.objects.create(
        workspace=installation.workspace,
        installation=installation,
        reason=reason,
        until=until,
        held_by=actor,
        held_at=now,
    )
    after = {"version": installation.pin.version.number, "digest": installation.pin.digest, "until": until}
    audit.record("installation.held", actor=actor, target=installation, after=after, reason=reason)
    return row


@transaction.atomic
def release(installation: Installation, *, actor: User) -> None:
    """Let it go forward again. Raises NotGranted, AlreadyRemoved or NotHeld."""
    require(actor, "registry.pin_installation", installation)
    _locked(installation)
    row = Hold.objects.filter(workspace=installation.workspace_id, installation=installation).first()
    if row is None:
        raise NotHeld(f"{installation} is not held.")
    _end(row, by=actor)


def end_lapsed_holds(now: datetime | None = None) -> int:
    """End the holds whose time is over, in every workspace; returns how many. Whether one still holds is asked by the
    clock, so nothing waits for this."""
    now = now or timezone.now()
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM registry_lapsed_holds(%s, %s)", [now, LAPSED_AT_MOST])
        rows = cursor.fetchall()
    ended = 0
    for workspace_id, hold_id in rows:
        with apart("end_lapsed_holds", workspace_id, hold=hold_id), transaction.atomic():
            found = Hold.objects.select_for_update(of=("self",)).filter(workspace=workspace_id, pk=hold_id)
            for row in found.select_related("installation__workspace", "installation__extension"):
                _end(row, by=None)
                ended += 1
    return ended


def _end(row: Hold, *, by: User | None) -> None:
    before = {"reason": row.reason, "held_by": row.held_by, "until": row.until}
    audit.record("installation.released", actor=by, target=row.installation, before=before)
    row.delete()


def _locked(installation: Installation) -> Installation:
    row = Installation.objects.active().select_for_update(of=("self",)).filter(pk=installation.pk).first()
    if row is None:
        raise AlreadyRemoved(f"{installation} was removed.")
    return row


def _take(row: UpdateDefaults | UpdateSettings, values: Mapping[str, Any], names: tuple[str, ...]) -> None:
    """Put ``values`` on the row. Raises Invalid, with a sentence for each field that does not fit."""
    for name in names:
        if name in values:
            setattr(row, name, values[name])
    problems = _problems(row, names)
    if problems:
        raise Invalid(next(iter(problems.values())), problems)


def _problems(row: Any, names: tuple[str, ...]) -> dict[str, str]:
    found = {}
    if row.policy and row.policy not in UpdatePolicy.values:
        found["policy"] = "Choose one of them."
    window = [getattr(row, name) for name in WINDOW]
    empty = [value is None or value == "" for value in window]
    if all(empty) and "waiting_days" in names:
        return found | _too_long(row, names)
    if any(empty):
        return found | {"weekdays": "A window needs days, two times and a time zone."}
    if not (isinstance(row.weekdays, int) and 1 <= row.weekdays <= EVERY_DAY):
        found["weekdays"] = "Choose at least one day."
    if row.time_zone not in available_timezones():
        found["time_zone"] = "Choose a time zone by its name, such as Europe/Berlin."
    minutes = (_minute(row.closes_at) - _minute(row.opens_at)) % (24 * 60)
    if 0 < minutes < SHORTEST_WINDOW_MIN:
        found["closes_at"] = f"A window is open for at least {SHORTEST_WINDOW_MIN} minutes."
    return found | _too_long(row, names)


def _too_long(row: Any, names: tuple[str, ...]) -> dict[str, str]:
    return {
        name: f"Choose 0 to {LONGEST_WAIT} days."
        for name in (*WAITS, "waiting_days")
        if name in names and (days := getattr(row, name)) is not None and not 0 <= days <= LONGEST_WAIT
    }


def _minute(at: time) -> int:
    return at.hour * 60 + at.minute


def _facts(row: Any, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: str(value) if isinstance(value := getattr(row, name), time) else value for name in names}
