"""What goes into a fixture: every personal value masked, at a place that can be named without showing it."""

import json

import pytest

from galaxy.core.egress.exchanges import load
from sandbox.fixture_review import MAX_BYTES, TooMuch, UnknownPlace, review

EMAIL, PHONE, IBAN = "ada@example.com", "+1 415 555 2671", "DE89370400440532013000"
NAME = {"type": "string", "x-data-class": "name"}
INPUTS = {"type": "object", "properties": {"who": NAME, "id": {"type": "string"}}}
OUTPUTS = {"type": "object", "properties": {"title": NAME, "size": {"type": "integer", "x-data-class": "financial"}}}


def answer(body, url="https://api.example.com/people", **more):
    text = body if isinstance(body, str) else json.dumps(body)
    return {"method": "GET", "url": url, "status": 200, "headers": {}, "body": text} | more


def reviewed(*exchanges, keep=(), inputs=None):
    recording = {"exchanges": list(exchanges), "inputs": inputs or {}}
    found = review(recording, inputs=INPUTS, outputs=OUTPUTS, keep=keep)
    assert load(json.dumps(found.exchanges))  # a file that the command reads
    return found


def ids(found) -> list[str]:
    return [place.id for place in found.places]


def test_what_has_a_pattern_is_masked_wherever_it_stands():
    body = {"text": f"write to {EMAIL} or call {PHONE}", "list": [{"deep": IBAN}], EMAIL: 1}
    found = reviewed(answer(body, headers={"x-user": EMAIL}), answer(f"mail {EMAIL}"))
    text = json.dumps(found.exchanges)
    assert not any(value in text for value in (EMAIL, PHONE, IBAN))
    assert found.exchanges[0]["body"]["text"] == "write to a***@example.com or call +* *** *** **71"
    assert ids(found) == [
        "1 headers/x-user", "1 body/text", "1 body/list/0/deep", "1 body/a***@example.com#name", "2 body",
    ]  # fmt: skip
    assert (found.places[1].classes, found.places[1].count) == (["email", "phone"], 2)


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        ({"title": "Ada"}, {"title": "A***"}),  # declared of an output
        ({"Who": "Ada"}, {"Who": "A***"}),  # declared of an input, in another spelling
        ({"size": 7, "n": 7}, {"size": 0, "n": 7}),
        ({"firstName": "Ada", "kind": "person"}, {"firstName": "A***", "kind": "person"}),  # such names are usual
        ({"address": {"street": "1 Main St", "lines": ["x"]}}, {"address": {"street": "***", "lines": ["***"]}}),
        ([{"birthday": None, "dob": "1815-12-10"}], [{"birthday": None, "dob": "***"}]),
        ({"id": 9007199254740993, "ok": True}, {"id": 9007199254740993, "ok": True}),
        ({"card": 4111111111111111}, {"card": 0}),
        ({"next": "https://x.test/?u=ada%40example.com"}, {"next": "https://x.test/?u=a***@example.com"}),
        ({"ada@example.com": 1, "alan@example.com": 2}, {"a***@example.com": 1, "a***@example.com (2)": 2}),
    ],
)
def test_a_field_is_masked_by_its_declared_class_or_its_name(body, shown):
    assert reviewed(answer(body)).exchanges[0]["body"] == shown


def test_what_a_personal_input_held_is_looked_for_everywhere():
    url = "https://api.example.com/people/Ada%20Lovelace?kind=all"
    found = reviewed(answer("hello ADA LOVELACE", url=url), inputs={"who": "Ada Lovelace", "id": "hello"})
    assert found.exchanges[0]["body"] == "hello A*** L***"
    assert found.exchanges[0]["url"] == "https://api.example.com/people/A%2A%2A%2A%20L%2A%2A%2A?kind=all"


def test_where_a_pattern_and_an_input_meet_the_pattern_is_masked_whole():
    text = f"Ada: {EMAIL} ada {PHONE} ada"
    found = reviewed(answer({"text": text}), inputs={"who": "Ada"})
    assert found.exchanges[0]["body"]["text"] == "A***: a***@example.com a*** +* *** *** **71 a***"
    assert found.places[0].count == 5


