"""What the marketplace's pages show, read in a fixed number of queries."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import F

from galaxy.core.models import User, Workspace
from marketplace.models import Listing
from registry.asks import short_words
from registry.models import Installation, Version
from registry.semver import satisfies
from registry.standing import Standing, standings_of
from sandbox.health.versions import Flag, Share, figures_of, flags_of

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
class Card:
    listing: Listing
    asks: str
    installation: Installation | None
    requirements: list[Requirement]
    standing: Standing | None = None  # of the installation here, where it reaches out

    @property
    def missing(self) -> list[Requirement]:
        return [one for one in self.requirements if one.installation is None]


@dataclass(frozen=True)
class Release:
    """A version in the list of all. ``figures`` tell how its calls went in all workspaces, everything together first;
    empty where too few called it. ``flag`` is set where it fails more than the version before."""

    version: Version
    figures: list[Share]
    flag: Flag | None


def with_extension(listings):
    """``listings`` with what a card shows; the manifest itself stays in the database, only its requirements come."""
    return (
        listings.select_related("extension", "version")
        .defer("search", "version__manifest")
        .annotate(requires=F("version__manifest__requires"))
    )


def cards_of(listings: Iterable[Any], workspace: Workspace, user: User) -> list[Card]:
    """The listings (of ``with_extension``) as cards of ``workspace``."""
    listings = list(listings)
    needed = {slug for listing in listings for slug in listing.requires or {}}
    here = installations_here({one.extension.slug for one in listings} | needed, workspace, user)
    own = [(listing, installation_of(listing, here)) for listing in listings]
    standings = standings_of(there for _, there in own if there)
    names = _names(needed)
    return [
        Card(
            listing=listing,
            asks=short_words(listing.scopes),
            installation=there,
            requirements=requirements_of(listing.requires or {}, here, names),
            standing=standings.get(there.pk) if there else None,
        )
        for listing, there in own
    ]


def installation_of(listing: Listing, here: dict[str, Installation]) -> Installation | None:
    """What is installed of the listing, by ``installations_here``: a private extension may bear its name."""
    there = here.get(listing.extension.slug)
    return there if there and there.extension_id == listing.extension_id else None


def requirements_of(
    requires: dict[str, str], here: dict[str, Installation], names: dict[str, str] | None = None
) -> list[Requirement]:
    names = _names(requires) if names is None else names
    return [_requirement(slug, wanted, here.get(slug), names.get(slug, "")) for slug, wanted in requires.items()]


def installations_here(slugs: Iterable[str], workspace: Workspace, user: User) -> dict[str, Installation]:
    """What ``workspace`` has installed of ``slugs``, as far as ``user`` may see it: {slug: installation}."""
    rows = (
        Installation.objects.in_workspace(workspace)
        .visible_to(user)
        .active()
        .filter(extension__slug__in=slugs)
        .select_related("workspace", "extension", "pin__version")
        .defer("pin__version__manifest")
    )
    return {row.extension.slug: row for row in rows}


def releases_of(versions: Iterable[Version]) -> list[Release]:
    """The versions in their order, each with how it fares across workspaces."""
    rows = list(versions)
    figures, flags = figures_of([one.pk for one in rows]), flags_of([one.pk for one in rows])
    return [Release(one, figures.get(one.pk, []), flags.get(one.pk)) for one in rows]


def docs_of(version: Version) -> str:
    """The documentation of a version as Markdown: its docs.md, else what its manifest says."""
    content = version.files.filter(path=DOCS_FILE).values_list("content", flat=True).first()
    if content is not None:
        return bytes(content).decode("utf-8", "replace")
    return version.parsed.canonical.get("docs", "")


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
