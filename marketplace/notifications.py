"""News of the marketplace: levels that are about to be lowered or were, and how a publisher finds its own."""

from collections.abc import Iterable
from uuid import UUID

from django.urls import reverse

from galaxy.core.models import User, Workspace
from galaxy.core.notifications import Kind, Place, add_kind, add_target
from marketplace.models import Listing

KINDS = (
    Kind("level_amber", "A level is about to be lowered", "Levels that are not proven", "shield-alert", "warn"),
    Kind("level_lowered", "A level was lowered", "Levels that were lowered", "shield-alert", "bad", by_mail=True),
    Kind(
        "level_short",
        "An extension falls short of its level",
        "Published extensions that fall short of their level",
        "trending-down",
        "warn",
        by_mail=True,
    ),
    Kind(
        "level_holds",
        "An extension keeps its level",
        "Published extensions that fall short no more",
        "shield-check",
        "ok",
    ),
    Kind(
        "own_level_lowered",
        "What you publish lost its level",
        "Published extensions that lost their level",
        "shield-alert",
        "bad",
        by_mail=True,
    ),
)


def connect() -> None:
    """Register once, when the app is ready."""
    for kind in KINDS:
        add_kind(kind)
    add_target("marketplace.listing", _listings)


def _listings(user: User, workspace: Workspace, ids: Iterable[UUID]) -> dict[UUID, Place]:
    """As its publisher's people find it, and the desk: by how it fares."""
    rows = Listing.objects.public().filter(pk__in=ids).select_related("extension")
    if not workspace.is_marketplace:
        rows = rows.filter(extension__owner__workspace=workspace)
    return {
        row.pk: Place(str(row), reverse("telemetry:telemetry-detail", args=[workspace.slug, row.extension.slug]))
        for row in rows
    }
