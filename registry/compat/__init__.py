"""What changed from one release to the next: which number the next may have, what it takes to agree to, whom it breaks.

    >>> least_bump(before, after, files_before, files_after).level
    'major'

What counts as what stands in docs/versions.md; the comparison is pure, ``releases`` alone reads the database.
"""

from .numbers import is_enough, raised, step
from .reasons import CODES, CONSENT, Bump, Level, Reason
from .releases import Shortfall, require_high_enough, shortfall, shortfall_of
from .rows import Difference
from .whole import Comparison, compare, least_bump

__all__ = [
    "CODES",
    "CONSENT",
    "Bump",
    "Comparison",
    "Difference",
    "Level",
    "Reason",
    "Shortfall",
    "compare",
    "is_enough",
    "least_bump",
    "raised",
    "require_high_enough",
    "shortfall",
    "shortfall_of",
    "step",
]
