"""What a person can run here: packs, actions of installed connectors, transforms; with what each takes."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from django.http import Http404

from galaxy.core.models import User, Workspace
from registry.manifests import ActionSpec, Manifest
from registry.models import Extension, Installation, Kind
from registry.reading import required_here
from registry.services import Resolved, is_simulation_forced, missing_requirements, resolve
from registry.services.holding import may_rehearse
from registry.services.resolving import unconnected_slugs
from sandbox.models import Run
from sandbox.redaction import redacted

GROUPS = {Kind.PACK: "Packs", Kind.ACTION: "Actions", Kind.TRANSFORM: "Transforms"}
MASK = "***"  # stands in every masked text (sandbox.transforms.redaction)


@dataclass(frozen=True)
class Choice:
    """One line of the list of what can be run. ``kind`` is pack, action or transform."""

    target: str
    name: str
    summary: str
    kind: str
    extension: Extension
    is_simulated: bool


@dataclass(frozen=True)
class Target:
    """The one thing that was chosen. ``schema`` is that of its inputs, ``sample`` inputs to try it with.

    ``offline`` names the connectors that have no account yet; ``missing`` what a pack needs and the workspace lacks,
    as pairs of (slug, range). ``permission`` is what running it takes; ``writes_through`` are the installations that
    steps of a pack change something with, which takes more. ``steps`` are those of a pack that answer with samples when
    simulated, as pairs of id and what they call.
    """

    target: str
    name: str
    summary: str
    kind: str
    installation: Installation
    schema: dict[str, Any]
    permission: str
    is_forced: bool
    sample: dict[str, Any] = field(default_factory=dict)
    offline: tuple[str, ...] = ()
    reaches: tuple[str, ...] = ()
    missing: tuple[tuple[str, str], ...] = ()
    writes_through: tuple[Installation, ...] = ()
    is_python: bool = False
    steps: tuple[tuple[str, str], ...] = ()

    @property
    def is_partly_connected(self) -> bool:
        """Whether a pack may run live where it is connected and simulated elsewhere."""
        return self.kind == Kind.PACK and self.is_forced and any(name not in self.offline for name in self.reaches)

    @property
    def may_be_dry(self) -> bool:
        """Whether there is something live to read, or to leave unwritten: an account is connected."""
        return any(name not in self.offline for name in self.reaches)

    @property
    def live_in_part(self) -> str:
        """What such a run reaches, as the page says it."""
        live = [name for name in self.reaches if name not in self.offline]
        return f"Partly simulated, it reaches {listed(live)} and makes up what {listed(self.offline)} would answer."

    @property
    def needs_sandbox(self) -> bool:
        """Whether running it for real is running somebody's Python."""
        return self.is_python and not (self.is_forced and self.has_samples)

    @property
    def has_samples(self) -> bool:
        """Whether something answers in its place when simulated; a transform computes the same in either mode."""
        return self.kind != Kind.TRANSFORM

    @property
    def why_forced(self) -> str:
        """Why it can only be simulated, as the page says it."""
        names = self.offline or (self.installation.extension.name,)
        return f"{listed(names)} {'is' if len(names) == 1 else 'are'} not connected, so this runs in Sim Mode."

    @property
    def live_reaches(self) -> str:
        """What a live run touches, as the page says it."""
        if not self.reaches:
            return "It computes inside Galaxy and reaches no other system, simulated or live."
        return f"A live run reaches {listed(self.reaches)}."


def choices(workspace: Workspace, user: User) -> list[Choice]:
    """Everything installed that ``user`` may see and that runs, by name; triggers start runs and are none."""
    offline = unconnected_slugs(workspace, user)
    return [choice for row in _installed(workspace, user) for choice in _choices_of(row, offline)]


