"""What is personal is found, hidden, and followed from field to field."""

import json

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.transforms import TransformError, apply, data_classes
from sandbox.transforms.pii import _NATIONAL, _found, _phones, find

EMAIL_AND_CARD = {
    "type": "object",
    "properties": {
        "email": {"type": "string", "x-data-class": "email"},
        "who": {"type": "string", "x-data-class": "name"},
        "card": {"type": "integer", "x-data-class": "payment"},
        "people": {"type": "array", "items": {"properties": {"email": {"x-data-class": "email"}}}},
    },
}


def op(name, **args):
    return {"op": name, "args": args}


def redact(record, *, mode="mask", classes=("email", "phone", "payment"), key=b"k", schema=None, **args):
    return apply([op("redact", classes=list(classes), mode=mode, **args)], record, inputs_schema=schema, key=key)


@pytest.mark.parametrize(
    ("text", "data_class", "value"),
    [
        ("Mail Ada.L+x@mail.example.co.uk, please", "email", "Ada.L+x@mail.example.co.uk"),
        ("call (415) 555-0132 now", "phone", "(415) 555-0132"),
        ("call +44 20 7946 0958 now", "phone", "+44 20 7946 0958"),
        ("card 4111 1111 1111 1111.", "payment", "4111 1111 1111 1111"),
        ("card 378282246310005", "payment", "378282246310005"),
        ("to DE89 3704 0044 0532 0130 00 THANKS", "payment", "DE89 3704 0044 0532 0130 00"),
        ("SSN 536-90-4399", "government_id", "536-90-4399"),
        ("from 192.168.0.17:443", "ip_address", "192.168.0.17"),
        ("from 192.168.0.17, port 443", "ip_address", "192.168.0.17"),
        ("from 2001:db8::1 today", "ip_address", "2001:db8::1"),
        ("key AKIAIOSFODNN7EXAMPLE", "secret", "AKIAIOSFODNN7EXAMPLE"),
        ("order 4155550132, version 1.2.3, at 12:30:45", None, None),
        ("card 4111 1111 1111 1112", None, None),
        ("IBAN GB82 WEST 1234 5698 7654 33", None, None),
        ("0000 0000 0000 0000", None, None),
        ("@example.com a@b", None, None),
    ],
)
def test_personal_values_are_found_by_form_and_check_digit(text, data_class, value):
    found = [(match.data_class, text[match.start : match.end]) for match in find(text)]
    assert found == ([(data_class, value)] if data_class else [])


@given(st.text(alphabet="ab1 @.+-:()4DE9AKIX_", max_size=24))
def test_what_is_looked_at_no_further_holds_nothing(text):
    assert find(text) == _found(text, None)


@given(st.text(alphabet="+\uff0b1234567\u0663 -().x/a", max_size=16))
def test_no_number_of_a_phone_is_passed_over(text):
    """What is short is not asked of the library that knows them."""
    ways = ((None, phonenumbers.Leniency.VALID), (_NATIONAL, phonenumbers.Leniency.STRICT_GROUPING))
    matches = [one for region, how in ways for one in phonenumbers.PhoneNumberMatcher(text, region, leniency=how)]
    assert bool(list(_phones(text))) or all(match.raw_string.isdigit() for match in matches)


@given(st.text(alphabet="ab1 @.+-:()4DE9", max_size=80))
def test_findings_are_in_order_and_apart(text):
    ends = 0
    for match in find(text):
        assert ends <= match.start < match.end <= len(text)
        assert match.data_class in {"email", "government_id", "ip_address", "payment", "phone", "secret"}
        ends = match.end


@pytest.mark.parametrize(
    ("mode", "hidden"),
    [
        ("mask", "Mail a***@example.com"),
        ("drop", "Mail "),
    ],
)
def test_a_value_in_a_text_is_hidden_where_it_stands(mode, hidden):
    assert redact({"t": "Mail ada@example.com"}, mode=mode) == {"t": hidden}


@pytest.mark.parametrize(
    ("value", "masked"),
    [
        ("+14155550132", "+*********32"),
        ("(415) 555-0132", "(***) ***-**32"),
        ("4111 1111 1111 1111", "**** **** **** 1111"),
        (4111111111111111, "************1111"),
    ],
)
def test_a_mask_keeps_the_last_digits(value, masked):
    assert redact({"t": value})["t"] == masked


