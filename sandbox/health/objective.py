"""The objective of a connector: 99.5 % of its live calls of seven days succeed. Sums only; reading is done elsewhere.

Whole numbers are compared, and shares are cut, never rounded up: 99.499 % is not 99.5.
"""

from dataclasses import dataclass
from datetime import timedelta

WINDOW = timedelta(days=7)
DAY = timedelta(days=1)
ALLOWED = (5, 1000)  # failures in calls: what the objective of 99.5 % leaves
OBJECTIVE = "99.5 %"
LEAST = 20  # calls; of fewer than that one mishap would decide
TOO_MANY = 2  # failures; a single one is never called a missed objective


@dataclass(frozen=True)
class Tally:
    """Live calls by what they count as; ``caller`` are those that failed by the caller's own mistake, and do not
    count."""

    good: int = 0
    bad: int = 0
    caller: int = 0

    @property
    def counted(self) -> int:
        return self.good + self.bad

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(self.good + other.good, self.bad + other.bad, self.caller + other.caller)


@dataclass(frozen=True)
class Objective:
    """How a connector or a connection does: ``week`` are the calls of seven days, ``day`` those of the last 24 h."""

    week: Tally = Tally()
    day: Tally = Tally()

    @property
    def is_judged(self) -> bool:
        """Whether there were enough calls to say anything."""
        return self.week.counted >= LEAST

    @property
    def is_met(self) -> bool:
        share, of = ALLOWED
        return self.week.bad * of <= self.week.counted * share

    @property
    def is_missed(self) -> bool:
        return self.is_judged and self.week.bad >= TOO_MANY and not self.is_met

    @property
    def success(self) -> str:
        """The share of calls that succeeded: "99.62 %"; "–" without calls."""
        return percent(self.week.good, self.week.counted)

    @property
    def budget(self) -> float:
        """How many of the calls made so far may fail, such as 6.2."""
        return self.week.counted * ALLOWED[0] / ALLOWED[1]

    @property
    def budget_left(self) -> float:
        """How much of that is left, in per cent; below 0 where more failed."""
        if not self.week.counted:
            return 100.0
        return 100 - 100 * self.week.bad * ALLOWED[1] / (self.week.counted * ALLOWED[0])

    @property
    def budget_share(self) -> str:
        """The number of ``budget_words``. What is left is cut, so that a failure is never told as none; below one per
        cent over, and above 99 left, with a tenth."""
        over = -self.budget_left
        if over > 0:
            return f"{over:.{1 if over < 1 else 0}f} %"
        budget = max(self.week.counted, 1) * ALLOWED[0]
        tenths = 1000 * (budget - self.week.bad * ALLOWED[1]) // budget
        return f"{tenths / 10:.1f} %" if 990 < tenths < 1000 else f"{tenths // 10} %"

    @property
    def budget_side(self) -> str:
        return "overspent" if self.budget_left < 0 else "left"

    @property
    def budget_words(self) -> str:
        return f"{self.budget_share} {self.budget_side}"

    @property
    def burn_rate(self) -> float | None:
        """How fast the last 24 h used the budget up: 1 uses up exactly all of it in seven days. None without calls."""
        if not self.day.counted:
            return None
        return self.day.bad * ALLOWED[1] / (self.day.counted * ALLOWED[0])

    @property
    def burn_words(self) -> str:
        rate = self.burn_rate
        return "–" if rate is None else f"{rate:.1f}×"


def percent(part: int, whole: int) -> str:
    """A share in per cent with two digits, cut: "99.49 %"; "100 %" only where it is all. "–" of nothing."""
    if not whole:
        return "–"
    if part == whole:
        return "100 %"
    hundredths = part * 10_000 // whole
    return f"{hundredths // 100}.{hundredths % 100:02d} %"
