"""How a roll-out fares, for the pages about it. The floor that runs things knows, and says so here."""

from collections.abc import Callable
from dataclasses import dataclass

from registry.models import RollOut


@dataclass(frozen=True)
class Faring:
    """Calls of the new version in this stage and of the one before, with the share that failed in words ("0.42 %")."""

    calls: int
    bad: int
    failed: str
    before_calls: int
    before_bad: int
    before_failed: str

    @property
    def share(self) -> float:
        """In per cent."""
        return 100 * self.bad / self.calls if self.calls else 0.0

    @property
    def before_share(self) -> float:
        return 100 * self.before_bad / self.before_calls if self.before_calls else 0.0

    @property
    def tone(self) -> str:
        """Of the new version's meter."""
        return "warn" if self.share > self.before_share else ""

    @property
    def words(self) -> str:
        return _words(self.bad, self.calls)

    @property
    def before_words(self) -> str:
        return _words(self.before_bad, self.before_calls)


Reader = Callable[[RollOut], Faring]
_readers: list[Reader] = []


def register(reader: Reader) -> None:
    """Say who knows how a roll-out fares; once, when the app is ready."""
    if reader not in _readers:
        _readers.append(reader)


def faring_of(rollout: RollOut) -> Faring | None:
    """As it is now while it runs, and as it was when it was stopped; None where nobody knows."""
    return next((reader(rollout) for reader in _readers), None)


def _words(bad: int, calls: int) -> str:
    return f"{bad:,} of {calls:,} calls failed" if calls else "No live call yet"
