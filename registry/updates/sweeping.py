"""Taking what is due, in every workspace."""

from collections.abc import Iterator
from datetime import datetime
from uuid import UUID

from django.db import connection, transaction
from django.utils import timezone

from galaxy.core.audit import Actor
from galaxy.core.errors import DomainError
from galaxy.core.notifications import notify
from galaxy.core.permissions import holders_of
from galaxy.core.sweeps import apart
from registry.gates import ReplayFirst, Step, outlook_of, pass_gates
from registry.models import Installation, Pin, UpdatePolicy
from registry.services.holding import why_not_move
from registry.services.moving import move_as_policy, upgrade_step
from registry.updates.planning import Plan, plan
from registry.updates.telling import tell_once

BATCH = 500  # installations whose ids are read at once


def take_due_updates(now: datetime | None = None) -> int:
    """Move every installation for which a release is due, each in its own transaction; returns how many.

    Safe to run twice and at the same time: each is planned anew with its row locked. Across the walls it reads ids
    alone.
    """
    now = now or timezone.now()
    taken = 0
    for workspace_id, installation_id in _candidates(now):
        with apart("take_due_updates", workspace_id, installation=installation_id):
            taken += take_update(workspace_id, installation_id, now) is not None
    return taken


def take_update(workspace_id: UUID, installation_id: UUID, now: datetime) -> Pin | None:
    """Take what is due for one installation, or tell whoever can see to it what stands in the way; None where nothing
    was taken."""
    row = _read(workspace_id, installation_id)
    if row is None:
        return None
    found = plan(row, now)
    _tell_of_consent(found)
    if not found.is_due or _stands_in_the_way(found):
        return None
    with transaction.atomic():
        Installation.objects.select_for_update(of=("self",)).get(workspace=workspace_id, pk=installation_id)
        row = _read(workspace_id, installation_id)
        again = plan(row, now) if row else None
        if again is None or not again.is_due or again.version != found.version:
            return None
        return _take(again)


def _take(found: Plan) -> Pin:
    goal, one = found.goal, found.installation
    assert goal is not None and found.set_by is not None  # noqa: S101  (it is due)
    version = goal.release.version
    chain = Actor.of(found.set_by).through("system", str(one.pk), f"update rules of {one}")
    reason = f"{UpdatePolicy(found.rules.policy).label}: taken by itself."
    pin = move_as_policy(one, version=version, actor=found.set_by, chain=chain, keeps=goal.keeps, reason=reason)
    people = holders_of(one.workspace, "pin_installation")
    notify(one.workspace, people, "update_taken", one, note=f"{one} is at {version.number} now.")
    return pin


def _stands_in_the_way(found: Plan) -> bool:
    """Whether whoever chose the policy may not move it any more, or a rule wants somebody's yes: then nobody is moved,
    and those who can see to it are told once of each release."""
    goal, one = found.goal, found.installation
    assert goal is not None  # noqa: S101  (it is due)
    version, actor = goal.release.version, found.set_by
    if actor is None:
        return True
    denied = why_not_move(actor, one, widens=False)
    why = f"{actor}, who chose that it goes forward by itself, may not move it any more." if denied else ""
    if not why:
        step = upgrade_step(one, version, actor, keeps=goal.keeps)
        outlook = outlook_of([step], may=True)
        if outlook and outlook.replay and _is_begun(step):
            return True  # until a worker has replayed what it needs to know
        why = " ".join(outlook.why) or "A rule wants a yes first." if outlook else ""
    if why:
        people = holders_of(one.workspace, "pin_installation")
        tell_once(one, people, "update_blocked", f"{version.number} is not taken: {why}")
    return bool(why)


def _is_begun(step: Step) -> bool:
    """Whether a replay of recorded calls is under way, of which no one before failed."""
    try:
        pass_gates(step)
    except ReplayFirst as error:
        return not error.is_stuck
    except DomainError:
        pass
    return False


def _tell_of_consent(found: Plan) -> None:
    if verdict := found.consent:
        people = holders_of(found.installation.workspace, "install_extension")
        tell_once(found.installation, people, "update_consent", verdict.why[0])


def _read(workspace_id: UUID, installation_id: UUID) -> Installation | None:
    rows = Installation.objects.in_workspace(workspace_id).active().filter(pk=installation_id)
    return rows.select_related("workspace", "extension", "pin__version__extension").first()


def _candidates(now: datetime) -> Iterator[tuple[UUID, UUID]]:
    """(workspace, installation) of whatever is not left to people's hands, nor held, nor rolled out, and has a newer
    release."""
    after = UUID(int=0)
    while True:
        with connection.cursor() as cursor:
            cursor.execute("SELECT * FROM registry_updatable_installations(%s, %s, %s)", [now, after, BATCH])
            rows = cursor.fetchall()
        yield from rows
        if len(rows) < BATCH:
            return
        after = rows[-1][1]
