"""Secrets: the code holds tokens, the value goes where it is bound and comes back to nobody."""

import base64
import codecs
import hashlib
import hmac
import json
from urllib.parse import quote

import pytest

from galaxy.core.egress import HostRule, Limits
from galaxy.core.egress.transport import Incoming
from tests.core.egress.conftest import API, CDN, RULES, SECRET, Vault, Wire, get, make_broker
from tests.core.egress.peers import answer, saying

ODD = 'a"b\\c&d=e/f%g é'


def with_places(value: str = SECRET, *places: str, hosts=(API,), **parts):
    """A broker with one secret, and its token."""
    broker = make_broker(secrets=Vault(KEY=(value, set(hosts), set(places))), **parts)
    return broker, broker.placeholder("KEY")


def sent_of(broker):
    return broker._transport.sent[-1][0]


def test_the_value_goes_out_in_a_header_and_the_code_holds_a_token():
    broker = make_broker()
    token = broker.placeholder("API_KEY")
    assert get(broker, headers={"Authorization": f"Bearer {token}"})["status"] == 200
    assert ("Authorization", f"Bearer {SECRET}") in sent_of(broker).headers
    assert token.isalnum() and SECRET not in token
    assert broker._placeholders._source.opened == [("API_KEY", API, "http")]


def test_tokens_differ_by_run_and_name_and_repeat_within_a_run():
    broker, other = make_broker(), make_broker()
    tokens = {broker.placeholder("A"), broker.placeholder("B"), other.placeholder("A")}
    assert len(tokens) == 3
    assert broker.placeholder("A") in tokens
    assert make_broker(key=b"k").placeholder("A") == make_broker(key=b"k").placeholder("A")


def test_a_token_of_another_run_is_text():
    broker, stranger = make_broker(), make_broker().placeholder("API_KEY")
    broker.placeholder("API_KEY")
    get(broker, headers={"X-Key": stranger})
    assert ("X-Key", stranger) in sent_of(broker).headers
    assert broker._placeholders._source.opened == []


def test_a_token_that_is_split_over_headers_is_never_put_together():
    broker = make_broker()
    token = broker.placeholder("API_KEY")
    get(broker, headers={"X-A": token[:30], "X-B": token[30:], "X-C": token[:20] + " " + token[20:]})
    assert SECRET not in str(sent_of(broker))


@pytest.mark.asvs("10.1.1", "13.3.2")
@pytest.mark.parametrize("where", ["header", "basic", "query", "path", "body"])
def test_another_host_gets_no_secret(where):
    broker, token = with_places(SECRET, "header", "query", "path", "body")
    reply = send(broker, token, where, host=CDN)
    assert (reply["error"], reply["category"]) == ("secret_not_bound", "policy_block")
    assert (broker._transport.sent, broker._resolver.asked, broker._placeholders._source.opened) == ([], [], [])


@pytest.mark.parametrize("where", ["query", "path", "body"])
def test_a_place_that_is_not_declared_gets_no_secret(where):
    broker, token = with_places(SECRET, "header")
    reply = send(broker, token, where)
    assert (reply["error"], reply["category"]) == ("secret_place", "policy_block")
    assert (broker._transport.sent, broker._placeholders._source.opened) == ([], [])


@pytest.mark.parametrize(
    "name",
    ["x-amz-meta-note", "X_Goog_Meta_A", "x-ms-meta-a", "User-Agent", "Content-Type", "Referer", "Link", "If-Match"],
)
@pytest.mark.parametrize("is_basic", [False, True])
def test_a_header_that_peers_hand_out_again_gets_no_secret(name, is_basic):
    """A secret that is stored with a file could be read back by a later run, which was never lent it."""
    broker = make_broker()
    value = f"a:{broker.placeholder('API_KEY')}"
    value = f"Basic {base64.b64encode(value.encode()).decode()}" if is_basic else value
    assert get(broker, headers={name: value})["error"] == "secret_place"
    assert broker._transport.sent == []
    assert broker._placeholders._source.opened == []


