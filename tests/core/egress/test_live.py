"""Real TLS connections to peers on this machine: certificates, redirects, floods, bombs and peers that dawdle."""

import gzip
import logging
import socket
import threading
import time
import zlib

import brotli
import pytest

from galaxy.core.egress import HostRule, Limits, PinnedTransport, SystemResolver
from galaxy.core.egress.exchanges import NOWHERE
from galaxy.core.egress.transport import Outgoing
from tests.core.egress.conftest import API, CDN, SECRET, Names, get, make_broker
from tests.core.egress.peers import Peer, answer, saying


def outgoing(port: int, host: str = API, **changes) -> Outgoing:
    given = {"method": "GET", "target": "/", "headers": [], "body": b"", "shown_url": "", "most_bytes": 1000}
    return Outgoing(host=host, port=port, **given | {"is_peer": True} | changes)


def test_a_call_over_tls_names_the_host_and_connects_to_the_address(live, peer):
    broker = live()
    reply = get(broker, f"https://{API}/v1?q=%2F", method="POST", headers={"X-A": "1"}, body="héllo")
    assert reply == {"status": 200, "headers": {"content-length": "2"}, "body": "ok"}
    head, _, body = peer.requests[0].partition(b"\r\n\r\n")
    assert head.split(b"\r\n") == [
        b"POST /v1?q=%2F HTTP/1.1",
        b"Host: api.allowed.test",
        b"X-A: 1",
        b"User-Agent: Galaxy",
        b"Accept-Encoding: gzip",
        b"Connection: close",
        b"Content-Length: 6",
    ]
    assert (body, peer.names) == ("héllo".encode(), [API])


def test_every_call_has_a_connection_of_its_own(live, peer):
    """So that nothing of one run or workspace can wait in a connection for the next."""
    broker, other = live(), live()
    peer.script = saying(answer("ok" * 9, Connection="keep-alive", Keep_Alive="timeout=60"))
    assert [get(each)["status"] for each in (broker, broker, other)] == [200, 200, 200]
    assert peer.connections == len(peer.requests) == 3


@pytest.mark.asvs("12.3.2")
@pytest.mark.parametrize(
    ("hosts", "options", "words"),
    [
        (["other.test"], {}, "not valid for 'api.allowed.test'"),
        (["allowed.test"], {}, "not valid"),
        (["*.test"], {}, "not valid"),
        ([API], {"days": -1}, "has expired"),
        ([API], {"self_signed": True}, "self-signed"),
    ],
)
def test_a_certificate_has_to_be_right(authority, hosts, options, words):
    peer = Peer(authority.context(*hosts, **options), saying(answer()))
    broker = make_broker(transport=PinnedTransport(peer_ca=authority.pem), loopback_peers={(API, peer.port)})
    reply = get(broker, headers={"X-Key": broker.placeholder("API_KEY")})
    assert (reply["error"], reply["category"], reply["was_sent"]) == ("tls_failed", "tool_error", False)
    assert words in reply["message"].replace("self signed", "self-signed")
    assert (peer.connections, peer.requests) == (1, [])
    peer.close()


@pytest.mark.asvs("12.3.2", "12.3.4")
def test_a_private_authority_vouches_for_named_peers_only(authority, peer):
    transport = PinnedTransport(peer_ca=authority.pem)
    assert transport.send(outgoing(peer.port), "127.0.0.1", 5).status == 200
    with pytest.raises(Exception, match="not accepted"):
        transport.send(outgoing(peer.port, is_peer=False), "127.0.0.1", 5)
    with pytest.raises(Exception, match="not accepted"):
        PinnedTransport().send(outgoing(peer.port), "127.0.0.1", 5)


@pytest.mark.asvs("12.2.1")
def test_a_peer_without_tls_is_refused(live, peer):
    with socket.create_server(("127.0.0.1", 0)) as server:

        def speak_plainly():
            with server.accept()[0] as plain:
                plain.sendall(answer())

        speaker = threading.Thread(target=speak_plainly)
        speaker.start()
        reply = get(live(loopback_peers={(API, server.getsockname()[1])}))
        speaker.join()
    assert (reply["error"], reply["was_sent"]) == ("tls_failed", False)


def test_nobody_listens(live):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    reply = get(live(loopback_peers={(API, port)}))
    assert (reply["error"], reply["was_sent"]) == ("unreachable", False)


def test_the_environment_is_not_asked(live, peer, monkeypatch, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as proxy:
        for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "HTTP_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.getsockname()[1]}")
        monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys"))
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "nothing"))
        assert get(live())["status"] == 200
        proxy.settimeout(0.05)
        with pytest.raises(TimeoutError):
            proxy.accept()
    assert not (tmp_path / "keys").exists()


