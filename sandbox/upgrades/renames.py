"""Inputs under their old and their new names: {renames: {old name: new name}, fills: {name: value}} of one action."""

from typing import Any

from registry.manifests import ActionSpec

Moved = dict[str, dict[str, Any]]


def forward(inputs: dict[str, Any], moved: Moved) -> dict[str, Any]:
    """``inputs`` as the new version takes them: renamed, and with what somebody filled in where nothing was given."""
    renames = moved.get("renames", {})
    named = {renames.get(name, name) if renames.get(name) not in inputs else name: one for name, one in inputs.items()}
    return moved.get("fills", {}) | named


def backward(inputs: dict[str, Any], moved: Moved) -> dict[str, Any]:
    """The same taken back: under their old names, without what was filled in."""
    names = {new: old for old, new in moved.get("renames", {}).items()}
    filled = moved.get("fills", {})
    kept = {name: one for name, one in inputs.items() if not (name in filled and filled[name] == one)}
    return {names.get(name, name): one for name, one in kept.items()}


def declared(before: ActionSpec, after: ActionSpec) -> dict[str, str]:
    """What ``after`` says it renamed, {old: new}, as far as the old name is one of ``before`` and gone, and the type is
    the same: what carries another meaning under another type is no renaming."""
    old, new = before.inputs.get("properties", {}), after.inputs.get("properties", {})
    said = after.raw.get("renamed_from", {})
    return {
        was: name
        for name, was in said.items()
        if was in old and was not in new and name in new and name not in old and _typed(old[was]) == _typed(new[name])
    }


def _typed(schema: Any) -> Any:
    if not isinstance(schema, dict):
        return schema
    return {key: value for key, value in schema.items() if key not in ("title", "description", "examples", "default")}
