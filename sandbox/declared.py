"""What a manifest declares for its calls: budgets of the connection and of the action, places, the lock, the breaker.

A connector's word holds for the whole connection, an action's own for the action alone; where both speak, both hold.
"""

import hashlib
from dataclasses import dataclass
from typing import Any

from galaxy.core import jcs
from registry.manifests import ActionSpec, Manifest
from registry.manifests.functions import EvaluationFailed, evaluate
from registry.models import Connection, Installation, Kind
from sandbox.circuit import Knobs
from sandbox.errors import RunError
from sandbox.models import Category
from sandbox.windows import UNITS, Window, window

MAX_WAIT_S = 900
LIVE, SIMULATED = "live", "simulated"


@dataclass(frozen=True)
class Budget:
    """One declared window: ``unit`` is rps, rpm or per_day; ``action`` is whose it is, "" for the whole connection's.

    ``refuses``: a request beyond it is refused instead of waiting, which it does for at most ``max_wait_s``.
    """

    window: Window
    unit: str
    action: str
    refuses: bool
    max_wait_s: int

    @property
    def whose(self) -> str:
        return self.action or "connection"

    @property
    def words(self) -> str:
        most = self.window.most
        return f"{most:,} call{'' if most == 1 else 's'} a {UNITS[self.unit]}"


@dataclass(frozen=True)
class Places:
    """``most`` calls at once under ``key``, a digest of what they are counted by; ``label`` is for people."""

    key: str
    most: int
    label: str
    max_wait_s: int = MAX_WAIT_S


def subject_of(installation: Installation, connection: Connection | None, mode: str) -> str:
    """What budgets and places belong to: the connection, or the installation where there is none; by mode."""
    return f"{connection.pk if connection else installation.pk}:{mode}"


def budgets(installation: Installation, subject: str, manifest: Manifest, spec: ActionSpec | None) -> list[Budget]:
    """Every budget that a request of ``spec`` is charged to; without one those of the connection alone."""
    found = []
    place = f"galaxy:budget:{{{installation.workspace_id}:{subject}}}"
    for owner, action in _owners(manifest, spec):
        limits = owner.get("rate_limits", {})
        found += [
            Budget(
                window(f"{place}:{action}:{unit}", unit, limits[unit]),
                unit,
                action,
                limits.get("when_spent") == "refuse",
                limits.get("max_wait_s", MAX_WAIT_S),
            )
            for unit in UNITS
            if unit in limits
        ]
    return found


def places(manifest: Manifest, spec: ActionSpec, inputs: dict[str, Any]) -> list[Places]:
    """How many calls may be under way with this one. Raises RunError where the lock's key cannot be told."""
    found = []
    for owner, action in _owners(manifest, spec):
        limits = owner.get("rate_limits", {})
        if most := limits.get("concurrency"):
            label = f"At most {most} at once, {action or 'connection'}"
            found.append(Places(_key("concurrency", action), most, label, limits.get("max_wait_s", MAX_WAIT_S)))
    lock = spec.raw.get("lock")
    if lock is not None:
        found.append(_lock(spec, lock, inputs))
    return found


def knobs(manifest: Manifest, spec: ActionSpec) -> Knobs:
    """The breaker's settings: the action's own over the connector's over the defaults."""
    declared = manifest.canonical.get("breaker", {}) | spec.raw.get("breaker", {})
    return Knobs(**declared)


def fallbacks(spec: ActionSpec) -> list[dict[str, Any]]:
    return spec.raw.get("fallbacks", [])


def breaker_name(action: str, endpoint: int) -> str:
    return f"{action}, fallback {endpoint}" if endpoint else action


def breaker_names(manifest: Manifest) -> list[str]:
    """What has a breaker: every action, and every fallback of one."""
    return [
        breaker_name(spec.id, endpoint)
        for spec in manifest.actions.values()
        for endpoint in range(len(fallbacks(spec)) + 1)
    ]


def acts_again(spec: ActionSpec) -> bool:
    """Whether another run of the same inputs does it once more: what is done once by a key, which is the run's own."""
    return not spec.is_repeatable or bool(spec.raw.get("idempotency_header"))


def _owners(manifest: Manifest, spec: ActionSpec | None) -> list[tuple[dict[str, Any], str]]:
    """Who declares limits, and for which action: the connector for all of them (""), and the action itself."""
    found = [(manifest.canonical, "")] if manifest.kind == Kind.CONNECTOR else []
    return [*found, (spec.raw, spec.id)] if spec else found


def _lock(spec: ActionSpec, lock: dict[str, Any], inputs: dict[str, Any]) -> Places:
    action = "" if lock.get("scope") == "connection" else spec.id
    name = action or "connection"
    if "key" not in lock:
        return Places(_key("lock", action), 1, f"One at a time, {name}")
    try:
        value = evaluate(lock["key"], {"inputs": inputs})
    except EvaluationFailed as error:
        raise RunError(
            Category.VALIDATION, "lock_key_failed", sentence=f"The key of its lock cannot be told: {error}"
        ) from error
    return Places(_key("lock", action, lock["key"], value), 1, f"One at a time by {lock['key']:.100}, {name}")


def _key(*parts: Any) -> str:
    return hashlib.sha256(jcs.dumps(list(parts))).hexdigest()
