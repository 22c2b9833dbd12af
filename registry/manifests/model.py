"""A manifest as the rest of Galaxy sees it: frozen values made from the canonical form."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import rfc8785

from . import scopes as scope_names
from .schemas import DIALECT, data_classes

_EFFECT_OF_METHOD = {"GET": "read", "HEAD": "read", "DELETE": "delete"}
DEFAULT_TIMEOUT_MS = 10_000
DEFAULT_MAX_CALLS = 1_000  # of one run of a pack


@dataclass(frozen=True)
class ActionSpec:
    """One action. ``raw`` is its canonical form with what its connector shares (headers, replies, fixtures) filled in.

    ``inputs`` and ``outputs`` are JSON Schemas of objects; ``errors`` holds numbers and ``4xx``, ``5xx``; ``effect``
    is read, write or delete; ``grpc`` is {service, method, proto | descriptor_set}, empty for other runners; ``bulk``
    is ``{field, over}`` or None; ``data_classes`` maps ``/inputs/to/*`` to a class.
    """

    id: str
    name: str
    summary: str
    runner: str
    method: str | None
    path: str | None
    inputs: dict[str, Any]
    outputs: dict[str, Any]
    errors: tuple[int | str, ...]
    scopes: tuple[str, ...]
    effect: str
    idempotent: bool
    destructive: bool
    bulk: dict[str, Any] | None
    undo: str | None
    audience: str
    policy: dict[str, Any]
    timeout_ms: int
    retry: dict[str, Any]
    rate_limits: dict[str, Any]
    simulation: dict[str, Any]
    fixtures: dict[str, Any]
    grpc: dict[str, str]
    data_classes: dict[str, str]
    raw: dict[str, Any] = field(repr=False)

    @property
    def approval_tags(self) -> tuple[str, ...]:
        """The tags that need approval by the manifest's own word, such as bulk_send."""
        return tuple(self.policy.get("approval", {}).get("required_for", ()))

    @property
    def is_repeatable(self) -> bool:
        """Whether doing it twice does no harm, by the manifest's own word."""
        return self.effect == "read" or self.idempotent

    @property
    def classes(self) -> frozenset[str]:
        """Every data class the action handles, by its fields or by its policy."""
        return frozenset(self.data_classes.values()) | frozenset(self.policy.get("pii_classes", ()))


@dataclass(frozen=True)
class Manifest:
    """``canonical`` is the typed JSON; treat it as read-only. Equality and identity are the digest's."""

    canonical: dict[str, Any] = field(repr=False, compare=False)
    digest: str

    @property
    def kind(self) -> str:
        return self.canonical["kind"]

    @property
    def id(self) -> str:
        """The name in the marketplace; empty for a Python file that nobody has named yet."""
        return self.canonical.get("id", "")

    @property
    def version(self) -> str | None:
        return self.canonical.get("version")

    @property
    def name(self) -> str:
        return self.canonical.get("name") or self.id

    @property
    def summary(self) -> str:
        return self.canonical.get("summary", "")

    @property
    def canonical_text(self) -> str:
        """RFC 8785."""
        return rfc8785.dumps(self.canonical).decode()

    @cached_property
    def actions(self) -> dict[str, ActionSpec]:
        """By id. A stand-alone action has one, under its own id."""
        if self.kind == "connector":
            return {raw["id"]: _action(raw, self.canonical) for raw in self.canonical.get("actions", ())}
        if self.kind == "action":
            return {self.id: _action(self.canonical, self.canonical)}
        return {}

    @property
    def steps(self) -> tuple[dict[str, Any], ...]:
        """Of a pack ``{id, use, with, when?, each?, most?, timeout_ms?, on_failure?}``, of a transform ``{op, args}``;
        in order."""
        return tuple(self.canonical.get("steps", ()))

    @property
    def requires(self) -> dict[str, str]:
        return self.canonical.get("requires", {})

    @property
    def inputs(self) -> dict[str, Any]:
        return self.canonical.get("inputs") or _open_object()

    @property
    def outputs(self) -> dict[str, Any]:
        return self.canonical.get("outputs") or _open_object()

    @cached_property
    def scopes(self) -> tuple[str, ...]:
        """Every scope the extension asks for, sorted."""
        asked = set(self.canonical.get("permissions", {}).get("required", ()))
        for action in self.actions.values():
            asked |= set(action.scopes)
        return tuple(sorted(asked))

    @property
    def hosts(self) -> tuple[str, ...]:
        """Every host it may reach, sorted; ``*.suffix`` stands for a host that is fixed at Connect."""
        entries = self.canonical.get("egress", ())
        return tuple(sorted({f"*.{entry['suffix']}" if "suffix" in entry else entry["host"] for entry in entries}))

    @cached_property
    def missing(self) -> tuple[str, ...]:
        """Paths that publication still needs, such as ``version`` and ``actions.create_task.fixtures.429``."""
        from .publication import missing  # publication looks at a finished manifest

        return tuple(missing(self))

    @property
    def is_draft(self) -> bool:
        return bool(self.missing)


def load(canonical: dict[str, Any]) -> Manifest:
    """A manifest from its canonical form, trusted as it is: for what was read and stored before."""
    return Manifest(canonical=canonical, digest=_sha256(canonical))


def version_digest(manifest: Manifest, files: Mapping[str, bytes]) -> str:
    """SHA-256 in hex that names a version: manifest, code, fixtures and docs. ``files`` maps path to bytes."""
    named = {path: hashlib.sha256(content).hexdigest() for path, content in files.items()}
    return _sha256({"manifest": manifest.canonical, "files": named})


def _sha256(value: Any) -> str:
    return hashlib.sha256(rfc8785.dumps(value)).hexdigest()


def _action(raw: dict[str, Any], owner: dict[str, Any]) -> ActionSpec:
    """``owner`` is the connector the action belongs to, or the action's own manifest."""
    if raw is not owner:
        raw = raw | _shared(raw, owner)
    method = raw.get("method")
    effect = effect_of(raw)
    inputs = raw.get("inputs") or (_open_object() if raw.get("runner") == "python" else _empty_object())
    outputs = raw.get("outputs") or _open_object()
    classes = [*data_classes(inputs, "/inputs"), *data_classes(outputs, "/outputs")]
    return ActionSpec(
        id=raw.get("id", ""),
        name=raw.get("name") or raw.get("id", ""),
        summary=raw.get("summary", ""),
        runner=raw.get("runner", "rest"),
        method=method,
        path=raw.get("path"),
        inputs=inputs,
        outputs=outputs,
        errors=tuple(raw.get("errors", ())),
        scopes=tuple(raw.get("scopes") or owner.get("permissions", {}).get("required", ())),
        effect=effect,
        idempotent=raw.get("idempotent", method in ("GET", "HEAD")),
        destructive=raw.get("destructive", effect == "delete"),
        bulk=raw.get("bulk"),
        undo=raw.get("undo"),
        audience=raw.get("audience", "both"),
        policy=raw.get("policy", {}),
        timeout_ms=raw.get("timeout_ms", DEFAULT_TIMEOUT_MS),
        retry=raw.get("retry") or owner.get("retry", {}),
        rate_limits=raw.get("rate_limits") or owner.get("rate_limits", {}),
        simulation=raw.get("simulation", {}),
        fixtures=raw.get("fixtures", {}),
        grpc=grpc_of(raw, owner),
        data_classes=dict(classes),
        raw=raw,
    )


def _shared(raw: dict[str, Any], owner: dict[str, Any]) -> dict[str, Any]:
    """What a connector says for all its actions, below what the action says itself: a vendor errs in one manner."""
    parts: dict[str, Any] = {
        "replies": [*raw.get("replies", ()), *owner.get("replies", ())],
        "fixtures": owner.get("fixtures", {}) | raw.get("fixtures", {}),
    }
    if raw.get("runner", "rest") == "rest":
        own = raw.get("headers", {})
        written = {name.lower() for name in own}
        shared = {name: value for name, value in owner.get("headers", {}).items() if name.lower() not in written}
        parts["headers"] = shared | own
    return {key: value for key, value in parts.items() if value}


def grpc_of(raw: dict[str, Any], owner: dict[str, Any]) -> dict[str, str]:
    """The gRPC call of an action, {service, method, proto | descriptor_set}; described by its connector where it does
    not bring a description itself."""
    own = raw.get("grpc", {})
    is_described = "proto" in own or "descriptor_set" in own
    return own if is_described or not own else owner.get("grpc", {}) | own


def effect_of(raw: dict[str, Any]) -> str:
    """read, write or delete: by the scopes the action declares itself, else by its method. DELETE always deletes."""
    method = raw.get("method")
    declared = raw.get("scopes") or (
        raw.get("permissions", {}).get("required") if raw.get("kind") == "action" else None
    )
    by_method = _EFFECT_OF_METHOD.get(method or "", "write")
    if not declared or by_method == "delete":
        return by_method
    return scope_names.strongest([scope_names.verb(scope) for scope in declared])


def _open_object() -> dict[str, Any]:
    return {"$schema": DIALECT, "type": "object"}


def _empty_object() -> dict[str, Any]:
    return {"$schema": DIALECT, "type": "object", "properties": {}, "additionalProperties": False}