def target_of(workspace: Workspace, user: User, name: str) -> Target:
    """The target called ``name``. Raises NotInstalled, or Http404 for one that ``user`` may not see or nobody runs."""
    found = resolve(workspace, name)
    manifest, action = found.manifest, found.action
    seen = Installation.objects.in_workspace(workspace).visible_to(user).filter(pk=found.installation.pk)
    if (action is None and manifest.kind not in (Kind.PACK, Kind.TRANSFORM)) or not seen.exists():
        raise Http404("Nothing to run by that name.")
    kind = manifest.kind if action is None else Kind.ACTION
    slugs = list(manifest.requires) if kind == Kind.PACK else [found.installation.extension.slug]
    outward = Extension.objects.open_to(workspace).filter(slug__in=slugs, kind__in=[Kind.CONNECTOR, Kind.ACTION])
    names = dict(outward.values_list("slug", "name"))
    offline = unconnected_slugs(workspace, user)
    is_forced = is_simulation_forced(found, user)
    is_python = "code_file" in (action.raw if action else manifest.canonical)
    return Target(
        target=name,
        name=_name(manifest, action),
        summary=(action or manifest).summary,
        kind=kind,
        installation=found.installation,
        schema=(action or manifest).inputs,
        permission=_permission(found, is_forced, user),
        is_forced=is_forced,
        sample=_sample(manifest, action),
        offline=tuple(names[slug] for slug in slugs if slug in offline and slug in names),
        reaches=manifest.hosts if is_python else tuple(names[slug] for slug in slugs if slug in names),
        missing=tuple(missing_requirements(workspace, manifest, pack=found.installation)),
        writes_through=_writers(workspace, manifest) if kind == Kind.PACK else (),
        is_python=is_python,
        steps=_sampled(manifest, names) if kind == Kind.PACK else (),
    )


def _sampled(pack: Manifest, names: dict[str, str]) -> tuple[tuple[str, str], ...]:
    """The steps that call what is in ``names``: connectors and actions, which answer with samples."""
    called = ((step["id"], step["use"]) for step in pack.steps)
    return tuple((id, use) for id, use in called if use in names or use.rpartition(".")[0] in names)


def inputs_again(target: Target, earlier: Run) -> dict[str, Any]:
    """The inputs of an earlier run, for its form. What was masked there is unknown here: it is the sample's value
    where that masks to the same, and otherwise left out."""
    sample = redacted(target.sample, target.schema) or {}
    found = {}
    for name, value in earlier.inputs.items():
        if MASK not in json.dumps(value):
            found[name] = value
        elif sample.get(name) == value:
            found[name] = target.sample[name]
    return found


def listed(words) -> str:
    """ "a", "a and b", "a, b and c"."""
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last


def _installed(workspace: Workspace, user: User):
    rows = Installation.objects.in_workspace(workspace).active().visible_to(user)
    rows = rows.exclude(extension__kind=Kind.TRIGGER).exclude(pin=None)
    return rows.select_related("extension", "pin__version").order_by("extension__name")


def _choices_of(row: Installation, offline: set[str]) -> Iterator[Choice]:
    manifest, slug = row.pin.version.parsed, row.extension.slug
    if manifest.kind in (Kind.PACK, Kind.TRANSFORM):
        is_simulated = any(name in offline for name in manifest.requires)
        yield Choice(slug, _name(manifest, None), manifest.summary, manifest.kind, row.extension, is_simulated)
    for action in manifest.actions.values():
        target = f"{slug}.{action.id}" if manifest.kind == Kind.CONNECTOR else slug
        yield Choice(target, _name(manifest, action), action.summary, Kind.ACTION, row.extension, slug in offline)


def _permission(found: Resolved, is_forced: bool, user: User) -> str:
    """What running it takes. Makers simulate what is theirs without the permission to write."""
    writes = found.action is not None and _writes(found.action)
    is_rehearsal = is_forced and may_rehearse(user, found.installation)
    return "registry.write_installation" if writes and not is_rehearsal else "registry.run_installation"


def _writes(action: ActionSpec) -> bool:
    return action.effect != "read" or action.destructive


def _writers(workspace: Workspace, manifest: Manifest) -> tuple[Installation, ...]:
    called = {step["use"] for step in manifest.steps}
    return tuple(
        one
        for slug, one in required_here(workspace, manifest).items()
        if any(_writes(act) and {slug, f"{slug}.{act.id}"} & called for act in one.pin.version.parsed.actions.values())
    )


def _name(manifest: Manifest, action: ActionSpec | None) -> str:
    return manifest.name if action is None else action.name


def _sample(manifest: Manifest, action: ActionSpec | None) -> dict[str, Any]:
    """Inputs to try it with: the pack's sample, the inputs of the happy fixture, an action's examples and defaults."""
    if manifest.kind == Kind.PACK:
        return manifest.canonical.get("sample", {}).get("inputs", {})
    happy = (action.fixtures if action else manifest.canonical.get("fixtures", {})).get("happy", {}).get("inputs", {})
    if action is None:
        return happy
    found = dict(happy) if isinstance(happy, dict) else {}
    for name, part in action.inputs.get("properties", {}).items():
        if not isinstance(part, dict):
            continue
        if part.get("examples"):
            found[name] = part["examples"][0]
        elif "default" in part:
            found[name] = part["default"]
    return found