def test_a_name_that_rebinds_is_connected_to_where_it_was_checked(authority, peer, monkeypatch):
    """The name has a public address when it is checked, and this machine's ever after. The peer here is never met."""
    asked = []
    real = socket.getaddrinfo

    def rebinding(host, *rest, **more):
        if host != f"{API}.":
            return real(host, *rest, **more)
        asked.append(host)
        return [(2, 1, 6, "", (NOWHERE if len(asked) == 1 else "127.0.0.1", 0))]

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    broker = make_broker(
        [HostRule(API, port=peer.port)],
        resolver=SystemResolver(),
        transport=PinnedTransport(peer_ca=authority.pem),
    )
    url = f"https://{API}:{peer.port}/"
    assert get(broker, url, seconds=0.3)["error"] == "unreachable"
    assert get(broker, url, seconds=0.3)["error"] == "address_not_public"
    assert [record["address"] for record in broker.exchanges] == [NOWHERE, None]
    assert (len(asked), peer.connections) == (2, 0)


@pytest.mark.asvs("15.3.2")
def test_redirects_to_metadata_reach_nobody(live, peer):
    peer.script = saying(answer("", 302, Location="http://169.254.169.254/latest/meta-data/"))
    for follow in (True, None):
        assert get(live(), follow=follow)["error"] == "redirect_refused"
    assert peer.connections == 2


def test_a_chain_of_redirects_ends_at_another_host_without_credentials(live, peer):
    def script(request, send):
        path = request.split(b" ")[1]
        places = {b"/1": "/2", b"/2": f"https://{CDN}/3"}
        send(answer("", 302, Location=places[path]) if path in places else answer("there"))

    peer.script = script
    broker = live()
    reply = get(
        broker, f"https://{API}/1", follow=True, headers={"Authorization": f"Bearer {broker.placeholder('API_KEY')}"}
    )
    assert reply["body"] == "there"
    assert [SECRET.encode() in request for request in peer.requests] == [True, True, False]
    assert peer.names == [API, API, CDN]


def drip(*pieces: bytes, every: float = 0.05):
    def script(request, send):
        for piece in pieces:
            send(piece)
            time.sleep(every)

    return script


