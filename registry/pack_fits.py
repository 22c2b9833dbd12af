"""Whether the packs installed in a workspace would still run with another version of what they call."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

from galaxy.core.models import User, Workspace
from registry.dependants import PACK, seen_by, unseen
from registry.errors import MappingsUnfit
from registry.manifests import ActionSpec, Manifest
from registry.models import Installation, Kind, PackPin, Version
from registry.moves import carried_in_move, require_fit
from registry.semver import satisfies
from registry.services.installing import needed_by
from registry.services.resolving import verified_manifest

WHY_UNSEEN = "What in them does not fit is for those who may see them."


@dataclass(frozen=True)
class Stopped:
    """A pack that would not run, or one of whose steps would fail; ``why`` is a sentence."""

    pack: Installation
    why: str


def stopped_by(
    installation: Installation, version: Version, moved: dict[str, dict[str, Any]] | None = None
) -> list[Stopped]:
    """The packs that call ``installation`` and would stop if it were held at ``version``: by the range that they
    require, by names that are gone, or by a mapping that cannot fit. One that calls a version of its own is none of
    them, and neither is one that does not run now: a move, the way back above all, waits for nobody who mends another.

    ``moved`` says by action how inputs are carried over: {action: {renames: {old: new}, fills: {name: value}}}.
    """
    packs = needed_by(installation)
    if not packs:
        return []
    own = PackPin.objects.filter(workspace=installation.workspace_id, installation=installation)
    apart = set(own.values_list("pack", flat=True))
    found = []
    for pack in packs:
        if pack.pk in apart:
            continue
        why = _why(pack, installation, version, moved or {})
        if why and not _why(pack, installation, installation.pin.version, {}):
            found.append(Stopped(pack, why))
    return found


def _why(pack: Installation, installation: Installation, version: Version, moved: dict[str, dict[str, Any]]) -> str:
    """Why ``pack`` does not run where ``installation`` is held at ``version``; "" where it does."""
    held, slug = pack.pin.version.parsed, installation.extension.slug
    why = next(_misfits(held, slug, version.number, verified_manifest(version.digest), moved), "")
    return why or _unfit(pack, held, {slug: version.digest}, [slug] if moved else [])


def stopped_by_move(installation: Installation, version: Version) -> list[Stopped]:
    """The same for moving it to ``version`` now, with what is carried over on the way."""
    return stopped_by(installation, version, carried_in_move(installation, version))


def misfit_of(installation: Installation, version: Version) -> str:
    """Why ``installation``, a pack, would not run at ``version`` with what is installed; "" where it would, and for
    what is no pack."""
    manifest = verified_manifest(version.digest)
    return _unfit(installation, manifest, {}, []) if manifest.kind == Kind.PACK else ""


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


def _unfit(pack: Installation, held: Manifest, instead: dict[str, str], but: Collection[str]) -> str:
    try:
        require_fit(pack, held, instead, but)
    except MappingsUnfit as error:
        return str(error)
    return ""


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
