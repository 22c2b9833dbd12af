"""gRPC through the broker, over real connections: codes, certificates, floods, peers that dawdle or speak nonsense."""

import json
import socket
import struct
import time

import grpc
import pytest

from galaxy.core.egress import HostRule, Limits, Refused, SystemResolver
from galaxy.core.egress import grpc as egress_grpc
from galaxy.core.egress.grpc import HTTP_STATUS, GrpcTransport
from galaxy.core.egress.transport import Outgoing
from tests.core.egress import grpc_peers as h2
from tests.core.egress.conftest import API, CDN, SECRET, Names, make_broker
from tests.core.egress.grpc_peers import RawPeer, Server
from tests.core.egress.peers import Peer, answer, saying

PATH = "/shop.v1.Shop/Place"
RULES = [HostRule(API, frozenset({"POST"}), "/shop.v1.Shop")]


def text(message: bytes) -> bytes:
    """Stands for the mapping of messages to JSON."""
    try:
        return json.dumps(message.decode()).encode()
    except UnicodeDecodeError:
        raise Refused("bad_response", "The answer is no message.", was_sent=True) from None


@pytest.fixture(scope="module")
def _server(authority):
    found = Server(authority, API, CDN)
    yield found
    found.close()


@pytest.fixture
def server(_server):
    _server.calls.clear()
    _server.answer = lambda request, context: request
    return _server


@pytest.fixture
def broker_for(authority):
    """Makes brokers whose gRPC calls to the host reach a port of this machine."""

    def make(port: int, rules=RULES, **parts):
        transport = GrpcTransport(text, peer_ca=authority.pem)
        peers = frozenset({(API, port), (CDN, port)})
        return make_broker(rules, **{"transport": transport, "loopback_peers": peers} | parts)

    return make


@pytest.fixture
def broker(broker_for, server):
    return broker_for(server.port)


def place(broker, message="hi", seconds=5, url=f"https://{API}{PATH}", **request):
    return broker.fetch({"method": "POST", "url": url, "body": message} | request, seconds)


def test_a_call_goes_out_with_its_metadata_and_is_answered_as_json(broker, server):
    def reply(request, context):
        context.send_initial_metadata((("x-first", "1"), ("x-raw-bin", b"\0\1")))
        context.set_trailing_metadata((("x-last", "2"),))
        return b"yes"

    server.answer = reply
    token = broker.placeholder("API_KEY")
    came = place(broker, headers={"Authorization": f"Bearer {token}", "X-Team": "7"})
    assert came == {
        "status": 200,
        "headers": {"x-first": "1", "x-raw-bin": "AAE=", "x-last": "2", "grpc-status": "OK"},
        "body": '"yes"',
    }
    ((path, metadata, message),) = server.calls
    assert (path, message) == (PATH, b"hi")
    assert (metadata["authorization"], metadata["x-team"]) == (f"Bearer {SECRET}", "7")
    assert metadata["user-agent"].startswith("Galaxy grpc-python/")
    (record,) = broker.exchanges
    assert record.pop("duration_ms") >= 0
    assert record == {
        "method": "POST",
        "url": f"https://{API}{PATH}",
        "status": 200,
        "refused": False,
        "code": None,
        "reason": None,
        "address": "127.0.0.1",
        "headers": ["Authorization", "X-Team"],
        "was_sent": True,
        "bytes_in": 5,
        "bytes_out": 2,
    }


@pytest.mark.parametrize("code", [code for code in grpc.StatusCode if code is not grpc.StatusCode.OK])
def test_every_code_of_a_peer_is_an_answer(broker, server, code):
    server.answer = lambda request, context: context.abort(code, "no\r\nsuch \u00e9")
    came = place(broker)
    assert (came["status"], came["headers"]["grpc-status"]) == (HTTP_STATUS[code], code.name)
    assert json.loads(came["body"]) == {"code": code.name, "message": "no  such \u00e9"}
    assert len(server.calls) == 1  # nothing is repeated behind our back
    assert broker.exchanges[0]["status"] == HTTP_STATUS[code]


