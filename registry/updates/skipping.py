"""A fix of a security hole that does not wait: its publisher says that it is one, and two people here agree."""

from django.db import transaction
from django.utils import timezone

from galaxy.core import audit
from galaxy.core.errors import Conflict, DomainError, Invalid
from galaxy.core.models import User
from galaxy.core.notifications import notify, settle
from galaxy.core.permissions import holders_of, require
from registry.errors import AlreadyRemoved, NotInstallable
from registry.models import Installation, SkippedWait, Version
from registry.services.quarantining import refuse_quarantined


class NoSecurityFix(Conflict):
    code = "no_security_fix"
    next_step = "It is taken after its wait; or move it by hand."


class SecondPersonNeeded(DomainError):
    """Whoever asked does not agree as well, nor does who published it."""

    status = 403
    code = "second_person_needed"
    next_step = "Ask somebody else who may move it."


@transaction.atomic
def skip_wait(installation: Installation, version: Version, *, actor: User, reason: str = "") -> SkippedWait:
    """Say that ``version`` is taken without its wait: the first person asks, with a reason, and the second one agrees.

    Its window still counts, and so does everything else that stands in its way. Raises NotGranted, AlreadyRemoved,
    NotInstallable, NoSecurityFix, SecondPersonNeeded or Invalid.
    """
    require(actor, "registry.pin_installation", installation)
    row = Installation.objects.active().select_for_update(of=("self",)).filter(pk=installation.pk).first()
    if row is None:
        raise AlreadyRemoved(f"{installation} was removed.")
    if version.extension_id != row.extension_id or version.status != Version.Status.PUBLISHED:
        raise NotInstallable(f"{version} can not be installed.")
    refuse_quarantined(version)
    if not version.security_fix:
        raise NoSecurityFix(f"Its publisher does not say that {version} closes a security hole.")
    if version.published_by_id == actor.pk:
        raise SecondPersonNeeded("You published it, so others say whether it is taken without its wait.")
    asked = SkippedWait.objects.filter(workspace=row.workspace_id, installation=row, version=version).first()
    return _ask(row, version, actor, reason.strip()) if asked is None else _agree(row, asked, actor)


def _ask(row: Installation, version: Version, actor: User, reason: str) -> SkippedWait:
    if not 0 < len(reason) <= 300:
        raise Invalid("Why can it not wait?", {"reason": "Say it in 1 to 300 characters."})
    asked = SkippedWait.objects.create(
        workspace=row.workspace, installation=row, version=version, reason=reason, asked_by=actor
    )
    after = {"version": version.number, "digest": version.digest, "closes": version.security_fix}
    audit.record("update_wait.skip_asked", actor=actor, target=row, after=after, reason=reason)
    people = holders_of(row.workspace, "pin_installation")
    note = f"{version.number}: {version.security_fix}"
    notify(row.workspace, people, "update_skip_asked", row, by=actor, note=note)
    return asked


def _agree(row: Installation, asked: SkippedWait, actor: User) -> SkippedWait:
    if asked.is_agreed:
        return asked
    if asked.asked_by_id == actor.pk:
        raise SecondPersonNeeded("You asked for it, so somebody else agrees.")
    asked.agreed_by, asked.agreed_at = actor, timezone.now()
    asked.save(update_fields=["agreed_by", "agreed_at"])
    after = {"version": asked.version.number, "digest": asked.version.digest, "asked_by": asked.asked_by}
    audit.record("update_wait.skipped", actor=actor, target=row, after=after, reason=asked.reason)
    settle(row.workspace, row, "update_skip_asked")
    return asked
