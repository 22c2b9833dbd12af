"""The tables of docs/manifests.md, written from the tables the readers use."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator

from . import keys
from .findings import CODES
from .functions import GalaxyFunctions
from .operations import OPERATIONS
from .readers import APPROVAL_TAGS
from .shapes import Key, Shape
from .types import DATA_CLASSES, TYPES

BEGIN = "<!-- tables: printed by `manage.py manifest reference`, held in step by a test -->"
END = "<!-- end of tables -->"


def tables() -> str:
    """Markdown, from one heading of the second level to the last row."""
    return "\n".join([BEGIN, "", *_keys(), *_operations(), *_words(), *_codes(), END, ""])


def _keys() -> Iterator[str]:
    yield from ["## Keys", "", "Keys of every kind:", ""]
    yield from _key_table(keys.COMMON)
    for kind, shape in keys.MANIFESTS.items():
        yield from [f"### {kind}", ""]
        yield from _key_table(key for key in shape.keys if key not in keys.COMMON and key not in keys.ACTION_KEYS)
        if kind == "action":
            yield from ["And the keys of an entry of `actions`, except `id`, `name` and `summary` of its own.", ""]
    for shape in keys.SECTIONS:
        yield from [f"### {shape.name}", ""]
        yield from _key_table(shape.keys)


def _operations() -> Iterator[str]:
    yield from ["## Operations of a transform", ""]
    for name, reader in OPERATIONS.items():
        yield from [f"### {name}", ""]
        if isinstance(reader, Shape):
            yield from _key_table(reader.keys)
        else:
            yield from ["New fields by name, each a JMESPath expression over the record.", ""]


def _words() -> Iterator[str]:
    yield from [
        "## Types",
        "",
        *_table(("type", "JSON Schema"), ((name, _inline(schema)) for name, schema in sorted(TYPES.items()))),
    ]
    yield from ["## Data classes", "", *_table(("class", "what it marks"), DATA_CLASSES.items())]
    yield from [
        "## Functions",
        "",
        "In expressions, besides JMESPath's own:",
        "",
        *_table(("function", "gives"), _functions()),
    ]
    yield from ["## Approval tags", "", *_table(("tag", "what needs approval"), APPROVAL_TAGS.items())]


def _functions() -> Iterator[tuple[str, str]]:
    for name, function in sorted(vars(GalaxyFunctions).items()):
        if name.startswith("_func_"):
            takes = ", ".join(list(inspect.signature(function).parameters)[1:])
            yield (
                f"{name.removeprefix('_func_')}({takes})",
                " ".join((inspect.getdoc(function) or "").split()).replace("``", "`"),
            )


def _codes() -> Iterator[str]:
    rows = ((name, code.severity, code.about, code.fix) for name, code in CODES.items())
    yield from ["## Finding codes", "", *_table(("code", "severity", "what and why", "fix"), rows)]


def _key_table(entries: Iterable[Key]) -> list[str]:
    rows = (
        (key.name, "yes" if key.required else "", key.about + (f" Also `{key.aliases[0]}`." if key.aliases else ""))
        for key in entries
    )
    return _table(("key", "required", "meaning"), rows)


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> list[str]:
    lines = [f"| {' | '.join(head)} |", f"| {' | '.join('---' for _ in head)} |"]
    lines += [
        f"| `{first}` | {' | '.join(cell.replace('|', chr(92) + '|') for cell in rest)} |" for first, *rest in rows
    ]
    return [*lines, ""]


def _inline(schema: dict[str, str]) -> str:
    return ", ".join(f"`{key}: {value}`" for key, value in schema.items()) or "anything"
