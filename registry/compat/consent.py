"""What a version may do that the one before may not, in sentences: for whoever agrees to the move."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from registry.manifests import ActionSpec, Manifest
from registry.manifests.expressions import parse
from registry.manifests.readers import APPROVAL_TAGS, METHODS, PATH_FIELD
from registry.manifests.scopes import VERBS

from .pairs import pairs, sent
from .reasons import Reason, reason


def compare_consent(before: Manifest, after: Manifest) -> Iterator[Reason]:
    """What somebody has to agree to besides scopes and hosts, which are held against what was agreed to before and not
    against a manifest (registry.services.moving)."""
    for code, place, told in _TOLD:
        yield from (reason(code, place, f"{sentence}.") for sentence in told(before, after))


def _weaker_asks(before: Manifest, after: Manifest) -> tuple[str, ...]:
    """What waited for a person before and would not any more, a sentence each: it is agreed to as a scope is."""
    found = []
    for name, old, new in pairs(before, after):
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
        if VERBS.index(new.effect) < VERBS.index(old.effect):
            found.append(f"{name} counts as a {new.effect}, before as a {old.effect}")
        if old.audience == "human" != new.audience:
            found.append(f"{name} may be called by agents")
    return tuple(found)


def _newly_handled(before: Manifest, after: Manifest) -> tuple[str, ...]:
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
    for _, old, new in pairs(before, after):
        if more := sorted(set(sent(new)) - set(sent(old))):
            found.append(f"{new.name} may be sent {', '.join(more)} as well")
    return tuple(found)


def _declassified(before: Manifest, after: Manifest) -> tuple[str, ...]:
    """Fields that bear a data class now and would not, so that rules about the class would not hold for them."""
    found = []
    for name, old, new in pairs(before, after):
        for place, was in sorted(old.data_classes.items()):
            if new.data_classes.get(place) != was and _is_there(place, new):
                found.append(f"{name} does not count {place.strip('/').replace('/', '.')} as {was} any more")
    return tuple(found)


def _leaving(before: Manifest, after: Manifest) -> tuple[str, ...]:
    """Inputs that calls give today, that stay in Galaxy today, and that would be sent."""
    found = []
    for name, old, new in pairs(before, after):
        stayed = set(sent(old)) - _leaves(old)
        found += [f"{name} sends {one}, which stayed in Galaxy" for one in sorted(stayed & _leaves(new))]
    return tuple(found)


def _further_reach(before: Manifest, after: Manifest) -> tuple[str, ...]:
    """What it may do at hosts that it reaches already."""
    found, known = [], _reach(before)
    for host, places in _reach(after).items():
        for prefix, methods in sorted(places.items()) if host in known else ():
            further = {one for one in methods if not _is_covered(one, prefix, known[host])}
            if further:
                found.append(f"It may {', '.join(sorted(further))} at {host}{prefix}")
    return tuple(found)


def _further_calls(before: Manifest, after: Manifest) -> tuple[str, ...]:
    """What a pack calls besides."""
    called = {step["use"] for step in before.steps if "use" in step}
    uses = dict.fromkeys(step["use"] for step in after.steps if "use" in step)
    return tuple(f"It calls {use}" for use in uses if use not in called)


def _leaves(action: ActionSpec) -> set[str]:
    """The inputs that leave Galaxy when the action is called; of Python and gRPC every one may."""
    fields, raw = set(sent(action)), action.raw
    if action.runner != "rest":
        return fields
    used = set(PATH_FIELD.findall(action.path or ""))
    written = [*_texts(raw.get("query", {})), *_texts(raw.get("upload", {})), *_texts(raw.get("body", {}))]
    for expression in written:
        try:
            references = parse(expression)
        except ValueError:  # a plain text, such as the name of a part
            continue
        for one in references:
            if one.root == "inputs":
                used |= {one.member} if one.member else fields
    is_whole = "body" in raw or (raw.get("body_format") == "raw" if _has_body(action) else "query" in raw)
    return used & fields if is_whole else fields  # what nothing speaks of goes along (sandbox.rest.request)


def _has_body(action: ActionSpec) -> bool:
    return action.method not in ("GET", "HEAD", "DELETE")


def _texts(tree: Any) -> Iterator[str]:
    if isinstance(tree, str):
        yield tree
    for part in tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ():
        yield from _texts(part)


def _reach(manifest: Manifest) -> dict[str, dict[str, set[str]]]:
    """Per host and path prefix the methods of its entries."""
    found: dict[str, dict[str, set[str]]] = {}
    for entry in manifest.canonical.get("egress", ()):
        host = f"*.{entry['suffix']}" if "suffix" in entry else entry["host"]
        places = found.setdefault(host, {})
        places.setdefault(entry.get("path_prefix", "/"), set()).update(entry.get("methods", METHODS))
    return found


def _is_covered(method: str, prefix: str, places: dict[str, set[str]]) -> bool:
    return any(
        method in methods and (prefix == root or prefix.startswith(f"{root.rstrip('/')}/"))
        for root, methods in places.items()
    )


def _is_there(place: str, action: ActionSpec) -> bool:
    """Whether the field of ``/inputs/owner`` is described still: what is gone altogether is another matter."""
    part, *names = place.strip("/").split("/")
    schema: Any = action.inputs if part == "inputs" else action.outputs
    name = names[0] if names else ""
    return name in ("", "*") or name in schema.get("properties", {})


_TOLD: tuple[tuple[str, str, Callable[[Manifest, Manifest], tuple[str, ...]]], ...] = (
    ("asks-less", "actions", _weaker_asks),
    ("class-added", "actions", _newly_handled),
    ("class-dropped", "actions", _declassified),
    ("field-sent", "actions", _leaving),
    ("reach-widened", "egress", _further_reach),
    ("call-added", "steps", _further_calls),
)
