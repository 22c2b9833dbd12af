"""What the marketplace refuses, each in a sentence for a person."""

from galaxy.core.errors import Conflict, Invalid


class ListingTooLong(Invalid):
    """The summary of a listing is longer than a card can show."""

    code = "summary_too_long"
    next_step = "Shorten the summary in the manifest."


class NotPublic(Conflict):
    code = "not_public"
    next_step = "Publish it for all first."


class OffersChanged(Conflict):
    """What the person agreed to is not what would be installed now."""

    code = "offer_changed"
    next_step = "Open the page again, read what it asks for now, and decide then."


class RequirementUnmet(Conflict):
    """Nothing that is published satisfies what the extension requires."""

    code = "requirement_unmet"
    next_step = "Its publisher must say how; nothing was installed."
