"""How far the marketplace vouches for an extension, for the floors below (registry.levels)."""

from collections.abc import Collection
from typing import Any
from uuid import UUID

from django.db.models import QuerySet, Subquery

from galaxy.core.db.prepared import prepared
from marketplace.models import Listing


def level_of(extension: UUID) -> str | None:
    """The VerificationLevel of a listed extension, None for one that is not listed."""
    return _level.one(extension=extension)


def levels_of(extensions: Collection[UUID]) -> dict[UUID, str]:
    """The same for many, by id, without what is not listed."""
    return dict(_levels(extensions=",".join(map(str, extensions))))


def listed_level(extension: Any) -> Subquery:
    """The same as an expression, for a query that asks for something else as well."""
    return Subquery(Listing.objects.filter(extension=extension).order_by().values("level"))


@prepared
def _levels(extensions: str) -> QuerySet[Listing, tuple[UUID, str]]:
    return Listing.objects.filter(extension__pk__among=extensions).order_by().values_list("extension", "level")


@prepared
def _level(extension: UUID) -> QuerySet[Listing, str]:
    return Listing.objects.filter(extension=extension).order_by().values_list("level", flat=True)
