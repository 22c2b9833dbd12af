"""The figures of a listing in words, as cards, its own page and comparisons show them."""

from dataclasses import asdict, dataclass
from typing import Any

from galaxy.core.ui.words import duration
from marketplace.models import Listing
from marketplace.search.scoring import LEAST_RUNS

WINDOW_DAYS = 28


@dataclass(frozen=True)
class Figures:
    """``runs`` calls within the window say something of it, ``calls`` is their number for people; ``success``,
    ``errors`` and ``auth_failed`` are shares of them."""

    success: str
    errors: str
    p95: str
    auth_failed: str
    runs: int
    calls: str
    days: int
    last_at: Any


def figures_of(listing: Listing) -> dict[str, Any] | None:
    """None below ``LEAST_RUNS`` calls: then figures say more of chance than of the extension."""
    if listing.runs < LEAST_RUNS:
        return None
    return asdict(
        Figures(
            success=percent(listing.good, listing.runs),
            errors=percent(listing.runs - listing.good, listing.runs),
            p95=duration(listing.p95_ms),
            auth_failed=percent(listing.auth_failed, listing.runs),
            runs=listing.runs,
            calls=f"{listing.runs:,}",
            days=WINDOW_DAYS,
            last_at=listing.last_run_at,
        )
    )


def percent(part: int, whole: int) -> str:
    """``99.8 %``, rounded so that only all is 100 % and only none is 0 %."""
    share = 100 * part / whole
    if 0 < part < whole:
        share = min(max(share, 0.1), 99.9)
    return f"{share:.1f} %".replace(".0 %", " %")
