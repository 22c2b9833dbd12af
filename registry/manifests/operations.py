"""The operations a transform is made of: each a row with the arguments it takes."""

from __future__ import annotations

from typing import Any

import phonenumbers

from . import readers as r
from .findings import ABSENT, Findings
from .nodes import Map, Node, Text, shown
from .shapes import Key, Reader, Shape, choice, expression_tree, flag, free_json, integer, items, mapping, text

FIELD = r"[A-Za-z_][A-Za-z0-9_]{0,63}"
REDACTION_MODES = ("mask", "hash", "drop", "tokenise")

_field = text(64, pattern=FIELD, expected="the name of a field")
_fields = items(_field, 50, least=1)


def _region(node: Node, findings: Findings, path: str) -> Any:
    value = text(2)(node, findings, path)
    if value is not ABSENT and value not in phonenumbers.SUPPORTED_REGIONS:
        return findings.add(
            "bad-reference", node, path, f"{shown(value)} is no region.", "Write two capitals of ISO 3166, such as US."
        )
    return value


OPERATIONS: dict[str, Reader] = {
    "normalize_date": Shape("normalize_date", (
        Key("field", _field, "The field; it becomes an ISO 8601 date or time.", required=True),
        Key("timezone", r.timezone, "Zone of times that name none; UTC when left out."),
        Key("order", choice("year_first", "day_first", "month_first"), "How 01/02/2026 is read."),
        Key("to", choice("date", "datetime"), "What it becomes; date when left out."),
    )),
    "normalize_phone": Shape("normalize_phone", (
        Key("field", _field, "The field; it becomes an E.164 number.", required=True),
        Key("region", _region, "Country of numbers without a prefix."),
    )),
    "normalize_text": Shape("normalize_text", (
        Key("field", _field, "The field.", required=True),
        Key("case", choice("keep", "lower", "upper", "title"), "Letter case; keep when left out."),
        Key("trim", flag, "Without blanks at the ends; true when left out."),
        Key("collapse", flag, "Runs of blanks become one; true when left out."),
        Key("form", choice("NFC", "NFKC"), "Unicode normal form; NFC when left out."),
    )),
    "normalize_number": Shape("normalize_number", (
        Key("field", _field, "The field.", required=True),
        Key("decimal_sign", choice(".", ","), "Sign before the decimals; . when left out."),
        Key("decimals", integer(0, 10), "Digits kept behind it, rounded half to even."),
    )),
    "map_fields": mapping(expression_tree(), FIELD, "the name of a field"),
    "enrich": Shape("enrich", (
        Key("field", _field, "The field that is looked up.", required=True),
        Key("table", mapping(free_json, r"[^\n]{1,128}", "a value", 1_000), "What each value adds.", required=True),
        Key("into", _field, "The field that takes what was found.", required=True),
        Key("default", free_json, "What it takes when nothing was found."),
    )),
    "dedupe": Shape("dedupe", (
        Key("field", _field, "The list.", required=True),
        Key("by", _fields, "Fields that make two entries equal; the whole entry when left out."),
        Key("keep", choice("first", "last"), "Which one stays; first when left out."),
    )),
    "detect_pii": Shape("detect_pii", (
        Key("fields", _fields, "Where to look; everywhere when left out."),
        Key("classes", items(r.data_class, 20, ordered=False, least=1), "What to look for; everything when left out."),
        Key("into", _field, "The field that takes the list of findings.", required=True),
    )),
    "redact": Shape("redact", (
        Key("classes", items(r.data_class, 20, ordered=False, least=1), "Which data classes.", required=True),
        Key("mode", choice(*REDACTION_MODES), "What happens to the value.", required=True),
        Key("fields", _fields, "Where; everywhere when left out."),
    )),
    "validate": Shape("validate", (Key("against", choice("inputs", "outputs"), "Which schema.", required=True),)),
}  # fmt: skip


def read_operation(node: Node, findings: Findings, path: str) -> Any:
    """One step, written ``- redact: {...}`` or in its canonical form ``{op: redact, args: {...}}``."""
    operation: Node
    if isinstance(node, Map) and sorted(node.names()) == ["args", "op"]:
        named = {key.value: value for key, value in node.entries}
        operation, arguments = named["op"], named["args"]
    elif isinstance(node, Map) and len(node.entries) == 1:
        operation, arguments = node.entries[0]
    else:
        return findings.add(
            "wrong-shape", node, path, "A step is one operation with its arguments.", "Write `- redact: { ... }`."
        )
    if not isinstance(operation, Text) or operation.value not in OPERATIONS:
        written = operation.value if isinstance(operation, Text) else ""
        close = findings.nearest(written, OPERATIONS)
        fix = f"Did you mean {close}?" if close else f"The operations are {', '.join(OPERATIONS)}."
        return findings.add("unknown-key", operation, path, f"{shown(written)} is no operation.", fix)
    if operation.value == "validate" and isinstance(arguments, Text):
        key = Text("against", arguments.line, arguments.column)
        arguments = Map(((key, arguments),), arguments.line, arguments.column)
    taken = OPERATIONS[operation.value](arguments, findings, f"{path}.{operation.value}")
    return ABSENT if taken is ABSENT else {"op": operation.value, "args": taken}
