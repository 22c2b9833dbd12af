"""The peer that counts: what it says was done is what arrived, and nothing of it is lost."""

import json
import socket
import ssl
from contextlib import closing

import pytest

from proof.peer import Manners, Peer

HOST = "api.ledger.example"


def ask(peer: Peer, method: str, key: str) -> int:
    """The status of one request; 0 where the connection ended without an answer."""
    context = ssl.create_default_context(cadata=peer.authority)
    body = json.dumps({"key": key}).encode()
    head = f"{method} /post HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: {len(body)}\r\n\r\n"
    plain = socket.create_connection(("127.0.0.1", peer.port), timeout=30)
    with closing(context.wrap_socket(plain, server_hostname=HOST)) as link:
        link.sendall(head.encode() + body)
        answer = link.recv(4096)
    return int(answer.split()[1]) if answer else 0


@pytest.mark.parametrize(
    ("manners", "status", "effects"),
    [(Manners(), 200, {"a": 2, "b": 1}), (Manners(errors=1), 503, {}), (Manners(cut=1), 0, {"a": 2, "b": 1})],
    ids=["well", "failing", "hanging up"],
)
def test_every_post_that_took_effect_is_counted_and_nothing_else(tmp_path, manners, status, effects):
    with Peer(tmp_path, HOST, manners=manners) as peer:
        assert {ask(peer, "POST", key) for key in ("a", "b", "a")} == {status}
        assert ask(peer, "GET", "c") == (503 if manners.errors else 200)
    assert peer.effects() == effects, "the count outlives it"
    assert [one["method"] for one in peer.heard()] == ["POST", "POST", "POST", "GET"]
