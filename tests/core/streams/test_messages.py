"""What sinks are sent, as the official webhook library reads it, and as the grammar of RFC 5424 does."""

import json
import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from galaxy.core.audit.streams.messages import (
    Batch,
    fitting,
    raw_key,
    syslog_frames,
    webhook_body,
    webhook_headers,
    written_key,
)

# The ABNF of RFC 5424, section 6.
_NAME = r"[!-<>-\\\^-~]{1,32}"  # SD-NAME: printable, without = ] and quotes, which no name of ours has
_PARAM = rf' {_NAME}="(?:[^"\\\]]|\\["\\\]])*"'
MESSAGE = re.compile(
    r"<(?P<pri>[1-9]\d{0,2})>1 (?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:Z|[+-]\d\d:\d\d))"
    r" (?P<host>[!-~]{1,255}) (?P<app>[!-~]{1,48}) (?P<proc>[!-~]{1,128}) (?P<id>[!-~]{1,32})"
    rf" (?P<data>(?:\[{_NAME}(?:{_PARAM})*\])+) \ufeff(?P<text>.*)",
    re.ASCII | re.DOTALL,
)
KEY, OLD_KEY = written_key(b"k" * 32), written_key(b"o" * 32)
LABELS = st.text(st.characters(exclude_categories=("Cs",)), max_size=40)


def line(number=7, **changes):
    return {
        "sequence": number,
        "action": "run.succeeded",
        "occurred_at": "2026-11-26T07:00:00.123456+00:00",
        "target": {"label": "x"},
        "outcome": "done",
    } | changes


def read(message):
    """(facility, severity, app, {element: {name: value}}, text) of one message, by the grammar."""
    found = MESSAGE.fullmatch(message.decode())
    assert found, message
    elements = {
        element: {
            name: re.sub(r'\\(["\\\]])', r"\1", value)
            for name, value in re.findall(r' ([^=]+)="((?:[^"\\]|\\.)*)"', rest)
        }
        for element, rest in re.findall(r"\[([^ \]]+)((?: [^=]+=\"(?:[^\"\\]|\\.)*\")*)\]", found["data"])
    }
    return *divmod(int(found["pri"]), 8), found["app"], elements, found["text"]


def batch(*lines, after=7, until=8):
    return Batch("0b0e", "5117", after, until, lines)


@pytest.mark.asvs("4.1.5")
def test_the_official_library_takes_a_message():
    sent = batch(line())
    body = webhook_body(sent)
    headers = dict(webhook_headers(sent.id, body, [KEY], datetime.now(UTC)))
    assert Webhook(KEY).verify(body, headers)["sequence"] == {"after": 7, "until": 8}


def test_with_two_keys_either_opens():
    sent = batch(line())
    body = webhook_body(sent)
    headers = dict(webhook_headers(sent.id, body, [KEY, OLD_KEY], datetime.now(UTC)))
    assert Webhook(KEY).verify(body, headers) == Webhook(OLD_KEY).verify(body, headers)


@pytest.mark.parametrize("what", ["body", "id", "timestamp", "key"])
def test_what_was_changed_on_the_way_is_refused(what):
    sent = batch(line())
    body = webhook_body(sent)
    headers = dict(webhook_headers(sent.id, body, [KEY], datetime.now(UTC)))
    key = OLD_KEY if what == "key" else KEY
    if what == "body":
        body += b" "
    elif what != "key":
        headers[f"webhook-{what}"] = headers[f"webhook-{what}"][:-1] + "0" + ("" if what == "id" else "1")
    with pytest.raises(WebhookVerificationError):
        Webhook(key).verify(body, headers)


def test_the_same_batch_is_the_same_message():
    assert webhook_body(batch(line())) == webhook_body(batch(line()))
    assert batch(line()).id != batch(line(), until=9).id


def test_a_key_is_written_and_read():
    assert raw_key(written_key(b"\0\xff" * 16)) == b"\0\xff" * 16


@given(label=LABELS, action=LABELS, host=LABELS)
def test_syslog_is_read_whatever_stands_in_it(label, action, host):
    """Names hold what people type: line ends, brackets, quotes. None of it may end a message or forge a field."""
    frames = syslog_frames(batch(line(action=action, target={"label": label})), host=host)
    length, _, message = frames.partition(b" ")
    assert int(length) == len(message)
    facility, _, app, elements, text = read(message)
    assert (facility, app) == (13, "galaxy")
    assert elements["galaxy@32473"] == {"workspace": "0b0e", "leaf": "7", "after": "7", "until": "8"}
    assert json.loads(text)["target"]["label"] == label


def test_each_frame_begins_where_the_one_before_ended_and_the_last_ends_with_the_batch():
    frames = syslog_frames(batch(line(3), line(9), after=2, until=10), host="galaxy.example")
    found = []
    while frames:
        length, _, rest = frames.partition(b" ")
        found.append(read(rest[: int(length)])[3]["galaxy@32473"])
        frames = rest[int(length) :]
    assert [(one["after"], one["leaf"], one["until"]) for one in found] == [("2", "3", "4"), ("4", "9", "10")]


def test_a_message_holds_what_fits_and_always_one_event():
    big = line(data={"x": "y" * 1000})
    assert fitting([big] * 10, 3500) == 3
    assert fitting([big] * 10, 10) == 1
    assert fitting([], 10) == 0
