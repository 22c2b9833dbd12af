"""The comparison of two schemas keeps its word: what it calls no break, a validator finds to be none."""

import copy

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.compat.schemas import compare_inputs, compare_outputs
from registry.manifests.schemas import DIALECT, validator

LEAVES = st.one_of(
    st.builds(
        lambda kind, bounds: {"type": kind} | bounds,
        st.sampled_from(["integer", "number", ["integer", "null"]]),
        st.fixed_dictionaries({}, optional={"minimum": st.integers(-2, 3), "maximum": st.integers(-1, 4)}),
    ),
    st.builds(
        lambda bounds: {"type": "string"} | bounds,
        st.fixed_dictionaries(
            {},
            optional={
                "maxLength": st.integers(0, 3),
                "minLength": st.integers(0, 2),
                "enum": st.lists(st.sampled_from(["a", "b", "cc"]), min_size=1, unique=True),
                "pattern": st.sampled_from(["^a", "b$"]),
            },
        ),
    ),
    st.sampled_from([
        {"type": "boolean"}, {"const": 1}, {}, {"anyOf": [{"type": "string"}, {"type": "null"}]}, {"$ref": "#/$defs/x"},
    ]),
)  # fmt: skip
LISTS = st.builds(
    lambda items, bounds: {"type": "array", "items": items} | bounds,
    LEAVES,
    st.fixed_dictionaries({}, optional={"maxItems": st.integers(0, 2), "uniqueItems": st.just(True)}),
)
FIELDS = st.one_of(LEAVES, LISTS)
NAMES = ("f", "g")


@st.composite
def objects(draw):
    properties = draw(st.dictionaries(st.sampled_from(NAMES), FIELDS, max_size=2))
    required = draw(st.lists(st.sampled_from(sorted(properties)), unique=True)) if properties else []
    return {
        "$schema": DIALECT,
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": False,
        "$defs": {"x": draw(st.sampled_from([{"type": "integer"}, {"type": "string", "maxLength": 1}]))},
    }


@st.composite
def pairs(draw):
    """Two schemas, mostly with much in common: of two that share nothing nearly all is a break."""
    before = draw(objects())
    if draw(st.integers(0, 3)) == 0:
        return before, draw(objects())
    after = copy.deepcopy(before)
    name = draw(st.sampled_from(NAMES))
    had = after["properties"].pop(name, None)
    if draw(st.booleans()):
        change = draw(FIELDS)
        merged = had | change if isinstance(had, dict) and had.get("type") == change.get("type") else change
        after["properties"][name] = merged
    kept = sorted(after["properties"])
    after["required"] = draw(st.lists(st.sampled_from(kept), unique=True)) if kept else []
    return before, after


VALUES = st.one_of(
    st.sampled_from([None, True, 0, 1, 2, 3, -1, 1.5, "", "a", "b", "cc", "abb"]),
    st.lists(st.sampled_from([0, 1, "a", "b", None, True]), max_size=3),
)


@settings(max_examples=400, deadline=None)
@given(pairs(), st.lists(st.dictionaries(st.sampled_from(NAMES), VALUES), min_size=4, max_size=12))
def test_what_is_no_break_takes_every_call_and_surprises_no_reader(pair, samples):
    before, after = pair
    takes_on = all(one.level != "major" for one in compare_inputs(before, after))
    gives_on = all(one.level != "major" for one in compare_outputs(before, after))
    old, new = validator(before), validator(after)
    for sample in samples:
        if takes_on and old.is_valid(sample):
            assert new.is_valid(sample)
        known = {key: value for key, value in sample.items() if key in before["properties"]}
        if gives_on and new.is_valid(sample):
            assert old.is_valid(known)  # a reader passes by what it does not know


@settings(max_examples=100, deadline=None)
@given(objects())
def test_a_schema_differs_in_nothing_from_itself(schema):
    assert not [*compare_inputs(schema, copy.deepcopy(schema)), *compare_outputs(schema, copy.deepcopy(schema))]


def obj(required=("f",), **properties):
    return {"type": "object", "properties": properties, "required": list(required), "additionalProperties": False}


TEXT, NUMBER, LIST = {"type": "string"}, {"type": "number"}, {"type": "array", "items": {"type": "string"}}


@pytest.mark.parametrize(
    ("before", "after", "inputs", "outputs"),
    [
        (obj(f=TEXT), obj(), "input-removed", "output-removed"),
        (obj(f=TEXT), obj(f=NUMBER), "input-retyped", "output-retyped"),
        (obj(f={"type": "integer"}), obj(f=NUMBER), "input-widened", "output-retyped"),
        (obj(f=TEXT), obj(("f", "g"), f=TEXT, g=TEXT), "input-required", "output-added"),
        (obj(f=TEXT), obj(f=TEXT, g=TEXT), "input-added", "output-added"),
        (obj((), f=TEXT), obj(f=TEXT), "input-required", "output-narrowed"),
        (obj(f=TEXT), obj((), f=TEXT), "input-widened", "output-optional"),
        (obj(f={"enum": ["a", "b"]}), obj(f={"enum": ["a"]}), "enum-narrowed", "output-narrowed"),
        (obj(f={"enum": ["a"]}), obj(f={"enum": ["a", "b"]}), "input-widened", "output-widened"),
        (obj(f=TEXT), obj(f=TEXT | {"maxLength": 5}), "input-narrowed", "output-narrowed"),
        (obj(f=LIST), obj(f=LIST | {"items": NUMBER}), "input-retyped", "output-retyped"),
        (obj(f=obj(f=TEXT)), obj(f=obj((), f=TEXT)), "input-widened", "output-optional"),
        (obj(f=TEXT) | {"additionalProperties": True}, obj(f=TEXT), "input-closed", "output-narrowed"),
        (obj(f={"anyOf": [TEXT]}), obj(f={"anyOf": [NUMBER]}), "input-retyped", "output-retyped"),
        (obj(f=TEXT | {"title": "A"}), obj(f=TEXT | {"title": "B"}), None, None),
    ],
)  # fmt: skip
def test_each_difference_has_its_word(before, after, inputs, outputs):
    assert {one.code for one in compare_inputs(before, after)} == ({inputs} if inputs else set())
    assert {one.code for one in compare_outputs(before, after)} == ({outputs} if outputs else set())
