"""A move at a time of somebody's choosing."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from django.db import connection, transaction
from django.utils import timezone

from galaxy.core import audit
from galaxy.core.audit import Actor
from galaxy.core.errors import Conflict, DomainError, Invalid
from galaxy.core.models import User
from galaxy.core.notifications import notify
from galaxy.core.permissions import NotGranted, require
from galaxy.core.sweeps import apart
from registry.errors import AlreadyRemoved, ConsentNeeded, NotInstallable
from registry.gates import ReplayFirst
from registry.models import Installation, ScheduledMove, Version
from registry.services.holding import why_not_move
from registry.services.moving import clear_move, move_as_policy, widening_of
from registry.services.quarantining import refuse_quarantined
from registry.services.resolving import verified_manifest

MADE_AT_MOST = 200  # a sweep; the next one makes the others
State = ScheduledMove.State


class AlreadyPlanned(Conflict):
    code = "already_planned"
    next_step = "Call that one off first."


class NotPlanned(Conflict):
    code = "not_planned"


@transaction.atomic
def schedule_move(
    installation: Installation,
    *,
    version: Version,
    at: datetime,
    actor: User,
    agreed: Collection[str] = (),
    keeps: bool = False,
) -> ScheduledMove:
    """Plan a move for ``at``. ``agreed`` names what it asks for beyond what was agreed to, as it was shown; whatever
    else stands in its way is looked at when it is made.

    Raises NotGranted, AlreadyRemoved, NotInstallable, ConsentNeeded, AlreadyPlanned or Invalid.
    """
    row = Installation.objects.active().select_for_update(of=("self",)).filter(pk=installation.pk).first()
    if row is None:
        raise AlreadyRemoved(f"{installation} was removed.")
    if version.extension_id != row.extension_id or version.status != Version.Status.PUBLISHED:
        raise NotInstallable(f"{version} can not be installed.")
    refuse_quarantined(version)
    if version.pk == row.pin.version_id:
        raise NotInstallable(f"{version} is in use already.")
    if version.sort_key < row.pin.version.sort_key:
        raise NotInstallable(f"{version} is older than what is in use.", "Roll it back on its own page.")
    wider = widening_of(row, verified_manifest(version.digest))
    new = (*wider.hosts, *wider.asks) if keeps else wider.words
    if denied := why_not_move(actor, row, widens=bool(new)):
        raise NotGranted(denied)
    if unseen := [one for one in new if one not in agreed]:
        raise ConsentNeeded(f"{version} asks for {', '.join(unseen)}, which you were not shown.")
    if at <= timezone.now():
        raise Invalid("That is over already.", {"at": "Choose a time that is still to come."})
    waiting = ScheduledMove.objects.filter(workspace=row.workspace_id, installation=row, state=State.WAITING).first()
    if waiting:
        raise AlreadyPlanned(f"A move of {row} to {waiting.version.number} is planned already.")
    move = ScheduledMove.objects.create(
        workspace=row.workspace,
        installation=row,
        version=version,
        at=at,
        agreed=list(new),
        keeps=keeps,
        asked_by=actor,
    )
    after = {"version": version.number, "digest": version.digest, "at": at, "agreed": list(new), "keeps": keeps}
    audit.record("move.planned", actor=actor, target=row, after=after)
    return move


@transaction.atomic
def call_off(move: ScheduledMove, *, actor: User) -> ScheduledMove:
    """Raises NotGranted or NotPlanned."""
    require(actor, "registry.pin_installation", move.installation)
    row = _locked(move.workspace_id, move.pk)
    if row is None:
        raise NotPlanned("It does not wait any more.")
    return _close(row, State.CANCELLED, by=actor)


def make_due_moves(now: datetime | None = None) -> int:
    """Make every move whose time has come, in every workspace; returns how many were made. Safe to run twice and at the
    same time: each is locked, and one that is over stays so."""
    now = now or timezone.now()
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM registry_due_moves(%s, %s)", [now, MADE_AT_MOST])
        rows = cursor.fetchall()
    made = 0
    for workspace_id, move_id in rows:
        with apart("make_due_moves", workspace_id, move=move_id):
            made += make_move(workspace_id, move_id)
    return made


def make_move(workspace_id: UUID, move_id: UUID) -> bool:
    """Make one, or say why not: whatever refuses it (a hold, a rule, a permission that is gone) ends it, and who
    planned it is told."""
    move = _read(ScheduledMove.objects.all(), workspace_id, move_id)
    if move is None:
        return False
    try:
        one, actor = move.installation, move.asked_by
        if not one.is_active:
            raise AlreadyRemoved(f"{one} was removed.")
        wider = widening_of(one, verified_manifest(move.version.digest))
        agrees = set(wider.words) <= set(move.agreed)
        clear_move(one, version=move.version, actor=actor, agrees=agrees, keeps=move.keeps)
        with transaction.atomic():
            row = _locked(workspace_id, move_id)
            if row is None:
                return False
            chain = Actor.of(actor).through("system", str(row.pk), f"planned move of {one}")
            move_as_policy(
                one,
                version=row.version,
                actor=actor,
                chain=chain,
                agrees=agrees,
                keeps=row.keeps,
                reason="Planned beforehand.",
            )
            _close(row, State.MADE)
            return True
    except (DomainError, NotGranted) as error:
        if isinstance(error, ReplayFirst) and not error.is_stuck:
            return False  # a worker replays what it needs to know; it is looked at again then
        with transaction.atomic():
            if row := _locked(workspace_id, move_id):
                _close(row, State.FAILED, why=str(error))
        return False


def _close(row: ScheduledMove, state: str, *, by: User | None = None, why: str = "") -> ScheduledMove:
    row.state, row.ended_at, row.why = state, timezone.now(), why[:500]
    row.save(update_fields=["state", "ended_at", "why"])
    if state != State.MADE:  # the move has an event of its own
        facts = {"version": row.version.number, "digest": row.version.digest, "state": state}
        audit.record(f"move.{state}", actor=by, target=row.installation, after=facts | ({"why": why} if why else {}))
    if by is None:
        kind = "move_made" if state == State.MADE else "move_failed"
        note = why or f"It is at {row.version.number} now."
        notify(row.workspace, [row.asked_by], kind, row.installation, note=note)
    return row


def _locked(workspace_id: UUID, move_id: UUID) -> ScheduledMove | None:
    return _read(ScheduledMove.objects.select_for_update(of=("self",)), workspace_id, move_id)


def _read(rows, workspace_id: UUID, move_id: UUID) -> ScheduledMove | None:
    rows = rows.filter(workspace=workspace_id, pk=move_id, state=State.WAITING)
    related = ("workspace", "version__extension", "asked_by", "installation__workspace", "installation__extension")
    return rows.select_related(*related).first()
