"""What sandboxd asks before it signs a version for the marketplace."""

from django.db import connection

from registry.models import Version


def is_approved(version: Version) -> bool:
    """Whether an approved submission of exactly these bytes stands; asked across the walls (see migration 0011)."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT marketplace_is_approved(%s, %s)", [version.pk, version.digest])
        return bool(cursor.fetchone()[0])
