"""What a draft still lacks before it may be published."""

from __future__ import annotations

from collections.abc import Iterator

from .findings import CODES, Finding
from .grpc_checks import unusable
from .keys import REQUIRED_SCENARIOS
from .model import ActionSpec, Manifest

_WHY = {
    "id": ("It has no name.", "Name it by the form, the command line or the file's name."),
    "version": ("It has no version.", "Add a Semantic Version, such as 1.0.0."),
    "summary": ("It has no summary for its card.", "Say in one sentence what it does."),
    "auth": ("It does not say how a connection proves itself.", "Add auth; type none for an open service."),
    "base_url": ("Nothing says where its paths begin.", "Add base_url, such as https://api.example.com."),
    "egress": ("It names no host it may reach.", "List each host under egress."),
    "actions": ("It can do nothing yet.", "Add actions."),
    "method": ("The call has no HTTP method.", "Add method."),
    "path": ("The call has no path.", "Add path, beginning with /."),
    "grpc": ("The call is not described.", "Add grpc with service, method and proto or descriptor_set."),
    "proto": ("Nothing describes the messages.", "Add grpc.proto or grpc.descriptor_set."),
    "code_file": ("The Python file is not named.", "Name it under code_file."),
    "inputs": ("It does not say what it takes.", "Describe the inputs; {} when there are none."),
    "outputs": ("It does not say what it gives.", "Describe the outputs."),
    "scopes": ("It asks for no scope, so nobody could govern it.", "Name the scopes it needs."),
    "simulation": ("It cannot answer without an account.", "Add simulation.answer."),
    "outcome": ("Nothing says what a run is for.", "Add outcome."),
    "sample": ("There is no sample to try it with.", "Add sample.inputs."),
    "requires": ("It does not say which extensions it needs.", "List them with version ranges."),
    "steps": ("It has no steps.", "Add steps or a Python file."),
    "source": ("It does not say what starts it.", "Add source."),
}


def publishable(manifest: Manifest) -> list[Finding]:
    """What publication still needs, one finding each; empty when the manifest may be submitted."""
    findings = [*unusable(manifest)]
    for path in missing(manifest):
        last = path.rpartition(".")[2]
        message, fix = _WHY.get(
            last, (f"There is no fixture for {last}.", f"Add a recorded reply under fixtures.{last}.")
        )
        why = CODES["unpublishable"].about
        findings.append(Finding("unpublishable", 0, 0, f"{path}: {message}", fix, "error", path, why))
    return findings


def missing(manifest: Manifest) -> Iterator[str]:
    """Paths of what is lacking, in the order a person would fill them in."""
    canonical = manifest.canonical
    yield from (key for key in ("id", "version", "summary") if not canonical.get(key))
    match manifest.kind:
        case "connector":
            yield from _connection(manifest)
            if not manifest.actions:
                yield "actions"
            for action in manifest.actions.values():
                yield from _action(action, f"actions.{action.id}.")
        case "action":
            action = next(iter(manifest.actions.values()))
            yield from _connection(manifest)
            yield from _action(action, "")
        case "transform":
            yield from (key for key in ("inputs", "outputs") if not canonical.get(key))
            if not canonical.get("steps") and not canonical.get("code_file"):
                yield "steps"
            if "happy" not in canonical.get("fixtures", {}):
                yield "fixtures.happy"
        case "pack":
            yield from (key for key in ("requires", "outcome", "sample") if not canonical.get(key))
        case "trigger":
            if not canonical.get("outputs"):
                yield "outputs"


def _connection(manifest: Manifest) -> Iterator[str]:
    if manifest.kind == "connector" and not manifest.canonical.get("auth"):
        yield "auth"
    runners = {action.runner for action in manifest.actions.values()}
    if runners & {"rest", "grpc"} and not manifest.canonical.get("base_url"):
        yield "base_url"
    if runners & {"rest", "grpc"} and not manifest.canonical.get("egress"):
        yield "egress"


def _action(action: ActionSpec, prefix: str) -> Iterator[str]:
    needed = {"rest": ("method", "path"), "grpc": ("grpc", "inputs"), "python": ("code_file", "inputs")}[action.runner]
    yield from (f"{prefix}{key}" for key in needed if not action.raw.get(key))
    if action.grpc and not ("proto" in action.grpc or "descriptor_set" in action.grpc):
        yield f"{prefix}grpc.proto"
    if not action.raw.get("outputs"):
        yield f"{prefix}outputs"
    if not action.scopes:
        yield f"{prefix}scopes"
    if not (action.simulation.get("answer") or action.simulation.get("code_file")):
        yield f"{prefix}simulation"
    yield from (f"{prefix}fixtures.{name}" for name in REQUIRED_SCENARIOS if name not in action.fixtures)
