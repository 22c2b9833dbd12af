"""From an event to the inputs of what it starts, and what has to hold before a trigger may be switched on."""

import hashlib
from typing import Any

from galaxy.core import jcs
from galaxy.core.errors import DomainError, Invalid
from galaxy.core.models import User, Workspace
from registry.manifests import ActionSpec, Manifest
from registry.manifests.functions import EvaluationFailed, evaluate, evaluate_fields
from registry.models import Kind
from registry.services import Resolved, resolve
from sandbox import class_flow
from sandbox.models import Trigger
from sandbox.transforms.classes import Classes, read_paths
from sandbox.triggers.checking import check_expression, unfit

Event = dict[str, Any]


def inputs_of(trigger: Trigger, event: Event) -> dict[str, Any]:
    """The inputs that ``event`` gives. Raises EvaluationFailed."""
    return evaluate_fields(trigger.inputs, {"event": event}, seed=event["id"], now=event["at"])


def carried_into(trigger: Trigger) -> Classes:
    """The data classes that the inputs get from the event's body, by the expressions that make them."""
    known = {("event", "body", *path): names for path, names in read_paths(trigger.classes).items()}
    return class_flow.into_step({"with": trigger.inputs}, known)


def key_of(trigger: Trigger, event: Event) -> str:
    """What joins events, as a digest: "" where this one starts a run of its own.

    That is so without a quiet time, and where the expression finds nothing, or cannot be applied: then nothing says
    that two events belong together.
    """
    if not trigger.quiet_ms:
        return ""
    if not trigger.debounce_key:
        return hashlib.sha256(b"all").hexdigest()
    try:
        found = evaluate(trigger.debounce_key, {"event": event}, seed=event["id"], now=event["at"])
        return "" if found is None else hashlib.sha256(jcs.dumps(found)).hexdigest()
    except (EvaluationFailed, ValueError, TypeError):
        return ""


def resolved_target(workspace: Workspace, target: str, field: str = "target") -> Resolved:
    """Raises Invalid where ``target`` is nothing that a trigger can start."""
    try:
        found = resolve(workspace, target)
    except DomainError as error:
        raise Invalid(f"{target:.160} cannot be started.", {field: str(error)}) from error
    if found.action is None and found.manifest.kind not in (Kind.PACK, Kind.TRANSFORM):
        raise Invalid(f"{target:.160} cannot be started.", {field: "Name a pack, a transform or an action."})
    return found


def scopes_needed(workspace: Workspace, found: Resolved) -> tuple[str, ...]:
    """The scopes that ``found`` uses: its action's, or those of all steps of a pack as far as they are installed."""
    if found.action:
        return tuple(sorted(set(found.action.scopes)))
    needed: set[str] = set()
    for step in found.manifest.steps if found.manifest.kind == Kind.PACK else ():
        try:
            called = resolve(workspace, step["use"], pack=found.installation.pk)
        except DomainError:
            continue  # what is missing is said when it runs, as for every pack
        needed |= set(called.action.scopes) if called.action else set()
    return tuple(sorted(needed))


def problems_of(trigger: Trigger, user: User) -> dict[str, str]:
    """What stands in the way of switching it on: {field: sentence}; empty where nothing does."""
    found: dict[str, str] = {}
    try:
        target = resolved_target(trigger.workspace, trigger.target)
    except Invalid as error:
        return dict(error.fields)
    schema = (target.action or target.manifest).inputs
    if wrong := mapping_problems(trigger, schema):
        found["inputs"] = wrong
    if trigger.debounce_key and (wrong := check_expression(trigger.debounce_key)):
        found["debounce_key"] = wrong
    needed = set(scopes_needed(trigger.workspace, target))
    if trigger.poll_target and (wrong := poll_problem(trigger, needed)):
        found["poll_target"] = wrong
    if surplus := sorted(set(trigger.scopes) - needed):
        found["scopes"] = f"{trigger.target} does not use {', '.join(surplus)}: take it away."
    if not trigger.is_signed and (writing := [one for one in trigger.scopes if not one.endswith(".read")]):
        found["scopes"] = f"What comes unsigned only reads: take {', '.join(writing)} away, or have it signed."
    return found


def misfits_of(trigger: Trigger, schema: dict[str, Any]) -> dict[str, str]:
    """What of its mapping cannot fit a target that takes ``schema``: {input: sentence}, "" the inputs as a whole."""
    sample = sample_event(trigger) if trigger.sample or not trigger.is_webhook else None
    return unfit(trigger.inputs, schema, is_webhook=trigger.is_webhook, sample=sample)


def mapping_problems(trigger: Trigger, schema: dict[str, Any]) -> str:
    """The first thing that is wrong with ``inputs``, in a sentence; "" where the sample event gives fitting inputs."""
    for name, wrong in misfits_of(trigger, schema).items():
        return f"{name}: {wrong}" if name else wrong
    if trigger.is_webhook and not trigger.sample and trigger.inputs:
        return "Give a sample event, so that this can be tried before it is switched on."
    return ""


def poll_problem(trigger: Trigger, needed: set[str]) -> str:
    """What is wrong with what is called while nothing comes; adds the scopes it uses to ``needed``."""
    try:
        found = resolved_target(trigger.workspace, trigger.poll_target, "poll_target")
    except Invalid as error:
        return error.fields["poll_target"]
    needed |= set(scopes_needed(trigger.workspace, found))
    spec: ActionSpec | Manifest = found.action or found.manifest
    if spec.inputs.get("required"):
        return f"{trigger.poll_target} needs inputs, and nothing came that could give them."
    if found.action and (found.action.effect != "read" or found.action.destructive):
        return f"{trigger.poll_target} changes something. Name an action that reads, or a pack."
    return ""


def sample_event(trigger: Trigger) -> Event:
    """What a trial begins with, and what mappings are checked with."""
    return event_of("sample", "2026-01-01T08:00:00+00:00", kind=trigger.kind, body=trigger.sample)


def event_of(id: str, at: str, *, kind: str, body: Any, **more: Any) -> Event:
    """What expressions see as ``event``: {id, at, kind, body, merged, missed, bodies}. ``at`` is ISO 8601 in UTC."""
    return {"id": id, "at": at, "kind": kind, "body": body, "merged": 1, "missed": 0, "bodies": [body]} | more
