"""What is known of an upgrade before anybody agrees to it: its report, and whether there is a way back. The floor that
replays calls knows, and says so here."""

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from galaxy.core.models import User
from registry.gates import UPGRADE, Step
from registry.models import Installation, Version


@dataclass(frozen=True)
class UpgradeProof:
    """``digest`` and ``url`` are those of the newest report, "" where there is none; ``summary`` what its calls came
    to, ``way_back`` what the rollback drill says, ``one_way`` the sentences by which it failed."""

    way_back: str
    one_way: tuple[str, ...] = ()
    report: UUID | None = None
    digest: str = ""
    url: str = ""
    summary: str = ""


# For an installation and a version: the proof; a report is made by the last argument where there is none.
Reader = Callable[[Installation, Version, User, bool], UpgradeProof]
_readers: list[Reader] = []


def register(reader: Reader) -> None:
    """Called once, when the app that knows is ready."""
    _readers[:] = [reader]


def proof_of(step: Step, *, make: bool = False) -> UpgradeProof | None:
    """None for what is no upgrade, for the way back, which needs no proof, and where nobody knows."""
    there = step.installation
    if step.act != UPGRADE or there is None or not _readers:
        return None
    if step.version.sort_key < there.pin.version.sort_key:
        return None
    return _readers[0](there, step.version, step.actor, make)