def test_every_code_has_a_status():
    assert set(HTTP_STATUS) == set(grpc.StatusCode)


def test_a_peer_that_speaks_as_our_own_failures_do_is_not_believed(broker, server):
    """It got the call, so it cannot make us think that nothing was sent."""
    words = "failed to connect to all addresses; last error: Connection refused"
    server.answer = lambda request, context: context.abort(grpc.StatusCode.UNAVAILABLE, words)
    assert place(broker)["status"] == 503
    assert broker.exchanges[0]["was_sent"]


def test_secrets_are_struck_from_everything_a_peer_says(broker, server):
    def reply(request, context):
        context.set_trailing_metadata(
            (("x-echo", SECRET), ("grpc-status-details-bin", b"\x0a" + SECRET.encode() + b"\x12"))
        )
        context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"bad token {SECRET}")

    token = broker.placeholder("API_KEY")
    server.answer = reply
    error = place(broker, headers={"Authorization": token})
    server.answer = lambda request, context: SECRET.encode() + b" and more"
    success = place(broker, headers={"Authorization": token})
    assert json.loads(error["body"])["message"] == "bad token [redacted]"
    assert success["body"] == '"[redacted] and more"'
    kept = json.dumps([error, success, broker.exchanges, broker.recording])
    assert SECRET not in kept and "tok-9b" not in kept
    assert error["headers"]["x-echo"] == "[redacted]"
    assert "[redacted]" in error["headers"]["grpc-status-details-bin"]


def test_a_secret_goes_into_metadata_of_its_own_host_alone(broker, server):
    token = broker.placeholder("API_KEY")
    elsewhere = make_broker([HostRule(CDN)])
    assert place(broker, message=token)["error"] == "secret_place"
    assert place(broker, headers={"Accept-Language": token})["error"] == "secret_place"
    url, stolen = f"https://{CDN}{PATH}", elsewhere.placeholder("API_KEY")
    assert place(elsewhere, url=url, headers={"Authorization": stolen})["error"] == "secret_not_bound"
    assert server.calls == []


@pytest.mark.parametrize("name", ["grpc-timeout", "Grpc-Encoding", "x-data-bin", "Content-Type", "te", "Host"])
def test_metadata_that_grpc_keeps_for_itself_is_refused(broker, server, name):
    came = place(broker, headers={name: "x"})
    assert (came["error"], came["was_sent"], server.calls) == ("bad_header", False, [])


@pytest.mark.parametrize(
    ("url", "code"),
    [
        (f"https://{CDN}{PATH}", "host_not_allowed"),
        (f"https://{API}:8443{PATH}", "host_not_allowed"),
        (f"https://{API}/shop.v1.Shopping/Place", "path_not_allowed"),
        (f"https://{API}/shop.v1.Shop/../x", "bad_url"),
        (f"http://{API}{PATH}", "bad_url"),
        (f"https://127.0.0.1{PATH}", "bad_url"),
        (f"https://[::1]{PATH}", "bad_url"),
    ],
)
def test_only_what_is_declared_is_called(broker, server, url, code):
    assert place(broker, url=url)["error"] == code
    assert server.calls == []


def test_a_method_that_is_not_declared_is_refused(broker_for, server):
    broker = broker_for(server.port, [HostRule(API, frozenset({"GET"}))])
    assert place(broker)["error"] == "method_not_allowed"


@pytest.mark.parametrize(
    "found",
    [
        ["127.0.0.1"],
        ["::1"],
        ["169.254.169.254"],
        ["::ffff:169.254.169.254"],
        ["10.0.0.1"],
        ["fd00:ec2::254"],
        ["64:ff9b::7f00:1"],
        ["93.184.216.34", "192.168.1.1"],
        ["nonsense"],
    ],
)
def test_an_address_that_is_not_public_is_never_connected_to(authority, server, found):
    broker = make_broker(RULES, transport=GrpcTransport(text, peer_ca=authority.pem), resolver=Names(**{API: found}))
    assert place(broker)["error"] == "address_not_public"
    assert server.calls == []


