"""What a draft's text says as plain values, what people type for one of them in a field, and the text again.

Values are those of the text as it is written, short forms and all, so that what nobody touches stays as its author has
it. Only comments are lost.
"""

import re
from collections.abc import Iterable
from typing import Any

from registry.manifests import Manifest, Reading, from_form, read
from registry.manifests.keys import METHODS
from registry.manifests.sources import detect_format
from registry.openapi.text import Unreadable
from registry.openapi.writing import as_yaml
from registry.openapi.yaml_values import parse_yaml

_BREAK = re.compile(r"[,\s]+")
_METHODS = re.compile(rf"(?:{'|'.join(METHODS)})(?:,(?:{'|'.join(METHODS)}))*", re.ASCII)


def values_of(text: str) -> dict[str, Any] | None:
    """What ``text`` says by keys; None where it has errors, or is Python and no map at all."""
    manifest = read(text).manifest
    if manifest is None or detect_format(text, None) == "python":
        return None
    try:
        values = parse_yaml(text)
    except Unreadable:  # our notation takes a few things that YAML does not
        values = None
    return values if isinstance(values, dict) and _means(from_form(values), manifest) else dict(manifest.canonical)


def text_of(values: dict[str, Any]) -> tuple[str, Reading]:
    """The manifest as text, and what is to be said of the values; "" where they are none."""
    reading = from_form(values)
    if reading.manifest is None:
        return "", reading
    text = as_yaml(values)
    if not _means(read(text), reading.manifest):  # a field was typed in our notation
        text = as_yaml(dict(reading.manifest.canonical))
    return text, reading


def put(values: dict[str, Any], path: Iterable[str], value: Any) -> None:
    """Write ``value`` at ``path`` of nested maps; None takes it out, and a map that is empty then."""
    *above, last = path
    places = [values]
    for key in above:
        below = places[-1].get(key)
        if not isinstance(below, dict):
            if value is None:
                return
            below = places[-1][key] = {}
        places.append(below)
    if value is not None:
        places[-1][last] = value
        return
    places[-1].pop(last, None)
    for place, key in zip(reversed(places[:-1]), reversed(above), strict=True):
        if not place[key]:
            del place[key]


def taken(values: Any, path: Iterable[str]) -> Any:
    """What stands at ``path``, None where nothing does."""
    for key in path:
        values = values.get(key) if isinstance(values, dict) else None
    return values


def as_notation(value: Any) -> str:
    """Maps and lists as lines; a map of types as people write it, without quotes."""
    if value is None or isinstance(value, str):
        return value or ""
    if isinstance(value, dict) and value and all(isinstance(part, str) for part in value.values()):
        lines = "\n".join(f"{key}: {part}" for key, part in value.items())
        try:
            if parse_yaml(lines) == value:
                return lines
        except Unreadable:
            pass
    return as_yaml(value).strip()


def of_notation(text: str) -> Any:
    """The value of such lines; the text itself where YAML cannot read it, for the manifest's reader to judge."""
    if not text.strip():
        return None
    try:
        return parse_yaml(text)
    except Unreadable:
        return text


def as_words(value: Any) -> str:
    return ", ".join(str(one) for one in value) if isinstance(value, list) else str(value or "")


def of_words(text: str) -> Any:
    words = [word for word in _BREAK.split(text) if word]
    return [int(word) if word.isdecimal() and word.isascii() and len(word) < 9 else word for word in words] or None


def as_hosts(value: Any) -> str:
    """Hosts, one a line: ``api.example.com GET,POST /v1``, with ``below example.com`` where a connection names it."""
    entries = value if isinstance(value, list) else [value] if value else []
    return "\n".join(_host(entry) for entry in entries)


def of_hosts(text: str) -> Any:
    return [_entry(line.split()) for line in text.splitlines() if line.strip()] or None


def _host(entry: Any) -> str:
    if not isinstance(entry, dict):
        return str(entry)
    methods = entry.get("methods", [])
    parts = [
        entry.get("host", ""),
        ",".join(map(str, methods)) if isinstance(methods, list) else str(methods),
        entry.get("path_prefix", ""),
        f"below {entry['suffix']}" if "suffix" in entry else "",
    ]
    return " ".join(str(part) for part in parts if part)


def _entry(words: list[str]) -> dict[str, Any]:
    entry: dict[str, Any] = {"host": words[0]}
    rest = iter(words[1:])
    for word in rest:
        if word.startswith("/"):
            entry["path_prefix"] = word
        elif word == "below":
            entry["suffix"] = next(rest, "")
        elif _METHODS.fullmatch(word.upper()):
            entry["methods"] = word.upper().split(",")
        else:  # no host has blanks: the reader says so, at this line
            entry["host"] += f" {word}"
    return entry


def _means(reading: Reading, manifest: Manifest) -> bool:
    return reading.manifest is not None and reading.manifest.digest == manifest.digest
