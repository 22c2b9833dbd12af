"""What "search or jump to" finds in the marketplace."""

from django.db.models import Q
from django.urls import reverse

from galaxy.core.palette import Hit, Provider, add_provider
from marketplace.models import Listing
from marketplace.retiring.reading import publications_of


def connect() -> None:
    """Register once, when the app is ready."""
    add_provider(Provider("Marketplace", 60, _listings, "core.view_listing"))
    add_provider(Provider("Publications", 70, _publications, "core.write_extension"))


def _listings(request, words: str, most: int) -> list[Hit]:
    named = Listing.objects.filter(Q(extension__name__icontains=words) | Q(extension__slug__icontains=words))
    return [
        Hit(
            row.extension.name,
            reverse("marketplace:listing-detail", args=[request.workspace.slug, row.extension.slug]),
            f"{row.extension.get_kind_display()}, {row.get_level_display().lower()}",
            glyph=row.extension.slug,
        )
        for row in named.select_related("extension").order_by("extension__name")[:most]
    ]


def _publications(request, words: str, most: int) -> list[Hit]:
    """What is published from here, with its versions, their signatures and how they end."""
    rows = publications_of(request.workspace).filter(Q(name__icontains=words) | Q(slug__icontains=words))
    return [
        Hit(
            row.name,
            reverse("retiring:publication-detail", args=[request.workspace.slug, row.slug]),
            row.publisher,
            glyph=row.slug,
        )
        for row in rows[:most]
    ]
