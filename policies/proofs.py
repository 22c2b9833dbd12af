"""What is known of an upgrade before anybody agrees to it: its report, and whether there is a way back. The floor that
replays calls knows, and says so here."""

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from galaxy.core.models import User
from registry.gates import UPGRADE, ReplayFirst, Step
from registry.models import Installation, Version


@dataclass(frozen=True)
class Awaited:
    """A report that is needed and is not there: calls are recorded here, and a worker replays them first. ``url`` is
    the page that shows how far that is, or that begins it where it is not ``is_under_way``; ``stuck`` says why the last
    replay did not finish, "" where it did not fail."""

    url: str
    is_under_way: bool = False
    stuck: str = ""


@dataclass(frozen=True)
class UpgradeProof:
    """``digest`` and ``url`` are those of the newest report, "" where there is none; ``summary`` what its calls came
    to, ``way_back`` what the rollback drill says, ``one_way`` the sentences by which it failed. ``awaited`` is set
    where nothing may be asked or done before there is a report."""

    way_back: str
    one_way: tuple[str, ...] = ()
    report: UUID | None = None
    digest: str = ""
    url: str = ""
    summary: str = ""
    awaited: Awaited | None = None


# For an installation and a version: the proof; whether a report is wanted, and whether a worker is called to make it.
Reader = Callable[[Installation, Version, User, bool, bool], UpgradeProof]
_readers: list[Reader] = []


def register(reader: Reader) -> None:
    """Called once, when the app that knows is ready."""
    _readers[:] = [reader]


def proof_of(step: Step, *, wants: bool = False, begins: bool = False) -> UpgradeProof | None:
    """None for what is no upgrade, for the way back, which needs no proof, and where nobody knows.

    ``wants`` a report where none is needed otherwise; ``begins`` calls a worker for one that is wanted and is not
    there. Without it nothing is written.
    """
    there = step.installation
    if step.act != UPGRADE or there is None or not _readers:
        return None
    if step.version.sort_key < there.pin.version.sort_key:
        return None
    return _readers[0](there, step.version, step.actor, wants, begins)


def replayed(step: Step, *, wants: bool = False) -> UpgradeProof | None:
    """``proof_of``, once there is the report that is needed. Raises ReplayFirst where a worker was called for it."""
    proof = proof_of(step, wants=wants)
    if proof and (proof.awaited or (wants and not proof.digest)):
        proof = proof_of(step, wants=wants, begins=True)
    if proof and (awaited := proof.awaited):
        said = f"The calls recorded here are replayed on {step.version} first."
        if awaited.stuck:
            said = f"{said} The last time that did not finish: {awaited.stuck}"
        raise ReplayFirst(said, url=awaited.url, is_stuck=bool(awaited.stuck))
    return proof
