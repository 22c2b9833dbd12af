"""What the pages about ends show, read in a fixed number of queries."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from django.db.models import Count, F, Q, QuerySet
from django.http import Http404

from galaxy.core.models import User, Workspace
from galaxy.core.permissions import require
from marketplace.desk import MAY_REVIEW
from marketplace.workshop.drafts import MAY_WRITE
from registry.models import Extension, Installation, Quarantine, Version
from registry.reach import workspaces_of_versions
from registry.signing.standing import Signed, standing_of


@dataclass(frozen=True)
class ReleaseRow:
    """A version with how many workspaces hold it, and who signed it."""

    version: Version
    workspaces: int
    signed: Signed = field(default_factory=Signed)


@dataclass(frozen=True)
class QuarantineRow:
    """A quarantine; ``workspaces`` is how many hold the version, ``installation`` what this one has of it."""

    quarantine: Quarantine
    workspaces: int | None = None
    installation: Installation | None = None


def require_publications(user: User, workspace: Workspace) -> None:
    """Raises NotGranted for whoever does not write extensions here, or at the desk does not review them."""
    require(user, MAY_REVIEW if workspace.is_marketplace else MAY_WRITE, workspace)


def publications_of(workspace: Workspace) -> QuerySet[Extension]:
    """What is published under a name of ``workspace``, at the desk everything; each with ``releases`` and ``ending``
    (numbers of versions)."""
    rows = Extension.objects.public()
    if not workspace.is_marketplace:
        rows = rows.filter(owner__workspace=workspace)
    ending = Count("versions", filter=Q(versions__status=Version.Status.DEPRECATED))
    return rows.select_related("owner").annotate(releases=Count("versions"), ending=ending).order_by("name", "pk")


def releases_of(extension: Extension) -> list[ReleaseRow]:
    versions = list(extension.versions.select_related("successor").defer("manifest", "successor__manifest"))
    held = workspaces_of_versions([one.pk for one in versions])
    for one in versions:
        one.extension = extension
    signed = standing_of(versions)
    return [ReleaseRow(one, held.get(one.pk, 0), signed[one.pk]) for one in versions]


def release_of(extension: Extension, number: str) -> Version:
    """The version of that number. Raises Http404."""
    row = extension.versions.filter(number=number).select_related("successor").defer("manifest").first()
    if row is None:
        raise Http404
    row.extension = extension
    return row


def quarantines_at_desk() -> QuerySet[Quarantine]:
    """All there ever were, the open ones first."""
    rows = Quarantine.objects.select_related("version__extension", "opened_by", "lifted_by").defer("version__manifest")
    return rows.order_by(F("lifted_at").desc(nulls_first=True), "-opened_at", "pk")


def with_reach(rows: Iterable[Quarantine]) -> list[QuarantineRow]:
    found = list(rows)
    held = workspaces_of_versions({one.version_id for one in found})
    return [QuarantineRow(one, held.get(one.version_id, 0)) for one in found]


def quarantines_here(workspace: Workspace, user) -> list[QuarantineRow]:
    """Open ones of versions that ``workspace`` holds, as far as ``user`` sees the installation."""
    there = Installation.objects.in_workspace(workspace).visible_to(user).active().exclude(pin__version__quarantine="")
    held = {one.pin.version_id: one for one in there.select_related("workspace", "extension", "pin")}
    rows = Quarantine.objects.open().filter(version__in=list(held)).select_related("version__extension", "opened_by")
    return [QuarantineRow(one, installation=held[one.version_id]) for one in rows.defer("version__manifest")]
