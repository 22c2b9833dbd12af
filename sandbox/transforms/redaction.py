"""detect_pii and redact: what is personal in a record, and how it is hidden."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Iterator
from typing import Any

import rfc8785

from . import pii
from .classes import Classes, Path, classes_at
from .errors import TransformError

STRICTNESS = {"mask": 0, "hash": 1, "tokenise": 2, "drop": 3}
_DROPPED: Any = object()
_HASH_DIGITS = 32
_TOKEN_BYTES = 10
_SIGNS = re.compile(rf"\*\*|(?<![0-9a-f])[0-9a-f]{{{_HASH_DIGITS}}}(?![0-9a-f])|[a-z]+_[a-z2-7]{{16}}(?![a-z2-7])")


def detect_pii(
    record: dict[str, Any],
    *,
    into: str,
    tagged: Classes,
    classes: list[str] | None = None,
    fields: list[str] | None = None,
) -> dict[str, Any]:
    """The record with ``into``: a list of {field, class, start, end}, in order of the fields.

    ``start`` and ``end`` count characters within the field's text. A field whose declared class is looked for is
    found as a whole. The values themselves are not repeated.
    """
    wanted = None if classes is None else frozenset(classes)
    found = []
    for path, value in _texts({name: part for name, part in record.items() if fields is None or name in fields}, ()):
        place = ".".join(path)
        declared = classes_at(path, tagged)
        declared = declared if wanted is None else declared & wanted
        if declared:
            found += [{"field": place, "class": name, "start": 0, "end": len(value)} for name in sorted(declared)]
        else:
            found += [
                {"field": place, "class": name, "start": start, "end": end}
                for start, end, name in pii.find(value, wanted)
            ]
    return {**record, into: found}


def redact(
    record: dict[str, Any],
    *,
    classes: list[str],
    mode: str,
    tagged: Classes,
    key: bytes,
    fields: list[str] | None = None,
) -> dict[str, Any]:
    """The record without readable values of ``classes``.

    A field whose declared class is among them is hidden whole; in every other text the values that pii.find finds
    are. Modes: ``mask`` keeps what people need to recognise it (last digits, domain), ``hash`` gives the same sign
    for the same value, ``tokenise`` the same sign for the same person or thing in whatever spelling, ``drop`` removes
    it. Signs are keyed by ``key``: without the key nobody can test a guess. Raises TransformError: no_key.
    """
    if mode in ("hash", "tokenise") and not key:
        raise TransformError("no_key", f"The mode {mode} needs a key, and the workspace has given none.")
    redactor = _Redactor(dict.fromkeys(classes, mode), tagged, key)
    result = {}
    for name, value in record.items():
        hidden = redactor.value(value, (name,)) if fields is None or name in fields else value
        if hidden is not _DROPPED:
            result[name] = hidden
    return result


def redact_by(record: dict[str, Any], *, modes: dict[str, str], tagged: Classes, key: bytes) -> dict[str, Any]:
    """As ``redact``, with a mode for each class; a field of several classes is hidden by the strictest of theirs.

    Names of fields that are personal themselves are hidden the same way, and names that meet are numbered.
    """
    return _named(_Redactor(modes, tagged, key).value(record, ()), _Redactor(modes, {}, key))


def _named(value: Any, redactor: _Redactor) -> Any:
    if isinstance(value, list):
        return [_named(part, redactor) for part in value]
    if not isinstance(value, dict):
        return value
    result: dict[str, Any] = {}
    taken: dict[str, int] = {}
    for name, part in value.items():
        result[numbered(redactor.text(name), taken)] = _named(part, redactor)
    return result


def numbered(hidden: str, taken: dict[str, int]) -> str:
    """``hidden``, or ``hidden (2)`` and so on where the name of another field became the same; noted in ``taken``.

    ``taken`` maps each name to the number it was last given, so that many that meet cost time in proportion.
    """
    shown, number = hidden, taken.get(hidden, 1)
    while shown in taken:
        number += 1
        shown = f"{hidden} ({number})"
    taken[shown] = 1
    taken[hidden] = number
    return shown


class _Redactor:
    """``modes`` maps each class that is looked for to how it is hidden."""

    def __init__(self, modes: dict[str, str], tagged: Classes, key: bytes) -> None:
        self.classes = frozenset(modes)
        self.modes = modes
        self.tagged = tagged
        self.key = key

    def value(self, value: Any, path: Path) -> Any:
        declared = classes_at(path, self.tagged) & self.classes if path else frozenset()
        name = max(sorted(declared), key=lambda one: STRICTNESS[self.modes[one]]) if declared else ""
        if declared and self.modes[name] == "drop":
            return _DROPPED
        if isinstance(value, dict):
            parts = {name: self.value(part, (*path, name)) for name, part in value.items()}
            return {name: part for name, part in parts.items() if part is not _DROPPED}
        if isinstance(value, list):
            entries = [self.value(part, (*path, "*")) for part in value]
            return [entry for entry in entries if entry is not _DROPPED]
        if value is None or isinstance(value, bool):
            return None if declared else value
        if declared:
            return self.whole(value, name)
        if isinstance(value, str):
            return self.text(value)
        written = rfc8785.dumps(value).decode()
        hidden = self.text(written)
        return value if hidden == written else hidden

    def whole(self, value: Any, name: str) -> Any:
        if isinstance(value, str):
            return self.hide(value, name)
        return None if self.modes[name] == "mask" else self.hide(rfc8785.dumps(value).decode(), name)

    def text(self, text: str) -> str:
        pieces, done = [], 0
        for start, end, name in pii.find(text, self.classes):
            pieces += [text[done:start], "" if self.modes[name] == "drop" else self.hide(text[start:end], name)]
            done = end
        return "".join([*pieces, text[done:]])

    def hide(self, text: str, name: str) -> str:
        match self.modes[name]:
            case "mask":
                return mask(text, name)
            case "hash":
                return self.sign(["hash", name, text]).hex()[:_HASH_DIGITS]
            case _:
                digest = self.sign(["token", name, _one_spelling(text, name)])[:_TOKEN_BYTES]
                return f"{name}_{base64.b32encode(digest).decode().lower()}"

    def sign(self, named: list[str]) -> bytes:
        return hmac.digest(self.key, rfc8785.dumps(named), hashlib.sha256)


def bears_signs(value: Any) -> bool:
    """Whether it may have been hidden in part or whole: stars, a hash or a token stand somewhere in its texts. What
    only looks so counts as well."""
    if isinstance(value, dict):
        return any(bears_signs(part) for part in value.values())
    if isinstance(value, list):
        return any(bears_signs(part) for part in value)
    return isinstance(value, str) and _SIGNS.search(value) is not None


def mask(text: str, name: str) -> str:
    """``ada@example.com`` as ``a***@example.com``, a phone with its last two digits, a card with its last four."""
    match name:
        case "email" if "@" in text:
            local, _, domain = text.rpartition("@")
            return f"{local[:1]}***@{domain}"
        case "phone":
            return _mask_digits(text, 2)
        case "payment":
            return _mask_digits(text, 4)
        case "name":
            return " ".join(f"{word[0]}***" for word in text.split()) or "***"
    return "***"


def _mask_digits(text: str, shown: int) -> str:
    """Letters and digits as ``*`` but for the last few; the signs between them stay. Short values are hidden whole."""
    signs = len(re.findall(r"\w", text))
    if signs < 3 * shown:
        return "***"
    left = iter(range(signs, 0, -1))
    return re.sub(r"\w", lambda sign: sign[0] if next(left) <= shown else "*", text)


def _one_spelling(text: str, name: str) -> str:
    if name in ("phone", "payment", "government_id"):
        return re.sub(r"[^0-9A-Za-z]", "", text).upper()
    return " ".join(text.split()).casefold()


def _texts(value: Any, path: Path) -> Iterator[tuple[Path, str]]:
    """Every text of the record with its path, list entries by their position."""
    if isinstance(value, dict):
        for name in sorted(value):
            yield from _texts(value[name], (*path, name))
    elif isinstance(value, list):
        for at, part in enumerate(value):
            yield from _texts(part, (*path, str(at)))
    elif isinstance(value, str):
        yield path, value
