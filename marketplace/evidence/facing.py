"""What pages say of a level: how its listed version keeps to its limits, what falls short, and how it was lowered."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import QuerySet
from django.utils import timezone

from galaxy.core.db.prepared import prepared
from marketplace.evidence.limits import Kept, kept_to, limits_of, sums_of_week
from marketplace.evidence.rules import COMMUNITY, GRACE_DAYS
from marketplace.models import Listing, Lowering, Shortfall
from registry.models import Extension

SHOWN_FOR = timedelta(days=90)  # so long a listing says that its level was lowered


@dataclass(frozen=True)
class Badge:
    """``short`` are open shortfalls, the oldest first; ``lowered`` the last loss of a level that was not given back."""

    listing: Listing
    kept: list[Kept]
    short: list[Shortfall]
    lowered: Lowering | None

    @property
    def lowers_at(self) -> datetime | None:
        """When the level is lowered if nothing changes; None where nothing falls short."""
        return self.short[0].told_at + timedelta(days=GRACE_DAYS) if self.short else None


def badge_of(extension: Extension) -> Badge | None:
    """None for what is not listed."""
    listing = Listing.objects.filter(extension=extension).select_related("extension").first()
    return None if listing is None else badge_of_listing(listing)


def badge_of_listing(listing: Listing, now: datetime | None = None) -> Badge:
    """With the extension at hand. Four queries, one where the level asks for nothing of the kind."""
    now = now or timezone.now()
    lowered = lowered_of(listing, now)
    if listing.level == COMMUNITY or listing.workspace_id is not None:
        return Badge(listing, [], [], lowered)
    week = sums_of_week([listing.version_id], now)[listing.version_id]
    short = Shortfall.objects.filter(listing=listing, ended_at=None).order_by("told_at")
    return Badge(listing, kept_to(limits_of(listing.level), listing.extension.kind, week), list(short), lowered)


def lowered_of(listing: Listing, now: datetime) -> Lowering | None:
    """The last time it lost a level, unless that was given back or it was reviewed anew since."""
    row = _lowered.one(listing=listing.pk, since=now - SHOWN_FOR)
    return row if row is not None and row.after == listing.level else None


@prepared
def _lowered(listing: UUID, since: datetime) -> QuerySet[Lowering]:
    rows = Lowering.objects.filter(listing=listing, lowered_at__gte=since).exclude(appeal=Lowering.Answer.UPHELD)
    return rows.order_by("-lowered_at")[:1]
