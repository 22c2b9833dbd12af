"""Going forward step by step. How a new version fares is looked at by the floor that runs things (sandbox.rollouts)."""

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from galaxy.core import audit
from galaxy.core.audit import Actor
from galaxy.core.errors import Conflict, Invalid
from galaxy.core.models import User
from galaxy.core.notifications import notify
from galaxy.core.permissions import NotGranted, holders_of, require
from registry.courses import Course
from registry.errors import AlreadyRemoved, ConsentNeeded, NotInstallable
from registry.gates import NeedsApproval, pass_gates
from registry.models import Installation, Kind, RollOut, RollOutPack, Version
from registry.moves import require_fit
from registry.services.closing import proves_itself_otherwise
from registry.services.endings import Who, end_rollout
from registry.services.holding import why_not_move
from registry.services.moving import check_not_held, move_rolled_out, upgrade_step, widening_of
from registry.services.naming import refuse_shared_names
from registry.services.quarantining import refuse_quarantined
from registry.services.resolving import verified_manifest
from registry.signing import verify
from registry.updates.facts import packs_that_stop

State, Way = RollOut.State, RollOut.Way


class AlreadyRollingOut(Conflict):
    code = "already_rolling_out"
    next_step = "Finish the one that is under way, or let it return."


class NotNow(Conflict):
    """The roll-out is not in a state in which that can be done."""

    code = "not_now"
    next_step = "Reload its page to see how it stands."


def start_rollout(
    installation: Installation, *, version: Version, actor: User, course: Course, agreed: Collection[str] = ()
) -> RollOut:
    """Let part of the runs take ``version``; the pin stays where it is until that is finished. ``agreed`` names what it
    asks for beyond what was agreed to, as it was shown.

    Raises NotGranted, NeedsApproval or RuledOut (registry.gates), AlreadyRemoved, NotInstallable, HeldHere,
    AlreadyRollingOut, ConsentNeeded, NameInUse or Invalid.
    """
    course.check()
    if not installation.is_active:
        raise AlreadyRemoved(f"{installation} was removed.")
    step = upgrade_step(installation, version, actor, course=course)
    wider = (*step.new_scopes, *step.new_hosts, *step.weaker)
    if denied := why_not_move(actor, installation, widens=bool(wider)):
        raise NotGranted(denied)
    if unseen := [one for one in wider if one not in agreed]:
        raise ConsentNeeded(f"{version} asks for {', '.join(unseen)}, which you were not shown.")
    pass_gates(step)
    return _start(installation, version, actor, course, by=Actor.of(actor))


def start_approved(
    installation: Installation, *, version: Version, actor: User, chain: Actor, course: Course, approval: UUID
) -> RollOut:
    """The same for what somebody approved, who was shown what it asks for and how it goes: the caller answers for that.
    ``actor`` asked for it, ``chain`` is who acts, ``approval`` the id of the request."""
    return _start(installation, version, actor, course, by=chain, approval=approval)


def check_rollout(installation: Installation, *, version: Version, course: Course) -> None:
    """Whether the world as it is lets it begin, whoever wants it. Raises what start_rollout does of that."""
    course.check()
    _check_start(installation, version, course)


@transaction.atomic
def _start(
    installation: Installation,
    version: Version,
    actor: User,
    course: Course,
    *,
    by: Actor,
    approval: UUID | None = None,
) -> RollOut:
    row = _locked(installation)
    pin = row.pin
    _check_start(row, version, course)
    manifest = verified_manifest(version.digest)
    wider = widening_of(row, manifest).words
    before = {"scopes": row.scopes, "hosts": row.hosts}
    row.scopes = sorted({*row.scopes, *manifest.scopes})
    row.hosts = sorted({*row.hosts, *manifest.hosts})
    row.save(update_fields=["scopes", "hosts"])
    goes = course.as_json()
    rollout = RollOut.objects.create(
        workspace=row.workspace,
        installation=row,
        version=version,
        digest=version.digest,
        before=pin.version,
        way=Way.PACKS if course.packs else Way.PERCENT,
        stages=goes["stages"],
        percent=goes["stages"][0]["percent"],
        least_calls=course.least_calls,
        tolerance=course.tolerance,
        started_by=actor,
        approval=approval,
        **before,
    )
    RollOutPack.objects.bulk_create(
        RollOutPack(workspace=row.workspace, rollout=rollout, pack=pack) for pack in _packs(row, course.packs)
    )
    facts = {"version": version.number, "digest": version.digest, "from": pin.version.number, "stages": rollout.stages}
    facts |= {"least_calls": course.least_calls, "tolerance": course.tolerance}
    named = {"packs": [pack.extension.slug for pack in course.packs]} if course.packs else {}
    audit.record("rollout.started", actor=by, target=rollout, before=before, after=facts | named, agreed=list(wider))
    return rollout


