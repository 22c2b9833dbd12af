"""The versions that a pack is played on: those that its calls take now, and the newest that it allows."""

from dataclasses import dataclass

from registry.manifests import Manifest
from registry.models import Installation, Version
from registry.semver import satisfies
from registry.services import verified_manifest
from registry.services.choosing import choose_required

PINNED, NEWEST = "pinned", "newest"


@dataclass(frozen=True)
class Part:
    """What a pack requires: where it is installed, and the version it is played on."""

    installation: Installation
    version: Version

    @property
    def manifest(self) -> Manifest:
        return verified_manifest(self.version.digest)


Parts = dict[str, Part]  # by slug


def pinned_parts(pack: Installation, manifest: Manifest) -> Parts:
    """What a call of the pack would take; what is not installed is left out. Raises Altered."""
    chosen = choose_required(pack.workspace_id, pack.pk, manifest.requires.keys(), "")
    ids = [installation for installation, _ in chosen.values()]
    rows = Installation.objects.in_workspace(pack.workspace).select_related("extension", "workspace").in_bulk(ids)
    return {slug: Part(rows[installation], one.version) for slug, (installation, one) in chosen.items()}


def newest_parts(pinned: Parts, manifest: Manifest) -> Parts:
    """The newest release of each that the pack allows and that may be installed; else the one that is pinned."""
    extensions = {part.installation.extension_id: slug for slug, part in pinned.items()}
    rows = Version.objects.installable().filter(extension__in=extensions).order_by("sort_key")
    found = dict(pinned)
    for version in rows.select_related("extension"):
        slug = extensions[version.extension_id]
        if version.sort_key >= found[slug].version.sort_key and satisfies(version.number, manifest.requires[slug]):
            found[slug] = Part(pinned[slug].installation, version)
    return found


def numbers_of(parts: Parts) -> dict[str, str]:
    return {slug: part.version.number for slug, part in sorted(parts.items())}
