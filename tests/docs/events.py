"""docs/reference/events.md: the names of the trail's events, and what Prometheus reads."""

import ast
import importlib
from collections.abc import Iterator
from functools import cache

from galaxy.core.audit.outcomes import OUTCOMES, ROUTINE, last_word, outcome_of
from tests.docs.raised import said, sources
from tests.docs.tables import NOTE, table

_BEGINNING = """# Events and figures

{note}

## Events of the audit trail

An event is called `subject.past_tense`. The page of the trail filters by a name or by its subject (`run.` is all of a
run); exports and streams take the same names. *Outcome* is read off the last word, and is “Simulated” where the run
was. What is routine is left out under “Key events”. What an event holds, and how it is sealed: [audit.md](../audit.md).

"""


@cache
def event_names() -> dict[str, set[str]]:
    """{event: modules that write it}, of those whose name stands in the sources."""
    found: dict[str, set[str]] = {}
    for module, tree in sources():
        if module.startswith(("galaxy.core.audit.packs", "galaxy.settings")):
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and node.args and _is_writer(node.func):
                for name in _names(module, node.args[0]):
                    found.setdefault(name, set()).add(module)
    return found


def _is_writer(func: ast.expr) -> bool:
    return (
        isinstance(func, ast.Attribute) and func.attr in {"record", "entry"} and ast.unparse(func.value) == "audit"
    ) or (isinstance(func, ast.Name) and func.id in {"record_everywhere", "record_look", "audit_result"})


def _names(module: str, node: ast.expr) -> Iterator[str]:
    if isinstance(node, ast.IfExp):
        yield from _names(module, node.body)
        yield from _names(module, node.orelse)
        return
    text = said(node)
    if text.startswith("{"):
        text = getattr(importlib.import_module(module), text.strip("{}"), "")
    if isinstance(text, str) and "." in text and " " not in text and not text.startswith("{"):
        yield text


def page() -> str:
    lines = [_BEGINNING.format(note=NOTE), *_events(), *_metrics()]
    return "\n".join(lines).replace("\n\n\n", "\n\n").rstrip("\n") + "\n"


def _events() -> Iterator[str]:
    rows = (
        (
            f"`{name}`",
            OUTCOMES[outcome_of(name, simulated=False)] if "…" not in name else "By its last word",
            "yes" if last_word(name) in ROUTINE else "",
            ", ".join(f"`{one}`" for one in sorted(modules)),
        )
        for name, modules in sorted(event_names().items())
    )
    yield from table(("event", "outcome", "routine", "written by"), rows)
    yield from ["`…` stands for one of several words, such as the new state of what the event is about.", ""]


def _metrics() -> Iterator[str]:
    yield from ["## Metrics", "", "What `/metrics` tells ([observability](../observability.md#prometheus)):", ""]
    rows = []
    for module, tree in sources():
        if module.startswith("galaxy.settings"):
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Tuple | ast.Call):
                parts = node.elts if isinstance(node, ast.Tuple) else node.args
                words = [said(one) for one in parts[:2]]
                if len(words) == 2 and words[0].startswith("galaxy_") and " " in words[1]:
                    labels = ""
                    if isinstance(node, ast.Call):
                        labels = next((ast.unparse(one.value) for one in node.keywords if one.arg == "labels"), "")
                        labels = ", ".join(f"`{one}`" for one in ast.literal_eval(labels)) if labels else ""
                    rows.append((f"`{words[0]}`", words[1], labels, f"`{module}`"))
    yield from table(("metric", "what it is", "labels", "module"), sorted(set(rows)))
