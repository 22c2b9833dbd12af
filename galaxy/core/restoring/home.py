"""Whether this database is where it was when it was last told that it is at home.

What is restored, cloned or promoted has the rows of its origin, and does its work a second time. The row of ``Home``
came along with them and names another place: another server, another database of it, another table, or an earlier
timeline. Until somebody has said what became of it (``manage.py restored``), workers do nothing and ``/readyz`` says
no.
"""

import time
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, connection, connections

from galaxy.core.ops.conditions import BAD, GOOD, Condition

LOOKED_EVERY_S = 5.0

_STANDING = "SELECT here.place, here.timeline, h.place, h.timeline FROM core_here() here LEFT JOIN core_home h ON true"
_NOTE = """
INSERT INTO core_home (id, place, timeline, noted_at) SELECT 1, place, timeline, now() FROM core_here()
ON CONFLICT (id) DO
"""

_seen_at: float | None = None  # when this process last saw that it is at home (monotonic seconds)


class Moved(ImproperlyConfigured):
    """This database is a copy, and nobody has said yet what became of what the copy does not know."""


@dataclass(frozen=True)
class Standing:
    """``noted`` is what the row says, (place, timeline), None where there is none yet; ``here`` how it is."""

    here: tuple[str, int]
    noted: tuple[str, int] | None

    @property
    def is_copied(self) -> bool:
        """Restored from a dump, or cloned: its transactions are numbered anew."""
        return self.noted is not None and self.noted[0] != self.here[0]

    @property
    def is_promoted(self) -> bool:
        """A standby that took over, or the server itself as it was at an earlier time."""
        return not self.is_copied and self.noted is not None and self.noted[1] != self.here[1]

    @property
    def is_home(self) -> bool:
        return not self.is_copied and not (self.is_promoted and not settings.GALAXY_SYNCHRONOUS_STANDBYS)

    @property
    def sentence(self) -> str:
        if self.is_copied:
            return "This database is a copy: it was restored from a backup, or cloned."
        if self.is_promoted:
            return "This database went on from an earlier point, by a recovery or as a standby that took over."
        return "The database is where it was."


def standing() -> Standing:
    with connection.cursor() as cursor:
        cursor.execute(_STANDING)
        place, timeline, *noted = cursor.fetchone()
    return Standing((place, timeline), (noted[0], noted[1]) if noted[0] else None)


def require_home() -> None:
    """Raise Moved in a copy. A promise of seconds: asked of the database at most every LOOKED_EVERY_S."""
    global _seen_at
    now = time.monotonic()
    if _seen_at is not None and now - _seen_at < LOOKED_EVERY_S:
        return
    try:
        found = standing()
    except DatabaseError:
        return  # it is away, or not migrated: whoever wants something of it will learn that
    if not found.is_home:
        raise Moved(f"{found.sentence} Nothing is done until `manage.py restored` was run (docs/backup.md).")
    _seen_at = now


def note_home(using: str, **kwargs: Any) -> None:
    """After migrating: a database that was never told where it is is at home where it was made."""
    with connections[using].cursor() as cursor:
        cursor.execute("SELECT to_regclass('core_home') IS NOT NULL")
        if cursor.fetchone()[0]:
            cursor.execute(_NOTE + "NOTHING")


def move_in() -> None:
    """From now on this is home. With the owner's role."""
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            _NOTE + "UPDATE SET (place, timeline, noted_at) = (excluded.place, excluded.timeline, excluded.noted_at)"
        )


def condition() -> Condition:
    found = standing()
    if found.is_home:
        return Condition("home", GOOD, found.sentence)
    return Condition(
        "home",
        BAD,
        found.sentence,
        "It does not know what happened since, so its calls and approvals could be used twice; workers do nothing.",
        "Run manage.py restored, and read docs/backup.md. A copy that is to be thrown away needs nothing.",
    )
