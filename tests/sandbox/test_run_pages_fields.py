"""Fields made from the JSON Schema of inputs: what a person types becomes the value the gate is given."""

import json

import pytest
from django.core.exceptions import ValidationError

from registry.manifests import read
from sandbox.forms import RunForm
from sandbox.schema_fields import WHOLE, field_for, inputs_of, typed

TEXT = {"type": "string"}


@pytest.mark.parametrize(
    ("part", "sent", "value"),
    [
        (TEXT, "two\r\nlines", "two\nlines"),
        (TEXT, " kept ", " kept "),
        ({"type": ["string", "null"]}, "a", "a"),
        ({"type": "integer"}, "42", 42),
        ({"type": "number"}, "2.5", 2.5),
        ({"type": "number"}, "3", 3),
        ({"type": "boolean"}, "false", False),
        ({"type": "boolean"}, "true", True),
        ({"type": "string", "format": "date"}, "2026-11-25", "2026-11-25"),
        ({"type": "string", "format": "date-time"}, "2026-11-25T14:00:05", "2026-11-25T14:00:05Z"),
        ({"type": "string", "format": "email"}, "ada@example.com", "ada@example.com"),
        ({"enum": ["low", "high"]}, "1", "high"),
        ({"enum": [10, 20]}, "0", 10),
        ({"const": "only"}, "0", "only"),
        ({"type": "array", "items": TEXT}, "a\r\n\r\n  b  \r\n", ["a", "b"]),
        ({"type": "object"}, '{"a": [1, null]}', {"a": [1, None]}),
        ({"type": "array", "items": {"type": "number"}}, "[1, 2.5]", [1, 2.5]),
        ({}, '"text"', "text"),
        ({}, '"a\\\\u0000"', "a\\u0000"),
    ],
)
def test_what_is_typed_becomes_a_value_of_the_declared_type(part, sent, value):
    cleaned = field_for("x", part, required=True).clean(sent)
    assert (cleaned, type(cleaned)) == (value, type(value))


@pytest.mark.parametrize("part", [TEXT, {"type": "integer"}, {"type": "boolean"}, {"type": "object"}, {"enum": ["a"]}])
def test_an_empty_optional_field_is_left_out_and_a_required_one_asked_for(part):
    assert field_for("x", part, required=False).clean("") is None
    with pytest.raises(ValidationError, match="required"):
        field_for("x", part, required=True).clean("")


@pytest.mark.parametrize(
    ("part", "sent", "why"),
    [
        ({"type": "object"}, '{"a": 1,\n "b" 2}', "line 2, column 6"),
        ({"type": "object"}, "[1]", "must be an object"),
        ({"type": "array"}, "{}", "must be a list"),
        ({}, '{"a": 1, "a": 2}', "“a” stands twice"),
        ({}, "NaN", "NaN is not a number"),
        ({}, "[" * 100_000, "nested too deeply"),
        ({}, "9" * 5000, "too long"),
        ({"type": "integer"}, "1.5", "whole number"),
        ({"type": "integer", "maximum": 10}, "11", "less than or equal to 10"),
        ({"enum": ["low"]}, "7", "not one of the available choices"),
        ({"type": "number"}, "inf", "Enter a number"),
        (TEXT, "a\x00b", "Null characters"),
        ({}, '"a\\u0000b"', "null character"),
    ],
)
def test_what_cannot_be_read_is_said_in_words(part, sent, why):
    with pytest.raises(ValidationError, match=why):
        field_for("x", part, required=True).clean(sent)


@pytest.mark.parametrize(
    ("part", "value", "shown"),
    [
        ({"type": "object"}, {"a": 1}, '{\n  "a": 1\n}'),
        ({}, "text", '"text"'),
        ({"enum": ["1", "0"]}, "0", "1"),
        ({"type": "boolean"}, False, "false"),
        ({"type": "array", "items": TEXT}, ["a", "b"], "a\nb"),
        (TEXT, "plain", "plain"),
    ],
)
def test_a_sample_comes_back_as_it_went_in(part, value, shown):
    field = field_for("x", part, required=True)
    assert typed(field, value) == shown
    assert field.clean(shown) == value


def test_a_time_with_a_zone_is_shown_in_utc():
    field = field_for("x", {"type": "string", "format": "date-time"}, required=True)
    shown = typed(field, "2026-11-25T15:00:00+01:00")
    assert field.widget.format_value(shown) == "2026-11-25T14:00:00"


def test_required_fields_come_first_and_references_are_followed():
    schema = {
        "type": "object",
        "properties": {"later": TEXT, "size": {"$ref": "#/$defs/Size"}},
        "required": ["size"],
        "$defs": {"Size": {"enum": ["s", "l"]}},
    }
    found = inputs_of(schema)
    assert [item.name for item in found] == ["size", "later"]
    assert found[0].field.clean("1") == "l"


def test_a_schema_without_names_takes_one_object_and_a_closed_one_nothing():
    assert [item.name for item in inputs_of({"type": "object"})] == [WHOLE]
    assert inputs_of({"type": "object", "properties": {}, "additionalProperties": False}) == []
    form = RunForm({"idempotency_key": "5f0c" * 8, "in_0": '{"a": 1}'}, schema={"type": "object"}, scenario=None)
    assert form.is_valid(), form.errors
    assert form.inputs == {"a": 1}


def test_long_texts_get_room_and_hints_name_what_an_object_takes():
    assert field_for("body", TEXT, True).widget.__class__.__name__ == "Textarea"
    assert field_for("title", TEXT, True).widget.__class__.__name__ == "TextInput"
    part = {"type": "object", "properties": {"name": TEXT, "phone": TEXT}, "required": ["name"]}
    assert field_for("lead", part, True).help_text == "JSON with name; also phone if you like."


def test_names_that_are_no_identifiers_cannot_break_the_form():
    schema = {"type": "object", "properties": {'"><script>': TEXT, "mode": TEXT}}
    form = RunForm(schema=schema)
    assert "<script>" not in str(form)
    sent = {"idempotency_key": "5f0c" * 8, "mode": "live", "scenario": "happy", "in_0": "x", "in_mode": "fast"}
    bound = RunForm(sent, schema=schema)
    assert bound.is_valid(), bound.errors
    assert (bound.inputs, bound.cleaned_data["mode"]) == ({'"><script>': "x", "mode": "fast"}, "live")


def test_the_founding_documents_each_make_a_form():
    sent = "action: gmail.send\ninputs: { to: string[], subject: string, body: string }\n"
    action = read(sent).manifest.actions["gmail.send"]
    form = RunForm(schema=action.inputs)
    assert [field.label for field in form.input_fields] == ["To", "Subject", "Body"]
    assert json.dumps(action.inputs["required"]) == '["body", "subject", "to"]'
