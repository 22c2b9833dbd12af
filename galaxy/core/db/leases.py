"""Until when somebody holds a row, or nothing is tried: a moment, by a clock that may be set back.

Set back by an hour, what was given a minute ago lies an hour ahead, and what its holder left would lie there until the
clock has come so far again. What is further ahead than any that is given says nothing, so it counts as over: whoever
still works gives itself another with its next sign of life. Hence each needs a longest one. Functions in the database
that look for what is due say the same (migrations ``times_ahead``).
"""

from datetime import datetime, timedelta

from django.db.models import Q
from django.db.models.functions import Now


def is_over(until: datetime | None, now: datetime, longest: timedelta) -> bool:
    """Whether ``until`` is past, or was given before the clock was set back. ``longest`` is the longest that is given;
    twice as much is believed, since clocks of hosts differ."""
    return until is None or until <= now or until > now + 2 * longest


def over(field: str, now: datetime | Now, longest: timedelta) -> Q:
    """The same of ``field``, as a condition on rows."""
    ahead = now + 2 * longest
    return Q(**{f"{field}__isnull": True}) | Q(**{f"{field}__lte": now}) | Q(**{f"{field}__gt": ahead})
