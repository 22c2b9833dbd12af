"""A version for one pack alone: exact, by digest, whatever others use."""

from django.db import transaction
from django.utils import timezone

from galaxy.core import audit
from galaxy.core.errors import Conflict, Invalid
from galaxy.core.models import User
from galaxy.core.permissions import require
from registry.errors import AlreadyRemoved, ConsentNeeded, NotInstallable, RequirementsMissing
from registry.models import Installation, Kind, PackPin, Version
from registry.moves import require_fit
from registry.semver import satisfies
from registry.services.closing import proves_itself_otherwise
from registry.services.moving import widening_of
from registry.services.naming import refuse_shared_names
from registry.services.quarantining import refuse_quarantined
from registry.services.resolving import verified_manifest
from registry.signing import verify


class NotRequired(Conflict):
    code = "not_required"
    next_step = "Choose a pack that calls it."


@transaction.atomic
def pin_for_pack(
    installation: Installation, *, pack: Installation, version: Version, actor: User, reason: str
) -> PackPin:
    """Let ``pack`` call ``version`` of ``installation``; felt by its next step, also of runs that are under way where
    they have not come to that step.

    It asks for nothing beyond what the installation was given, and signs in as it does. Raises NotGranted,
    AlreadyRemoved, NotInstallable, NotRequired, RequirementsMissing (out of the range that the pack takes),
    ConsentNeeded, NameInUse, MappingsUnfit or Invalid.
    """
    require(actor, "registry.pin_installation", installation)
    if not 0 < len(reason := reason.strip()) <= 300:
        raise Invalid("Why another one for this pack?", {"reason": "Say it in 1 to 300 characters."})
    row, caller = _locked(installation, pack)
    if version.extension_id != row.extension_id or version.status != Version.Status.PUBLISHED:
        raise NotInstallable(f"{version} can not be installed.")
    refuse_quarantined(version)
    manifest, current = verified_manifest(version.digest), verified_manifest(row.pin.digest)
    wanted = verified_manifest(caller.pin.digest).requires.get(row.extension.slug)
    if caller.extension.kind != Kind.PACK or wanted is None:
        raise NotRequired(f"{caller} does not call {row}.")
    if not satisfies(version.number, wanted):
        raise RequirementsMissing(f"{caller} takes {row.extension.slug} {wanted}, and this is {version.number}.")
    verify(version)
    if wider := widening_of(row, manifest):
        raise ConsentNeeded(f"{version} asks for {', '.join(wider.words)} beyond what was agreed to.")
    if any(proves_itself_otherwise(current, manifest, one.host) for one in row.connections.all()):
        raise ConsentNeeded(f"{version} signs in otherwise than {row.pin.version.number}, and both use one connection.")
    refuse_shared_names(row.workspace, manifest, row.extension)
    require_fit(caller, verified_manifest(caller.pin.digest), {row.extension.slug: version.digest})
    pin = PackPin.objects.filter(workspace=row.workspace_id, installation=row, pack=caller).first()
    before = _facts(pin) if pin else {}
    pin = pin or PackPin(workspace=row.workspace, installation=row, pack=caller)
    pin.version, pin.digest, pin.reason = version, version.digest, reason
    pin.pinned_by, pin.pinned_at = actor, timezone.now()
    pin.save()
    audit.record("pack_pin.set", actor=actor, target=row, before=before, after=_facts(pin), reason=reason)
    return pin


@transaction.atomic
def unpin_for_pack(pin: PackPin, *, actor: User) -> None:
    """Let the pack call what everybody calls. Raises NotGranted, AlreadyRemoved, or where the pack would not run with
    that: RequirementsMissing or MappingsUnfit."""
    require(actor, "registry.pin_installation", pin.installation)
    row, pack = _locked(pin.installation, pin.pack)
    there = PackPin.objects.filter(workspace=pin.workspace_id, pk=pin.pk).first()
    if there is None:
        raise AlreadyRemoved(f"{pack} has no version of its own any more.")
    wanted = verified_manifest(pack.pin.digest).requires.get(row.extension.slug, "*")
    if not satisfies(row.pin.version.number, wanted):
        used = row.pin.version.number
        raise RequirementsMissing(f"{pack} takes {row.extension.slug} {wanted}, and {used} is in use.")
    require_fit(pack, verified_manifest(pack.pin.digest), {row.extension.slug: row.pin.digest})
    audit.record("pack_pin.cleared", actor=actor, target=row, before=_facts(there))
    there.delete()


def _locked(installation: Installation, pack: Installation) -> tuple[Installation, Installation]:
    """Both of them, in one order whoever asks. Raises AlreadyRemoved."""
    rows = Installation.objects.in_workspace(installation.workspace).active().filter(pk__in=[installation.pk, pack.pk])
    rows = rows.select_related("workspace", "extension", "pin__version__extension")
    found = {row.pk: row for row in rows.order_by("pk").select_for_update(of=("self",))}
    for one in (installation, pack):
        if one.pk not in found:
            raise AlreadyRemoved(f"{one} was removed.")
    return found[installation.pk], found[pack.pk]


def _facts(pin: PackPin) -> dict[str, str]:
    return {"pack": pin.pack.extension.slug, "version": pin.version.number, "digest": pin.digest}
