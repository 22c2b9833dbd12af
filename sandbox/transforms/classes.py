"""Which data classes a record's fields carry, and how they follow values from step to step."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import jmespath

# A path is a tuple of keys, with "*" for every entry of a list: ("contacts", "*", "email").
Path = tuple[str, ...]
Classes = dict[Path, frozenset[str]]
# Parts of an expression whose first child is looked at, and whose others see only what it gives.
_PATHS = frozenset({
    "field", "subexpression", "index_expression", "pipe", "projection", "value_projection", "filter_projection",
    "flatten",
})  # fmt: skip


def data_classes(
    steps: Iterable[dict[str, Any]], input_classes: Mapping[str, str | Iterable[str]]
) -> dict[str, tuple[str, ...]]:
    """The classes of the fields that come out, as ``{"/work_email": ("email",)}``.

    ``input_classes`` says the same of what goes in, as ``registry.manifests.schemas.data_classes`` gives it:
    ``/contacts/*/email`` is the email of every contact. ``steps`` are canonical, ``{op, args}``. An expression that
    does more than pick a value gives its field every class it could have read: too many rather than too few.
    """
    classes = read_paths(input_classes)
    for step in steps:
        classes = follow(step, classes)
    return {"/" + "/".join(path): tuple(sorted(names)) for path, names in sorted(classes.items())}


def read_paths(classes: Mapping[str, str | Iterable[str]]) -> Classes:
    result: Classes = {}
    for path, names in classes.items():
        named = frozenset([names] if isinstance(names, str) else names)
        key = tuple(part.replace("~1", "/").replace("~0", "~") for part in path.removeprefix("/").split("/"))
        result[key] = result.get(key, frozenset()) | named
    return result


def follow(step: dict[str, Any], classes: Classes) -> Classes:
    """The classes behind one step, from those before it."""
    args = step["args"]
    match step["op"]:
        case "map_fields":
            kept = {path: names for path, names in classes.items() if path[0] not in args}
            for name, tree in args.items():
                _join(kept, dict(_of_tree(tree, classes, (name,))))
            return kept
        case "enrich":
            # What a table adds says something about the value it was looked up by.
            names = _below((args["field"],), classes)
            kept = {path: had for path, had in classes.items() if path[0] != args["into"] or "default" not in args}
            _join(kept, {(args["into"],): names} if names else {})
            return kept
        case "detect_pii":
            return {path: names for path, names in classes.items() if path[0] != args["into"]}
        case "redact":
            wanted, fields = frozenset(args["classes"]), args.get("fields")
            left = {
                path: names - wanted if fields is None or path[0] in fields else names
                for path, names in classes.items()
            }
            return {path: names for path, names in left.items() if names}
        case _:
            return classes


def read_places(tree: dict[str, Any]) -> list[Path]:
    """The places that a parsed expression looks at, each as far as it can be told."""
    return list(_reads(tree))


def classes_at(path: Path, classes: Classes) -> frozenset[str]:
    """The classes of exactly this place; a class of a list or object is also that of everything in it."""
    return frozenset(
        name
        for pattern, names in classes.items()
        if len(pattern) <= len(path) and all(part in ("*", key) for part, key in zip(pattern, path, strict=False))
        for name in names
    )


def lies_below(pattern: Path, path: Path) -> bool:
    """Whether ``pattern`` is this place, or may be one within it."""
    return len(pattern) >= len(path) and all(part in ("*", key) for part, key in zip(pattern, path, strict=False))


def _of_tree(tree: Any, classes: Classes, at: Path) -> Iterator[tuple[Path, frozenset[str]]]:
    if isinstance(tree, dict):
        for key, part in tree.items():
            yield from _of_tree(part, classes, (*at, key))
        return
    if isinstance(tree, list):
        names = frozenset().union(*(_read_by(part, classes) for part in _leaves(tree)))
        if names:
            yield (*at, "*"), names
        return
    picked = _picked(jmespath.compile(tree).parsed)
    if picked is None:
        if names := _read_by(tree, classes):
            yield at, names
        return
    if inherited := classes_at(picked, classes):
        yield at, inherited
    for path, names in classes.items():
        if len(path) > len(picked) and lies_below(path, picked):
            yield (*at, *path[len(picked) :]), names


def _picked(tree: dict[str, Any]) -> Path | None:
    """The path of an expression that only picks a value, such as ``lead.email``; None for any other."""
    if tree["type"] == "field":
        return (tree["value"],)
    if tree["type"] == "subexpression":
        parts = [_picked(child) for child in tree["children"]]
        return None if None in parts else tuple(key for part in parts for key in part or ())
    return None


def _read_by(expression: str, classes: Classes) -> frozenset[str]:
    """Every class of whatever the expression might read."""
    names: frozenset[str] = frozenset()
    for path in _reads(jmespath.compile(expression).parsed):
        names |= classes_at(path, classes) | _below(path, classes)
    return names


def _reads(tree: dict[str, Any]) -> Iterator[Path]:
    """The places an expression looks at, seen from outside; what follows a dot, a pipe or a projection lies below."""
    kind, children = tree["type"], tree["children"]
    if kind in _PATHS:
        if (led := _led(tree)) is not None:
            yield led[0]
        else:
            yield from _reads(children[0])
    elif kind in ("current", "identity"):
        yield ()
    elif kind != "expref":  # an expref is applied to entries of a list that is read as a whole beside it
        for child in children:
            if isinstance(child, dict):
                yield from _reads(child)


def _led(tree: dict[str, Any]) -> tuple[Path, bool] | None:
    """As far as an expression leads along one path, and whether that is all it does; None for one that makes
    something of more than one place."""
    kind, children = tree["type"], tree["children"]
    if kind == "field":
        return (tree["value"],), True
    if kind in ("current", "identity"):
        return (), True
    if kind not in _PATHS or (begun := _led(children[0])) is None:
        return None
    path, goes_on = begun
    if not goes_on or kind not in ("subexpression", "index_expression", "projection"):
        return path, False
    if kind == "index_expression":
        return (path, True) if children[1]["type"] == "slice" else ((*path, "*"), True)
    if kind == "projection":
        path = (*path, "*")
    for child in children[1:]:
        below = _led(child)
        if below is None:
            return path, False
        path, goes_on = (*path, *below[0]), below[1]
        if not goes_on:
            break
    return path, goes_on


def _below(path: Path, classes: Classes) -> frozenset[str]:
    return frozenset().union(*(names for key, names in classes.items() if lies_below(key, path)))


def _leaves(tree: Any) -> Iterator[str]:
    if isinstance(tree, dict | list):
        for part in tree.values() if isinstance(tree, dict) else tree:
            yield from _leaves(part)
    else:
        yield tree


def _join(classes: Classes, more: Classes) -> None:
    for path, names in more.items():
        classes[path] = classes.get(path, frozenset()) | names
