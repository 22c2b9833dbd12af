"""The verifier by itself: whatever is sent, only what a key in force signed at this time is good."""

import base64
import json
import os
import subprocess
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from django.template.loader import render_to_string
from hypothesis import example, given, settings
from hypothesis import strategies as st
from standardwebhooks import Webhook

from sandbox.triggers.signing import GOOD, LATE, UNSIGNED, WINDOW_S, NotAKey, Proof, check_key, event_id_of, judge
from tests.sandbox.triggers.sending import another_secret, hmac_of

STANDARD, HMAC = "standard_webhooks", "hmac_sha256"
KEY, OTHER = another_secret(), another_secret()
NOW = 1_800_000_000
IDS = st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="."), min_size=1, max_size=60)
ANY = st.text(max_size=80)


def proof(body: str, id: str = "msg_1", at: int = NOW, key: str = KEY) -> Proof:
    """As the official library signs it."""
    signature = Webhook(key).sign(id, datetime.fromtimestamp(at, UTC), body)
    return Proof(body.encode(), id, str(at), signature)


@given(body=st.text(st.characters(codec="utf-8")), id=IDS, skew=st.integers(-400, 400))
def test_what_the_official_library_signs_is_good_within_the_window(body, id, skew):
    sent = proof(body, id, NOW + skew)
    assert judge(STANDARD, [KEY], sent, NOW) == (GOOD if abs(skew) <= WINDOW_S else LATE)
    assert judge(STANDARD, [OTHER, KEY], sent, NOW) == judge(STANDARD, [KEY, OTHER], sent, NOW)
    assert judge(STANDARD, [OTHER], sent, NOW) == UNSIGNED
    assert judge(STANDARD, [], sent, NOW) == UNSIGNED


@given(body=st.binary(max_size=200), id=ANY, timestamp=ANY, signature=ANY, header=ANY)
@example(body=b"", id="", timestamp="", signature="", header="")
@example(body=b"{}", id="a", timestamp=str(NOW), signature="v1,", header="sha256=")
@example(body=b"{}", id="a", timestamp="\u0661" * 10, signature="v1," + "A" * 44, header="A" * 44)
def test_nothing_made_up_is_good_or_breaks_it(body, id, timestamp, signature, header):
    sent = Proof(body, id, timestamp, signature, header)
    assert judge(STANDARD, [KEY], sent, NOW) == UNSIGNED
    assert judge(HMAC, ["a-plain-secret-of-the-sender"], sent, NOW) == UNSIGNED


@pytest.mark.asvs("4.1.5")
@settings(max_examples=60)
@given(data=st.data())
def test_a_changed_byte_anywhere_is_unsigned(data):
    body = data.draw(st.binary(min_size=1, max_size=60).map(lambda raw: base64.b64encode(raw).decode()))
    sent = proof(body)
    place = data.draw(st.integers(0, len(sent.body) - 1))
    bit = data.draw(st.integers(0, 6))
    changed = bytearray(sent.body)
    changed[place] ^= 1 << bit
    assert judge(STANDARD, [KEY], Proof(bytes(changed), sent.id, sent.timestamp, sent.signature), NOW) == UNSIGNED
    assert judge(STANDARD, [KEY], Proof(sent.body, sent.id + "x", sent.timestamp, sent.signature), NOW) == UNSIGNED
    assert judge(STANDARD, [KEY], Proof(sent.body, sent.id, str(NOW + 1), sent.signature), NOW) == UNSIGNED


def test_one_signed_text_is_not_two_messages():
    """``a.1.2.x`` could be id ``a``, time 1, body ``2.x``, or id ``a.1``, time 2, body ``x``: ids hold no dot."""
    sent = proof(f"{NOW}.x", "a", NOW)
    assert judge(STANDARD, [KEY], sent, NOW) == GOOD
    again = Proof(b"x", f"a.{NOW}", str(NOW), sent.signature)
    assert judge(STANDARD, [KEY], again, NOW) == UNSIGNED


def test_only_so_many_signatures_are_looked_at():
    good = proof("{}")
    many = " ".join(["v1," + base64.b64encode(bytes(32)).decode()] * 30 + [good.signature])
    assert judge(STANDARD, [KEY], Proof(good.body, good.id, good.timestamp, many), NOW) == UNSIGNED


@pytest.mark.parametrize("form", ["sha256={}", "{}", "base64"])
def test_one_header_is_taken_in_each_of_its_forms(form):
    secret, body = "a-plain-secret-of-the-sender", '{"id": 1}'
    hexadecimal = hmac_of(secret, body).removeprefix("sha256=")
    text = base64.b64encode(bytes.fromhex(hexadecimal)).decode() if form == "base64" else form.format(hexadecimal)
    assert judge(HMAC, [secret], Proof(body.encode(), header=text), NOW) == GOOD


def test_an_event_is_known_by_what_is_signed():
    first, other = proof("{}", "a"), Proof(b"{}", "b")
    assert event_id_of(STANDARD, first) == "a"
    assert event_id_of(HMAC, first) == event_id_of(HMAC, other)
    assert event_id_of("none", other) == "b"
    assert event_id_of("none", Proof(b"{}")).startswith("sha256:")


@pytest.mark.parametrize(
    ("scheme", "key"),
    [(STANDARD, ""), (STANDARD, "whsec_AAAA"), (STANDARD, "whsec_%"), (HMAC, "short"), (HMAC, "a b" * 9)],
)
def test_what_is_no_key_is_refused(scheme, key):
    with pytest.raises(NotAKey):
        check_key(scheme, key)


@pytest.mark.parametrize("scheme", [STANDARD, HMAC])
def test_the_example_on_the_page_signs_as_it_should(scheme, tmp_path):
    """The very words of the page in a shell, with a curl that writes down what it would send."""
    curl = tmp_path / "curl"
    curl.write_text('#!/bin/sh\nfor one in "$@"; do printf "%s\\n" "$one"; done\n', encoding="utf-8")
    curl.chmod(0o755)
    trigger = SimpleNamespace(signature=scheme, header="X-Signature", is_signed=True)
    words = {"trigger": trigger, "address": "https://galaxy.example/hooks/a/"}
    page = render_to_string("sandbox/triggers/_signing.html", words)
    script = page[page.index(">", page.index("<pre")) + 1 : page.index("</pre>")]
    secret = KEY if scheme == STANDARD else "a-plain-secret-of-the-sender"
    env = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}", "SECRET": secret}
    said = subprocess.run(["sh", "-c", script], env=env, capture_output=True, text=True, check=True).stdout.splitlines()
    headers = dict(line.split(": ", 1) for line in said if ": " in line and not line.startswith("{"))
    body = said[said.index("-d") + 1]
    assert json.loads(body) == {"id": "o-1"}
    sent = Proof(
        body.encode(),
        headers.get("webhook-id", ""),
        headers.get("webhook-timestamp", ""),
        headers.get("webhook-signature", ""),
        headers.get("X-Signature", ""),
    )
    assert judge(scheme, [secret], sent, datetime.now(UTC).timestamp()) == GOOD
