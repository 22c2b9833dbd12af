"""What differs between two versions of an extension, in sentences: for whoever agrees to the move."""

from collections.abc import Iterator
from dataclasses import dataclass

from registry.manifests import ActionSpec, Manifest
from registry.manifests.readers import APPROVAL_TAGS


@dataclass(frozen=True)
class Difference:
    """``term`` says of what, ``now`` and ``after`` are words for people; None where there is nothing."""

    term: str
    now: str | None
    after: str | None


def differences(before: Manifest, after: Manifest) -> list[Difference]:
    """Hosts, scopes, actions, what is newly sent, and what waits for a person less than before; [] where none does."""
    found = [
        Difference("Scopes", _listed(before.scopes), _listed(after.scopes)),
        Difference("Hosts", _listed(before.hosts), _listed(after.hosts)),
        Difference("Actions", _listed(sorted(before.actions)), _listed(sorted(after.actions))),
    ]
    for name, old, new in _pairs(before, after):
        found.append(Difference(f"{name} sends", _listed(_sent(old)), _listed(_sent(new))))
        found.append(Difference(f"{name} handles", _listed(sorted(old.classes)), _listed(sorted(new.classes))))
        found.append(Difference(f"{name} waits for a person", _listed(_asks(old)), _listed(_asks(new))))
    return [one for one in found if one.now != one.after]


def weaker_asks(before: Manifest, after: Manifest) -> tuple[str, ...]:
    """What waited for a person before and would not any more, a sentence each: it is agreed to as a scope is."""
    found = []
    for name, old, new in _pairs(before, after):
        if old.destructive and not new.destructive:
            found.append(f"{name} does not count as destructive any more")
        if old.bulk and not new.bulk:
            found.append(f"{name} does not count as bulk any more")
        elif old.bulk and new.bulk and new.bulk["over"] > old.bulk["over"]:
            found.append(f"{name} is bulk from more than {new.bulk['over']} on, before from {old.bulk['over']}")
        elif old.bulk and new.bulk and new.bulk["field"] != old.bulk["field"]:
            found.append(f"{name} counts {new.bulk['field']} as bulk, before {old.bulk['field']}")
        dropped = sorted(set(old.approval_tags) - set(new.approval_tags))
        found += [f"{name} does not ask before {APPROVAL_TAGS.get(tag, tag).lower()} any more" for tag in dropped]
    return tuple(found)


def newly_handled(before: Manifest, after: Manifest) -> tuple[str, ...]:
    """Data classes that would be handled and were not, a sentence each: agreed to as a scope is."""
    known = {name for action in before.actions.values() for name in action.classes}
    found = []
    for name, action in after.actions.items():
        old = before.actions.get(name)
        new = sorted(action.classes - (old.classes if old else known))
        if new:
            found.append(f"{action.name} handles {', '.join(new)}{' as well' if old else ''}")
    return tuple(found)


def newly_sent(before: Manifest, after: Manifest) -> tuple[str, ...]:
    """Fields that an action may be sent and could not be, a sentence each. A person who moves it by hand reads them;
    by itself nothing begins to be sent."""
    found = []
    for _, old, new in _pairs(before, after):
        if more := sorted(set(_sent(new)) - set(_sent(old))):
            found.append(f"{new.name} may be sent {', '.join(more)} as well")
    return tuple(found)


def _pairs(before: Manifest, after: Manifest) -> Iterator[tuple[str, ActionSpec, ActionSpec]]:
    """The actions that both have: (name, as it is, as it would be)."""
    for name, old in before.actions.items():
        if name in after.actions:
            yield old.name, old, after.actions[name]


def _sent(action: ActionSpec) -> list[str]:
    return sorted(action.inputs.get("properties", {}))


def _asks(action: ActionSpec) -> list[str]:
    asks = ["each call" if action.destructive or action.effect == "delete" else ""]
    asks.append(f"more than {action.bulk['over']} {action.bulk['field']}" if action.bulk else "")
    asks += [APPROVAL_TAGS.get(tag, tag).lower() for tag in action.approval_tags]
    return sorted(set(filter(None, asks)))


def _listed(words) -> str | None:
    return ", ".join(words) or None