def test_a_masked_query_goes_so_that_the_fixture_answers_any():
    url = "https://api.example.com/people?q=ada%40example.com&page=2"
    found = reviewed(answer({}, url=url))
    assert (found.exchanges[0]["url"], ids(found)) == ("https://api.example.com/people", ["1 query/0"])
    assert reviewed(answer({}, url=url), keep=["1 query/0"]).exchanges[0]["url"] == url
    placeholder = "https://api.example.com/people?token={secret:TOKEN}"
    assert reviewed(answer({}, url=placeholder)).exchanges[0]["url"] == placeholder


def test_a_kept_place_stays_as_it_was_and_nothing_else_does():
    found = reviewed(answer({"a": EMAIL, "b": EMAIL, "size": 7}), keep=["1 body/b", "1 body/size"])
    assert found.exchanges[0]["body"] == {"a": "a***@example.com", "b": EMAIL, "size": 7}
    assert [place.is_kept for place in found.places] == [False, True, True]


@pytest.mark.parametrize("keep", ["1 body/b", "2 body/a", "", "1 body/access_token"])
def test_only_masked_places_can_be_kept_and_no_secret(keep):
    with pytest.raises(UnknownPlace):
        reviewed(answer({"a": EMAIL, "b": "plain", "access_token": "abcdef"}), keep=[keep])


def test_cookies_are_secret_and_lengths_left_out():
    found = reviewed(answer({}, headers={"set-cookie": "s=1", "content-length": "2", "etag": "x"}))
    assert found.exchanges[0]["headers"] == {"set-cookie": "***", "etag": "x"}
    assert not found.places[0].is_keepable


def test_what_nobody_can_look_through_is_left_out_unless_kept():
    raw = {"method": "GET", "url": "https://api.example.com/a", "status": 200, "headers": {}, "body_base64": "iVBOR/8="}
    deep = answer("[" * 100 + f'"{EMAIL}"' + "]" * 100)
    found = reviewed(raw, deep, answer("[" * 100_000))
    assert EMAIL not in json.dumps(found.exchanges)
    assert [place.classes for place in found.places] == [["unread"]] * 3
    assert "body_base64" not in found.exchanges[0] and found.exchanges[2]["body"] == ""
    assert reviewed(raw, keep=["1 body"]).exchanges[0]["body_base64"] == "iVBOR/8="


@pytest.mark.parametrize(
    ("body", "places"),
    [
        ({"note": f"Spoke with Ada on Monday about {EMAIL}"}, ["body/note"]),
        ({"contact": "Ada Lovelace", "title": "Ada Lovelace"}, ["body/contact"]),  # the title is masked whole
        ("<who>Ada</who>", ["body"]),
        ({"state": "In progress", "count": "12 of 14"}, []),
        ("", []),
    ],
)
def test_texts_that_may_name_people_are_told(body, places):
    found = reviewed(answer(body, headers={"server": "Google Frontend"}))
    assert found.doubts == [{"exchange": 1, "where": place} for place in places]


def test_a_failure_keeps_its_code_and_has_no_body():
    failure = {
        "method": "GET", "url": "https://api.example.com/a", "failure": "timeout", "message": f"{EMAIL} is slow",
        "was_sent": True,
    }  # fmt: skip
    assert reviewed(failure).exchanges[0] == {
        "method": "GET", "url": "https://api.example.com/a", "failure": "timeout",
        "message": "a***@example.com is slow", "was_sent": True,
    }  # fmt: skip


@pytest.mark.parametrize("body", ['{"a": 1e400}', '{"a": NaN}', "3", '"ada"', '{"a": "\\ud800"}', ""])
def test_odd_json_is_still_a_fixture(body):
    written = reviewed(answer(body)).exchanges[0]["body"]
    json.dumps(written, allow_nan=False, ensure_ascii=False).encode()


def test_a_recording_too_large_to_review_is_refused():
    with pytest.raises(TooMuch):
        reviewed(answer("x" * MAX_BYTES))
