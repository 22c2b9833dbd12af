"""Packs against the versions that they call: whether their mappings can fit, told before anything runs."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import lru_cache
from typing import Any

from registry.errors import Altered, MappingsUnfit, NotInstalled
from registry.manifests import Manifest
from registry.manifests.flow_types import MappingFinding, check_mappings
from registry.models import Extension, Installation, Kind, Version
from registry.semver import satisfies
from registry.services.resolving import verified_manifest

Pairs = dict[str, tuple[dict[str, Any], dict[str, Any]]]


def schemas_of(manifests: Iterable[Manifest]) -> Pairs:
    """{use: (inputs schema, outputs schema)} of all that a step can call of them. What a transform of operations gives
    is exactly what it declares."""
    found: Pairs = {}
    for manifest in manifests:
        for action in manifest.actions.values():
            use = f"{manifest.id}.{action.id}" if manifest.kind == Kind.CONNECTOR else manifest.id
            found[use] = (action.inputs, action.outputs)
        if manifest.kind == Kind.TRANSFORM:
            outputs = manifest.outputs
            if outputs.get("properties") and "code_file" not in manifest.canonical:
                outputs = {**outputs, "additionalProperties": False}
            found[manifest.id] = (manifest.inputs, outputs)
    return found


def refuse_unfit(pack: Manifest, digests: Mapping[str, str], but: Iterable[str] = ()) -> None:
    """Refuse a pack whose step fails as soon as it is reached, at the versions ``digests``: {slug: digest}.

    Steps that call one of the slugs ``but`` are not looked at: their inputs are carried over to another version first.
    Raises MappingsUnfit with a sentence for the first.
    """
    passed = tuple(but)
    found = [one for one in unfit(pack, tuple(sorted(digests.items()))) if one.is_certain and one.code != "never"]
    uses = {step["id"]: step["use"] for step in pack.steps}
    found = [one for one in found if slug_of(uses.get(one.step, ""), passed) is None]
    if found:
        first = found[0]
        more = f" {len(found) - 1} more of its mappings cannot fit." if len(found) > 1 else ""
        raise MappingsUnfit(f"Step “{first.step}” of {pack.name}, {first.field}: {first.sentence} {first.fix}{more}")


@lru_cache(maxsize=256)
def unfit(pack: Manifest, digests: tuple[tuple[str, str], ...]) -> tuple[MappingFinding, ...]:
    """Kept by digests (a manifest is equal by its own): what was told of the same bytes once is told again."""
    called = []
    for _, digest in digests:
        with suppress(Altered, NotInstalled):  # the gate refuses it at its step
            called.append(verified_manifest(digest))
    return tuple(check_mappings(pack.canonical, schemas_of(called)))


def slug_of(use: str, slugs: Iterable[str]) -> str | None:
    """The one of ``slugs`` that a step's ``use`` names: itself, or the connector before the last dot."""
    known = set(slugs)
    return next((name for name in (use, use.rpartition(".")[0]) if name in known), None)


def required_manifests(requires: Mapping[str, str], workspace: Any = None) -> dict[str, Manifest]:
    """What a draft that requires it would call, {slug: manifest}: what ``workspace`` has installed, else the newest
    version in range that it may install. What there is none of is left out."""
    found: dict[str, Manifest] = {}
    if not requires:
        return found
    if workspace is not None:
        rows = Installation.objects.in_workspace(workspace).active().filter(extension__slug__in=requires)
        for row in rows.select_related("extension", "pin__version"):
            if satisfies(row.pin.version.number, requires[row.extension.slug]):
                found[row.extension.slug] = row.pin.version.parsed
    others = [slug for slug in requires if slug not in found]
    if others:
        open_ones = Extension.objects.open_to(workspace).filter(slug__in=others)
        versions = Version.objects.installable().filter(extension__in=open_ones)
        for slug, number, pk in versions.order_by("-sort_key").values_list("extension__slug", "number", "pk"):
            if slug not in found and satisfies(number, requires[slug]):
                found[slug] = Version.objects.get(pk=pk).parsed
    return found