def _check_start(row: Installation, version: Version, course: Course) -> None:
    pin = row.pin
    if version.extension_id != row.extension_id or version.status != Version.Status.PUBLISHED:
        raise NotInstallable(f"{version} can not be installed.")
    refuse_quarantined(version)
    if version.pk == pin.version_id:
        raise NotInstallable(f"{version} is in use already.")
    if version.sort_key < pin.version.sort_key:
        raise NotInstallable(f"{version} is older than what is in use.", "Roll it back on its own page.")
    check_not_held(row, version)
    verify(version)
    if RollOut.objects.open().filter(workspace=row.workspace_id, installation=row).exists():
        raise AlreadyRollingOut(f"{row} is being rolled out already.")
    manifest, current = verified_manifest(version.digest), verified_manifest(pin.digest)
    if manifest.kind == Kind.PACK:  # looked at now: nobody is there to hear of it at its end
        require_fit(row, manifest)
    if any(proves_itself_otherwise(current, manifest, one.host) for one in row.connections.all()):
        why = f"{version} signs in otherwise than {pin.version.number}, and both would use one connection."
        raise Invalid(why, next_step="Move it as a whole, and connect it anew.")
    if stopped := packs_that_stop(row, version):
        raise Invalid(stopped, next_step="Move those packs first, or pin them to the version they take.")
    refuse_shared_names(row.workspace, manifest, row.extension)
    _packs(row, course.packs)


def stop_rollout(rollout: RollOut, *, by: Who, why: str, figures: dict[str, Any] | None = None) -> RollOut:
    """Let no further run take the new version, until somebody says how it goes on. ``by`` is None where the rule did
    it.

    Raises NotGranted, NotNow or Invalid.
    """
    with transaction.atomic():
        row = _open(rollout, by)
        _require_state(row, State.RUNNING)
        if not (why := why.strip()):
            raise Invalid("Why is it stopped?", {"reason": "Say it in 1 to 500 characters."})
        row.state, row.stopped_at, row.why, row.figures = State.STOPPED, timezone.now(), why[:500], figures
        row.save(update_fields=["state", "stopped_at", "why", "figures"])
        after = {"state": row.state, "version": row.version.number, "digest": row.digest} | (figures or {})
        before = {"state": State.RUNNING, "percent": row.percent}
        audit.record("rollout.stopped", actor=by, target=row, before=before, after=after, reason=why)
        _tell(row, "rollout_stopped", by, why)
        return row


def resume_rollout(rollout: RollOut, *, by: User) -> RollOut:
    """Let it go on where it was stopped; its calls are counted from now on. Raises NotGranted or NotNow."""
    with transaction.atomic():
        row = _open(rollout, by)
        _require_state(row, State.STOPPED)
        row.state, row.stopped_at, row.stage_at = State.RUNNING, None, timezone.now()
        row.save(update_fields=["state", "stopped_at", "stage_at"])
        audit.record("rollout.resumed", actor=by, target=row, before={"why": row.why}, after={"percent": row.percent})
        return row


def advance_rollout(rollout: RollOut, *, by: Who) -> RollOut:
    """Go to the next stage, or finish after the last one; ``by`` is None where its time was over. Raises NotGranted,
    NotNow, or NeedsApproval or RuledOut where somebody agreed to its hours."""
    if isinstance(by, User):
        _check_hurry(rollout, by)
    with transaction.atomic():
        row = _open(rollout, by)
        _require_state(row, State.RUNNING)
        if row.stage + 1 >= len(row.stages):
            return _finish(row, by)
        before = {"percent": row.percent, "stage": row.stage}
        row.stage += 1
        row.percent, row.stage_at = row.stages[row.stage]["percent"], timezone.now()
        row.save(update_fields=["stage", "percent", "stage_at"])
        after = {"percent": row.percent, "stage": row.stage}
        audit.record("rollout.advanced", actor=by, target=row, before=before, after=after)
        return row