def send(broker, token: str, where: str, host: str = API):
    basic = base64.b64encode(f"user:{token}".encode()).decode()
    return {
        "header": lambda: get(broker, f"https://{host}/", headers={"X-Key": token}),
        "basic": lambda: get(broker, f"https://{host}/", headers={"Authorization": f"Basic {basic}"}),
        "query": lambda: get(broker, f"https://{host}/?k={token}"),
        "path": lambda: get(broker, f"https://{host}/bot{token}/me"),
        "body": lambda: get(broker, f"https://{host}/", method="POST", body=f"k={token}"),
    }[where]()


@pytest.mark.asvs("1.2.2", "1.3.3")
def test_a_value_is_escaped_as_its_place_demands():
    broker, token = with_places(ODD, "header", "query", "path", "body")
    send(broker, token, "query")
    assert sent_of(broker).target == f"/?k={quote(ODD, safe='')}"
    assert send(broker, token, "path")["error"] == "secret_unusable"  # it holds a backslash
    in_path, its_token = with_places("a b/c%é", "path")
    send(in_path, its_token, "path")
    assert sent_of(in_path).target == "/bota%20b%2Fc%25%C3%A9/me"
    post = {"method": "POST", "body": json.dumps({"k": token})}
    get(broker, headers={"Content-Type": "application/json; charset=utf-8"}, **post)
    assert json.loads(sent_of(broker).body) == {"k": ODD}
    get(broker, headers={"Content-Type": "application/x-www-form-urlencoded"}, method="POST", body=f"k={token}&x=1")
    assert sent_of(broker).body == b"k=a%22b%5Cc%26d%3De%2Ff%25g+%C3%A9&x=1"
    get(broker, headers={"Content-Type": "text/plain"}, method="POST", body=token)
    assert sent_of(broker).body == ODD.encode()


def test_basic_credentials_are_filled_inside_of_their_base64():
    broker, token = with_places(SECRET, "header")
    send(broker, token, "basic")
    filled = dict(sent_of(broker).headers)["Authorization"]
    assert base64.b64decode(filled.removeprefix("Basic ")) == f"user:{SECRET}".encode()


def test_a_body_that_is_no_text_takes_no_secret():
    broker, token = with_places(SECRET, "header", "body")
    body = base64.b64encode(b"\xff" + token.encode()).decode()
    assert get(broker, method="POST", body_base64=body)["error"] == "secret_place"


@pytest.mark.parametrize(
    "value", ["line\r\nHost: evil.test", "tab\x00null", "ümlaut", " blank", "12345", "00000000", "abcabcabc", ""]
)
def test_a_value_that_cannot_stand_in_a_header_is_refused_without_being_told(value):
    broker, token = with_places(value, "header")
    reply = send(broker, token, "header")
    assert (reply["error"], broker._transport.sent) == ("secret_unusable", [])
    assert not value.strip() or value.strip() not in json.dumps(reply)


def test_a_value_in_a_path_cannot_climb():
    broker, token = with_places("../../../admin", "path")
    assert get(broker, f"https://{API}/v1/{token}/x")["error"] == "secret_unusable"
    assert broker._transport.sent == []


def test_a_name_that_the_run_does_not_have():
    broker = make_broker(secrets=None)
    assert get(broker, headers={"X": broker.placeholder("NOPE")})["error"] == "secret_not_bound"
    assert broker.sign("NOPE", "hmac-sha256", "x")["error"] == "secret_not_bound"


def test_signing_happens_here_and_is_capped():
    broker, _ = with_places(SECRET, "header", limits=Limits(signatures=3))
    for data in ("héllo", "héllo".encode()):
        expected = hmac.new(SECRET.encode(), "héllo".encode(), hashlib.sha512).hexdigest()
        assert broker.sign("KEY", "hmac-sha512", data) == expected
    assert broker.sign("KEY", "hmac-sha256", "") == hmac.new(SECRET.encode(), b"", hashlib.sha256).hexdigest()
    assert broker.sign("KEY", "hmac-sha256", "x")["error"] == "too_many_calls"
    assert broker._placeholders._source.opened[0] == ("KEY", "", "sign")


