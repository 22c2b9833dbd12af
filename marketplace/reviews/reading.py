"""What pages show of reviews, in a fixed number of queries."""

from dataclasses import dataclass
from uuid import UUID

from django.db.models import Count, QuerySet

from galaxy.core.db.prepared import prepared
from galaxy.core.models import Workspace
from marketplace.reviews.models import Review
from marketplace.reviews.services import live_runs
from registry.models import Extension, Installation, Version

LEAST = 3  # ratings, before an average means something
RATINGS = range(5, 0, -1)


@dataclass(frozen=True)
class Summary:
    """``average`` (1.0 to 5.0) is None below three ratings; ``spread`` is [(rating, how many, percent)], best first."""

    count: int
    average: float | None
    spread: list[tuple[int, int, float]]


def reviews_of(extension: Extension, *, hidden: bool = False):
    """What everybody reads of it, newest first; with ``hidden`` (for the desk) also what nobody else does."""
    rows = Review.objects.all() if hidden else Review.objects.shown()
    return rows.filter(extension=extension).select_related("version").defer("version__manifest")


def summary_of(extension: Extension) -> Summary:
    counts = dict(_ratings(extension=extension.pk))
    count = sum(counts.values())
    spread = [(rating, counts.get(rating, 0), 100 * counts.get(rating, 0) / max(count, 1)) for rating in RATINGS]
    points = sum(rating * number for rating, number in counts.items())
    return Summary(count, round(points / count, 1) if count >= LEAST else None, spread)


@prepared
def _ratings(extension: UUID) -> QuerySet[Review, tuple[int, int]]:
    rows = Review.objects.shown().filter(extension=extension).order_by()
    return rows.values_list("rating").annotate(number=Count("pk"))


def own_reviews(workspace: Workspace, extension: Extension) -> list[Review]:
    """Those of ``workspace`` itself, hidden ones too, newest version first."""
    rows = Review.objects.in_workspace(workspace).filter(extension=extension)
    return list(rows.select_related("workspace", "extension", "version", "written_by").order_by("-version__sort_key"))


def to_review(workspace: Workspace, extension: Extension) -> tuple[Version, int] | None:
    """The version that ``workspace`` can write of now, which is the one it holds, and its live runs; None without."""
    there = Installation.objects.in_workspace(workspace).active().filter(extension=extension)
    held = there.select_related("pin__version__extension").defer("pin__version__manifest").first()
    if held is None or extension.is_private:
        return None
    runs = live_runs(workspace, held.pin.version)
    return (held.pin.version, runs) if runs else None
