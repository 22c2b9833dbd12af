"""Whether the packs installed in a workspace would still run with another version of what they call."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

from galaxy.core.models import User, Workspace
from registry.dependants import PACK, seen_by, unseen
from registry.manifests import ActionSpec, Manifest
from registry.models import Installation
from registry.semver import satisfies
from registry.services.installing import needed_by

WHY_UNSEEN = "What in them does not fit is for those who may see them."


@dataclass(frozen=True)
class Stopped:
    """A pack that would not run, or one of whose steps would fail; ``why`` is a sentence."""

    pack: Installation
    why: str


def stopped_by(
    installation: Installation, number: str, manifest: Manifest, moved: dict[str, dict[str, Any]] | None = None
) -> list[Stopped]:
    """The packs that call ``installation`` and would stop if it were held at ``number`` with ``manifest``.

    ``moved`` says by action how inputs are carried over: {action: {renames: {old: new}, fills: {name: value}}}.
    """
    found = []
    for pack in needed_by(installation):
        why = next(_misfits(pack.pin.version.parsed, installation.extension.slug, number, manifest, moved or {}), "")
        if why:
            found.append(Stopped(pack, why))
    return found


def told_to(user: User, stopped: Collection[Stopped], workspace: Workspace) -> list[tuple[str, str]]:
    """(pack, why) as ``user`` may read them: packs that they may not see are counted in one."""
    seen = seen_by(user, {one.pack.pk for one in stopped}, workspace)
    told = [(str(one.pack), one.why) for one in stopped if one.pack.pk in seen]
    hidden = sum(one.pack.pk not in seen for one in stopped)
    return [*told, (unseen(PACK, hidden), WHY_UNSEEN)] if hidden else told


def steps_calling(pack: Manifest, slug: str) -> Iterator[tuple[dict[str, Any], str]]:
    """The steps of ``pack`` that call the extension ``slug``, each with the id of the action ("" for the whole).

    ``a.b`` is the action b of the connector a, unless the pack requires an extension of that name.
    """
    for step in pack.steps:
        if step["use"] == slug:
            yield step, ""
        elif step["use"].startswith(f"{slug}.") and step["use"] not in pack.requires:
            yield step, step["use"].removeprefix(f"{slug}.")


def action_called(manifest: Manifest, action: str) -> ActionSpec | None:
    """What a step that names ``action`` calls; None where the version has no such action, or is no connector."""
    return manifest.actions.get(action or manifest.id)


def inputs_called(manifest: Manifest, action: str) -> dict[str, Any] | None:
    """The schema of what a step gives; None where there is no such action."""
    if not action and manifest.kind == "transform":
        return manifest.inputs
    found = action_called(manifest, action)
    return found.inputs if found else None


def _misfits(
    pack: Manifest, slug: str, number: str, manifest: Manifest, moved: dict[str, dict[str, Any]]
) -> Iterator[str]:
    wanted = pack.requires.get(slug, "*")
    if not satisfies(number, wanted):
        yield f"It requires {wanted}."
    for step, action in steps_calling(pack, slug):
        schema = inputs_called(manifest, action)
        if schema is None:
            yield f"Its step “{step['id']}” calls {action or slug}, which {number} does not have."
            continue
        how, known = moved.get(action, {}), schema.get("properties", {})
        given = {how.get("renames", {}).get(name, name) for name in step.get("with", {})} | set(how.get("fills", {}))
        if schema.get("additionalProperties") is False and (unknown := sorted(given - set(known))):
            yield f"Its step “{step['id']}” gives {unknown[0]}, which {number} does not have."
        if lacking := sorted(set(schema.get("required", ())) - given):
            yield f"Its step “{step['id']}” does not give {lacking[0]}, which {number} needs."
