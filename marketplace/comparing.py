"""Listings side by side: what they can do, how they fare, how fresh they are and what they ask for."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import F

from galaxy.core.models import User, Workspace
from marketplace.cards.figures import figures_of
from marketplace.models import Listing, Reach
from marketplace.reading import installation_of, installations_here
from marketplace.search.facets import CAPABILITIES
from registry.manifests import scopes as scope_words
from registry.models import Installation

LEAST, MOST = 2, 4
NOT_KNOWN = "Not enough runs yet"


@dataclass(frozen=True)
class Row:
    """One line of the comparison. ``cells`` hold a text, or a list of texts, for each listing; ``differs``: not all
    are alike."""

    label: str
    cells: list[Any]

    @property
    def differs(self) -> bool:
        return any(cell != self.cells[0] for cell in self.cells)


@dataclass(frozen=True)
class Column:
    listing: Listing
    installation: Installation | None


@dataclass(frozen=True)
class Comparison:
    """``columns`` in the order they were chosen; ``left_out`` counts what was chosen beyond the most that fit."""

    columns: list[Column]
    rows: list[Row]
    left_out: int


def compare(slugs: Sequence[str], *, workspace: Workspace, user: User) -> Comparison:
    """The listings of those names that ``workspace`` may see, side by side; names that are none are left aside."""
    wanted = list(dict.fromkeys(slugs))
    rows = Listing.objects.open_to(workspace).filter(extension__slug__in=wanted)
    rows = rows.select_related("extension", "version").defer("version__manifest")
    found: dict[str, Listing] = {}
    for listing in rows.order_by(F("workspace").asc(nulls_last=True)):
        found.setdefault(listing.extension.slug, listing)  # the workspace's own before the public one
    listings = [found[slug] for slug in wanted if slug in found]
    shown = listings[:MOST]
    here = installations_here([one.extension.slug for one in shown], workspace, user)
    columns = [Column(one, installation_of(one, here)) for one in shown]
    return Comparison(columns, _rows(columns), len(listings) - len(shown))


def _rows(columns: list[Column]) -> list[Row]:
    listings = [column.listing for column in columns]
    return [
        Row("Kind", [one.extension.get_kind_display() for one in listings]),
        Row("Publisher", [one.extension.publisher for one in listings]),
        Row("Trust", [one.get_level_display() for one in listings]),
        Row("Version", [one.version.number for one in listings]),
        Row("Released", [f"{one.version.published_at:%-d %b %Y}" for one in listings]),
        Row("Can", [[CAPABILITIES[name] for name in one.facts.get("capabilities", ())] for one in listings]),
        Row("Asks for at most", [Reach(one.reach).label for one in listings]),
        Row("Scopes", [[scope_words.sentence(scope) for scope in one.scopes] for one in listings]),
        Row("Data classes", [[name.replace("_", " ") for name in one.facts.get("classes", ())] for one in listings]),
        *_figures([figures_of(one) for one in listings]),
        Row("Used in", [f"{one.installs:,} workspace{'' if one.installs == 1 else 's'}" for one in listings]),
        Row(
            "Here",
            [column.installation.pin.version.number if column.installation else "Not installed" for column in columns],
        ),
    ]


def _figures(figures: list[dict[str, Any] | None]) -> list[Row]:
    """One line where nothing is known of any of them."""
    if not any(figures):
        return [Row("Figures", [NOT_KNOWN for _ in figures])]

    def row(label: str, words: Callable[[dict[str, Any]], str]) -> Row:
        return Row(label, [words(one) if one else NOT_KNOWN for one in figures])

    return [
        row("Success", lambda one: one["success"]),
        row("Errors", lambda one: one["errors"]),
        row("Auth failures", lambda one: one["auth_failed"]),
        row("p95", lambda one: one["p95"]),
        row("Sample", lambda one: f"{one['calls']} calls in {one['days']} days"),
        row("Last call", lambda one: f"{one['last_at']:%-d %b %Y}"),
    ]
