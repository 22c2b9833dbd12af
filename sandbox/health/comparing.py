"""Whether a version fails more often than the one before it: sums alone.

A version is flagged when its calls fail at three times the rate of those before, and when that is no accident: the
difference between the two shares is positive at 99 % by Newcombe's interval for two proportions (method 10 of Newcombe
1998, Statistics in Medicine 17:873), which is made of two Wilson intervals and holds for few calls and for none failed.
"""

from math import sqrt

from sandbox.health.objective import ALLOWED, Tally

TIMES = 3
LEAST = 50  # calls of either version; of fewer nothing is said
LEAST_BAD = 5
Z = 2.576  # two-sided, 99 %


def is_worse(now: Tally, before: Tally) -> bool:
    """Whether ``now`` is a version to be flagged against ``before``. What failed once in 200 calls is no worse than
    the objective allows, so three times of less than that is not counted as three times."""
    if min(now.counted, before.counted) < LEAST or now.bad < LEAST_BAD:
        return False
    return _is_times(now, before.bad, before.counted) and _is_times(now, *ALLOWED) and least_difference(now, before) > 0


def _is_times(now: Tally, bad: int, counted: int) -> bool:
    """Whether ``now`` fails at least three times as often as ``bad`` of ``counted``, in whole numbers: 15 % is three
    times 5 %, which 0.15 and 3 * 0.05 are not."""
    return now.bad * counted >= TIMES * bad * now.counted


def least_difference(now: Tally, before: Tally) -> float:
    """The lower end of the interval for the difference of the two shares of failures."""
    low, _ = wilson(now.bad, now.counted)
    _, high = wilson(before.bad, before.counted)
    share, share_before = now.bad / now.counted, before.bad / before.counted
    return share - share_before - sqrt((share - low) ** 2 + (high - share_before) ** 2)


def wilson(part: int, whole: int, z: float = Z) -> tuple[float, float]:
    """The ends of Wilson's score interval for a share."""
    share, z2 = part / whole, z * z
    middle = share + z2 / (2 * whole)
    half = z * sqrt(share * (1 - share) / whole + z2 / (4 * whole * whole))
    return (middle - half) / (1 + z2 / whole), (middle + half) / (1 + z2 / whole)
