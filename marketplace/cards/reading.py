"""The cards of a page of results; what has none yet, such as the minute after an upgrade, is rendered for this once."""

from collections.abc import Sequence
from dataclasses import replace

from galaxy.core.models import Workspace
from marketplace.cards.filling import FilledCard, Slots, fill
from marketplace.cards.health import standings_here
from marketplace.cards.writing import for_cards, parts_for
from marketplace.models import Listing
from marketplace.search.engine import Hit


def cards_of(hits: Sequence[Hit], slots: Slots, workspace: Workspace) -> list[FilledCard]:
    """One finished card for each of ``hits``, in their order."""
    missing = [hit.listing_id for hit in hits if not hit.parts]
    made = parts_for(list(for_cards(Listing.objects.filter(pk__in=missing)))) if missing else {}
    whole = [hit if hit.parts else replace(hit, parts=made.get(hit.listing_id)) for hit in hits]
    return fill(whole, slots, standings_here(hits, workspace))
