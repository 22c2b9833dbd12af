"""Addresses that every page writes many of: looked up once in a process.

Django tries each pattern of a name, and matches what it wrote against it, for every row of a list. What comes of it
depends on the kinds of the arguments alone where they are keys, whole numbers and plain words; so it is tried once with
arguments drawn by lot, and theirs are exchanged for the real ones from then on.
"""

import re
import secrets
from functools import lru_cache
from typing import Any
from uuid import UUID, uuid4

from django.conf import settings
from django.urls import NoReverseMatch, get_script_prefix, get_urlconf, reverse

_PLAIN = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}").fullmatch  # what every converter of words takes
_DOTTED = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}").fullmatch
_KEY, _NUMBER, _WORD, _DOTTED_WORD = "key", "number", "word", "dotted"


def address(name: str, *args: str) -> str:
    """As ``reverse``, for what a process has few of: the pages of a workspace, and not those of single rows."""
    return _known(get_urlconf() or settings.ROOT_URLCONF, get_script_prefix(), name, args)


def address_of(name: str, *args: Any, current_app: str | None = None, **kwargs: Any) -> str:
    """As ``reverse``, for what there may be any number of: the pages of single rows."""
    kinds, words = [], []
    for value in (*args, *kwargs.values()):
        kind = type(value)
        if kind is UUID:
            kinds.append(_KEY)
        elif kind is int and value >= 0:
            kinds.append(_NUMBER)
        elif issubclass(kind, str) and _DOTTED(value):
            kinds.append(_WORD if _PLAIN(value) else _DOTTED_WORD)
        else:
            return reverse(name, args=args, kwargs=kwargs, current_app=current_app)
        words.append(str(value))
    urlconf = get_urlconf() or settings.ROOT_URLCONF
    parts = _shape(urlconf, get_script_prefix(), name, current_app, len(args), tuple(kwargs), tuple(kinds))
    if parts is None:
        return reverse(name, args=args, kwargs=kwargs, current_app=current_app)
    return parts % tuple(words)


@lru_cache(maxsize=8192)
def _known(urlconf: str, prefix: str, name: str, args: tuple[str, ...]) -> str:
    return reverse(name, urlconf, args)


@lru_cache(maxsize=8192)
def _shape(
    urlconf: str,
    prefix: str,
    name: str,
    current_app: str | None,
    places: int,
    names: tuple[str, ...],
    kinds: tuple[str, ...],
) -> str | None:
    """The address with ``%s`` for each argument, in their order; None where it takes more than their kinds to say."""
    shapes = set()
    for letters in ("abcdefghijklmnopqrstuvwxyz", "0123456789"):
        marks: list[Any] = [_drawn(kind, letters) for kind in kinds]
        try:
            found = reverse(name, urlconf, marks[:places], dict(zip(names, marks[places:], strict=True)), current_app)
        except NoReverseMatch:
            return None
        written = re.split("|".join(re.escape(str(mark)) for mark in marks), found) if marks else [found]
        order = [found.find(str(mark)) for mark in marks]
        if len(written) != len(marks) + 1 or order != sorted(order):
            return None
        shapes.add("%s".join(part.replace("%", "%%") for part in written))
    return shapes.pop() if len(shapes) == 1 else None


def _drawn(kind: str, letters: str) -> UUID | int | str:
    if kind == _KEY:
        return uuid4()
    if kind == _NUMBER:
        return 10**17 + secrets.randbelow(10**17)
    word = "".join(secrets.choice(letters) for _ in range(18))
    return f"{word[:9]}.{word[9:]}" if kind == _DOTTED_WORD else word
