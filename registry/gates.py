"""Who else has a say before something is installed, moved or widened: a higher floor, which registers itself here.

Every door that does one of these passes here first, with whatever would be done. Where nobody registered, or nobody
objects, it is as the permissions say alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from galaxy.core.errors import Conflict, DomainError
from galaxy.core.models import User, Workspace
from registry.courses import Course
from registry.models import Extension, Installation, Version

INSTALL, UPGRADE, WIDEN = "install", "upgrade", "widen"


class NeedsApproval(Conflict):
    """A rule wants somebody else's yes first; nothing was done. The page of the act offers to ask for it."""

    code = "approval_needed"
    next_step = "Open its page and ask for it there."


class ReplayFirst(Conflict):
    """Recorded calls are replayed by a worker before it can be asked for or done. ``url`` is the page that shows how
    far that is; ``is_stuck``: the last replay did not finish, and another one was begun."""

    code = "replay_first"
    next_step = "Wait until they are replayed, then do the same again."

    def __init__(self, sentence: str, *, url: str = "", is_stuck: bool = False):
        super().__init__(sentence)
        self.url, self.is_stuck = url, is_stuck


class RuledOut(DomainError):
    """A rule forbids it, whoever asks."""

    status = 403
    code = "ruled_out"
    next_step = "Whoever manages rules can change the rule that is named."


@dataclass(frozen=True)
class Step:
    """What would be done. ``installation`` is None for an install; ``scopes`` and ``hosts`` are all that would be
    agreed to by then, ``new_scopes`` and ``new_hosts`` what of that is not agreed to yet; ``weaker`` are sentences on
    what would not wait for a person any more. ``course`` is how an upgrade comes in step by step; None at once."""

    act: str
    workspace: Workspace
    extension: Extension
    version: Version
    actor: User
    installation: Installation | None = None
    scopes: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    new_scopes: tuple[str, ...] = ()
    new_hosts: tuple[str, ...] = ()
    weaker: tuple[str, ...] = ()
    course: Course | None = None


@dataclass(frozen=True)
class Outlook:
    """What the page of an act says before anybody tries, where it is not simply theirs to do.

    ``why`` are sentences. Where it can be asked for, ``url`` is where the form is sent that asks, and ``asked`` tells
    who would be asked; where it cannot, both are empty. ``waiting`` is the page of their request that waits already.
    ``one_way`` says why there is no way back, which whoever asks has to want all the same. ``replay`` is the page of
    the replay of recorded calls that has to be over first, ``is_replaying`` whether one is under way.
    """

    why: tuple[str, ...]
    url: str = ""
    asked: str = ""
    waiting: str = ""
    one_way: tuple[str, ...] = ()
    replay: str = ""
    is_replaying: bool = False


class Gate(Protocol):
    """Lets a step pass or raises NeedsApproval, RuledOut or ReplayFirst; ``outlook`` says before, of steps done
    together, whether it would, and None where it would let them pass and they are the actor's to do. ``hindrances``
    says of many steps of one workspace, each by itself, what a gate has against it ("" where nothing), in a fixed
    number of queries."""

    def check(self, step: Step) -> None: ...

    def outlook(self, steps: Sequence[Step], may: bool) -> Outlook | None: ...

    def hindrances(self, steps: Sequence[Step]) -> list[str]: ...


_gates: list[Gate] = []


def register(gate: Gate) -> None:
    """Called once when an app starts."""
    if gate not in _gates:
        _gates.append(gate)


def pass_gates(step: Step) -> None:
    """Raises NeedsApproval, RuledOut or ReplayFirst. Outside the transaction of the act, so that what a gate stores of
    a refusal stays."""
    for gate in _gates:
        gate.check(step)


def outlook_of(steps: Sequence[Step], *, may: bool) -> Outlook | None:
    """What to say of ``steps``, done together, where ``may`` is whether the permissions alone let them be done."""
    found = (gate.outlook(steps, may) for gate in _gates)
    return next((one for one in found if one is not None), None)


def hindrances_of(steps: Sequence[Step]) -> list[str]:
    """For each of ``steps``, all of one workspace, why a gate would not let it be done: "" where all would."""
    found = [gate.hindrances(steps) for gate in _gates] if steps else []
    return [next(filter(None, told), "") for told in zip(*found, strict=True)] if found else [""] * len(steps)
