"""What becomes of an answer: its value, or the one reason why it has none; what it changed; and its outputs."""

import base64
import json

import pytest

from registry.manifests.functions import EvaluationFailed
from sandbox.rest import has_acted, outputs_of, read
from sandbox.rest.reply import MAX_DOWNLOAD_BYTES

JSON = {"content-type": "application/json; charset=utf-8"}


@pytest.mark.parametrize(
    ("content", "media_type", "body"),
    [
        (b'{"a":1}', "application/json", {"a": 1}),
        (b'\xef\xbb\xbf{"a":1}', "application/json", {"a": 1}),
        (b"[1,2.5,null]", "application/vnd.api+json", [1, 2.5, None]),
        (b'"ok"', "text/plain", "ok"),
        (b"{}", "", {}),
        (b"", "application/json", None),
        ("{\"n\":\"ü\"}".encode(), "text/javascript", {"n": "ü"}),
    ],
)  # fmt: skip
def test_json_is_read_under_the_names_it_comes_by(content, media_type, body):
    assert read({}, 200, {"content-type": media_type}, content) == (body, "", "")


@pytest.mark.parametrize(
    ("content", "media_type", "code"),
    [
        (b"<html><body>Sign in</body></html>", "text/html", "html_reply"),
        (b'{"a":1}', "text/html; charset=utf-8", "html_reply"),
        (b"<a/>", "application/xml", "wrong_content_type"),
        (b'{"a":1', "application/json", "not_json"),
        (b"", "application/json", ""),
        (b"<html>", "application/json", "not_json"),
        (b"{'a':1}", "application/json", "not_json"),
        (b'{"a":NaN}', "application/json", "not_json"),
        (b'{"a":1e999}', "application/json", "not_json"),
        (b"\xff\xfe{\x00}\x00", "application/json", "not_json"),
        (b"[" * 100_000 + b"]" * 100_000, "application/json", "not_json"),
        (b"[" * 200 + b"]" * 200, "application/json", "not_json"),
        (b"1" * 5000, "application/json", "not_json"),
        (b'{"a":1}{"b":2}', "application/json", "not_json"),
    ],
    ids=lambda value: value[:12].decode("latin-1") if isinstance(value, bytes) else None,
)
def test_a_yes_that_cannot_be_read_says_why_and_repeats_nothing_of_it(content, media_type, code):
    answer = read({}, 200, {"content-type": media_type}, content)
    assert (answer.code, answer.body) == (code, None)
    assert "Sign in" not in answer.sentence and bool(answer.sentence) == bool(code)


@pytest.mark.parametrize("content", [b"<html>", b"", b"\xff", b'{"message":"no"}'])
def test_a_no_is_read_as_far_as_it_can_be(content):
    answer = read({"response_format": "bytes"}, 404, {"content-type": "text/html"}, content)
    assert answer == (json.loads(content) if content.startswith(b"{") else None, "", "")


def test_a_download_is_base64_with_its_media_type_up_to_its_cap():
    raw = {"response_format": "bytes"}
    body = read(raw, 200, {"content-type": "image/PNG; x=y"}, b"\x89PNG").body
    assert body == {"content": base64.b64encode(b"\x89PNG").decode(), "media_type": "image/png", "size": 4}
    assert read(raw, 200, {}, b"").body == {"content": "", "media_type": "application/octet-stream", "size": 0}
    assert read(raw, 200, {}, bytes(MAX_DOWNLOAD_BYTES)).body["media_type"] == "application/octet-stream"
    assert read(raw, 200, {}, bytes(MAX_DOWNLOAD_BYTES + 1)).code == "response_too_large"


@pytest.mark.parametrize(
    ("content", "content_type", "text"),
    [
        ("grün".encode(), "text/csv", "grün"),
        ("grün".encode("latin-1"), 'text/csv; charset="ISO-8859-1"', "grün"),
        ("grün".encode("latin-1"), "text/csv", None),
        (b"a\x00b", "text/csv", None),
        (b"", "text/csv", ""),
    ],
)
def test_text_is_read_in_its_charset(content, content_type, text):
    answer = read({"response_format": "text"}, 200, {"content-type": content_type}, content)
    assert (answer.body, answer.code) == (text, "not_text" if text is None else "")


@pytest.mark.parametrize(
    ("effect", "status", "category", "was_sent", "acted"),
    [
        ("read", 500, "transient", True, False),
        ("write", None, "transient", False, False),
        ("write", None, "transient", True, True),
        ("write", 200, None, True, True),
        ("write", 200, "auth_error", True, False),
        ("write", 200, "not_found", True, False),
        ("write", 200, "transient", True, True),
        ("write", 200, "tool_error", True, True),
        ("write", 302, "tool_error", True, True),
        ("write", 401, "auth_error", True, False),
        ("write", 409, "validation", True, False),
        ("write", 429, "rate_limit", True, False),
        ("write", 408, "transient", True, None),
        ("write", 425, "transient", True, None),
        ("write", 501, "tool_error", True, False),
        ("delete", 503, "transient", True, None),
    ],
)
def test_what_an_answer_says_of_the_effect(effect, status, category, was_sent, acted):
    assert has_acted(effect, status, category, was_sent=was_sent) is acted


def test_outputs_are_what_the_mapping_finds():
    body, headers = {"id": 7, "none": None}, {"etag": "w"}
    raw = {"response": {"id": "body.id", "tag": "headers.etag", "ok": "status == `201`", "gone": "body.none"}}
    assert outputs_of(raw, status=201, headers=headers, body=body) == {"id": 7, "tag": "w", "ok": True}
    assert outputs_of({}, status=200, headers={}, body=body) == body
    assert outputs_of({"response": "body.id"}, status=200, headers={}, body=body) == 7


def test_outputs_of_a_list_are_the_entries_of_all_pages():
    raw = {"response": {"names": "items[].name", "there_is_more": "more", "total": "body.total"}}
    found = outputs_of(raw, status=200, headers={}, body={"total": 9}, items=[{"name": "a"}, {"name": "b"}], more=True)
    assert found == {"names": ["a", "b"], "there_is_more": True, "total": 9}
    assert outputs_of({}, status=200, headers={}, body={}, items=[1]) == {"items": [1], "more": False}


def test_a_mapping_that_cannot_be_applied_fails():
    with pytest.raises(EvaluationFailed):
        outputs_of({"response": {"n": "length(body.id)"}}, status=200, headers={}, body={"id": 7})
