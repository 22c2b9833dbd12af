"""Where a version came from, for whoever may install it."""

from dataclasses import dataclass

from django.db import connection

from marketplace.bundles.models import BundleSource
from registry.models import Version


@dataclass(frozen=True)
class Origin:
    """``level`` and ``publisher`` are what the other marketplace said of it."""

    source: BundleSource
    level: str
    publisher: str


def origin_of(version: Version) -> Origin | None:
    """None for what was published here."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT source_id, level, publisher FROM marketplace_origin_of(%s)", [version.pk])
        row = cursor.fetchone()
    return Origin(BundleSource.objects.get(pk=row[0]), row[1], row[2]) if row else None
