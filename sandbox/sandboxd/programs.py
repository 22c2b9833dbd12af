"""The code of a published version, as sandboxd runs it: read from the database and verified."""

from dataclasses import dataclass
from typing import Any

from galaxy.core.egress import HostRule
from galaxy.core.egress.rules import parse
from registry.manifests import ActionSpec, Manifest
from registry.services import verified_file, verified_manifest
from sandbox.pool.limits import MIB, MIN_MEMORY_BYTES, Limits
from sandbox.sandboxd.orders import BadOrder


@dataclass(frozen=True)
class Program:
    """One Python action or transform: its code, where it may go and what it may take. ``kind`` is the pool's word."""

    kind: str
    filename: str
    code: str
    rules: tuple[HostRule, ...]
    limits: Limits


def program_of(digest: str, target: str) -> Program:
    """The program that ``target`` names in the version called ``digest``. Raises BadOrder, or Altered."""
    manifest = verified_manifest(digest)
    holder = holder_of(manifest, target)
    filename = holder.get("code_file")
    if not filename:
        raise BadOrder(f"{target:.160} is no Python.")
    return program(manifest, holder, filename, verified_file(digest, filename).decode("utf-8", "replace"))


def schemas_of(digest: str, target: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The JSON Schemas of what ``target`` takes and gives. Raises BadOrder, or Altered."""
    manifest = verified_manifest(digest)
    holder = manifest if manifest.kind in {"action", "transform"} else _action(manifest, target)
    return holder.inputs, holder.outputs


def program(manifest: Manifest, holder: dict[str, Any], filename: str, code: str) -> Program:
    """``holder`` is the canonical form that declares the code: an action's, or a transform's whole manifest."""
    is_transform = manifest.kind == "transform"
    return Program(
        kind="transform" if is_transform else "action",
        filename=filename,
        code=code,
        rules=() if is_transform else parse(manifest.canonical.get("egress", ())),
        limits=limits_of(holder),
    )


def limits_of(holder: dict[str, Any]) -> Limits:
    """The common caps, lowered where the manifest lowers them."""
    most = Limits()
    wall_ms = min(holder.get("timeout_ms", most.wall_ms), most.wall_ms)
    memory = holder.get("memory_mb", most.memory_bytes // MIB) * MIB
    return Limits(
        wall_ms=wall_ms,
        cpu_ms=min(most.cpu_ms, wall_ms),
        memory_bytes=max(MIN_MEMORY_BYTES, min(memory, most.memory_bytes)),
    )


def holder_of(manifest: Manifest, target: str) -> dict[str, Any]:
    """The canonical form that declares what ``target`` runs: an action of a connector, else the whole manifest; empty
    for an action that there is not."""
    if manifest.kind != "connector":
        return manifest.canonical
    action = manifest.actions.get(target.removeprefix(f"{manifest.id}."))
    return action.raw if action else {}


def _action(manifest: Manifest, target: str) -> ActionSpec:
    action = manifest.actions.get(target.removeprefix(f"{manifest.id}."))
    if action is None:
        raise BadOrder(f"{manifest.id} has no action {target:.160}.")
    return action
