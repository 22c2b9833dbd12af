"""docs/reference/errors.md: every refusal and every way a run fails, collected from the code."""

import importlib
from collections.abc import Iterator
from functools import cache

from galaxy.core.api import problems
from galaxy.core.egress import refusals
from galaxy.core.errors import DomainError
from galaxy.core.permissions import NotGranted
from sandbox.errors import CATEGORIES
from sandbox.pool.errors import ERRORS
from tests.docs.raised import calls_of, sources
from tests.docs.tables import NOTE, first_sentences, table

_ITS_OWN = "refused"  # where each instance brings its code
_BEGINNING = """# Errors

{note}

Whatever Galaxy refuses comes with one sentence for a person, a stable **code** for machines and a **next step**. Pages
show the sentence and the next step; the API answers them as `application/problem+json`
([the API](api.md#refusals)); commands print both. Sentences may be worded anew in any release; codes stay.

How to read the tables: `…` stands for what is put in (a name, a number), and *Where* names the module that raises it.
What is wrong with a manifest has codes of its own: [manifest.md](manifest.md#finding-codes).

"""


@cache
def error_classes() -> list[type[DomainError]]:
    """All of them, by code; importing every module first, so that none is missed because nothing asked for it."""
    for module, _ in sources():
        if not module.endswith("__main__"):
            importlib.import_module(module)
    found: set[type[DomainError]] = set()
    queue: list[type[DomainError]] = [DomainError]
    while queue:
        for kind in queue.pop().__subclasses__():
            if not kind.__module__.startswith("tests.") and kind not in found:
                found.add(kind)
                queue.append(kind)
    return sorted(found, key=lambda kind: (kind.code == _ITS_OWN, kind.code, kind.__module__, kind.__name__))


def page() -> str:
    lines = [_BEGINNING.format(note=NOTE), *_categories(), *_refusals(), *_runs(), *_framework()]
    return "\n".join(lines).replace("\n\n\n", "\n\n").rstrip("\n") + "\n"


def _categories() -> Iterator[str]:
    yield from [
        "## Categories of a run",
        "",
        "A run that fails has one of eight categories, and a code that says more. Who acts, and whether it is retried:",
        "",
    ]
    rows = (
        (f"`{name!s}`", told.sentence, told.next_step, told.who, "yes" if told.retryable else "no")
        for name, told in CATEGORIES.items()
    )
    yield from table(("category", "what it says", "next step", "who acts", "retried"), rows)


def _refusals() -> Iterator[str]:
    yield from [
        "## Refusals",
        "",
        "Of pages, the API and commands. What is raised with a next step of its own says that one instead.",
        "",
    ]
    yield from table(("code", "status", "when", "next step", "where"), map(_refusal, error_classes()))


def _refusal(kind: type[DomainError]) -> tuple[str, str, str, str, str]:
    code = f"`{kind.code}`" if kind.code != _ITS_OWN else f"its own ({kind.__name__})"
    return code, str(kind.status), when(kind), kind.next_step, f"`{kind.__module__}`"


def when(kind: type[DomainError]) -> str:
    """What the class says of itself, else the first sentence that it is raised with."""
    if own := first_sentences(kind.__doc__ if "__doc__" in vars(kind) else None):
        return own
    told = (one.arguments[0] for one in calls_of(kind.__name__) if one.arguments)
    return next((f"“{words}”" for words in told if not words.startswith("{")), "")


def _runs() -> Iterator[str]:
    yield from ["## Codes of a run", "", "What the gate itself ends a run with:", ""]
    yield from table(("code", "category", "what it says", "where"), sorted(set(run_codes())))
    yield from ["What a run of Python ends with ([sandbox](../sandbox.md)):", ""]
    rows = ((f"`{code}`", f"`{told.category}`", told.sentence, told.next_step) for code, told in ERRORS.items())
    yield from table(("code", "category", "what it says", "next step"), rows)
    yield from [
        "A call that the egress broker did not make, or that came to nothing ([egress](../egress.md)). The next step",
        "is that of its category:",
        "",
    ]
    yield from table(("code", "category"), ((f"`{code}`", f"`{kind}`") for code, kind in refusals.CODES.items()))


def run_codes() -> Iterator[tuple[str, str, str, str]]:
    """(code, category, sentence, module) of each error whose code stands in the sources."""
    for one in calls_of("RunError"):
        if len(one.arguments) < 2:
            continue
        category, code = (_resolved(one.module, words) for words in one.arguments[:2])
        if code.startswith("{") or category.startswith("{"):
            continue  # handed on from where it is listed
        words = _resolved(one.module, one.keywords.get("sentence", ""))
        own = "" if words.startswith("{") else words
        yield f"`{code}`", f"`{category}`", own or "As its category says.", f"`{one.module}`"


def _resolved(module: str, words: str) -> str:
    """The text that a name stands for in ``module``; anything else as it is written."""
    if not words.startswith("{"):
        return words
    value: object = importlib.import_module(module)
    for part in words.strip("{}").split("."):
        value = getattr(value, part, None)
    return str(value) if isinstance(value, str) else words


def _framework() -> Iterator[str]:
    yield from ["## What the web framework refuses", "", "Before a service of ours is asked:", ""]
    rows = [
        (f"`{code}`", sentence or "In the framework's own words.", step)
        for code, sentence, step in dict.fromkeys(problems._WORDS.values())
    ]
    missing = (
        f"`{NotGranted.code}`",
        "This needs a permission that you do not have here; it is named.",
        "Ask who can give it: they are named.",
    )
    yield from table(("code", "what it says", "next step"), [missing, *rows])
