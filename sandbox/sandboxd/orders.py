"""What web and workers may ask of sandboxd about a run, read strictly: a request that says more or less is refused.

A request names a version by its digest and never brings code along; code, hosts and limits are read from the
published version, whose digest is verified.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from galaxy.core.errors import DomainError

MAX_SECRETS = 32
MAX_KEPT = 1000
MAX_FALLBACKS = 5
MAX_SECONDS = 10.0


class BadOrder(DomainError):
    """The request is not one of ours."""

    status = 400
    code = "bad_order"
    next_step = "Run web, workers and sandboxd of one release."


@dataclass(frozen=True)
class RunOrder:
    """Run one version's code once. ``leases`` maps the names by which the code calls its secrets to lease tokens.

    ``target`` is as on the run; ``seed`` and ``now`` (aware) decide all that is random and the time. ``remembers``:
    nothing in it is personal, so what a transform gives may be kept in memory for a while.
    """

    workspace: UUID
    run: str
    digest: str
    target: str
    inputs: dict[str, Any]
    seed: int
    now: datetime
    leases: dict[str, str]
    remembers: bool = False

    def as_body(self) -> dict[str, Any]:
        return {
            "workspace": str(self.workspace),
            "run": self.run,
            "digest": self.digest,
            "target": self.target,
            "inputs": self.inputs,
            "seed": self.seed,
            "now": self.now.isoformat(),
            "leases": self.leases,
            "remembers": self.remembers,
        }

    @classmethod
    def from_body(cls, body: dict[str, Any]) -> "RunOrder":
        """Raises BadOrder."""
        body = {"remembers": False} | body  # a worker of the release before does not say it
        only(body, {"workspace", "run", "digest", "target", "inputs", "seed", "now", "leases", "remembers"})
        leases = typed(body, "leases", dict)
        if len(leases) > MAX_SECRETS or not all(isinstance(one, str) for pair in leases.items() for one in pair):
            raise BadOrder(f"leases maps at most {MAX_SECRETS} names to texts.")
        now = parsed(body, "now", datetime.fromisoformat)
        if now.tzinfo is None:
            raise BadOrder("now says no time zone.")
        return cls(
            workspace=parsed(body, "workspace", UUID),
            run=typed(body, "run", str),
            digest=typed(body, "digest", str),
            target=typed(body, "target", str),
            inputs=typed(body, "inputs", dict),
            seed=typed(body, "seed", int),
            now=now,
            leases=leases,
            remembers=typed(body, "remembers", bool),
        )


@dataclass(frozen=True)
class CallOrder:
    """Make one exchange of a REST or gRPC action: one page of one attempt.

    ``attempt`` is the claim under which the run is worked on, so that a worker which was given up for dead sends
    nothing more. ``endpoint`` is 0 for the declared one, n for the n-th fallback. ``page`` is the token that the answer
    before gave, None for the first page. ``may_renew``: a token that is refused may be renewed for it. The connection
    is the run's own, as of the ``generation`` in which it was let through (0 without one). ``seconds`` is the most that
    the exchange may take.
    """

    workspace: UUID
    run: str
    digest: str
    target: str
    inputs: dict[str, Any]
    attempt: int
    generation: int
    endpoint: int
    page: str | None
    may_renew: bool
    seconds: float

    def as_body(self) -> dict[str, Any]:
        return {
            "workspace": str(self.workspace),
            "run": self.run,
            "digest": self.digest,
            "target": self.target,
            "inputs": self.inputs,
            "attempt": self.attempt,
            "generation": self.generation,
            "endpoint": self.endpoint,
            "page": self.page,
            "may_renew": self.may_renew,
            "seconds": self.seconds,
        }

    @classmethod
    def from_body(cls, body: dict[str, Any]) -> "CallOrder":
        """Raises BadOrder."""
        names = {"workspace", "run", "digest", "target", "inputs", "attempt", "generation", "endpoint", "page"}
        names |= {"may_renew", "seconds"}
        only(body, names)
        endpoint, seconds = typed(body, "endpoint", int), typed(body, "seconds", float)
        if not 0 <= endpoint <= MAX_FALLBACKS or not 0 < seconds <= MAX_SECONDS:
            raise BadOrder(f"There are {MAX_FALLBACKS} fallbacks at most, and an exchange takes {MAX_SECONDS:.0f} s.")
        page = None if body["page"] is None else typed(body, "page", str)
        return cls(
            workspace=parsed(body, "workspace", UUID),
            run=typed(body, "run", str),
            digest=typed(body, "digest", str),
            target=typed(body, "target", str),
            inputs=typed(body, "inputs", dict),
            attempt=typed(body, "attempt", int),
            generation=typed(body, "generation", int),
            endpoint=endpoint,
            page=page,
            may_renew=typed(body, "may_renew", bool),
            seconds=seconds,
        )


@dataclass(frozen=True)
class ReplayOrder:
    """Run a recorded run again, against its recording alone. ``sealed`` is the recording in base64."""

    workspace: UUID
    run: str
    digest: str
    target: str
    sealed: str

    def as_body(self) -> dict[str, Any]:
        return {
            "workspace": str(self.workspace),
            "run": self.run,
            "digest": self.digest,
            "target": self.target,
            "sealed": self.sealed,
        }

    @classmethod
    def from_body(cls, body: dict[str, Any]) -> "ReplayOrder":
        """Raises BadOrder."""
        only(body, {"workspace", "run", "digest", "target", "sealed"})
        texts = {name: typed(body, name, str) for name in ("run", "digest", "target", "sealed")}
        return cls(workspace=parsed(body, "workspace", UUID), **texts)


@dataclass(frozen=True)
class FixtureOrder(ReplayOrder):
    """What a recorded run heard, without personal data. ``keep`` are ids of places that stay as they were
    (sandbox.fixture_review)."""

    keep: list[str]

    def as_body(self) -> dict[str, Any]:
        return super().as_body() | {"keep": self.keep}

    @classmethod
    def from_body(cls, body: dict[str, Any]) -> "FixtureOrder":
        """Raises BadOrder."""
        only(body, {"workspace", "run", "digest", "target", "sealed", "keep"})
        keep = typed(body, "keep", list)
        if len(keep) > MAX_KEPT or not all(isinstance(one, str) for one in keep):
            raise BadOrder(f"keep is a list of at most {MAX_KEPT} texts.")
        recorded = ReplayOrder.from_body({name: value for name, value in body.items() if name != "keep"})
        return cls(recorded.workspace, recorded.run, recorded.digest, recorded.target, recorded.sealed, keep)


@dataclass(frozen=True)
class TestOrder:
    """Run code that is not published yet, as a contract test does: walls and limits as ever, answers from ``replies``
    alone, no network and no secret. It is the one order that brings its code along, since it can reach nothing with it.

    ``manifest`` is a canonical form and ``target`` what of it is run. ``replies`` are exchanges, taken by method and
    address; or, ``in_turn``, answers to whatever is asked, the last again and again.
    """

    __test__ = False  # pytest: its name begins like that of a test

    workspace: UUID
    manifest: dict[str, Any]
    target: str
    code: str
    inputs: dict[str, Any]
    seed: int
    now: datetime
    replies: list[dict[str, Any]]
    in_turn: bool

    def as_body(self) -> dict[str, Any]:
        return {**vars(self), "workspace": str(self.workspace), "now": self.now.isoformat()}

    @classmethod
    def from_body(cls, body: dict[str, Any]) -> "TestOrder":
        """Raises BadOrder."""
        only(body, {"workspace", "manifest", "target", "code", "inputs", "seed", "now", "replies", "in_turn"})
        replies = typed(body, "replies", list)
        if len(replies) > MAX_KEPT or not all(isinstance(one, dict) for one in replies):
            raise BadOrder(f"replies is a list of at most {MAX_KEPT} maps.")
        now = parsed(body, "now", datetime.fromisoformat)
        if now.tzinfo is None:
            raise BadOrder("now says no time zone.")
        return cls(
            workspace=parsed(body, "workspace", UUID),
            manifest=typed(body, "manifest", dict),
            target=typed(body, "target", str),
            code=typed(body, "code", str),
            inputs=typed(body, "inputs", dict),
            seed=typed(body, "seed", int),
            now=now,
            replies=replies,
            in_turn=typed(body, "in_turn", bool),
        )


def only(body: dict[str, Any], names: set[str]) -> None:
    if set(body) != names:
        raise BadOrder(f"This request holds {', '.join(sorted(names))}, and nothing else.")


def typed(body: dict[str, Any], name: str, kind: type) -> Any:
    value = body[name]
    if type(value) is not kind:
        raise BadOrder(f"{name} is not of the type it has to be.")
    return value


def parsed(body: dict[str, Any], name: str, parse: Any) -> Any:
    try:
        return parse(typed(body, name, str))
    except ValueError as error:
        raise BadOrder(f"{name} cannot be read.") from error
