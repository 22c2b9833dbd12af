"""The mark of values that were born in simulation, followed through every mapping (ideas, I13). Pure.

Marks are the paths of marked values, beside the values as data classes are (sandbox.class_flow): ``("steps", "task")``
marks all that the step ``task`` gave, and among a call's inputs ``()`` marks the call itself, which is made because of
such a value. Whatever an expression makes of a marked value is marked, be it a count of it, a text that it stands in,
or one of two values that it chose between: too much rather than too little. Nothing takes a mark away, neither hiding
a value nor writing it as JSON and reading it back.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import jmespath

from registry.manifests import Manifest
from sandbox import class_flow
from sandbox.transforms.classes import Classes, Path, classes_at, follow, lies_below, read_places

Marks = frozenset[Path]
NONE: Marks = frozenset()
_NAME = frozenset({"simulated"})
CODE = "simulated_value"


def into(mapping: dict[str, Any], marks: Marks) -> Marks:
    """The marks of what ``mapping`` makes, as its fields: ``("text",)``."""
    if not marks:
        return NONE
    made = follow({"op": "map_fields", "args": mapping}, _classes(marks))
    return frozenset(path for path in made if path[0] in mapping)


def of_item(each: str, marks: Marks) -> Marks:
    """The marks that ``item`` and ``index`` of a loop over ``each`` have."""
    if not marks:
        return NONE
    found = frozenset(class_flow.of_item(each, _classes(marks)))
    return found | {("index",)} if found else found


def rests_on(expressions: Iterable[str | None], marks: Marks) -> bool:
    """Whether any of the expressions looks at something that is marked."""
    classes = _classes(marks)
    for expression in filter(None, expressions):
        for place in read_places(jmespath.compile(expression).parsed):
            if classes_at(place, classes) or any(lies_below(path, place) for path in marks):
                return True
    return False


def through(manifest: Manifest, marks: Marks) -> Marks:
    """The marks of what a transform gives where its inputs have ``marks``; of code nobody knows what makes what."""
    if not marks:
        return NONE
    if manifest.canonical.get("code_file"):
        return frozenset({("*",)})
    for operation in manifest.steps:
        marks = _after(operation, marks)
    properties = manifest.outputs.get("properties")
    return frozenset(path for path in marks if not properties or path[0] in {"*", *properties})


def under(place: Path, marks: Marks) -> Marks:
    return frozenset((*place, *path) for path in marks)


def renamed(marks: Marks, names: Mapping[str, str]) -> Marks:
    return frozenset((names.get(path[0], path[0]), *path[1:]) if path else path for path in marks)


def as_json(marks: Marks) -> list[list[str]]:
    return sorted(list(path) for path in marks)


def from_json(paths: list[list[str]]) -> Marks:
    return frozenset(tuple(path) for path in paths)


def _after(operation: dict[str, Any], marks: Marks) -> Marks:
    made = frozenset(follow(operation, _classes(marks)))
    if operation["op"] != "detect_pii":
        return made
    fields = operation["args"].get("fields")  # what was found in a value tells of it
    is_told = any(fields is None or path[0] in {"*", *fields} for path in marks)
    return made | {(operation["args"]["into"],)} if is_told else made


def _classes(marks: Marks) -> Classes:
    return dict.fromkeys(marks, _NAME)
