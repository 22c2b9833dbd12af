"""What changed from one format to the next, in numbered steps; a step is never changed, further ones follow it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ..nodes import Literal, Map, Seq, Text
from .edits import Edit, nested, replaced

NEWEST = "v1"
Edits = Callable[[Map, str, str], Iterator[Edit]]


@dataclass(frozen=True)
class Step:
    """``number`` counts over all formats; ``of`` is the format it takes, ``title`` says what it does in a sentence.
    ``header`` maps names of a Python file's header: a name to another, with what its number is multiplied by."""

    number: int
    of: str
    title: str
    edits: Edits
    header: tuple[tuple[str, str, int], ...] = ()


def _parts(root: Map) -> Iterator[Map]:
    """The document and each of its actions."""
    yield root
    actions = root.get("actions")
    yield from (one for one in actions.items if isinstance(one, Map)) if isinstance(actions, Seq) else ()


def _renamed(**names: str) -> Edits:
    def edits(root: Map, text: str, kind: str) -> Iterator[Edit]:
        for part in _parts(root):
            for key, _ in part.entries:
                if key.value in names and part.get(names[key.value]) is None:
                    yield from replaced(text, key, names[key.value])

    return edits


def _in_milliseconds(root: Map, text: str, kind: str) -> Iterator[Edit]:
    for part in _parts(root):
        for key, value in part.entries:
            if key.value == "timeout_s" and isinstance(value, Text | Literal) and (spelt := _thousandfold(value)):
                yield from replaced(text, key, "timeout_ms")
                yield from replaced(text, value, spelt)


def _thousandfold(value: Text | Literal) -> str:
    """The number a thousand times as great; "" for what is none."""
    written = value.value if isinstance(value, Text) else value.source
    try:
        return str(round(float(written) * 1000))
    except ValueError:
        return ""


def _permissions(root: Map, text: str, kind: str) -> Iterator[Edit]:
    """Of an action ``scopes`` are its own still; a connector's stand under permissions."""
    is_connector = root.get("connector") is not None or getattr(root.get("kind"), "value", "") == "connector"
    if is_connector and root.get("permissions") is None:
        for key, _ in root.entries:
            if key.value == "scopes":
                yield from nested(text, key, "permissions", "required", kind)


def _numbered(root: Map, text: str, kind: str) -> Iterator[Edit]:
    api = root.get("api")
    if isinstance(api, Text):
        yield from replaced(text, api, "v1")


STEPS = (
    Step(1, "v0", "input and output are inputs and outputs.", _renamed(input="inputs", output="outputs"),
         (("input", "inputs", 1), ("output", "outputs", 1))),
    Step(2, "v0", "hosts is egress.", _renamed(hosts="egress"), (("hosts", "egress", 1),)),
    Step(3, "v0", "timeout_s in seconds is timeout_ms in milliseconds.", _in_milliseconds,
         (("timeout_s", "timeout_ms", 1_000),)),
    Step(4, "v0", "scopes of a connector stand under permissions.required.", _permissions, (("scopes", "perms", 1),)),
    Step(5, "v0", "It is of the format v1.", _numbered, (("api", "api", 1),)),
)  # fmt: skip
