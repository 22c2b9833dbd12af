"""Syslog over one TLS connection to one checked address (RFC 5425), in bounded time."""

import socket
import ssl
import time
from contextlib import suppress

from galaxy.core.egress.refusals import Refused
from galaxy.core.egress.transport import CONNECT_S

PIECE = 64 * 1024  # bytes that are read at once


class SyslogTransport:
    """``peer_ca`` is the text of a PEM file; named peers on this machine are held against it (see PinnedTransport)."""

    def __init__(self, *, peer_ca: str = ""):
        self._public = ssl.create_default_context()
        self._private = self._public
        if peer_ca:
            self._private = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            self._private.load_verify_locations(cadata=peer_ca)
        for context in (self._public, self._private):
            context.minimum_version = ssl.TLSVersion.TLSv1_2

    def send(self, frames: bytes, *, host: str, port: int, address: str, seconds: float, is_peer: bool = False) -> None:
        """Hand over ``frames`` and wait until the other side has closed its end as well.

        Syslog has no receipts. A peer that answers our closing of TLS with its own has read what came before it, which
        is the most that the protocol can say; whatever else it says is read over. Raises Refused; ``unreachable`` only
        while nothing was sent.
        """
        deadline = time.monotonic() + seconds
        try:
            plain = socket.create_connection((address, port), timeout=min(CONNECT_S, seconds))
        except OSError as error:
            raise Refused("unreachable", f"{host} could not be reached.") from error
        with plain:
            link = _Link(self._private if is_peer else self._public, plain, host, deadline)
            try:
                link.shake_hands()
            except ssl.SSLCertVerificationError as error:
                why = error.verify_message
                raise Refused("tls_failed", f"The certificate of {host} was not accepted: {why}.") from error
            except (ssl.SSLError, OSError) as error:
                raise Refused("tls_failed", f"No secure connection to {host} came about.") from error
            try:
                link.send(frames)
                link.close()
            except (ssl.SSLError, OSError) as error:
                sentence = f"The connection to {host} broke off before it had confirmed all of it."
                raise Refused("connection_broken", sentence, was_sent=True) from error


class _Link:
    """TLS over a connected socket, by way of memory.

    An SSLSocket closes and waits for the peer's close in one step, in which OpenSSL gives the connection up where it
    finds words of the peer instead. Here our side is closed first, and then read on.
    """

    def __init__(self, context: ssl.SSLContext, plain: socket.socket, host: str, deadline: float):
        self._plain, self._host, self._deadline = plain, host, deadline
        self._was_sent = False
        self._heard, self._said = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._heard, self._said, server_hostname=host)

    def shake_hands(self) -> None:
        try:
            while not self._has_shaken_hands():
                self._flush()
                self._hear()
        finally:
            self._flush()  # our last word, which is the reason where there was none

    def send(self, data: bytes) -> None:
        left = memoryview(data)
        while left:
            left = left[self._tls.write(left) :]
        self._flush()
        self._was_sent = True

    def close(self) -> None:
        """Close our side, and wait for the peer's close."""
        self._is_closed()  # reads over what was heard by then, which OpenSSL would find in place of the close
        with suppress(ssl.SSLWantReadError):
            self._tls.unwrap()
        self._flush()
        while not self._is_closed():
            self._hear()

    def _has_shaken_hands(self) -> bool:
        with suppress(ssl.SSLWantReadError):
            self._tls.do_handshake()
            return True
        return False

    def _is_closed(self) -> bool:
        """Read over what was heard; True where the peer's close was the last of it."""
        with suppress(ssl.SSLWantReadError):
            with suppress(ssl.SSLZeroReturnError):
                while self._tls.read(PIECE):
                    pass
            return True
        return False

    def _flush(self) -> None:
        if words := self._said.read():
            self._plain.settimeout(self._left())
            self._plain.sendall(words)

    def _hear(self) -> None:
        self._plain.settimeout(self._left())
        words = self._plain.recv(PIECE)
        if not words:
            raise ConnectionResetError("closed without saying so")
        self._heard.write(words)

    def _left(self) -> float:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise Refused("timeout", f"{self._host} did not answer in time.", was_sent=self._was_sent)
        return left