def test_a_declared_field_is_hidden_whole_even_without_a_pattern():
    record = {"email": "not an address", "who": "Ada Lovelace", "card": 42, "people": [{"email": "x", "n": 1}]}
    classes = ("email", "name", "payment")
    masked = redact(record, classes=classes, schema=EMAIL_AND_CARD)
    assert masked == {"email": "***", "who": "A*** L***", "card": None, "people": [{"email": "***", "n": 1}]}
    assert redact(record, classes=classes, mode="drop", schema=EMAIL_AND_CARD) == {"people": [{"n": 1}]}


def test_the_class_of_a_field_follows_it_when_it_is_renamed():
    steps = [op("map_fields", contact="email"), op("redact", classes=["email"], mode="mask")]
    assert apply(steps, {"email": "odd"}, inputs_schema=EMAIL_AND_CARD) == {"contact": "***", "email": "***"}


def test_only_the_fields_named_are_touched():
    record = {"a": "x@example.com", "b": "y@example.com"}
    assert redact(record, fields=["a"]) == {"a": "x***@example.com", "b": "y@example.com"}


@pytest.mark.parametrize("mode", ["hash", "tokenise"])
def test_a_sign_is_stable_for_a_key_and_says_nothing_without_it(mode):
    record = {"t": "ada@example.com and ada@example.com and grace@example.com"}
    first, second, other = redact(record, mode=mode)["t"].split(" and ")
    assert first == second != other
    assert redact(record, mode=mode) != redact(record, mode=mode, key=b"another")
    assert "ada" not in first
    with pytest.raises(TransformError) as refusal:
        redact(record, mode=mode, key=b"")
    assert refusal.value.code == "no_key"


def test_a_token_is_one_for_every_spelling_and_a_hash_is_not():
    def signs(mode):
        return redact({"t": ["ADA@example.com", "ada@example.com"]}, mode=mode)["t"]

    tokens, hashes = signs("tokenise"), signs("hash")
    assert tokens[0] == tokens[1]
    assert tokens[0].startswith("email_")
    assert hashes[0] != hashes[1]


@given(st.text(max_size=40), st.sampled_from(["mask", "hash", "tokenise", "drop"]))
def test_no_address_survives_redaction(around, mode):
    text = f"{around} ada.lovelace@example.com {around}"
    assert "ada.lovelace" not in json.dumps(redact({"t": text}, mode=mode))


def test_findings_name_place_and_class_without_the_value():
    record = {"email": "odd one", "notes": ["mail ada@example.com"]}
    found = apply([op("detect_pii", into="found")], record, inputs_schema=EMAIL_AND_CARD)["found"]
    assert found == [
        {"field": "email", "class": "email", "start": 0, "end": 7},
        {"field": "notes.0", "class": "email", "start": 5, "end": 20},
    ]
    assert "ada" not in json.dumps(found)


@pytest.mark.parametrize(
    ("mapping", "classes"),
    [
        ({"mail": "lead.email"}, {"/mail": ("email",)}),
        ({"copy": "lead"}, {"/copy/email": ("email",), "/copy/name": ("name",)}),
        ({"line": "join(' ', [lead.name, lead.email])"}, {"/line": ("email", "name")}),
        ({"to": ["lead.email"]}, {"/to/*": ("email",)}),
        ({"who": {"inner": "lead.name"}}, {"/who/inner": ("name",)}),
        ({"count": "length(other)"}, {}),
        ({"all": "values(@)"}, {"/all": ("email", "name")}),
        ({"hi": "join('', ['Hello ', lead.name])"}, {"/hi": ("name",)}),
        ({"hi": "lead | [name] | [0]"}, {"/hi": ("email", "name")}),
        ({"hi": "other[?lead == 'x'].y || lead.email"}, {"/hi": ("email",)}),
        ({"lead": "other"}, {}),
    ],
)
def test_classes_follow_values_through_a_mapping(mapping, classes):
    before = {"/lead/email": "email", "/lead/name": "name"}
    after = data_classes([op("map_fields", **mapping)], before)
    kept = {} if "lead" in mapping else {"/lead/email": ("email",), "/lead/name": ("name",)}
    assert after == classes | kept


def test_what_a_table_adds_is_as_personal_as_what_it_was_found_by():
    steps = [op("enrich", field="email", table={}, into="owner")]
    assert data_classes(steps, {"/email": "email"}) == {"/email": ("email",), "/owner": ("email",)}


def test_redaction_ends_a_class_only_where_it_reaches():
    before = {"/a": ["email", "name"], "/b": "email"}
    assert data_classes([op("redact", classes=["email"], mode="mask")], before) == {"/a": ("name",)}
    assert data_classes([op("redact", classes=["email"], mode="mask", fields=["b"])], before) == {
        "/a": ("email", "name")
    }
