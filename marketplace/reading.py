"""What the marketplace's pages show, read in a fixed number of queries."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from galaxy.core.db.prepared import prepared
from galaxy.core.kept_queries import kept_rows
from galaxy.core.models import User, Workspace
from marketplace.models import Listing
from registry.models import Installation, Version, VersionFile
from registry.semver import satisfies
from registry.signing.standing import Signed
from registry.signing.standing import standing_of as signatures_of
from sandbox.health.versions import Flag, Share, figures_of, flags_of
from sandbox.upgrades.proving import impact_words

DOCS_FILE = "docs.md"


@dataclass(frozen=True)
class Requirement:
    """Something a pack needs. ``installation`` is there and fits; ``held`` is the number of one that does not fit."""

    slug: str
    name: str
    wanted: str
    installation: Installation | None
    held: str = ""


@dataclass(frozen=True)
class Release:
    """A version in the list of all. ``figures`` tell how its calls went in all workspaces, everything together first;
    empty where too few called it. ``flag`` is set where it fails more than the version before. ``impact`` says
    whether what it breaks is used here, "" where it breaks nothing or nothing is installed. ``signed`` says by whom,
    and whose signature it waits for."""

    version: Version
    figures: list[Share]
    flag: Flag | None
    impact: str = ""
    signed: Signed = field(default_factory=Signed)


def installation_of(listing: Listing, here: dict[str, Installation]) -> Installation | None:
    """What is installed of the listing, by ``installations_here``: a private extension may bear its name."""
    there = here.get(listing.extension.slug)
    return there if there and there.extension_id == listing.extension_id else None


def is_update(installation: Installation, version: Version) -> bool:
    """Whether ``version`` is newer than what is held, and may be moved to."""
    is_offered = version.status == Version.Status.PUBLISHED and not version.quarantine
    return is_offered and version.sort_key > installation.pin.version.sort_key


def requirements_of(requires: dict[str, str], here: dict[str, Installation]) -> list[Requirement]:
    names = _names(requires)
    return [_requirement(slug, wanted, here.get(slug), names.get(slug, "")) for slug, wanted in requires.items()]


def installations_here(slugs: Iterable[str], workspace: Workspace, user: User) -> dict[str, Installation]:
    """What ``workspace`` has installed of ``slugs``, as far as ``user`` may see it: {slug: installation}."""

    def ask(slugs: str) -> QuerySet[Installation]:
        rows = Installation.objects.in_workspace(workspace).visible_to(user).active()
        rows = rows.filter(extension__slug__among=slugs).select_related("workspace", "extension", "pin__version")
        return rows.defer("pin__version__manifest")

    rows = kept_rows(user, workspace, "marketplace.here", ask, slugs=",".join(slugs))
    return {row.extension.slug: row for row in rows}


def releases_of(versions: Iterable[Version], installation: Installation | None = None, *, user: User) -> list[Release]:
    """The versions in their order, each with how it fares across workspaces, and what it means where ``installation``
    is, as ``user`` may read it."""
    rows = list(versions)
    signed = signatures_of(rows)
    figures, flags = figures_of([one.pk for one in rows]), flags_of([one.pk for one in rows])
    impact = impact_words(installation, rows, user) if installation else {}
    return [
        Release(one, figures.get(one.pk, []), flags.get(one.pk), impact.get(one.pk, ""), signed[one.pk]) for one in rows
    ]


def docs_of(version: Version) -> str:
    """The documentation of a version as Markdown: its docs.md, else what its manifest says."""
    content = _docs.one(version=version.pk)
    if content is not None:
        return bytes(content).decode("utf-8", "replace")
    return version.parsed.canonical.get("docs", "")


@prepared
def _docs(version: UUID) -> QuerySet[VersionFile, Any]:
    return VersionFile.objects.filter(version=version, path=DOCS_FILE).values_list("content", flat=True)


def _requirement(slug: str, wanted: str, there: Installation | None, name: str) -> Requirement:
    if there is None:
        return Requirement(slug, name, wanted, None)
    number = there.pin.version.number
    if satisfies(number, wanted):
        return Requirement(slug, name, wanted, there)
    return Requirement(slug, name, wanted, None, held=number)


def _names(slugs: Iterable[str]) -> dict[str, str]:
    listed = Listing.objects.filter(extension__slug__in=slugs)
    return dict(listed.values_list("extension__slug", "extension__name")) if slugs else {}
