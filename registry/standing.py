"""How installations stand: the words for it. The floor that runs things knows which apply (sandbox.health)."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from registry.models import Installation


class State(NamedTuple):
    """One word of the closed list, with the tone and the icon of its badge."""

    value: str
    label: str
    tone: str
    icon: str


# Worst first: where several apply, the first one is told.
NOT_CONNECTED = State("not_connected", "Not connected", "sim", "unplug")
RECONNECT = State("reconnect", "To be reconnected", "bad", "key-round")
HELD_BACK = State("held_back", "Calls held back", "bad", "octagon-pause")
FAILING = State("failing", "Failing", "bad", "circle-x")
DEGRADED = State("degraded", "Degraded", "warn", "trending-down")
HEALTHY = State("healthy", "Healthy", "ok", "heart-pulse")
NO_DATA = State("no_data", "Not known yet", "line", "circle-dashed")
STATES = (NOT_CONNECTED, RECONNECT, HELD_BACK, FAILING, DEGRADED, HEALTHY, NO_DATA)
UNHEALTHY = frozenset({RECONNECT, HELD_BACK, FAILING, DEGRADED})


class Flagged(NamedTuple):
    """That the version in use fails more than the one before it: so in a sentence, the step, and where it is taken."""

    sentence: str
    next_step: str
    label: str
    url: str


@dataclass(frozen=True)
class Standing:
    """How one installation stands: ``why`` in a sentence, ``next_step`` in another (or empty), and where to read on.

    ``next_url`` is where that step is taken, for whoever sees the installation; empty where they may not look there.
    ``flag`` is set where its version fails more than the one before it.
    """

    state: State
    why: str
    next_step: str
    url: str
    next_url: str = ""
    flag: Flagged | None = None

    @property
    def is_unhealthy(self) -> bool:
        return self.state in UNHEALTHY or self.flag is not None


Reader = Callable[[list[Installation]], dict[UUID, Standing]]
_readers: list[Reader] = []


def register(reader: Reader) -> None:
    """Say who knows how installations stand; once, when the app is ready."""
    if reader not in _readers:
        _readers.append(reader)


def standings_of(installations: Iterable[Installation]) -> dict[UUID, Standing]:
    """How they stand, by id, in a fixed number of queries; what never leaves Galaxy has no standing and is left out.

    They are of one workspace, with ``workspace`` and ``extension`` at hand.
    """
    found: dict[UUID, Standing] = {}
    rows = list(installations)
    for reader in _readers if rows else ():
        found |= reader(rows)
    return found
