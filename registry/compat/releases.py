"""The number of a release held against what is published: a lower one than the change takes is refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.db.models import QuerySet

from galaxy.core.models import Workspace
from registry.errors import VersionTooLow
from registry.manifests import Manifest, version_digest
from registry.models import Extension, Version
from registry.semver import sort_key

from .numbers import is_enough, is_release, raised
from .reasons import Bump
from .whole import least_bump


@dataclass(frozen=True)
class Shortfall:
    """A number that promises more than the release keeps. ``against`` is the release it is held against, ``bump`` what
    lies between the two, ``least`` the lowest number that fits."""

    number: str
    against: Version
    bump: Bump
    least: str

    @property
    def sentence(self) -> str:
        strongest = self.bump.of(self.bump.level)
        if not strongest:
            return f"{self.number} is published already, with other content."
        listed = " ".join(one.sentence for one in strongest[:3])
        more = f" And {len(strongest) - 3} more." if len(strongest) > 3 else ""
        return f"{self.number} is too low. Beside {self.against.number}: {listed}{more}"

    @property
    def fix(self) -> str:
        return f"Number it {self.least}, or keep what {self.against.number} promises."


def shortfall(extension: Extension, manifest: Manifest, files: Mapping[str, bytes]) -> Shortfall | None:
    """What is wrong with the manifest's number as the next release of ``extension``; None where it fits.

    A release is held against the one below it, and the one above it against the release, so that no step of the row
    promises more than it keeps. Pre-releases promise nothing and are held against nothing. A yanked release counts:
    whoever has it still moves on from it. One that is stopped runs nowhere, so nobody does.
    """
    number = manifest.version or ""
    releases = list(_releases(extension))
    if not number or not is_release(number):
        return None
    taken = next((one for one in releases if one.number == number), None)
    if taken is not None and taken.digest == version_digest(manifest, files):
        return None
    found = _broken_step(releases, number, manifest, files)
    return Shortfall(number, *found, _least(releases, manifest, files, found[0])) if found else None


def require_high_enough(extension: Extension, manifest: Manifest, files: Mapping[str, bytes]) -> None:
    """Raises VersionTooLow with every reason of the step that was not taken."""
    if short := shortfall(extension, manifest, files):
        reasons = {one.path: one.sentence for one in short.bump.of(short.bump.level)}
        raise VersionTooLow(f"{manifest.id} {short.sentence}", {"version": short.sentence} | reasons, short.fix)


def shortfall_of(
    manifest: Manifest, files: Mapping[str, bytes], *, publisher: str = "", workspace: Workspace | None = None
) -> Shortfall | None:
    """What is wrong with the manifest's number; None where it fits, or where nothing of that name is published.

    Held against the extension of that name in the marketplace, or against that of ``workspace`` where only it has one.
    Another publisher's than ``publisher`` is nothing to be held against: there the name is what is wrong.
    """
    if not manifest.id or not manifest.version:
        return None
    named = Extension.objects.filter(slug=manifest.id, kind=manifest.kind)
    extension = named.public().first() or (named.filter(workspace=workspace).first() if workspace else None)
    if extension is None or (publisher and extension.workspace_id is None and extension.publisher != publisher):
        return None
    return shortfall(extension, manifest, files)


def files_of(version: Version) -> dict[str, bytes]:
    return {path: bytes(content) for path, content in version.files.values_list("path", "content")}


def _releases(extension: Extension) -> QuerySet[Version]:
    return extension.versions.exclude(number__contains="-").order_by("sort_key")


def _broken_step(
    releases: Sequence[Version], number: str, manifest: Manifest, files: Mapping[str, bytes]
) -> tuple[Version, Bump] | None:
    """The release beside ``number`` to or from which the step would be too small, and what lies between."""
    key = sort_key(number)
    below = max((one for one in releases if one.sort_key < key), key=_by_key, default=None)
    above = min((one for one in releases if one.sort_key > key), key=_by_key, default=None)
    if taken := next((one for one in releases if one.sort_key == key), None):
        return taken, Bump("none")
    if below is not None:
        bump = least_bump(below.parsed, manifest, files_of(below), files)
        if not is_enough(below.number, number, bump.level):
            return below, bump
    if above is not None:
        bump = least_bump(manifest, above.parsed, files, files_of(above))
        if not is_enough(number, above.number, bump.level):
            return above, bump
    return None


def _least(releases: Sequence[Version], manifest: Manifest, files: Mapping[str, bytes], beside: Version) -> str:
    """Right above ``beside`` where that fits, else right above the newest, where nothing stands in the way."""
    least = ""
    for base in (beside, releases[-1]):
        bump = least_bump(base.parsed, manifest, files_of(base), files)
        least = raised(base.number, bump.level)
        if _broken_step(releases, least, manifest, files) is None:
            break
    return least


def _by_key(version: Version) -> str:
    return version.sort_key
