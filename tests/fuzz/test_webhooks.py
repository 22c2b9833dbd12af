"""The verifier and the reader of deliveries: good only what a key in force signed now, and refusals of one kind."""

import base64
import hashlib
import hmac
import json

from django.conf import settings
from hypothesis import example, given
from hypothesis import strategies as st

from sandbox.triggers.receiving import _read, _Unreadable
from sandbox.triggers.signing import GOOD, LATE, UNSIGNED, WINDOW_S, Proof, event_id_of, judge
from tests.fuzz.edits import edited
from tests.fuzz.profile import examples, soon
from tests.sandbox.triggers.sending import another_secret

STANDARD, HMAC = "standard_webhooks", "hmac_sha256"
NOW = 1_800_000_000
KEY, RETIRED = another_secret(), another_secret()
PLAIN = "a-plain-secret-of-the-sender"
BODY = b'{"id": 7, "note": "paid"}'
SIGNS = ["v1,", "v1a,", "v2,", " ", ",", ".", "=", "A", "sha256=", "\n", "é", "\x00", "٤", "+", "-1", "0x", "1e3"]


def standard(id: str, at: int, body: bytes, key: str = KEY) -> str:
    signed = b".".join((id.encode(), str(at).encode(), body))
    return (
        "v1," + base64.b64encode(hmac.digest(base64.b64decode(key.removeprefix("whsec_")), signed, "sha256")).decode()
    )


SIGNATURE = standard("msg_1", NOW, BODY)
HEX = hmac.digest(PLAIN.encode(), BODY, hashlib.sha256).hex()


def only_what_was_signed(id: str, at: str, signature: str, body: bytes) -> None:
    """By a verifier of our own here, written from the specification alone."""
    verdict = soon(judge, STANDARD, [KEY], Proof(body, id, at, signature), NOW)
    signed = b".".join((id.encode(), at.encode(), body))
    expected = hmac.digest(base64.b64decode(KEY.removeprefix("whsec_")), signed, "sha256")
    fits = any(
        kind == "v1" and text == base64.b64encode(expected).decode()
        for kind, _, text in (one.partition(",") for one in signature.split(" "))
    )
    is_plain = (
        "." not in id and 0 < len(id) <= 255 and id.isascii() and at.isascii() and at.isdecimal() and len(at) <= 12
    )
    if verdict == UNSIGNED:
        assert not (fits and is_plain and id.isprintable() and " " not in id)
    else:
        assert fits and is_plain
        assert verdict == (GOOD if abs(NOW - int(at)) <= WINDOW_S else LATE)
    assert judge(STANDARD, [RETIRED, KEY], Proof(body, id, at, signature), NOW) in (verdict, GOOD, LATE)


@examples(250)
@given(
    id=edited(["msg_1"], SIGNS, 2),
    at=edited([str(NOW), str(NOW - WINDOW_S), str(NOW + WINDOW_S + 1)], SIGNS, 2),
    signature=edited([SIGNATURE, f"v1,AAAA {SIGNATURE}", standard("msg_1", NOW, BODY, RETIRED)], SIGNS, 2),
    body=edited([BODY], [b" ", b"\x00", b'"', b"\xff"], 2),
)
@example(id="msg_1", at=f"0{NOW}", signature=SIGNATURE, body=BODY)
@example(id="msg_1", at=str(NOW), signature=f"{SIGNATURE},", body=BODY)
@example(id="msg_1", at=str(NOW), signature=SIGNATURE.replace("v1,", "v1a,"), body=BODY)
def test_only_what_was_signed_is_good(id, at, signature, body):
    only_what_was_signed(id, at, signature, body)


@examples(150)
@given(edited([HEX, HEX.upper(), f"sha256={HEX}", base64.b64encode(bytes.fromhex(HEX)).decode()], SIGNS, 2))
def test_one_header_is_the_digest_or_nothing(header):
    verdict = soon(judge, HMAC, [PLAIN], Proof(BODY, header=header), NOW)
    text = header.strip().removeprefix("sha256=")
    try:
        forms = {bytes.fromhex(text) if len(text) == 64 else base64.b64decode(text, validate=True)}
    except ValueError:
        forms = set()
    assert verdict in (GOOD, UNSIGNED)
    assert (verdict == GOOD) <= (bytes.fromhex(HEX) in forms)
    assert judge(HMAC, [], Proof(BODY, header=header), NOW) == UNSIGNED


@examples(100)
@given(st.binary(max_size=200), st.text(max_size=400), st.text(max_size=60))
def test_an_event_has_a_name_that_can_be_stored(body, id, header):
    for scheme in (HMAC, "none"):
        name = event_id_of(scheme, Proof(body, id, header=header))
        assert 0 < len(name) <= 255 and name.isascii() and name.isprintable()


BODIES = [
    b'{"id": 1, "lines": [{"sku": "a", "n": 2.5}], "note": null}', b"[]", b'"x"', b"a=1&b=2&b=3", b"1", b"{}",
    json.dumps({"a": [[[[[[1]]]]]]}).encode(),
]  # fmt: skip
PARTS = [
    b"\x00",
    b"\\u0000",
    b"\\ud800",
    b"\xff",
    b"NaN",
    b"1e999",
    b"9" * 400,
    b"[" * 2_000,
    b'{"a":' * 900,
    b"&" * 1_200,
]
PARTS += [b'"a":1,', b"-0", b"\xef\xbb\xbf", "\u202e".encode(), b"%00", b"%ff", b";", b"Infinity", b"\t", b"'"]
KINDS = [
    "application/json", "application/json; charset=utf-16", "application/cloudevents+json", "APPLICATION/JSON", "",
    "application/x-www-form-urlencoded", "text/plain", ";", "application/json\x00", "a" * 5_000,
]  # fmt: skip


def stored_or_refused(body: bytes, kind: str) -> None:
    try:
        value = soon(_read, kind, body)
    except _Unreadable as refused:
        assert str(refused) in ("content_type", "not_an_event")
        return
    text = json.dumps(value, allow_nan=False, ensure_ascii=False)
    assert json.loads(text) == value
    assert "\x00" not in text
    assert len(text.encode()) <= settings.GALAXY_HOOK_BODY_BYTES


@examples(250)
@given(edited(BODIES, PARTS, 4) | st.binary(max_size=60), st.sampled_from(KINDS))
def test_a_delivery_is_a_value_that_can_be_stored_or_a_refusal(body, kind):
    stored_or_refused(body, kind)
