"""The actions that two releases share, and what each may be sent."""

from __future__ import annotations

from collections.abc import Iterator

from registry.manifests import ActionSpec, Manifest


def pairs(before: Manifest, after: Manifest) -> Iterator[tuple[str, ActionSpec, ActionSpec]]:
    """The actions that both have: (name, as it is, as it would be)."""
    for id, old in before.actions.items():
        if id in after.actions:
            yield old.name, old, after.actions[id]


def sent(action: ActionSpec) -> list[str]:
    return sorted(action.inputs.get("properties", {}))