@pytest.mark.parametrize(
    "request_", [("KEY", "md5", "x"), ("KEY", None, "x"), (7, "hmac-sha256", "x"), ("KEY", "hmac-sha256", 7)]
)
def test_a_signature_of_the_wrong_shape_is_answered(request_):
    broker, _ = with_places()
    assert broker.sign(*request_)["error"] == "bad_request"


def test_a_value_that_was_rotated_within_the_run_is_scrubbed_in_both_forms():
    vault = Vault(KEY=("first-value-1", {API}, {"header"}))
    broker = make_broker(
        secrets=vault, transport=Wire(lambda request: Incoming(200, [], b"first-value-1 second-value-2"))
    )
    token = broker.placeholder("KEY")
    send(broker, token, "header")
    vault.known["KEY"] = ("second-value-2", {API}, {"header"})
    assert send(broker, token, "header")["body"] == "[redacted] [redacted]"


ENCODINGS = {
    "plain": lambda raw: raw,
    "base64": base64.b64encode,
    "base64, shifted": lambda raw: base64.b64encode(b"x" + raw + b"yz"),
    "url-safe": base64.urlsafe_b64encode,
    "base32": base64.b32encode,
    "hex": lambda raw: raw.hex().encode(),
    "HEX": lambda raw: raw.hex().upper().encode(),
    "percent": lambda raw: quote(raw, safe="").encode(),
    "JSON": lambda raw: json.dumps(raw.decode()).encode(),
    "reversed": lambda raw: raw[::-1],
    "utf-16": lambda raw: raw.decode().encode("utf-16"),
    "rot13": lambda raw: codecs.encode(raw.decode(), "rot13").encode(),
}


@pytest.mark.parametrize("name", ENCODINGS)
def test_a_canary_comes_back_to_nobody(live, peer, name):
    """A peer echoes what it was sent, in its status line, headers and body; every sink of the broker is searched."""
    written = ENCODINGS[name](SECRET.encode())
    header = written.decode("latin-1") if name != "utf-16" else "none"
    peer.script = saying(
        answer(b"you sent " + written + b" to us", X_Echo=f"<{header}>", Location=f"/next?k={quote(header)}")
    )
    told = []
    vault = Vault(KEY=(SECRET, {API}, {"header", "query", "body"}))
    broker = live(secrets=vault, on_refused=told.append)
    token = broker.placeholder("KEY")
    request = {"method": "POST", "body": token, "headers": {"X-Key": token}}
    replies = [
        get(broker, f"https://{API}/p?k={token}", **request),
        get(broker, f"https://{CDN}/?k={token}", **request),
    ]
    assert SECRET.encode() in peer.requests[0]
    sinks = json.dumps([replies, broker.exchanges, broker.recording, told, broker.counts])
    body = replies[0].get("body", "").encode() + base64.b64decode(replies[0].get("body_base64", ""))
    for form in (SECRET.encode(), written, json.dumps(header)[1:-1].encode()):
        assert form == b"none" or (form not in sinks.encode() and form not in body)
    assert "[redacted]" in replies[0]["headers"]["x-echo"] or name == "utf-16"
    assert b"[redacted]" in body
    assert broker.exchanges[0]["url"] == f"https://{API}/p?k={{secret:KEY}}"


def test_what_the_run_says_of_itself_goes_through_the_same_scrubber():
    broker = make_broker([*RULES, HostRule("x.test")])
    get(broker, headers={"X-Key": broker.placeholder("API_KEY")})
    assert broker.scrubber.data({"log": f"key={SECRET}"}) == {"log": "key=[redacted]"}
