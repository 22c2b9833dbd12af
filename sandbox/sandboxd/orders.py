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


class BadOrder(DomainError):
    """The request is not one of ours."""

    status = 400
    code = "bad_order"


@dataclass(frozen=True)
class RunOrder:
    """Run one version's code once. ``leases`` maps the names by which the code calls its secrets to lease tokens.

    ``target`` is as on the run; ``seed`` and ``now`` (aware) decide all that is random and the time.
    """

    workspace: UUID
    run: str
    digest: str
    target: str
    inputs: dict[str, Any]
    seed: int
    now: datetime
    leases: dict[str, str]

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
        }

    @classmethod
    def from_body(cls, body: dict[str, Any]) -> "RunOrder":
        """Raises BadOrder."""
        _only(body, {"workspace", "run", "digest", "target", "inputs", "seed", "now", "leases"})
        leases = _typed(body, "leases", dict)
        if len(leases) > MAX_SECRETS or not all(isinstance(one, str) for pair in leases.items() for one in pair):
            raise BadOrder(f"leases maps at most {MAX_SECRETS} names to texts.")
        now = _parsed(body, "now", datetime.fromisoformat)
        if now.tzinfo is None:
            raise BadOrder("now says no time zone.")
        return cls(
            workspace=_parsed(body, "workspace", UUID),
            run=_typed(body, "run", str),
            digest=_typed(body, "digest", str),
            target=_typed(body, "target", str),
            inputs=_typed(body, "inputs", dict),
            seed=_typed(body, "seed", int),
            now=now,
            leases=leases,
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
        _only(body, {"workspace", "run", "digest", "target", "sealed"})
        texts = {name: _typed(body, name, str) for name in ("run", "digest", "target", "sealed")}
        return cls(workspace=_parsed(body, "workspace", UUID), **texts)


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
        _only(body, {"workspace", "run", "digest", "target", "sealed", "keep"})
        keep = _typed(body, "keep", list)
        if len(keep) > MAX_KEPT or not all(isinstance(one, str) for one in keep):
            raise BadOrder(f"keep is a list of at most {MAX_KEPT} texts.")
        recorded = ReplayOrder.from_body({name: value for name, value in body.items() if name != "keep"})
        return cls(recorded.workspace, recorded.run, recorded.digest, recorded.target, recorded.sealed, keep)


def _only(body: dict[str, Any], names: set[str]) -> None:
    if set(body) != names:
        raise BadOrder(f"This request holds {', '.join(sorted(names))}, and nothing else.")


def _typed(body: dict[str, Any], name: str, kind: type) -> Any:
    value = body[name]
    if type(value) is not kind:
        raise BadOrder(f"{name} is not of the type it has to be.")
    return value


def _parsed(body: dict[str, Any], name: str, parse: Any) -> Any:
    try:
        return parse(_typed(body, name, str))
    except ValueError as error:
        raise BadOrder(f"{name} cannot be read.") from error
