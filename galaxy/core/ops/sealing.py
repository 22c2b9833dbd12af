"""How the sequencer does, as it tells itself by way of the cache; the processes need not share a host."""

import time
from collections.abc import Collection
from datetime import timedelta

from django.core.cache import cache
from django.utils import timezone

from galaxy.core.ops.conditions import GOOD, UNKNOWN, WARN, Condition
from galaxy.core.ui.words import relative

KEY = "galaxy:sequencer"
LATE_S = 15
KEPT_S = 60 * 60 * 24


def note_sequencer(*, refused: Collection[str] = (), uncopied: Collection[str] = (), closed: str = "") -> None:
    """A sign of life. ``refused`` and ``uncopied`` are sentences, one for each workspace that is concerned; ``closed``
    says why nothing is sealed at all."""
    cache.set(KEY, {"at": time.time(), "refused": [*refused], "uncopied": [*uncopied], "closed": closed}, KEPT_S)


def sequencer() -> Condition:
    """The trail goes on being written whatever is wrong here, so this never takes a process out of service."""
    found = cache.get(KEY)
    if found is None:
        return Condition(
            "sequencer",
            UNKNOWN,
            "No sequencer has given a sign of life within a day.",
            "Events are written and not sealed: nobody could prove yet that they were not changed.",
            "Start manage.py sequencer; whatever waits is sealed at once.",
        )
    age_s = max(0.0, time.time() - found["at"])
    if age_s > LATE_S:
        return Condition(
            "sequencer",
            WARN,
            f"The last sign of life of the sequencer came {relative(timezone.now() - timedelta(seconds=age_s))}.",
            "Events since then are written and not sealed yet.",
            "Look whether manage.py sequencer still runs, and into its log.",
        )
    if found["closed"]:
        return Condition("sequencer", WARN, found["closed"], "Events are written and not sealed.", _LOOK)
    if found["refused"]:
        return Condition(
            "sequencer",
            WARN,
            f"{_trails(found['refused'])} cannot be sealed any further. {found['refused'][0]}",
            "What is stored is not what was signed before, so somebody may have changed it.",
            _LOOK,
        )
    if found["uncopied"]:
        return Condition(
            "sequencer",
            WARN,
            f"{_trails(found['uncopied'])} is not copied outside the database. {found['uncopied'][0]}",
            "Until then somebody who owns the database could roll the latest events back unseen.",
            "Make room in GALAXY_CHECKPOINTS_DIR, and let the sequencer's user write there.",
        )
    return Condition("sequencer", GOOD, f"Whatever is written is sealed; last seen {age_s:.0f} s ago.")


_LOOK = "Run manage.py audit verify, and read docs/audit.md."


def _trails(sentences: list[str]) -> str:
    return f"The trail of {len(sentences)} workspace{'' if len(sentences) == 1 else 's'}"
