"""Quarantine: a version is taken out while somebody looks into it, in every workspace at once.

What holds stands on the version's own row, which each call reads anyway; the history of it is ``Quarantine``. With the
reach ``installs`` nobody installs it or moves to it any more, and each workspace says itself whether its calls go on
(``Workspace.on_flagged``). With ``calls`` nothing of it runs anywhere: what is asked for is refused, what waits is
refused at its claim, and what is under way is ended (sandbox.stopping).
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from django.db import connection, transaction
from django.utils import timezone

from galaxy.core import audit
from galaxy.core.errors import Invalid
from galaxy.core.members import marketplace_workspace
from galaxy.core.models import AuditEvent, User, Workspace
from galaxy.core.notifications import notify
from galaxy.core.permissions import holders_of, require
from galaxy.core.scope import scope_with
from galaxy.core.sweeps import apart
from registry.errors import AlreadyQuarantined, NeedsAnother, NotQuarantined, Quarantined
from registry.models import Installation, Quarantine, Version
from registry.publishers.team import is_of_team
from registry.reach import holders_of_versions
from registry.services.retiring import tell_installable

LONGEST_REASON = 500
STATE = {Quarantine.Reach.INSTALLS: Version.Held.FLAGGED, Quarantine.Reach.CALLS: Version.Held.STOPPED}


@transaction.atomic
def quarantine(version: Version, *, reach: str, reason: str, actor: User) -> Quarantine:
    """Take a public version out. One that is out for new installations may be taken out for calls as well, and back.

    Who uses it is told after the commit. Raises NotGranted to who does not review at the desk, Invalid, or
    AlreadyQuarantined.
    """
    desk = _require_reviewer(actor)
    if reach not in Quarantine.Reach.values:
        raise Invalid("How far does it reach?", {"reach": "Choose one of the two."})
    return _open(version, reach, _reasoned(reason), actor, desk)


@transaction.atomic
def lift(version: Version, *, reason: str, actor: User) -> Quarantine:
    """End the quarantine of a version: it may be installed and run as before. Who uses it is told.

    Raises NotGranted, Invalid, NotQuarantined, or NeedsAnother for whoever publishes it.
    """
    desk = _require_reviewer(actor)
    reason = _reasoned(reason)
    row = _locked(version)
    owner = row.extension.owner
    if owner is not None and (row.published_by_id == actor.pk or is_of_team(actor, owner)):
        raise NeedsAnother(f"You are of those who publish {row}, so somebody else lets it out.")
    there = Quarantine.objects.open().filter(version=row).first()
    if there is None:
        raise NotQuarantined(f"{row} is not in quarantine.")
    there.lifted_by, there.lifted_at, there.lift_reason = actor, timezone.now(), reason
    there.save(update_fields=["lifted_by", "lifted_at", "lift_reason"])
    Version.objects.filter(pk=row.pk).update(quarantine=Version.Held.FREE)
    _record("quarantine.lifted", there, actor, desk, reason)
    transaction.on_commit(partial(_ring, there.pk))
    tell_installable(row)
    return there


def stop_versions(
    ids: Iterable[UUID], reason: str, *, actor: User | None = None, reach: str = Quarantine.Reach.CALLS
) -> int:
    """Take out versions whose bytes nobody vouches for any more, such as those of a revoked key; returns how many were
    not taken out as far yet. The caller answers for who may, and its transaction is ours where it has one."""
    stopped = 0
    enough = [Version.Held.STOPPED, STATE[Quarantine.Reach(reach)]]
    with transaction.atomic():
        desk = marketplace_workspace()
        for version in Version.objects.filter(pk__in=list(ids)).exclude(quarantine__in=enough):
            _open(version, reach, _reasoned(reason), actor, desk)
            stopped += 1
    return stopped


def stop_unvouched(ids: Sequence[UUID], reason: str, actor: User | None) -> None:
    """For registry.signing.revoking: nothing that nobody vouches for runs on."""
    stop_versions(ids, reason, actor=actor)


@transaction.atomic
def set_on_flagged(workspace: Workspace, choice: str, *, actor: User) -> None:
    """Say what becomes of calls of versions that are flagged. Raises NotGranted or Invalid."""
    require(actor, "core.change_settings", workspace)
    if choice not in Workspace.OnFlagged.values:
        raise Invalid("Choose one of the two.", {"on_flagged": "Choose one of the two."})
    before = workspace.on_flagged
    if choice == before:
        return
    Workspace.objects.filter(pk=workspace.pk).update(on_flagged=choice)
    workspace.on_flagged = choice
    facts = {"on_flagged": before}, {"on_flagged": choice}
    audit.record("workspace.changed", actor=actor, target=workspace, before=facts[0], after=facts[1])


def is_stopped(version: Version, workspace: Workspace) -> bool:
    """Whether nothing of it may run in ``workspace``: by the row that is at hand, without a query."""
    if not version.quarantine:
        return False
    return version.quarantine == Version.Held.STOPPED or workspace.on_flagged == Workspace.OnFlagged.STOP


def refuse_quarantined(version: Version) -> None:
    """Raises Quarantined, with the reason, for a version that nobody may install or move to; by its row of now, since
    a page may have been open for long."""
    version.quarantine = Version.objects.values_list("quarantine", flat=True).get(pk=version.pk)
    if version.quarantine:
        reason = reason_of(version)
        raise Quarantined(f"{version} is in quarantine{f': “{reason}”' if reason else '.'}")


def hold_still(version: Version) -> None:
    """Read how ``version`` stands and keep it so until the transaction ends: whoever takes it out, deprecates it or
    yanks it then waits, and finds and tells the holder that this transaction makes. Many may hold it at once."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT quarantine, status FROM registry_version WHERE id = %s FOR SHARE", [version.pk])
        state = cursor.fetchone()
    if state != (version.quarantine, version.status):
        version.refresh_from_db(fields=["quarantine", "status", "yank_reason", "retire_reason", "ends_on", "successor"])