def test_the_name_is_looked_up_once_and_by_us(authority, monkeypatch):
    """grpcio gets the address: what the name says by then is nobody's question."""
    names = Names(**{API: ["192.0.2.1"]})  # no public one, and so refused, had our own check not been told otherwise
    monkeypatch.setattr("galaxy.core.egress.addresses.refusal", lambda address: None)
    made = []
    real = grpc.secure_channel
    monkeypatch.setattr(grpc, "secure_channel", lambda *given, **more: made.append(given[0]) or real(*given, **more))
    broker = make_broker(RULES, transport=GrpcTransport(text, peer_ca=authority.pem), resolver=names)
    came = place(broker, seconds=0.3)
    assert (came["error"], came["was_sent"]) == ("unreachable", False)
    assert (names.asked, made) == ([API], ["ipv4:192.0.2.1:443"])


def test_the_next_address_is_tried_while_nothing_was_sent(authority, server, monkeypatch):
    monkeypatch.setattr("galaxy.core.egress.addresses.refusal", lambda address: None)
    transport = GrpcTransport(text, peer_ca=authority.pem)
    sent = []

    class Somewhere:
        """Nobody listens at the first address; at the others it is the server that does."""

        def send(self, request, address, seconds):
            sent.append(address)
            with socket.socket() as closed:
                closed.bind(("127.0.0.1", 0))
                port = closed.getsockname()[1] if address == "192.0.2.1" else server.port
                changed = Outgoing(**vars(request) | {"port": port, "is_peer": True})
                return transport.send(changed, "127.0.0.1", seconds)

    broker = make_broker(RULES, transport=Somewhere(), resolver=Names(**{API: ["192.0.2.1", "192.0.2.2", "192.0.2.3"]}))
    assert place(broker)["status"] == 200
    assert (sent, len(server.calls)) == (["192.0.2.1", "192.0.2.2"], 1)


def outgoing(port: int, **changes) -> Outgoing:
    given = {"method": "POST", "target": PATH, "headers": [], "body": b"hi", "shown_url": "", "most_bytes": 1000}
    return Outgoing(host=API, port=port, **given | {"is_peer": True} | changes)


def test_an_ipv6_address_is_connected_to_as_well(authority):
    listening = grpc.server(h2.futures.ThreadPoolExecutor(1))
    try:
        port = listening.add_secure_port("[::1]:0", h2.credentials(authority, API))
    except RuntimeError:
        pytest.skip("this machine has no IPv6")
    listening.start()
    came = GrpcTransport(text, peer_ca=authority.pem).send(outgoing(port), "::1", 5)
    assert dict(came.headers)["grpc-status"] == "UNIMPLEMENTED"
    listening.stop(0).wait()


@pytest.mark.asvs("12.3.2")
@pytest.mark.parametrize(
    ("hosts", "options"),
    [
        (["other.test"], {}),
        (["allowed.test"], {}),
        (["*.test"], {}),
        ([API], {"days": -1}),
        ([API], {"self_signed": True}),
    ],
)
def test_a_certificate_has_to_be_right(authority, broker_for, hosts, options):
    server = Server(authority, *hosts, **options)
    broker = broker_for(server.port)
    came = place(broker, headers={"Authorization": broker.placeholder("API_KEY")})
    assert (came["error"], came["category"], came["was_sent"]) == ("tls_failed", "tool_error", False)
    assert came["message"] == f"The certificate of {API} was not accepted."
    assert server.calls == []
    server.close()


def test_a_private_authority_vouches_for_named_peers_only(authority, server):
    transport = GrpcTransport(text, peer_ca=authority.pem)
    assert transport.send(outgoing(server.port), "127.0.0.1", 5).status == 200
    for other in (transport, GrpcTransport(text)):
        with pytest.raises(Refused, match="not accepted"):
            other.send(outgoing(server.port, is_peer=other is not transport), "127.0.0.1", 5)


