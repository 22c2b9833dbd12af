"""Two releases beside each other, as tables show them to people."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from registry.manifests import ActionSpec, Manifest
from registry.manifests.readers import APPROVAL_TAGS

from .pairs import pairs, sent


@dataclass(frozen=True)
class Difference:
    """``term`` says of what, ``now`` and ``after`` are words for people; None where there is nothing."""

    term: str
    now: str | None
    after: str | None


def rows_of(before: Manifest, after: Manifest) -> list[Difference]:
    """Hosts, scopes, actions, what is newly sent, and what waits for a person less than before; [] where none does."""
    found = [
        Difference("Scopes", _listed(before.scopes), _listed(after.scopes)),
        Difference("Hosts", _listed(before.hosts), _listed(after.hosts)),
        Difference("Actions", _listed(sorted(before.actions)), _listed(sorted(after.actions))),
    ]
    for name, old, new in pairs(before, after):
        found.append(Difference(f"{name} sends", _listed(sent(old)), _listed(sent(new))))
        found.append(Difference(f"{name} handles", _listed(sorted(old.classes)), _listed(sorted(new.classes))))
        found.append(Difference(f"{name} waits for a person", _listed(_asks(old)), _listed(_asks(new))))
    return [one for one in found if one.now != one.after]


def _asks(action: ActionSpec) -> list[str]:
    asks = ["each call" if action.destructive or action.effect == "delete" else ""]
    asks.append(f"more than {action.bulk['over']} {action.bulk['field']}" if action.bulk else "")
    asks += [APPROVAL_TAGS.get(tag, tag).lower() for tag in action.approval_tags]
    return sorted(set(filter(None, asks)))


def _listed(words: Iterable[str]) -> str | None:
    return ", ".join(words) or None