def finish_rollout(rollout: RollOut, *, by: User) -> RollOut:
    """Pin the installation to the new version at once. Raises what advance_rollout does, or what
    moving does."""
    _check_hurry(rollout, by)
    with transaction.atomic():
        return _finish(_open(rollout, by), by)


def return_rollout(rollout: RollOut, *, by: Who, why: str) -> RollOut:
    """End it where it came from: no run takes the new version any more, and what was agreed to for it is so no longer.

    Raises NotGranted, NotNow or Invalid.
    """
    with transaction.atomic():
        row = _open(rollout, by)
        if not (why := why.strip()):
            raise Invalid("Why does it return?", {"reason": "Say it in 1 to 500 characters."})
        return end_rollout(row, State.RETURNED, by=by, why=why)


def _check_hurry(rollout: RollOut, by: User) -> None:
    """Whether ``by`` may take it further than its hours do. A yes to a course is none to less of it: where somebody
    agreed to this one, the gates are asked about the move itself. Raises NotGranted, NeedsApproval or RuledOut."""
    require(by, "registry.pin_installation", rollout.installation)
    if rollout.approval is None or not rollout.is_open:
        return
    try:
        pass_gates(upgrade_step(rollout.installation, rollout.version, by))
    except NeedsApproval as error:
        why = f"It was agreed to step by step. {error}"
        raise NeedsApproval(why, "Let it take its hours, or ask for the move itself.") from error


def _finish(row: RollOut, by: Who) -> RollOut:
    """``row`` and its installation are locked. Who started it answers for what its time brings about."""
    row = end_rollout(row, State.FINISHED, by=by)
    chain = (
        Actor.of(by)
        if isinstance(by, User)
        else Actor.of(row.started_by).through("system", str(row.pk), f"roll-out of {row}")
    )
    actor = by if isinstance(by, User) else row.started_by
    move_rolled_out(
        row.installation,
        version=row.version,
        actor=actor,
        chain=chain,
        reason="Rolled out.",
        approval=row.approval,
    )
    _tell(row, "rollout_finished", by, f"{row.installation} is at {row.version.number} now.")
    return row


def _open(rollout: RollOut, by: Who) -> RollOut:
    """The roll-out with its installation, both locked, in the order in which a move locks them. Raises NotGranted or
    NotNow."""
    if isinstance(by, User):
        require(by, "registry.pin_installation", rollout.installation)
    _locked(rollout.installation)
    rows = RollOut.objects.in_workspace(rollout.workspace).select_for_update(of=("self",)).filter(pk=rollout.pk)
    row = rows.select_related("workspace", "version__extension", "before", "started_by").get()
    row.installation = rollout.installation
    if not row.is_open:
        raise NotNow(f"It is {row.get_state_display().lower()} already.")
    return row


def _require_state(row: RollOut, state: str) -> None:
    if row.state != state:
        raise NotNow(f"It is {row.get_state_display().lower()}.")


def _locked(installation: Installation) -> Installation:
    rows = Installation.objects.in_workspace(installation.workspace).active().select_for_update(of=("self",))
    row = rows.select_related("workspace", "extension").filter(pk=installation.pk).first()
    if row is None:
        raise AlreadyRemoved(f"{installation} was removed.")
    return row


def _packs(row: Installation, packs: Sequence[Installation]) -> list[Installation]:
    there = Installation.objects.in_workspace(row.workspace).active().filter(pk__in=[pack.pk for pack in packs])
    fits = list(there.filter(extension__kind=Kind.PACK, pin__version__manifest__requires__has_key=row.extension.slug))
    if len(fits) != len(packs):
        raise Invalid("Not all of them call it.", {"packs": f"Choose packs that call {row}."})
    return fits


def _tell(row: RollOut, kind: str, by: Who, note: str) -> None:
    people = {*holders_of(row.workspace, "pin_installation"), row.started_by}
    notify(row.workspace, people, kind, row, by=by if isinstance(by, User) else None, note=note)
