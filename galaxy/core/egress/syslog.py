"""Syslog over one TLS connection to one checked address (RFC 5425), in bounded time."""

import socket
import ssl
import time
from contextlib import suppress

from galaxy.core.egress.refusals import Refused
from galaxy.core.egress.transport import CONNECT_S


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
        is the most that the protocol can say. Raises Refused; ``unreachable`` only while nothing was sent.
        """
        deadline = time.monotonic() + seconds
        try:
            plain = socket.create_connection((address, port), timeout=min(CONNECT_S, seconds))
        except OSError as error:
            raise Refused("unreachable", f"{host} could not be reached.") from error
        with plain:
            plain.settimeout(_left(deadline, host, was_sent=False))
            try:
                context = self._private if is_peer else self._public
                link = context.wrap_socket(plain, server_hostname=host)
            except ssl.SSLCertVerificationError as error:
                why = error.verify_message
                raise Refused("tls_failed", f"The certificate of {host} was not accepted: {why}.") from error
            except (ssl.SSLError, OSError) as error:
                raise Refused("tls_failed", f"No secure connection to {host} came about.") from error
            with link:
                try:
                    link.settimeout(_left(deadline, host, was_sent=False))
                    link.sendall(frames)
                    link.settimeout(_left(deadline, host, was_sent=True))
                    _close(link)
                except (ssl.SSLError, OSError) as error:
                    sentence = f"The connection to {host} broke off before it had confirmed all of it."
                    raise Refused("connection_broken", sentence, was_sent=True) from error


def _close(link: ssl.SSLSocket) -> None:
    """Close our side and wait for the peer's close.

    Syslog receivers say nothing. OpenSSL gives a connection up where it finds words in place of that close, so one that
    speaks has not taken anything.
    """
    with suppress(ssl.SSLEOFError):
        link.unwrap()
        return
    raise ConnectionResetError("closed without saying so")


def _left(deadline: float, host: str, *, was_sent: bool) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise Refused("timeout", f"{host} did not answer in time.", was_sent=was_sent)
    return left
