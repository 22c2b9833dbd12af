"""The pages of docs/reference are what the code says today, and no error leaves a person standing."""

import re

import pytest

from galaxy.core.api.schema import document
from galaxy.core.audit.outcomes import OUTCOMES
from sandbox.errors import CATEGORIES
from sandbox.pool.errors import ERRORS
from tests.docs import commands, errors, events, manifest, pictures
from tests.docs.pages import PAGES, ROOT
from tests.docs.raised import calls_of


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_what_the_code_says(name):
    assert (ROOT / name).read_text(encoding="utf-8") == PAGES[name](), "Run make docs."


def test_every_error_has_a_next_step():
    """Of its own: what a call adds is better, and may be forgotten."""
    kinds = errors.error_classes()
    assert len(kinds) > 150
    assert [kind.__name__ for kind in kinds if not kind.next_step] == []
    assert [name for name, told in (CATEGORIES | ERRORS).items() if not told.next_step] == []


def test_every_error_says_when_it_comes():
    assert [kind.__name__ for kind in errors.error_classes() if not errors.when(kind)] == []


def test_a_next_step_is_a_sentence():
    steps = {kind.next_step for kind in errors.error_classes()} | {told.next_step for told in CATEGORIES.values()}
    assert [step for step in steps if not re.fullmatch(r"[A-Zm].+[.…]", step)] == []


def test_the_words_of_errors_are_found_in_the_sources():
    assert any("is a member already" in one.arguments[0] for one in calls_of("AlreadyMember"))
    assert {"`agent_budget_spent`", "`lock_key_failed`"} <= {code for code, *_ in errors.run_codes()}


def test_every_operation_and_every_event_is_told():
    text = (ROOT / "docs/reference/api.md").read_text(encoding="utf-8")
    told = [(method.upper(), path) for path, methods in document()["paths"].items() for method in methods]
    assert len(told) > 100
    assert [f"### {method} {path}\n" for method, path in told if f"### {method} {path}\n" not in text] == []
    assert text.count("```sh\ncurl ") == len(told)
    names = events.event_names()
    assert {"agent.suspended", "approval.requested", "export.failed", "retention.purged"} <= names.keys()
    assert len(names) > 100 and OUTCOMES


def test_every_command_says_what_it_is():
    found = commands.our_commands()
    assert {"audit", "doctor", "extension", "marketplace", "run_all", "vault"} <= found.keys()
    assert [name for name, parser in found.items() if not parser.description] == []


def test_what_proves_a_claim_is_there():
    for name in ("audit-proof", "gate", "sandbox"):
        path = ROOT / f"docs/how/{name}.md"
        named = re.findall(r"`(tests/[\w/]+\.py)`", path.read_text(encoding="utf-8"))
        assert len(named) >= 6
        assert [one for one in named if not (ROOT / one).is_file()] == []
        assert pictures.count(path) >= 1


def test_a_picture_that_is_not_as_its_text_says_is_drawn_anew():
    text = "<!-- picture nest\nouter: all\n  inner\n-->\n\n```text\nnothing\n```\n"
    box = """
┌───────────┐
│ outer     │
│   all     │
│ ┌───────┐ │
│ │ inner │ │
│ └───────┘ │
└───────────┘"""
    assert pictures.drawn(text) == text.replace("\nnothing", box)


def test_every_key_of_a_manifest_has_an_example():
    rows = [line for line in manifest.page().splitlines() if line.startswith("| `") and line.count(" | ") >= 4]
    keys = [line for line in rows if not line.startswith(("| `kind`",)) and line.endswith("|  |")]
    assert len(rows) > 200 and keys == []
