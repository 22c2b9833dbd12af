"""Installing and removing: what a workspace has agreed to, pinned to the bytes it agreed to."""

from collections.abc import Iterable
from functools import partial
from typing import Any

from django.db import transaction
from django.db.models import OuterRef, Subquery
from django.utils import timezone

from galaxy.core import audit
from galaxy.core.audit import Actor
from galaxy.core.models import User, Workspace
from registry.errors import AlreadyInstalled, AlreadyRemoved, NotInstallable, RequirementsMissing, StillNeeded
from registry.gates import INSTALL, Step, pass_gates
from registry.manifests import Manifest
from registry.models import AppRegistration, Connection, Extension, Installation, Kind, PackPin, Pin, Version
from registry.semver import satisfies
from registry.services.closing import close
from registry.services.endings import end_with
from registry.services.holding import require_hold
from registry.services.mapping import refuse_unfit
from registry.services.naming import refuse_shared_names
from registry.services.quarantining import hold_still, refuse_quarantined
from registry.services.resolving import reaches_out, verified_manifest
from registry.services.retired import refuse_retired
from registry.signals import installation_removed
from registry.signing import verify


def install(workspace: Workspace, extension: Extension, *, version: Version, actor: User) -> Installation:
    """Install ``extension`` pinned to exactly ``version``; what reaches a third party gets an empty connection.

    Raises NotGranted, NeedsApproval or RuledOut (registry.gates), Quarantined, NotInstallable (yanked, deprecated,
    another extension's or workspace's), AlreadyInstalled, NameInUse, RequirementsMissing or MappingsUnfit.
    """
    clear_install(workspace, extension, version=version, actor=actor)
    return install_agreed(workspace, version, actor=actor)


def clear_install(workspace: Workspace, extension: Extension, *, version: Version, actor: User) -> None:
    """Whether ``actor`` may install it, here and now; raises NotGranted, NotInstallable, NeedsApproval or RuledOut."""
    require_hold(actor, workspace, extension)
    _check_installable(workspace, extension, version)
    pass_gates(install_step(workspace, version, actor))


def install_step(workspace: Workspace, version: Version, actor: User) -> Step:
    """What installing it would do, for whoever has a say (registry.gates)."""
    manifest = verified_manifest(version.digest)
    scopes, hosts = tuple(manifest.scopes), tuple(manifest.hosts)
    return Step(
        INSTALL,
        workspace,
        version.extension,
        version,
        actor,
        scopes=scopes,
        hosts=hosts,
        new_scopes=scopes,
        new_hosts=hosts,
    )


@transaction.atomic
def install_agreed(workspace: Workspace, version: Version, *, actor: User, chain: Actor | None = None) -> Installation:
    """Install what ``actor`` may install, or what somebody approved for them: the caller answers for that.

    ``chain`` is who acts, where it is more than ``actor``. Raises what ``install`` does of the world as it is.
    """
    extension, by = version.extension, chain or Actor.of(actor)
    hold_still(version)
    _check_installable(workspace, extension, version)
    verify(version)
    manifest = verified_manifest(version.digest)
    refuse_shared_names(workspace, manifest, extension)
    if missing := missing_requirements(workspace, manifest, lock=True):
        raise RequirementsMissing(f"{extension} needs {_listed(f'{slug} {wanted}' for slug, wanted in missing)} first.")
    _refuse_unfit_pack(workspace, manifest)
    installation, is_new = Installation.objects.get_or_create(
        workspace=workspace,
        extension=extension,
        removed_at=None,
        defaults={"scopes": list(manifest.scopes), "hosts": list(manifest.hosts), "installed_by": actor},
    )
    if not is_new:
        raise AlreadyInstalled(f"{extension} is installed in {workspace} already.")
    pin = Pin.objects.create(
        workspace=workspace, installation=installation, version=version, digest=version.digest, pinned_by=actor
    )
    facts = {"extension": extension.slug, "version": version.number, "digest": version.digest}
    agreed = {"scopes": installation.scopes, "hosts": installation.hosts}
    audit.record("installation.created", actor=by, target=installation, after=facts | agreed)
    audit.record("pin.created", actor=by, target=pin, after=facts)
    if reaches_out(manifest):
        connection = Connection.objects.create(workspace=workspace, installation=installation, name=extension.name)
        audit.record("connection.created", actor=by, target=connection, after={"status": connection.status})
    return installation