def reason_of(version: Version) -> str:
    """Why it is in quarantine, "" where it is not."""
    there = Quarantine.objects.open().filter(version=version).values_list("reason", flat=True)
    return there.first() or "" if version.quarantine else ""


def tell_of_quarantine(quarantine_id: UUID) -> int:
    """Tell every workspace that holds the version, each in its own trail and to those who install there; returns how
    many installations. Safe to call twice: who was told is not told again."""
    row = Quarantine.objects.get(pk=quarantine_id)  # its version may be one that a workspace has for itself
    what = "quarantine.opened" if row.is_open else "quarantine.lifted"
    since = row.opened_at if row.is_open else row.lifted_at
    told = 0
    for workspace_id, installation_id in holders_of_versions([row.version_id]):
        with apart("tell_of_quarantine", workspace_id, installation=installation_id), transaction.atomic():
            installation = Installation.objects.select_related("workspace", "extension").get(pk=installation_id)
            trail = AuditEvent.objects.in_workspace(installation.workspace).filter(action=what)
            if trail.filter(target_id=str(installation.pk), occurred_at__gte=since).exists():
                continue
            facts = {"version": row.version.number, "digest": row.version.digest, "reach": row.reach}
            reason = row.reason if row.is_open else row.lift_reason
            audit.record(what, actor=None, target=installation, after=facts, reason=reason)
            kind = "version_quarantined" if row.is_open else "quarantine_lifted"
            people = holders_of(installation.workspace, "install_extension")
            notify(installation.workspace, people, kind, installation, note=f"{row.version.number}: {reason}")
            told += 1
    return told


def _open(version: Version, reach: str, reason: str, actor: User | None, desk: Workspace | None) -> Quarantine:
    row = _locked(version)
    there = Quarantine.objects.open().filter(version=row).first()
    if there and there.reach == reach:
        raise AlreadyQuarantined(f"{row} is in quarantine already: “{there.reason}”")
    if there:  # another reach is another decision
        there.lifted_by, there.lifted_at, there.lift_reason = actor, timezone.now(), f"Reaches otherwise now: {reason}"
        there.lift_reason = there.lift_reason[:LONGEST_REASON]
        there.save(update_fields=["lifted_by", "lifted_at", "lift_reason"])
    made = Quarantine.objects.create(version=row, reach=reach, reason=reason, opened_by=actor)
    Version.objects.filter(pk=row.pk).update(quarantine=STATE[Quarantine.Reach(reach)])
    version.quarantine = STATE[Quarantine.Reach(reach)]
    _record("quarantine.opened", made, actor, desk, reason)
    transaction.on_commit(partial(_ring, made.pk))
    tell_installable(row)
    return made


def _record(action: str, row: Quarantine, actor: User | None, desk: Workspace | None, reason: str) -> None:
    """In the desk's trail; where there is no desk, whoever runs Galaxy decided, and the workspaces' trails tell it."""
    if desk is None:
        return
    version = row.version
    facts = {"extension": version.extension.slug, "version": version.number, "digest": version.digest}
    with scope_with(desk.pk):
        audit.record(action, actor=actor, target=desk, after=facts | {"reach": row.reach}, reason=reason)


def _ring(quarantine_id: UUID) -> None:
    """The telling is a worker's; where no broker answers, the sweep does it within minutes. What holds, holds now."""
    from registry.tasks import tell_of_quarantine as task

    task.apply_async(args=[str(quarantine_id)], retry=False)


def tell_of_recent_quarantines(now: datetime | None = None) -> int:
    """Tell once more of what was decided within the last hour, for those whom a lost worker did not reach."""
    since = (now or timezone.now()) - timedelta(hours=1)
    recent = Quarantine.objects.filter(opened_at__gte=since) | Quarantine.objects.filter(lifted_at__gte=since)
    return sum(tell_of_quarantine(pk) for pk in recent.values_list("pk", flat=True))


def _require_reviewer(actor: User) -> Workspace:
    desk = marketplace_workspace()
    if desk is None:
        raise Invalid("There is no desk.", None, "Whoever runs Galaxy makes it: manage.py marketplace desk.")
    with scope_with(desk.pk):
        require(actor, "core.review_submission", desk)
    return desk


def _locked(version: Version) -> Version:
    rows = Version.objects.select_for_update(of=("self",)).select_related("extension").defer("manifest")
    return rows.get(pk=version.pk)


def _reasoned(reason: str) -> str:
    reason = reason.strip()
    if not 0 < len(reason) <= LONGEST_REASON:
        raise Invalid("Why?", {"reason": f"Say it in 1 to {LONGEST_REASON} characters, for those who use it."})
    return reason
