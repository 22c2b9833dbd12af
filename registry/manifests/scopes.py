"""Scopes: ``resource.path.verb``, in one order, and in a sentence a person can consent to."""

from __future__ import annotations

import re

VERBS = ("read", "write", "delete")  # from mild to strong
_PART = re.compile(r"[a-z][a-z0-9]*(?:[_-][a-z0-9]+)*", re.ASCII)
_MAX_LENGTH = 120
_MAX_PARTS = 6

_SENTENCE_VERBS = {"read": "Read", "write": "Create and change", "delete": "Delete"}
# Words a sentence writes otherwise than a scope does; a product takes "in" before it.
_PRODUCTS = {
    "calendar": "Google Calendar",
    "drive": "Google Drive",
    "gmail": "Gmail",
    "google-drive": "Google Drive",
    "hubspot": "HubSpot",
    "notion": "Notion",
    "salesforce": "Salesforce",
    "slack": "Slack",
}
_WORDS = {"api": "API", "crm": "CRM", "erp": "ERP", "hr": "HR", "id": "ID", "sms": "SMS", "url": "URL"}


class BadScope(ValueError):
    """Not a scope; the text says why, for a person."""


def canonical(scope: str) -> str:
    """``write.tasks`` and ``tasks.write`` both as ``tasks.write``. Raises BadScope."""
    parts = scope.split(".")
    if len(scope) > _MAX_LENGTH or len(parts) > _MAX_PARTS:
        raise BadScope(f"A scope has at most {_MAX_PARTS} parts and {_MAX_LENGTH} characters.")
    if len(parts) < 2:
        raise BadScope("A scope has a resource and a verb with a dot between them.")
    if not all(_PART.fullmatch(part) for part in parts):
        raise BadScope("The parts of a scope are lower-case words of letters, digits, `_` and `-`.")
    first, last = parts[0] in VERBS, parts[-1] in VERBS
    if first and last:
        raise BadScope("A verb stands at both ends, so it could be read in two ways.")
    if not (first or last):
        raise BadScope(f"One end of a scope is its verb: {', '.join(VERBS)}.")
    return ".".join([*parts[1:], parts[0]]) if first else scope


def verb(scope: str) -> str:
    """The verb of a canonical scope: read, write or delete."""
    return scope.rpartition(".")[2]


def resource(scope: str) -> str:
    """The resource path of a canonical scope, without its verb."""
    return scope.rpartition(".")[0]


def strongest(verbs: list[str]) -> str:
    """The verb of the list that can do most. The list has at least one."""
    return max(verbs, key=VERBS.index)


def sentence(scope: str) -> str:
    """What a canonical scope permits: ``crm.tasks.write`` as "Create and change CRM tasks".

    A head of several words is the name of a system, as a product's is: ``my-board.tasks.read`` is "Read tasks in
    My board".
    """
    does = _SENTENCE_VERBS[verb(scope)]
    head, *rest = resource(scope).split(".")
    if head in _PRODUCTS:
        return f"{does} {_words(rest) or 'what you keep'} in {_PRODUCTS[head]}"
    if rest and len(re.split("[_-]", head)) > 1:
        name = _words([head])
        return f"{does} {_words(rest)} in {name[0].upper()}{name[1:]}"
    return f"{does} {_words([head, *rest])}"


def _words(parts: list[str]) -> str:
    """A word that comes twice in a row is said once."""
    words = [_WORDS.get(word, word) for part in parts for word in re.split("[_-]", part)]
    return " ".join(word for word, before in zip(words, ["", *words], strict=False) if word != before)
