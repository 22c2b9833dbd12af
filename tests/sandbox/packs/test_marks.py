"""Marks of made-up values, against values themselves: whatever chain they go through, a marked one is told."""

import json
from types import SimpleNamespace

from hypothesis import given
from hypothesis import settings as trying
from hypothesis import strategies as st

from registry.manifests.functions import EvaluationFailed, evaluate_fields
from sandbox.packs import marks
from sandbox.transforms import TransformError, apply

SIGN = "MADEUP"  # stands in every made-up text, and in nothing else
REAL = {"id": "real", "list": ["a", "b"], "row": {"a": "x", "b": "y"}, "rows": [{"a": "x", "b": "y"}, {"a": "z"}]}
FAKE = {
    "id": SIGN, "list": [SIGN, f"{SIGN}2"], "row": {"a": SIGN, "b": "y" + SIGN},
    "rows": [{"a": SIGN, "b": SIGN}, {"a": SIGN}],
}  # fmt: skip
PLACES = (
    "id",
    "list",
    "row",
    "row.a",
    "rows",
    "rows[*].a",
    "rows[0]",
    "rows[0].b",
    "rows[].a",
    "list[0]",
    "rows[?b].a",
)


@st.composite
def expressions(draw, roots: tuple[str, ...]):
    place = f"{draw(st.sampled_from(roots))}.{draw(st.sampled_from(PLACES))}"
    other = f"{draw(st.sampled_from(roots))}.{draw(st.sampled_from(PLACES))}"
    shape = draw(st.sampled_from((
        "{a}", "{a}", "{a}", "to_string({a})", "[{a}, {b}]", "{{a: {a}, b: {b}}}", "join('-', [to_string({a}), 'x'])",
        "{a} || {b}", "({b}) && ({a})", "[{a}, {b}][]", "{{row: {{a: {a}}}, id: {b}}}.row", "not_null({a}, {b})",
        "to_array({a})[0]", "{a} | @", "values({{a: {a}}})", "[{a}][*]", "sort_by([{{k: to_string({a})}}], &k)[*].k",
        "merge({{a: {a}}}, {{b: {b}}})", "reverse(to_array({a}))", "map(&to_string(@), to_array({a}))",
    )))  # fmt: skip
    return shape.format(a=place, b=other)


def chains():
    """A few steps, each a mapping over what was before: those that are named last see all before them."""
    return st.integers(1, 4).flatmap(
        lambda count: st.tuples(*(
            st.fixed_dictionaries({"p": expressions(_roots(at)), "q": expressions(_roots(at))}) for at in range(count)
        ))
    )  # fmt: skip


def _roots(at: int) -> tuple[str, ...]:
    return ("steps.real", "steps.fake", "inputs", *(f"steps.s{n}.{key}" for n in range(at) for key in "pq"))


def _is_made_up(value) -> bool:
    return SIGN in json.dumps(value)


@trying(max_examples=300, deadline=None)
@given(chains())
def test_a_made_up_value_is_marked_whatever_it_went_through(chain):
    """Stored as JSON and read back between any two steps, as a pack that goes on in another process does."""
    seen = {"inputs": REAL, "steps": {"real": REAL, "fake": FAKE}}
    known = frozenset({("steps", "fake")})
    for at, mapping in enumerate(chain):
        try:
            made = evaluate_fields(mapping, seen)
        except EvaluationFailed:
            return
        found = marks.into(mapping, known)
        for name, value in made.items():
            if _is_made_up(value):
                assert any(path[0] == name for path in found), (mapping, name, value)
        seen["steps"][f"s{at}"] = made
        known |= marks.under(("steps", f"s{at}"), found)
        known = marks.from_json(json.loads(json.dumps(marks.as_json(known))))


@trying(max_examples=200, deadline=None)
@given(chains())
def test_what_only_reads_what_is_real_is_not_marked(chain):
    """Or nothing could be written beside what is made up."""
    mapping = {name: text for name, text in chain[0].items() if "fake" not in text}
    assert marks.into(mapping, frozenset({("steps", "fake")})) == frozenset()
    assert not marks.rests_on(mapping.values(), frozenset({("steps", "fake")}))


_FIELDS = ("a", "b", "c")
_OPERATIONS = st.lists(
    st.one_of(
        st.builds(lambda to, of: {"op": "map_fields", "args": {to: of}}, st.sampled_from(_FIELDS),
                  st.sampled_from((*_FIELDS, "join('', [a, b])", "to_string(@)", "{x: a, y: b}.x", "a || b"))),
        st.builds(lambda of: {"op": "normalize_text", "args": {"field": of}}, st.sampled_from(_FIELDS)),
        st.builds(lambda of: {"op": "enrich", "args": {"field": of, "table": {SIGN: SIGN, "x": "y"}, "into": "c",
                                                      "default": "none"}}, st.sampled_from(_FIELDS)),
        st.builds(lambda mode: {"op": "redact", "args": {"classes": ["email"], "mode": mode}},
                  st.sampled_from(("mask", "hash"))),
    ),
    max_size=5,
)  # fmt: skip


@trying(max_examples=300, deadline=None)
@given(_OPERATIONS, st.sampled_from(_FIELDS))
def test_a_transform_hands_the_mark_on_with_the_value(operations, field):
    record = dict.fromkeys(_FIELDS, "plain") | {field: SIGN}
    try:
        made = apply(operations, record)
    except TransformError:  # an operation that does not take this text: nothing comes out
        return
    manifest = SimpleNamespace(canonical={}, steps=tuple(operations), outputs={})
    found = marks.through(manifest, frozenset({(field,)}))  # type: ignore[arg-type]
    for name, value in made.items():
        if _is_made_up(value):
            assert any(path[0] == name for path in found), (operations, name, value)


def test_what_is_found_in_a_made_up_text_tells_of_it():
    operation = {"op": "detect_pii", "args": {"into": "found", "fields": ["a"]}}
    manifest = SimpleNamespace(canonical={}, steps=(operation,), outputs={})
    assert ("found",) in marks.through(manifest, frozenset({("a",)}))  # type: ignore[arg-type]
    assert ("found",) not in marks.through(manifest, frozenset({("b",)}))  # type: ignore[arg-type]


def test_of_code_nobody_knows_what_makes_what():
    manifest = SimpleNamespace(canonical={"code_file": "t.py"}, steps=(), outputs={})
    found = marks.under(("steps", "code"), marks.through(manifest, frozenset({("a",)})))  # type: ignore[arg-type]
    assert marks.into({"key": "steps.code.x.y"}, found) == {("key",)}
