"""What goes into a run and what comes out."""

from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Protocol

from sandbox.pool.limits import Limits

ACTION, TRANSFORM = "action", "transform"


class SandboxUnavailable(Exception):
    """Python must not run on this host; the message names what is missing."""


class Broker(Protocol):
    """What does HTTP and signatures for one run, in the parent: galaxy.core.egress has one. It believes nothing of a
    request, never raises on one, and keeps to the seconds it is given, since nothing here can interrupt it."""

    def fetch(self, request: dict[str, Any], seconds_left: float) -> dict[str, Any]:
        """{status, headers, body | body_base64}, or {error, category, message, was_sent} where there was no answer."""

    def sign(self, name: str, alg: str, data: bytes) -> str | dict[str, Any]:
        """The signature, or {error, category, message}."""


@dataclass(frozen=True)
class Job:
    """One run. ``seed`` decides all its randomness, and ``now`` (aware) its clock: equal jobs give equal bytes.

    ``secrets`` maps names to placeholders, never to values. ``filename`` stands in what a creator reads about lines.
    """

    workspace: str
    code: str
    inputs: Any
    seed: int | str
    now: datetime
    limits: Limits = field(default_factory=Limits)
    kind: str = ACTION
    secrets: dict[str, str] = field(default_factory=dict)
    run_id: str = ""
    filename: str = "action.py"


@dataclass
class Outcome:
    """How a run ended.

    ``error`` is what errors.describe gives, with the code of an ActionError as its own; None when status is ok.
    ``logs`` is a list of {level, text}; ``lost_logs`` counts the lines beyond the limit. ``walls`` is a list of {name,
    in_force, detail}. ``sent`` is true once something of a request may have reached another system: before that, a
    lost run may be done again whatever it does. ``measured`` is {wall_ms, cpu_ms, memory_bytes}, as the kernel counts
    for the worker; ``artefact`` names the interpreter, since the order of sets is fixed when one is built.
    """

    status: str = "error"
    output: Any = None
    error: dict[str, Any] | None = None
    logs: list[dict[str, str]] = field(default_factory=list)
    lost_logs: int = 0
    walls: list[dict[str, Any]] = field(default_factory=list)
    limits: dict[str, int] = field(default_factory=dict)
    http_calls: int = 0
    sent: bool = False
    measured: dict[str, float] = field(default_factory=dict)
    artefact: str = ""

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)
