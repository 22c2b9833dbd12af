"""Resolving: what a call means in a workspace, read from bytes that are checked against the pin."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from uuid import UUID

from django.db.models import Q, QuerySet

from galaxy.core.db.prepared import prepared
from galaxy.core.models import User, Workspace
from registry.errors import NotInstalled
from registry.manifests import ActionSpec, Manifest, load
from registry.models import Connection, Installation, Kind, Version
from registry.services.choosing import NO_PACK, candidates, choose
from registry.services.credentials import connection_for
from registry.signing import verify_contents


@dataclass(frozen=True)
class Resolved:
    """What a target means in a workspace. ``action`` is None for transforms, packs, triggers and bare connectors."""

    target: str
    installation: Installation
    version: Version
    manifest: Manifest
    action: ActionSpec | None


def resolve(
    workspace: Workspace,
    target: str,
    *,
    pack: UUID | None = None,
    key: str = "",
    held: Mapping[str, str] = MappingProxyType({}),
) -> Resolved:
    """``hubspot.create_task`` as action of a connector, else an extension of that name, at the version that a call
    takes: the one that the pack of that installation is pinned to, its share of a roll-out, or the pinned one.

    ``key`` tells one run from another (registry.services.choosing); without it nobody takes part in a roll-out by
    share. ``held`` are the digests that a run holds to, by the id of the installation. Raises NotInstalled, or Altered
    when the stored version is not what the pin names.
    """
    if not target.isprintable():  # PostgreSQL has no text with a null character or half a surrogate pair
        raise NotInstalled("Nothing of that name is installed.")
    connector, _, action = target.rpartition(".")
    named = _installed(workspace=workspace.pk, target=target, connector=connector, pack=pack or NO_PACK)
    found = {row.extension.slug: row for row in named}
    owner = found.get(connector)
    if owner and owner.extension.kind == Kind.CONNECTOR:
        chosen = choose(owner, key, held.get(str(owner.pk), ""))
        manifest = verified_manifest(chosen.digest)
        if action in manifest.actions:
            return Resolved(target, owner, chosen.version, manifest, manifest.actions[action])
    if target not in found:
        raise NotInstalled(f"{target} is not installed in {workspace}.")
    installation = found[target]
    chosen = choose(installation, key, held.get(str(installation.pk), ""))
    manifest = verified_manifest(chosen.digest)
    alone = manifest.actions.get(target) if manifest.kind == Kind.ACTION else None
    return Resolved(target, installation, chosen.version, manifest, alone)


@prepared
def _installed(workspace: UUID, target: str, connector: str, pack: UUID) -> QuerySet[Installation]:
    rows = Installation.objects.filter(workspace=workspace, extension__slug__in=[target, connector]).active()
    rows = candidates(rows, workspace, pack).order_by()
    return rows.defer("pin__version__manifest")  # by its digest it is in memory


@lru_cache(maxsize=256)
def verified_manifest(digest: str) -> Manifest:
    """The manifest of the version called ``digest``, whose stored manifest and files were recomputed to that digest and
    whose signatures hold (registry.signing).

    Kept per process by digest: what was checked once is what is used, whatever happens to the row afterwards. A key
    that is revoked later stops versions by their row. Raises Altered, NotVouched, or NotInstalled where nothing was
    published under it.
    """
    return _verified(digest)[0]


@lru_cache(maxsize=64)
def verified_file(digest: str, path: str) -> bytes:
    """One file of the version called ``digest``, checked and kept like its manifest. Raises Altered or NotInstalled."""
    files = _verified(digest)[1]
    if path not in files:
        raise NotInstalled(f"The version has no file {path:.200}.")
    return files[path]


def _verified(digest: str) -> tuple[Manifest, dict[str, bytes]]:
    version = Version.objects.filter(digest=digest).select_related("extension__owner").first()
    if version is None:
        raise NotInstalled("No version of that digest is published.")
    manifest = load(version.manifest)
    files = {path: bytes(content) for path, content in version.files.values_list("path", "content")}
    verify_contents(version, manifest, files)
    return manifest, files


def outgoing_connection(resolved: Resolved, user: User) -> Connection | None:
    """The connection by which a call of ``user`` goes out; None for a pack, whose steps have their own, and for what
    stays here."""
    if resolved.manifest.kind == Kind.PACK or not reaches_out(resolved.manifest):
        return None
    return connection_for(resolved.installation, user)


def is_simulation_forced(resolved: Resolved, user: User, connection: Connection | None = None) -> bool:
    """True while ``user`` has no connection to what would be reached; for a pack, to anything it requires.

    ``connection`` is the way out where it is known already. One that has to be renewed is a connection still: live runs
    wait for it.
    """
    if resolved.manifest.kind == Kind.PACK:
        unconnected = unconnected_slugs(resolved.installation.workspace, user)
        return any(slug in unconnected for slug in resolved.manifest.requires)
    if not reaches_out(resolved.manifest):
        return False
    connection = connection or connection_for(resolved.installation, user)
    return connection is None or connection.status == Connection.Status.UNAUTHENTICATED


def reaches_out(manifest: Manifest) -> bool:
    """Whether a live call would leave Galaxy, and so needs a connection."""
    return manifest.kind == Kind.CONNECTOR or bool(manifest.hosts)


def unconnected_slugs(workspace: Workspace, user: User) -> set[str]:
    """Slugs of what is installed in ``workspace`` and waits for a connection: that of ``user``, or the shared one."""
    found = _connected(workspace=workspace.pk, user=user.pk)
    connected = {slug for slug, status in found if status != Connection.Status.UNAUTHENTICATED}
    return {slug for slug, _ in found} - connected


@prepared
def _connected(workspace: UUID, user: UUID) -> QuerySet[Connection, tuple[str, str]]:
    theirs = Connection.objects.filter(Q(owner=None) | Q(owner=user), workspace=workspace)
    return theirs.filter(installation__removed_at=None).values_list("installation__extension__slug", "status")
