"""Scope patterns: ``crm.**.write``, ``*.delete``, ``**``.

A pattern is written as a scope is, with dots between its parts. ``*`` stands for one part and ``**`` for any number of
them, none included, so ``crm.**.write`` covers ``crm.write`` and ``crm.tasks.write`` alike. The last part says what may
be done: a verb, or a star for any. Nothing here is a regular expression that a person wrote.
"""

import re
from collections.abc import Iterator
from itertools import pairwise

from registry.manifests.scopes import VERBS

MAX_PARTS = 8  # the most parts that a scope of a manifest can have
MAX_LENGTH = 120
ONE, MANY = "*", "**"
_PART = re.compile(r"[a-z][a-z0-9]*(?:[_-][a-z0-9]+)*", re.ASCII)


def why_no_pattern(text: str) -> str:
    """Why ``text`` is no scope pattern, in a sentence for a person; "" where it is one."""
    parts = text.split(".")
    if len(text) > MAX_LENGTH or len(parts) > MAX_PARTS:
        return f"A scope pattern has at most {MAX_PARTS} parts and {MAX_LENGTH} characters."
    if not all(part in (ONE, MANY) or _PART.fullmatch(part) for part in parts):
        return f"{text!r} is no scope pattern: write parts of lower-case letters, * or ** with dots between them."
    if any(pair == (MANY, MANY) for pair in pairwise(parts)):
        return "One ** is enough: it stands for any number of parts already."
    if parts[-1] not in (*VERBS, ONE, MANY):
        if parts[0] in VERBS:
            return f"The verb comes last: {'.'.join([*parts[1:], parts[0]])}."
        return f"The last part says what may be done: {', '.join(VERBS)}, or a star for any of them."
    if len(parts) == 1 and parts[0] != MANY:
        return f"A pattern has a resource and a verb, such as **.{parts[0]}."
    return ""


def matches(pattern: str, scope: str) -> bool:
    """Whether ``pattern`` covers the canonical ``scope``. Time grows with the product of their lengths, at worst."""
    wanted, parts = pattern.split("."), scope.split(".")
    here = there = 0
    star, resume = -1, 0  # the last ** passed, and how far it reaches now
    while there < len(parts):
        if here < len(wanted) and wanted[here] == MANY:
            star, resume = here, there
            here += 1
        elif here < len(wanted) and wanted[here] in (ONE, parts[there]):
            here += 1
            there += 1
        elif star >= 0:
            resume += 1
            here, there = star + 1, resume
        else:
            return False
    return all(part == MANY for part in wanted[here:])


def spelled_out(pattern: str) -> Iterator[str]:
    """``pattern`` as patterns of a fixed number of parts, shortest first: each ``**`` as no, one, two … ``*``.

    Together they cover what it covers among scopes of two to MAX_PARTS parts.
    """
    wanted = pattern.split(".")
    fixed = len(wanted) - wanted.count(MANY)
    for length in range(max(fixed, 2), MAX_PARTS + 1):
        yield from sorted({".".join(parts) for parts in _filled(wanted, length - fixed)})


def _filled(wanted: list[str], spare: int) -> Iterator[list[str]]:
    """``wanted`` with its ``**`` replaced by ``spare`` single stars in all, in every way."""
    if MANY not in wanted:
        if spare == 0:
            yield wanted
        return
    at = wanted.index(MANY)
    for stars in range(spare + 1):
        for rest in _filled(wanted[at + 1 :], spare - stars):
            yield [*wanted[:at], *[ONE] * stars, *rest]