@transaction.atomic
def uninstall(installation: Installation, *, actor: User, reason: str = "", confirmed: str = "") -> Installation:
    """End an installation: its pin goes, its connections close and what they held is destroyed, its row stays for what
    points at it.

    ``reason`` is plain text for the trail. Where anything depends on it, ``confirmed`` is its name, typed by somebody
    who was shown what: packs that require it stop. ``installation_removed`` follows the commit. Raises NotGranted,
    AlreadyRemoved or StillNeeded.
    """
    from registry.dependants import dependants_of  # which looks at packs by this file

    require_hold(actor, installation.workspace, installation.extension)
    row = Installation.objects.active().select_for_update(of=("self",)).filter(pk=installation.pk).first()
    if row is None:
        raise AlreadyRemoved(f"{installation} was removed already.")
    uses = dependants_of(row)  # all of them, for the trail
    if uses and confirmed.strip() != row.extension.name:
        raise StillNeeded(f"{row} is needed by {_listed(use.name for use in dependants_of(row, actor))}.")
    pin = row.pin
    facts = {"extension": row.extension.slug, "version": pin.version.number, "digest": pin.digest}
    row.removed_at = timezone.now()
    row.save(update_fields=["removed_at"])
    told: dict[str, Any] = {"dependants": [f"{use.kind}: {use.name}" for use in uses]} if uses else {}
    audit.record("installation.removed", actor=actor, target=row, before=facts, reason=reason, **told)
    audit.record("pin.removed", actor=actor, target=pin, before=facts)
    pin.delete()
    end_with(row, by=actor)
    for connection in row.connections.select_for_update():
        close(connection, actor)
    AppRegistration.objects.filter(workspace=row.workspace_id, installation=row).delete()
    transaction.on_commit(partial(installation_removed.send_robust, sender=Installation, installation=row, actor=actor))
    return row


def missing_requirements(
    workspace: Workspace, manifest: Manifest, *, pack: Installation | None = None, lock: bool = False
) -> list[tuple[str, str]]:
    """What a pack needs and ``workspace`` lacks, or has at a version out of range: list of (slug, range).

    ``pack`` is its installation, where there is one: what it is pinned to itself counts, whatever others use. ``lock``
    keeps what is there from being removed until the transaction ends.
    """
    named = Extension.objects.open_to(workspace).filter(slug__in=manifest.requires)
    there = Installation.objects.in_workspace(workspace).active().filter(extension__in=named)
    if lock:  # the installations alone: extensions are every workspace's
        list(there.order_by("pk").select_for_update().values_list("pk"))
    numbers = dict(there.values_list("extension__slug", "pin__version__number"))
    if pack and manifest.requires:
        own = PackPin.objects.filter(workspace=workspace, pack=pack, installation__removed_at=None)
        numbers |= dict(own.values_list("installation__extension__slug", "version__number"))
    return [
        (slug, wanted)
        for slug, wanted in manifest.requires.items()
        if slug not in numbers or not satisfies(numbers[slug], wanted)
    ]


def needed_by(installation: Installation) -> list[Installation]:
    """The installed packs of the workspace that require this one.

    The kind is looked up row by row and not joined: where statistics are of empty tables, PostgreSQL joined by walking
    every extension for every installation, for seconds.
    """
    kind = Subquery(Extension.objects.filter(pk=OuterRef("extension")).values("kind"))
    packs = Installation.objects.in_workspace(installation.workspace).active().alias(kind=kind).filter(kind=Kind.PACK)
    needing = packs.filter(pin__version__manifest__requires__has_key=installation.extension.slug)
    return list(needing.select_related("workspace", "extension", "installed_by", "pin__version"))


def _refuse_unfit_pack(workspace: Workspace, manifest: Manifest) -> None:
    """A pack of which a step would fail as soon as it is reached, with what is installed here. Raises MappingsUnfit."""
    if manifest.kind == Kind.PACK and manifest.requires:
        rows = Installation.objects.in_workspace(workspace).active().filter(extension__slug__in=manifest.requires)
        refuse_unfit(manifest, dict(rows.values_list("extension__slug", "pin__digest")))


def _check_installable(workspace: Workspace, extension: Extension, version: Version) -> None:
    is_open = extension.workspace_id in (None, workspace.pk)
    if not is_open or version.extension_id != extension.pk:
        raise NotInstallable(f"{version} can not be installed.")
    refuse_quarantined(version)
    refuse_retired(version)


def _listed(words: Iterable[str]) -> str:
    """ "a", "a and b", "a, b and c"."""
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last
