"""From bytes to plain values: JSON or YAML with caps on size, depth and number, before anything looks inside."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable
from typing import Any, NoReturn

from registry.manifests.sources import find_forbidden

MAX_BYTES = 8 * 1024 * 1024
MAX_DEPTH = 80
MAX_VALUES = 400_000  # values of the document, with what its YAML aliases stand for written out
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


class Unreadable(ValueError):
    """The document cannot be read; the text says why and what to do, for a person."""


def parse(content: bytes) -> Any:
    """The document as maps, lists and scalars; keys are texts. Raises Unreadable."""
    if len(content) > MAX_BYTES:
        raise Unreadable(
            f"The document has {len(content):,} bytes; the most is {MAX_BYTES:,}. Cut it down to the paths you need."
        )
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Unreadable(f"Byte {error.start:,} is not UTF-8. Save the document as UTF-8.") from None
    if not text.strip():
        raise Unreadable("The document is empty. Paste it, or choose its file.")
    if text.lstrip()[:1] in ("{", "["):
        value = _parse_json(text)
    else:
        from registry.openapi.yaml_values import parse_yaml  # it raises what this module defines

        value = parse_yaml(text)
    _check_size(value)
    return value


def plain(value: Any, limit: int = 300) -> str:
    """A text of the document as one line that a manifest may hold; "" for what is no text."""
    if not isinstance(value, str):
        return ""
    words = " ".join(value[: limit * 4].split())
    while bad := find_forbidden(words):
        words = words.replace(bad.group(), "")
    words = words.strip()
    return words if len(words) <= limit else f"{words[: limit - 1].rstrip()}…"


def _parse_json(text: str) -> Any:
    try:
        value = json.loads(
            text, object_pairs_hook=_once, parse_constant=_no_number, parse_int=_whole, parse_float=_fraction
        )
        if _SURROGATE.search(text):  # an escaped pair is one sign by now; half a pair is none, and cannot be written
            json.dumps(value, ensure_ascii=False).encode()
        return value
    except UnicodeEncodeError:
        raise Unreadable("The document holds half a surrogate pair, which is no text.") from None
    except json.JSONDecodeError as error:
        raise Unreadable(f"This is not JSON: {error.msg}, line {error.lineno}, column {error.colno}.") from None
    except RecursionError:
        raise Unreadable(f"The document is nested more than {MAX_DEPTH} levels deep.") from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise Unreadable(f"The key {plain(twice, 60)!r} stands twice in one map. Keep one of the two.")
    return found


def _no_number(word: str) -> NoReturn:
    raise Unreadable(f"{word} is not a number of JSON.")


def _whole(digits: str) -> int | float:
    return int(digits) if len(digits) <= 18 else _fraction(digits)  # int() of a very long text is refused by Python


def _fraction(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise Unreadable(f"The number {digits[:20]}… is too large.")
    return value


def _check_size(root: Any) -> None:
    """Level by level, so that depth costs no recursion."""
    depth, count, level = 0, 0, [root]
    while level:
        depth, count = depth + 1, count + len(level)
        if depth > MAX_DEPTH:
            raise Unreadable(f"The document is nested more than {MAX_DEPTH} levels deep.")
        if count > MAX_VALUES:
            raise Unreadable(f"The document holds more than {MAX_VALUES:,} values. Cut it down to the paths you need.")
        level = [part for value in level for part in _parts(value)]


def _parts(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()
