"""What a manifest asks for, in words a person can consent to."""

import pytest

from registry.asks import asks_of, fields_of, short_words
from tests.registry.samples import action, connector


def notes_of(*lines, scope="things.write", method="POST"):
    text = action("send", scope, method).replace(
        "    scopes:", "".join(f"    {line}\n" for line in lines) + "    scopes:"
    )
    (ask,) = asks_of(connector("acme", "1.0.0", text.replace("title: string,", "title: 'string[]',")))
    return ask.notes


@pytest.mark.parametrize(
    ("lines", "notes"),
    [
        ([], ()),
        (["bulk: { field: title, over: 20 }"], ("send: more than 20 in “title” waits for approval.",)),
        (["destructive: true"], ("send: each call destroys something and waits for approval.",)),
        (["policy: { approval: { required_for: [write] } }"], ("send: any change waits for approval.",)),
        (
            ["bulk: { field: title, over: 5 }", "policy: { approval: { required_for: [bulk_send] } }"],
            ("send: more than 5 in “title” waits for approval.",),
        ),
    ],
)
def test_what_waits_for_approval_is_said_once(lines, notes):
    assert notes_of(*lines) == notes


def test_a_delete_needs_no_note_since_all_of_them_wait():
    assert notes_of("destructive: true", scope="things.delete", method="DELETE") == ()


def test_asks_go_from_reading_to_deleting_and_name_their_data():
    actions = [
        action("drop", "things.delete", "DELETE"),
        action("make", "things.write"),
        action("list", "things.read", "GET"),
    ]
    asks = asks_of(connector("acme", "1.0.0", *actions))
    assert [(ask.verb, ask.actions, ask.classes, ask.gate[0]) for ask in asks] == [
        ("read", ("list",), ("email",), "Allowed"),
        ("write", ("make",), ("email",), "Needs a grant"),
        ("delete", ("drop",), ("email",), "Needs approval"),
    ]


@pytest.mark.parametrize(
    ("scopes", "words"),
    [
        ([], ""),
        (["crm.tasks.write", "crm.contacts.read"], "write tasks, read contacts"),
        (["a.one.read", "b.one.read"], "read one"),
        (["a.read", "b.read", "c.write", "d_e.delete"], "delete d e, write c, read a and 1 more"),
    ],
)
def test_a_card_says_it_short(scopes, words):
    assert short_words(scopes) == words


def test_fields_are_told_in_words():
    schema = {
        "required": ["to"],
        "properties": {
            "mode": {"enum": ["fast", "slow"]},
            "at": {"type": ["string", "null"], "format": "date-time"},
            "to": {"type": "array", "items": {"type": "string", "format": "email"}, "x-data-class": "email"},
            "count": {"type": "integer"},
            "any": {},
            "odd": True,
        },
    }
    assert [(field.name, field.type, field.is_required, field.data_class) for field in fields_of(schema)] == [
        ("to", "list of e-mail address", True, "email"),
        ("mode", "fast or slow", False, ""),
        ("at", "date and time", False, ""),
        ("count", "whole number", False, ""),
        ("any", "anything", False, ""),
    ]