def test_the_public_authorities_are_those_of_http():
    assert egress_grpc._public_authorities().count("BEGIN CERTIFICATE") > 20


def test_the_environment_is_not_asked(authority, broker, server, monkeypatch, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as proxy:
        for name in ("grpc_proxy", "https_proxy", "http_proxy", "HTTPS_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.getsockname()[1]}")
        (tmp_path / "roots.pem").write_text(authority.pem)
        monkeypatch.setenv("GRPC_DEFAULT_SSL_ROOTS_FILE_PATH", str(tmp_path / "roots.pem"))
        assert place(broker)["status"] == 200
        proxy.settimeout(0.05)
        with pytest.raises(TimeoutError):
            proxy.accept()
    with pytest.raises(Refused, match="not accepted"):
        GrpcTransport(text).send(outgoing(server.port), "127.0.0.1", 5)


def test_every_call_has_a_connection_of_its_own(broker_for, server):
    """So that nothing of one run or workspace can wait in a connection for the next."""
    peers = []
    server.answer = lambda request, context: peers.append(context.peer()) or b"ok"
    broker, other = broker_for(server.port), broker_for(server.port)
    for each in (broker, broker, other):
        assert place(each)["status"] == 200
    assert len(set(peers)) == 3


def test_messages_are_capped_both_ways(broker_for, server):
    broker = broker_for(server.port, limits=Limits(request_bytes=100, response_bytes=100))
    assert place(broker, message="x" * 101)["error"] == "request_too_large"
    server.answer = lambda request, context: b"x" * 101
    came = place(broker)
    assert (came["error"], came["was_sent"]) == ("response_too_large", True)
    server.answer = lambda request, context: b'"' * 60  # twice that as JSON
    assert place(broker)["error"] == "response_too_large"
    server.answer = lambda request, context: b"x" * 90
    assert place(broker)["status"] == 200


@pytest.mark.parametrize("where", ["send_initial_metadata", "set_trailing_metadata"])
def test_metadata_of_an_answer_is_capped(broker, server, where):
    def reply(request, context):
        getattr(context, where)((("x-much", "a" * 60_000),))
        return b"ok"

    server.answer = reply
    assert place(broker)["error"] == "response_too_large"


def test_a_message_that_unfolds_is_not_unfolded(broker, server):
    def reply(request, context):
        context.set_compression(grpc.Compression.Gzip)
        return b"a" * 1_000_000

    server.answer = reply
    assert place(broker)["error"] == "bad_response"


def test_a_call_ends_at_its_deadline(broker, server):
    server.answer = lambda request, context: time.sleep(0.6) or b"late"
    begun = time.monotonic()
    came = place(broker, seconds=0.2)
    assert (came["error"], came["category"], came["was_sent"]) == ("timeout", "transient", True)
    assert time.monotonic() - begun < 0.55


def test_a_peer_that_only_listens_is_given_up(broker_for):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        broker = broker_for(silent.getsockname()[1])
        begun = time.monotonic()
        came = place(broker, seconds=0.3)
    assert (came["error"], came["was_sent"]) == ("unreachable", False)
    assert time.monotonic() - begun < 1


def test_a_port_that_nobody_listens_on_is_unreachable(broker_for):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        came = place(broker_for(closed.getsockname()[1]))
    assert (came["error"], came["was_sent"]) == ("unreachable", False)


def test_a_peer_that_speaks_only_http_1_is_told_nothing(authority, broker_for):
    peer = Peer(authority.context(API), saying(answer()))
    broker = broker_for(peer.port)
    came = place(broker, headers={"Authorization": broker.placeholder("API_KEY")})
    assert (came["error"], came["was_sent"]) == ("tls_failed", False)
    assert peer.requests == []
    peer.close()


def test_a_peer_without_tls_is_told_nothing(broker_for):
    plain = grpc.server(h2.futures.ThreadPoolExecutor(1))
    port = plain.add_insecure_port("127.0.0.1:0")
    plain.start()
    came = place(broker_for(port))
    assert (came["error"], came["was_sent"]) == ("tls_failed", False)
    plain.stop(0).wait()


def web_page(status: str) -> bytes:
    head = h2.headers((":status", status), ("content-type", "text/html"))
    return head + h2.frame(h2.DATA, h2.END_STREAM, 1, b"<html>")


@pytest.mark.parametrize(
    ("said", "code"),
    [
        (h2.OK + h2.message(b"ok") + h2.DONE, 200),
        (h2.frame(h2.RST_STREAM, 0, 1, struct.pack(">I", 2)), "bad_response"),
        (h2.frame(h2.RST_STREAM, 0, 1, struct.pack(">I", 7)), "connection_broken"),
        (h2.frame(h2.GOAWAY, 0, 0, struct.pack(">II", 0, 0)), "connection_broken"),
        (web_page("200"), "bad_response"),
        (web_page("401"), 401),
        (web_page("403"), 403),
        (web_page("404"), 501),
        (web_page("503"), 503),
        (h2.headers((":status", "302"), ("location", "https://evil.test/"), end=True), 500),
        (h2.headers((":status", "200"), ("content-type", "text/html"), ("grpc-status", "5"), end=True), 404),
        (h2.OK + h2.message(b"ok", end=True), "bad_response"),  # no trailers
        (h2.OK + h2.message(b"ok") + h2.headers(("x", "0"), end=True), 500),
        (h2.OK + h2.message(b"ok") + h2.headers(("grpc-status", "abc"), end=True), "bad_response"),
        (h2.OK + h2.message(b"ok") + h2.headers(("grpc-status", "99"), end=True), 500),
        (h2.OK + h2.DONE, "bad_response"),  # no message
        (h2.OK + h2.message(b"ok", announced=9) + h2.DONE, "bad_response"),
        (h2.OK + h2.message(b"", announced=2**31 - 1), "response_too_large"),
        (h2.OK + h2.message(b"\xff\xfe") + h2.DONE, "bad_response"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "bad_response"),
        (b"\xff" * 100, "bad_response"),
    ],
)
def test_what_is_no_proper_grpc_has_one_meaning(authority, broker_for, said, code):
    peer = RawPeer(authority.context(API), lambda send: send(said))
    broker = broker_for(peer.port)
    came = place(broker, seconds=3)
    assert came.get("error", came.get("status")) == code
    assert came.get("was_sent", True)
    assert b"html" not in json.dumps(came).encode()
    peer.close()
    assert peer.requests == 1


def test_a_connection_that_breaks_off_may_have_been_heard(authority, broker_for):
    def break_off(send):
        raise OSError

    peer = RawPeer(authority.context(API), break_off)
    came = place(broker_for(peer.port))
    assert (came["error"], came["was_sent"]) == ("connection_broken", True)
    peer.close()


def test_a_peer_that_drips_does_not_outlast_the_deadline(authority, broker_for):
    def drip(send):
        while True:
            send(h2.frame(h2.PING, 0, 0, b"12345678"))
            time.sleep(0.02)

    peer = RawPeer(authority.context(API), drip)
    begun = time.monotonic()
    came = place(broker_for(peer.port), seconds=0.3)
    assert (came["error"], came["was_sent"]) == ("timeout", True)
    assert time.monotonic() - begun < 1
    peer.close()


def test_the_real_resolver_finds_no_made_up_name(authority):
    broker = make_broker([HostRule("no-such-name.invalid")], transport=GrpcTransport(text), resolver=SystemResolver())
    assert place(broker, url=f"https://no-such-name.invalid{PATH}")["error"] == "dns_failed"


def test_a_failure_of_our_own_says_nothing_of_it(broker_for, server, caplog):
    def broken(message):
        raise RuntimeError(f"internal {SECRET}")

    broker = broker_for(server.port, transport=GrpcTransport(broken))
    broker._transport._peer_ca = broker_for(server.port)._transport._peer_ca
    came = place(broker)
    assert (came["error"], came["was_sent"]) == ("broker_failed", True)
    assert SECRET not in caplog.text
