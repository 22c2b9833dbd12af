"""Scope patterns: what they cover, which are refused, and that nothing makes them slow."""

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.rules.scopes import MAX_PARTS, matches, spelled_out, why_no_pattern

literals = st.sampled_from(["a", "b", "crm", "tasks", "read", "write"])
scopes = st.lists(literals, min_size=1, max_size=MAX_PARTS).map(".".join)
patterns = st.lists(literals | st.sampled_from(["*", "**"]), min_size=1, max_size=MAX_PARTS).map(".".join)


def covers(pattern: str, scope: str) -> bool:
    """The same by a regular expression, over parts that each end in a dot."""
    signs = {"*": r"[^.]+\.", "**": r"(?:[^.]+\.)*"}
    return bool(re.fullmatch("".join(signs.get(part, part + r"\.") for part in pattern.split(".")), scope + "."))


@pytest.mark.parametrize(
    ("pattern", "covered", "others"),
    [
        ("crm.tasks.write", ["crm.tasks.write"], ["crm.tasks.read", "crm.tasks", "crm.tasks.write.x"]),
        ("crm.*.write", ["crm.tasks.write"], ["crm.write", "crm.a.b.write"]),
        ("crm.**.write", ["crm.write", "crm.tasks.write", "crm.a.b.write"], ["crmx.write", "crm.tasks.read"]),
        ("*.delete", ["tasks.delete"], ["crm.tasks.delete", "delete"]),
        ("**.delete", ["tasks.delete", "crm.tasks.delete"], ["tasks.write", "tasks.undelete"]),
        ("crm.**", ["crm.read", "crm.tasks.delete"], ["mail.read"]),
        ("**", ["crm.read", "a.b.c.d.e.f.g.write"], []),
        ("**.tasks.**.write", ["tasks.write", "crm.tasks.a.write"], ["crm.deals.write"]),
    ],
)
def test_what_a_pattern_covers(pattern, covered, others):
    assert why_no_pattern(pattern) == ""
    assert [scope for scope in [*covered, *others] if matches(pattern, scope)] == covered


@pytest.mark.parametrize(
    ("pattern", "sentence"),
    [
        ("crm.tasks", "The last part says what may be done"),
        ("write.tasks", "The verb comes last: tasks.write."),
        ("crm.**.**.write", "One ** is enough"),
        ("crm..write", "is no scope pattern"),
        ("CRM.tasks.write", "is no scope pattern"),
        ("crm.t*.write", "is no scope pattern"),
        ("crm.(a+)+.write", "is no scope pattern"),
        ("write", "such as **.write"),
        ("*", "such as **.*"),
        ("a." * 8 + "write", "at most 8 parts"),
        ("a" * 200 + ".write", "at most 8 parts and 120 characters"),
    ],
)
def test_what_is_no_pattern_is_refused_with_a_reason(pattern, sentence):
    assert sentence in why_no_pattern(pattern)


@given(patterns, scopes)
def test_a_pattern_covers_what_the_expression_for_it_matches(pattern, scope):
    assert matches(pattern, scope) == covers(pattern, scope)


@given(patterns, st.lists(literals, min_size=2, max_size=MAX_PARTS).map(".".join))
def test_spelled_out_it_covers_the_same(pattern, scope):
    fixed = list(spelled_out(pattern))
    assert all("**" not in one.split(".") for one in fixed)
    assert any(covers(one, scope) for one in fixed) == covers(pattern, scope)


def test_no_pattern_makes_it_slow():
    """The worst there is: stars that could each begin anywhere, and a scope that ends otherwise."""
    pattern = ".".join(["**", "a"] * 200) + ".b"
    began = time.process_time()
    assert not matches(pattern, ".".join(["a"] * 2000))
    assert time.process_time() - began < 2