@pytest.mark.parametrize(
    "script",
    [
        drip(*[b""] * 200),
        drip(*[bytes([byte]) for byte in b"HTTP/1.1 200 OK\r\nX-Slow: " + b"a" * 200]),
        drip(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", *[b"x"] * 200),
        drip(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", *[b"1\r\nx\r\n"] * 200),
        drip(*[b"HTTP/1.1 103 Early Hints\r\n\r\n"] * 200),
    ],
    ids=["silent", "headers", "body", "chunks", "hints"],
)
def test_a_peer_that_dawdles_is_left_when_the_time_is_over(live, peer, script):
    peer.script = script
    begun = time.monotonic()
    reply = get(live(), seconds=0.4)
    assert (reply["error"], reply["was_sent"]) == ("timeout", True)
    assert 0.3 < time.monotonic() - begun < 4  # the peer would take ten seconds


def test_the_code_may_ask_for_less_time(live, peer):
    peer.script = drip(*[b""] * 200)
    begun = time.monotonic()
    assert get(live(), timeout_ms=200, seconds=9)["error"] == "timeout"
    assert time.monotonic() - begun < 4


def test_a_handshake_that_never_ends_is_left(live):
    with socket.create_server(("127.0.0.1", 0)) as server:
        begun = time.monotonic()
        reply = get(live(loopback_peers={(API, server.getsockname()[1])}), seconds=0.3)
    assert (reply["error"], reply["was_sent"]) == ("unreachable", False)
    assert time.monotonic() - begun < 4


BOMB = gzip.compress(bytes(50 * 1024 * 1024))
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("raw", "error"),
    [
        (answer(b"x" * 100_001), "response_too_large"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 999999999999\r\n\r\n" + b"x" * 200_000, "response_too_large"),
        (answer(BOMB, Content_Encoding="gzip"), "response_too_large"),
        (answer(brotli.compress(bytes(1024 * 1024)), Content_Encoding="br"), "response_too_large"),
        (answer(gzip.compress(gzip.compress(b"x")), Content_Encoding="gzip, gzip"), "bad_response"),
        (answer(gzip.compress(gzip.compress(b"x")), Content_Encoding="gzip", content_encoding="gzip"), "bad_response"),
        (answer(b"x", Content_Encoding="zstd"), "bad_response"),
        (answer(b"not gzip at all", Content_Encoding="gzip"), "bad_response"),
        (CHUNKED + b"zz\r\nx\r\n0\r\n\r\n", "bad_response"),
        (CHUNKED + b"-1\r\nx\r\n0\r\n\r\n", "bad_response"),
        (CHUNKED + b"ffffffffffffffffffff\r\nx", "bad_response"),
        (CHUNKED + b"5\r\nab", "bad_response"),
        (CHUNKED + b"1;" + b"e" * 90_000 + b"\r\nx\r\n" * 9, "bad_response"),
        (CHUNKED + (b"1;" + b"e" * 60 + b"\r\nx\r\n") * 9000, "response_too_large"),
        (CHUNKED + b"0\r\n" + b"X: y\r\n" * 90_000, "bad_response"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 101 + b"\r\n", "bad_response"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"y" * 33_000 + b"\r\n\r\n", "bad_response"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"y" * 200_000, "bad_response"),
        (b"HTTP/1.1 103 Early Hints\r\n\r\n" * 20_000, "response_too_large"),
        (b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", "bad_response"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcde", "bad_response"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nabcde", "bad_response"),
        (b"HTTP/1.1 200 OK\r\nX: a\x00b\r\n\r\n", "bad_response"),
        (b"HTTP/1.1 302 Found\r\nLocation: /a\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n", "bad_response"),
        (b"garbage", "bad_response"),
        (b"\x00" * 100, "bad_response"),
        (b"", "connection_broken"),
    ],
    ids=lambda value: value if isinstance(value, str) else repr(value[:30])[2:-1],
)
def test_an_answer_that_is_too_much_or_no_http_is_refused(live, peer, raw, error):
    peer.script = saying(raw)
    broker = live(limits=Limits(response_bytes=100_000))
    reply = get(broker)
    assert (reply["error"], reply["was_sent"]) == (error, True)
    assert broker.exchanges[0]["code"] == error


@pytest.mark.parametrize(
    ("coding", "code"),
    [("gzip", gzip.compress), ("deflate", zlib.compress), ("br", brotli.compress), ("identity", bytes)],
)
def test_a_coded_answer_is_decoded_and_scrubbed(live, peer, coding, code):
    peer.script = saying(answer(code(f"your key is {SECRET}".encode()), Content_Encoding=coding))
    broker = live()
    reply = get(broker, headers={"X-Key": broker.placeholder("API_KEY")})
    assert reply["body"] == "your key is [redacted]"


def test_a_body_with_the_end_of_the_connection_as_its_end(live, peer):
    peer.script = saying(b"HTTP/1.1 200 OK\r\n\r\nall of it")
    assert get(live())["body"] == "all of it"


def test_bytes_that_are_no_text_come_as_base64(live, peer):
    peer.script = saying(answer(b"\x89PNG\xff"))
    assert get(live())["body_base64"] == "iVBOR/8="


def test_no_answer_is_written_to_the_log(live, peer, caplog):
    caplog.set_level(logging.DEBUG)
    peer.script = saying(answer("ok", X_Echo=SECRET))
    broker = live()
    reply = get(broker, headers={"X-Key": broker.placeholder("API_KEY")})
    assert reply["headers"]["x-echo"] == "[redacted]"
    assert SECRET not in caplog.text


def test_the_system_resolver_answers_in_time_or_not_at_all(monkeypatch):
    resolver = SystemResolver(most_at_once=2)
    release = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **more: release.wait(5) and [])
    for words in ("in time", "in time", "under way"):
        begun = time.monotonic()
        with pytest.raises(Exception, match=words):
            resolver.resolve("slow.test", 0.1)
        assert time.monotonic() - begun < 3
    release.set()


def test_the_system_resolver_gives_every_address_once_and_asks_for_the_name_alone(monkeypatch):
    asked = []
    found = [(2, 1, 6, "", ("93.184.216.34", 0)), (10, 1, 6, "", ("2606:4700::1", 0, 0, 0))] * 2
    monkeypatch.setattr(socket, "getaddrinfo", lambda host, *rest, **more: asked.append(host) or found)
    assert SystemResolver().resolve(API, 5) == ["93.184.216.34", "2606:4700::1"]
    assert asked == [f"{API}."]  # with the dot, so that no search domain is put behind it


def test_a_name_that_resolves_to_this_machine_is_refused(monkeypatch):
    broker = make_broker(resolver=SystemResolver())
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **more: [(2, 1, 6, "", ("127.0.0.1", 0))])
    assert get(broker)["error"] == "address_not_public"


@pytest.mark.parametrize("failure", [OSError("no"), UnicodeError("label too long")])
def test_a_name_that_does_not_resolve_is_told(monkeypatch, failure):
    def fail(*args, **more):
        raise failure

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    reply = get(make_broker(resolver=SystemResolver()))
    assert (reply["error"], reply["category"]) == ("dns_failed", "transient")


def test_a_loopback_peer_is_for_its_own_host_only(live, peer):
    """Another declared host with the same address stays forbidden."""
    broker = live(loopback_peers={(API, peer.port)}, resolver=Names(**{CDN: ["127.0.0.1"]}))
    assert get(broker)["status"] == 200
    assert get(broker, f"https://{CDN}/")["error"] == "address_not_public"
    assert get(broker, f"https://{API}:{peer.port}/")["error"] == "host_not_allowed"
    assert peer.connections == 1
