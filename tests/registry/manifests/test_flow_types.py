"""Mappings of packs against schemas: what is told, and that nothing is told which would have worked."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from registry.manifests import read
from registry.manifests.expression_shapes import shape_of
from registry.manifests.flow_types import check_mappings, outputs_shape, scope_of
from registry.manifests.functions import EvaluationFailed, evaluate, evaluate_fields
from registry.manifests.misfits import misfits
from registry.manifests.schemas import validator
from registry.manifests.value_shapes import kind_of, of_schema

TASK = {
    "type": "object",
    "properties": {
        "subject": {"type": "string"},
        "to": {"type": "array", "items": {"type": "string", "format": "email"}},
        "priority": {"type": "string", "enum": ["low", "high"]},
        "count": {"type": "integer"},
        "fields": {"type": "object", "properties": {"day": {"type": "string"}}, "required": ["day"]},
    },
    "required": ["subject"],
    "additionalProperties": False,
}
MADE = {
    "type": "object",
    "properties": {
        "id": {"type": "string"},
        "link": {"type": "string"},
        "tags": {"type": "array", "items": {"type": "object", "properties": {"name": {"type": "string"}}}},
        "size": {"type": "number"},
    },
    "required": ["id", "size", "tags"],
}
CLOSED = {**MADE, "additionalProperties": False}
INPUTS = {
    "type": "object",
    "properties": {"lead": {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}},
    "required": ["lead"],
    "additionalProperties": False,
}
SCHEMAS = {"a.make": (TASK, MADE), "t.clean": (TASK, CLOSED)}


def pack(*steps: dict[str, Any], success: str = "") -> dict[str, Any]:
    outcome = {"outcome": {"name": "done", "success": success, "signal": "confirmed"}} if success else {}
    return {"kind": "pack", "inputs": INPUTS, "steps": list(steps), **outcome}


FIRST = {"id": "one", "use": "t.clean", "with": {"subject": "'x'"}}


def second(**given: Any) -> dict[str, Any]:
    return pack(FIRST, {"id": "two", "use": "a.make", **given})


@pytest.mark.parametrize(
    ("step", "code", "field", "words", "fix"),
    [
        ({"with": {"count": "`1`"}}, "missing-input", "with.subject", "is needed", "Say what"),
        ({"with": {"subject": "steps.one.lnik"}}, "unknown-field", "with.subject", "no field “lnik”", "mean link"),
        ({"with": {"subject": "steps.one.lnik"}}, "missing-input", "with.subject", "finds nothing", "Point at"),
        ({"with": {"subject": "'x'", "subjet": "'y'"}}, "unknown-input", "with.subjet", "no input", "mean subject"),
        ({"with": {"subject": "steps.one.size"}}, "wrong-type", "with.subject", "a number, and a text", "a text"),
        ({"with": {"subject": "'x'", "priority": "'lwo'"}}, "wrong-type", "with.priority", '"lwo"', "Choose"),
        ({"with": {"subject": "'x'", "to": "inputs.lead.name"}}, "wrong-type", "with.to", "a text, and a list", ""),
        ({"with": {"subject": "'x'", "to": "['ada']"}}, "wrong-type", "with.to.[]", "is expected", ""),
        ({"with": {"subject": "'x'", "to": "steps.one.tags"}}, "wrong-type", "with.to.[]", "an object, and a text", ""),
        ({"with": {"subject": "'x'", "fields": {"dya": "'1'"}}}, "missing-input", "with.fields.day", "needed", ""),
        ({"with": {"subject": "length(steps.one.size)"}}, "cannot-apply", "with.subject", "length() takes", ""),
        ({"with": {"subject": "join('-')"}}, "cannot-apply", "with.subject", "takes 2 values", ""),
        ({"with": {"subject": "'x'"}, "when": "steps.one.idd == 'x'"}, "unknown-field", "when", "“idd”", "mean id"),
        ({"with": {"subject": "'x'"}, "each": "steps.one.size", "most": 5}, "no-list", "each", "a loop goes", "list"),
        ({"with": {"subject": "item.nmae"}, "each": "steps.one.tags", "most": 5}, "undeclared-field", "with.subject",
         "does not say", "mean name"),
        ({"with": {"subject": "index"}, "each": "steps.one.tags", "most": 5}, "wrong-type", "with.subject", "numb", ""),
        ({"with": {"subject": "inputs.lead.nmae"}}, "undeclared-field", "with.subject", "does not say", "mean name"),
        ({"with": {"subject": "steps.one.id.name"}}, "unknown-field", "with.subject", "is a text", "Leave"),
        ({"with": {"subject": "steps.one.tags[*].nmae | [0]"}}, "undeclared-field", "with.subject", "nmae", "name"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_beside_its_field(step, code, field, words, fix):
    told = [one for one in check_mappings(second(**step), SCHEMAS) if (one.code, one.field) == (code, field)]
    assert len(told) == 1
    assert told[0].step == "two"
    assert words in told[0].sentence and fix in told[0].fix


@pytest.mark.parametrize(
    "step",
    [
        {"with": {"subject": "steps.one.id"}},
        {"with": {"subject": "steps.one.link"}},  # it may be there
        {"with": {"subject": "steps.one.link || 'none'", "count": "steps.one.size"}},
        {"with": {"subject": "'x'", "to": "steps.one.tags[].name"}},
        {"with": {"subject": "'x'", "to": "[inputs.lead.name]", "priority": "'low'"}},
        {"with": {"subject": "item.name", "count": "index"}, "each": "steps.one.tags", "most": 9},
        {"with": {"subject": "'x'", "fields": {"day": "steps.one.id", "more": "steps.one.size"}}},
        {"with": {"subject": "steps.one.size && steps.one.id"}},
        {"with": {"subject": "to_string(steps.one.size)"}, "when": "steps.one.size > `3`"},
        {"use": "nobody.knows", "with": {"any": "steps.one.id"}},
    ],
)
def test_nothing_is_told_of_what_may_work(step):
    assert check_mappings(second(**step), SCHEMAS) == []


def test_a_step_that_may_be_left_out_gives_what_it_gives_or_nothing():
    steps = [{**FIRST, "when": "inputs.lead.name"}, {**FIRST, "id": "many", "each": "inputs.lead.name", "most": 2}]
    skipped, listed = (outputs_shape(step, SCHEMAS) for step in steps)
    assert skipped.kinds == {"object", "null"}
    assert listed.kinds == {"array"} and listed.items is not None and "id" in listed.items.fields


@pytest.mark.parametrize("success", ["steps.one.lnik", "`false`", "''"])
def test_an_outcome_that_is_never_reached_is_told(success):
    told = check_mappings(pack(FIRST, success=success), SCHEMAS)
    assert "never" in {one.code for one in told}
    assert {one.step for one in told} == {""} and {one.field for one in told} == {"outcome.success"}
    assert check_mappings(pack(FIRST, success="steps.one.id"), SCHEMAS) == []


def test_the_shipped_packs_have_nothing_wrong(catalog_packs):
    for manifest, schemas in catalog_packs:
        assert check_mappings(manifest.canonical, schemas) == []


@pytest.fixture
def catalog_packs():
    from django.conf import settings as project

    known: dict[str, Any] = {}
    packs = []
    for path in sorted(project.BASE_DIR.glob("catalog/*/*/manifest.yaml")):
        manifest = read(path.read_text()).manifest
        assert manifest is not None
        if manifest.kind == "pack":
            packs.append(manifest)
        elif manifest.kind == "transform":
            known[manifest.id] = (manifest.inputs, manifest.outputs)
        for action in manifest.actions.values():
            name = f"{manifest.id}.{action.id}" if manifest.kind == "connector" else manifest.id
            known[name] = (action.inputs, action.outputs)
    assert packs
    return [(one, known) for one in packs]


# Random small schemas, values that fit them, and mappings over them: what is certain fails each time it is tried.

NAMES = ("a", "b", "c")
scalars = st.sampled_from([
    {"type": "string"}, {"type": "integer"}, {"type": "boolean"}, {"type": "number"}, {"type": ["string", "null"]},
    {"type": "string", "enum": ["x", "y"]}, {"const": 3}, {"type": "null"}, {},
])  # fmt: skip


def objects(inner):
    return st.builds(
        lambda fields, needed, further: (
            {
                "type": "object",
                "properties": fields,
                "required": sorted(needed & fields.keys()),
            }
            | further
        ),
        st.dictionaries(st.sampled_from(NAMES), inner, max_size=3),
        st.sets(st.sampled_from(NAMES)),
        st.sampled_from([{}, {"additionalProperties": False}, {"additionalProperties": {"type": "string"}}]),
    )


schemas = st.recursive(
    scalars,
    lambda inner: st.one_of(
        objects(inner),
        st.builds(lambda items, least: {"type": "array", "items": items, "minItems": least}, inner, st.integers(0, 2)),
        st.builds(lambda one, other: {"anyOf": [one, other]}, inner, inner),
    ),
    max_leaves=6,
)
wholes = objects(schemas)


@st.composite
def fitting(draw, schema: dict[str, Any]) -> Any:
    """A value that the schema takes."""
    if "anyOf" in schema:
        return draw(fitting(draw(st.sampled_from(schema["anyOf"]))))
    if "enum" in schema:
        return draw(st.sampled_from(schema["enum"]))
    if "const" in schema:
        return schema["const"]
    kind = schema.get("type", draw(st.sampled_from(["string", "null", "integer", "boolean"])))
    match draw(st.sampled_from(kind)) if isinstance(kind, list) else kind:
        case "string":
            return draw(st.sampled_from(["", "x", "word", "2026-01-01"]))
        case "integer":
            return draw(st.integers(-2, 2))
        case "number":
            return draw(st.sampled_from([0, 1, 1.5]))
        case "boolean":
            return draw(st.booleans())
        case "null":
            return None
        case "array":
            least = schema.get("minItems", 0)
            return draw(st.lists(fitting(schema["items"]), min_size=least, max_size=least + 2))
    value = {}
    for name, part in schema["properties"].items():
        if name in schema["required"] or draw(st.booleans()):
            value[name] = draw(fitting(part))
    rest = schema.get("additionalProperties", {})
    for name in NAMES:
        if (
            rest is not False
            and name not in schema["properties"]
            and (name in schema["required"] or draw(st.booleans()))
        ):
            value[name] = draw(fitting(rest))
    return value


places = st.recursive(
    st.builds(
        lambda root, names: ".".join([root, *names]),
        st.sampled_from(["inputs", "steps.one"]),
        st.lists(st.sampled_from(NAMES), max_size=3),
    ),
    lambda inner: st.one_of(
        st.builds("{}[0]".format, inner),
        st.builds("{}[*].a".format, inner),
        st.builds("{}[].b".format, inner),
        st.builds("{}[?a].b".format, inner),
        st.builds("({} || {})".format, inner, inner),
        st.builds("({} && {})".format, inner, inner),
        st.builds("[{}, {}]".format, inner, inner),
        st.builds("{{a: {}, b: {}}}".format, inner, inner),
        st.builds("not_null({}, {})".format, inner, inner),
        st.builds("length({})".format, inner),
        st.builds("to_string({})".format, inner),
        st.builds("lower({})".format, inner),
        st.builds("join('-', {})".format, inner),
        st.builds("{} | a".format, inner),
        st.builds("!({})".format, inner),
        st.builds("{} == {}".format, inner, inner),
        st.builds("{}[1:]".format, inner),
        st.builds("{}.*.a".format, inner),
        st.builds("reverse({})".format, inner),
        st.builds("sort_by({}, &a)".format, inner),
        st.sampled_from(["'x'", "`3`", "`null`", "`[1]`", '`{"a": 1}`', "''"]),
    ),
    max_leaves=4,
)
usual = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much]
)


@usual
@given(st.data(), wholes, wholes, places)
def test_an_expression_gives_nothing_beyond_its_shape(data, inputs, outputs, expression):
    value = {"inputs": data.draw(fitting(inputs)), "steps": {"one": data.draw(fitting(outputs))}}
    assert validator(inputs).is_valid(value["inputs"])
    shape, missed = shape_of(expression, scope_of({"inputs": inputs}, {"one": of_schema(outputs)}))
    try:
        found = evaluate(expression, value)
    except EvaluationFailed:
        return
    assert kind_of(found) in shape.kinds, shape
    if shape.values is not None and not isinstance(found, dict | list):
        assert found in shape.values
    if isinstance(found, list):
        assert len(found) >= shape.least
        assert shape.items is None or all(kind_of(one) in shape.items.kinds for one in found)
    if isinstance(found, dict):
        assert shape.required <= found.keys()
        assert shape.is_open or found.keys() <= shape.fields.keys()
    for one in missed:
        if one.is_promised and one.place and "[]" not in one.place and one.name != "[]":
            assert evaluate(f"{one.place}.{one.name}", value) is None


@usual
@given(
    st.data(),
    wholes,
    wholes,
    wholes,
    st.dictionaries(
        st.sampled_from(NAMES), places | st.dictionaries(st.sampled_from(NAMES), places, max_size=2), max_size=3
    ),
)
def test_whatever_is_certain_fails_in_a_real_evaluation(data, inputs, outputs, wanted, mapping):
    flow = {
        "inputs": inputs,
        "steps": [{"id": "one", "use": "x.one"}, {"id": "two", "use": "x.two", "with": mapping}],
    }
    certain = [
        one
        for one in check_mappings(flow, {"x.one": ({"type": "object"}, outputs), "x.two": (wanted, {})})
        if one.is_certain and one.step == "two"
    ]
    if not certain:
        return
    value = {"inputs": data.draw(fitting(inputs)), "steps": {"one": data.draw(fitting(outputs))}}
    try:
        given_inputs = evaluate_fields(mapping, value)
    except EvaluationFailed:
        return
    assert misfits(given_inputs, wanted), certain
