"""A TLS peer in a process of its own, so that what it costs is nobody's whose cost is measured."""

import multiprocessing
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple


class Served(NamedTuple):
    """Where it listens, and the PEM of the authority that vouches for it."""

    port: int
    authority: str


@contextmanager
def peer(host: str, body: str) -> Iterator[Served]:
    """Answers every request for ``host`` with ``body``, which is JSON, over a connection of its own."""
    parent, child = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_serve, args=(child, host, body), daemon=True)
    process.start()
    try:
        yield Served(*parent.recv())
    finally:
        process.terminate()
        process.join()


def _serve(link, host: str, body: str) -> None:
    from tests.core.egress.peers import Authority, Peer, answer, saying

    with tempfile.TemporaryDirectory() as folder:
        authority = Authority(Path(folder))
        reply = answer(body, Content_Type="application/json")
        found = Peer(authority.context(host), saying(reply))
        link.send((found.port, authority.pem))
        while True:
            found.requests.clear()
            time.sleep(1)
