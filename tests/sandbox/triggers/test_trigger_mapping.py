"""Mappings of triggers against what they feed, before anything comes in: wrong is told, unknown is allowed."""

import pytest

from sandbox.triggers.checking import unfit
from sandbox.triggers.mapping import event_of

SCHEMA = {
    "type": "object",
    "properties": {
        "key": {"type": "string", "minLength": 2},
        "amount": {"type": "integer"},
        "to": {"type": "array", "items": {"type": "string"}},
        "owner": {"type": "object", "properties": {"mail": {"type": "string"}}, "additionalProperties": False},
    },
    "required": ["key"],
    "additionalProperties": False,
}
BODY = {"id": "o-1", "sum": 12, "note": None, "lines": [{"sku": "a"}], "mails": ["a@b.example"], "buyer": {"name": "A"}}


NO_NUMBER = "This is a text, and a number is expected. Choose a number."
NO_TEXT = "This is a number, and a text is expected. Choose a text."


def told(inputs, *, body=None, is_webhook=True, schema=SCHEMA):
    sample = None if body is None else event_of("sample", "2026-01-01T08:00:00+00:00", kind="webhook", body=body)
    return unfit(inputs, schema, is_webhook=is_webhook, sample=sample)


@pytest.mark.parametrize(
    "inputs",
    [
        {"key": "event.body.whatever"},
        {"key": "event.body.a.b[0].c", "amount": "event.body.n", "to": "event.body.list[].mail"},
        {"key": "event.id", "amount": "event.merged", "to": "event.bodies[].mail"},
        {"key": "event.at || 'now'", "owner": "event.body"},
    ],
)
def test_of_a_body_that_nobody_showed_anything_may_be_read(inputs):
    assert told(inputs) == {}


@pytest.mark.parametrize(
    ("inputs", "name", "said"),
    [
        ({}, "key", "“key” is needed, and nothing is given for it. Say what it takes."),
        ({"key": "event.id", "kee": "event.id"}, "kee", "It takes no input “kee”. Did you mean key?"),
        ({"key": "event.merged"}, "key", NO_TEXT),
        ({"key": "'a'"}, "key", "This is \"a\", and another one is expected. Choose a value that is taken."),
        ({"key": "event.id", "amount": "event.id"}, "amount", NO_NUMBER),
        ({"key": "event.id", "amount": "lower(event.id)"}, "amount", NO_NUMBER),
        ({"key": "event.id", "to": "event.body"}, "", ""),
        ({"key": "event.id", "to": "bodies"}, "to", "It begins with event, such as event.body.id; there is no bodies."),
        ({"key": "event.idd"}, "key", "`event` has no field “idd”. Did you mean id?"),
        ({"key": "event.id.x"}, "key", "`event.id` is a text, and has no field “x”. "
         "Leave the field out, or point at another value."),
        ({"key": "abs(event.id)"}, "key", "It fails whatever comes: abs() takes a number, and is given a text. "
         "Write it otherwise."),
        ({"key": "event.id", "to": "[event.merged]"}, "to", f"[]: {NO_TEXT}"),
    ],
)  # fmt: skip
def test_what_no_event_makes_right_is_told_at_its_input(inputs, name, said):
    assert told(inputs) == ({name: said} if name else {})


@pytest.mark.parametrize(
    ("inputs", "name", "said"),
    [
        ({"key": "event.body.id", "amount": "event.body.sum", "to": "event.body.mails"}, "", ""),
        ({"key": "event.body.id", "amount": "event.body.note"}, "", ""),  # nothing in the sample may be anything
        ({"key": "event.body.id", "amount": "event.body.discount"}, "", ""),  # an optional one that the sample lacks
        ({"key": "event.body.id", "to": "event.body.lines[].sku"}, "", ""),
        ({"key": "event.body.ident || event.id"}, "", ""),
        ({"key": "event.body.sum"}, "key", f"By the sample event: {NO_TEXT}"),
        ({"key": "event.body.idd"}, "key", "It is needed, and the sample event has nothing there. Did you mean id?"),
        ({"key": "event.body.id", "amount": "event.body.id"}, "amount", f"By the sample event: {NO_NUMBER}"),
        ({"key": "event.body.id", "to": "event.body.lines"}, "to",
         "By the sample event: []: This is an object, and a text is expected. Choose a text."),
        ({"key": "event.body.id", "owner": "event.body.buyer"}, "owner",
         "With the sample event, name: There is no such field."),
        ({"key": "event.body.id[0]"}, "key",
         "By the sample event: `event.body.id` is a text, and no list. Point at a list."),
        ({"key": "to_string(length(event.body.id))"}, "key",
         "With the sample event: A text of at least 2 characters is expected."),
    ],
)  # fmt: skip
def test_a_sample_says_of_what_type_its_fields_are(inputs, name, said):
    assert told(inputs, body=BODY) == ({name: said} if name else {})


def test_a_schedule_has_nothing_in_its_body():
    said = told({"key": "event.body.id"}, body={}, is_webhook=False)
    assert said == {"key": "`event.body` has no field “id”. There are none."}
    assert told({"key": "event.at", "amount": "event.missed"}, body={}, is_webhook=False) == {}


@pytest.mark.asvs("2.2.3")
def test_everything_that_is_wrong_is_told_at_once():
    assert set(told({"key": "event.merged", "amount": "event.at", "x": "body"}, body=BODY)) == {"key", "amount", "x"}


def test_what_is_wrong_with_all_of_them_together_is_told_of_none():
    schema = {"type": "object", "anyOf": [{"required": ["a"]}, {"required": ["b"]}], "properties": {"c": {}}}
    assert set(told({"c": "event.id"}, body=BODY, schema=schema)) == {""}
