"""One request over one TLS connection to one checked address, in bounded time and memory."""

import logging
import socket
import ssl
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import httpcore2
import httpx2

from galaxy.core.egress import halting
from galaxy.core.egress.refusals import STOPPED, Refused

CONNECT_S = 5.0  # so that an address which does not answer leaves time for the next one
MOST_HEADERS = 100
MOST_HEADER_BYTES = 32_768
_FRAMING_BYTES = 262_144  # what chunk sizes, trailers, interim answers and header blocks may add to a body
_DECODABLE = {"", "identity", "gzip", "x-gzip", "deflate", "br"}

# At DEBUG it writes the headers of answers, in which a peer may echo what it was sent.
logging.getLogger("httpcore2").setLevel(logging.INFO)


@dataclass(frozen=True)
class Outgoing:
    """A request as it goes out. ``shown_url`` is what records may hold: placeholders by name, never a value.

    ``host`` stands in SNI, certificate check and Host; ``port`` is where to connect. ``most_bytes`` caps the decoded
    body of the answer. ``is_peer``: the host is a named peer on this machine, whose certificate a private CA may sign.
    """

    method: str
    host: str
    port: int
    target: str
    headers: list[tuple[str, str]]
    body: bytes
    shown_url: str
    most_bytes: int
    is_peer: bool = False


class Incoming(NamedTuple):
    """An answer: names and values of headers as they came, the body decoded."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


class Transport(Protocol):
    def send(self, request: Outgoing, address: str, seconds: float) -> Incoming:
        """The answer to ``request`` from ``address``. Raises Refused; ``unreachable`` only while nothing was sent."""


class PinnedTransport:
    """HTTP/1.1 by httpx2's own parts over a connection to the very address that was checked.

    Each request has its own connection: nothing of one run, workspace or host can be met by the next. The environment
    is not asked, neither for proxies nor for certificates. ``peer_ca`` is the text of a PEM file; named peers on this
    machine are held against it instead of the public authorities.
    """

    def __init__(self, *, peer_ca: str = ""):
        self._public = httpx2.create_ssl_context(trust_env=False)
        self._private = self._public
        if peer_ca:
            self._private = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            self._private.load_verify_locations(cadata=peer_ca)

    def send(self, request: Outgoing, address: str, seconds: float) -> Incoming:
        wire = _Wire(address, time.monotonic() + seconds, request.most_bytes + _FRAMING_BYTES)
        connection = httpcore2.HTTPConnection(
            httpcore2.Origin(b"https", request.host.encode(), request.port),
            ssl_context=self._private if request.is_peer else self._public,
            http1=True,
            http2=False,
            network_backend=wire,
        )
        halt = halting.current()
        try:
            with halt.attached(wire.cut):
                return self._exchange(connection, request, wire)
        except (httpcore2.NetworkError, httpcore2.TimeoutException, httpcore2.ProtocolError) as error:
            if halt.is_stopped:
                raise Refused("quarantined", STOPPED, was_sent=wire.was_sent) from error
            raise _refused(error, request.host, wire) from error
        finally:
            with suppress(httpcore2.NetworkError, OSError):
                connection.close()

    def _exchange(self, connection: httpcore2.HTTPConnection, request: Outgoing, wire: "_Wire") -> Incoming:
        headers = [("Host", request.host), *request.headers, ("Accept-Encoding", "gzip"), ("Connection", "close")]
        if request.body or request.method in {"POST", "PUT", "PATCH"}:
            headers.append(("Content-Length", str(len(request.body))))
        raw = httpcore2.Request(
            request.method,
            httpcore2.URL(scheme=b"https", host=request.host, port=request.port, target=request.target.encode()),
            headers=[(name.encode(), value.encode()) for name, value in headers],
            content=request.body,
        )
        response = connection.handle_request(raw)
        try:
            received = _checked_headers(response)
            body = _decoded(response, received, request.most_bytes)
        finally:
            response.close()
        return Incoming(response.status, received, body)


class _Wire(httpcore2.NetworkBackend):
    """Connects to one address whatever name is asked for, and counts time and bytes of what follows."""

    def __init__(self, address: str, deadline: float, most_bytes: int):
        self._address = address
        self._deadline = deadline
        self._most_bytes = most_bytes
        self.received = 0
        self.is_secure = False
        self.was_sent = False
        self._is_cut = False
        self._socket: socket.socket | None = None

    def cut(self) -> None:
        """Wake whoever reads or writes: the connection is over. Called from another thread."""
        self._is_cut = True
        if self._socket is not None:
            with suppress(OSError):  # not the method of a TLS socket, which forgets its session while it is read
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    def holds(self, stream: httpcore2.NetworkStream) -> "_Stream":
        """The stream as ours, which may be cut from now on. Raises ConnectError where it is already."""
        self._socket = stream.get_extra_info("socket")
        if self._is_cut:
            stream.close()
            raise httpcore2.ConnectError("It was cut before it began.")
        return _Stream(stream, self)

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.NetworkStream:
        seconds = min(self.seconds_left(httpcore2.ConnectTimeout), CONNECT_S)
        return self.holds(httpcore2.SyncBackend().connect_tcp(self._address, port, timeout=seconds))

    def seconds_left(self, too_late: type[httpcore2.TimeoutException]) -> float:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise too_late("The time of the call is over.")
        return left

    def count(self, data: bytes) -> bytes:
        self.received += len(data)
        if self.received > self._most_bytes:
            raise Refused("response_too_large", "The answer is larger than allowed.", was_sent=True)
        return data


class _Stream(httpcore2.NetworkStream):
    """A stream whose every step ends at the deadline of the whole call, however slowly the peer drips."""

    def __init__(self, stream: httpcore2.NetworkStream, wire: _Wire):
        self._stream = stream
        self._wire = wire

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._wire.count(self._stream.read(max_bytes, timeout=self._wire.seconds_left(httpcore2.ReadTimeout)))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        # In pieces, as each of them may take until the deadline.
        view = memoryview(buffer)
        while view:
            self._wire.was_sent = True
            self._stream.write(bytes(view[:65_536]), timeout=self._wire.seconds_left(httpcore2.WriteTimeout))
            view = view[65_536:]

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.NetworkStream:
        seconds = self._wire.seconds_left(httpcore2.ConnectTimeout)
        secured = self._stream.start_tls(ssl_context, server_hostname=server_hostname, timeout=seconds)
        self._wire.is_secure = True
        return self._wire.holds(secured)

    def close(self) -> None:
        self._stream.close()

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _checked_headers(response: httpcore2.Response) -> list[tuple[str, str]]:
    if response.status < 200:
        raise Refused("bad_response", "The peer wants another protocol.", was_sent=True)
    pairs = [(_text(name), _text(value)) for name, value in response.headers]
    if len(pairs) > MOST_HEADERS or sum(len(name) + len(value) for name, value in pairs) > MOST_HEADER_BYTES:
        raise Refused("bad_response", "The answer has too many headers.", was_sent=True)
    if [name.lower() for name, _ in pairs].count("location") > 1:
        raise Refused("bad_response", "The answer leads to several places at once.", was_sent=True)
    return pairs


def _text(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _decoded(response: httpcore2.Response, headers: list[tuple[str, str]], most_bytes: int) -> bytes:
    """The body without its content coding, read no further than ``most_bytes`` of what comes out.

    A coding that is not understood is refused: nobody could look for secrets in it.
    """
    codings = [value.strip().lower() for name, value in headers if name.lower() == "content-encoding"]
    if len(codings) > 1 or not _DECODABLE.issuperset(codings):
        raise Refused("bad_response", "The answer is coded in a way that was not asked for.", was_sent=True)
    coding = codings.pop() if codings else ""
    decoder = httpx2.Response(
        response.status,
        headers=[("Content-Encoding", "gzip" if coding == "x-gzip" else coding)] if coding else [],
        stream=_Body(response),
    )
    body = bytearray()
    try:
        for piece in decoder.iter_bytes():
            body += piece
            if len(body) > most_bytes:
                raise Refused("response_too_large", "The answer is larger than allowed.", was_sent=True)
    except httpx2.DecodingError as error:
        raise Refused("bad_response", "The answer is not coded as it says.", was_sent=True) from error
    return bytes(body)


class _Body(httpx2.SyncByteStream):
    def __init__(self, response: httpcore2.Response):
        self._response = response

    def __iter__(self) -> Iterator[bytes]:
        return self._response.iter_stream()


def _refused(error: Exception, host: str, wire: _Wire) -> Refused:
    """What a failure of the connection means, in words without anything the peer sent."""
    cause = error.__cause__ or error.__context__
    if isinstance(cause, ssl.SSLCertVerificationError):
        return Refused("tls_failed", f"The certificate of {host} was not accepted: {cause.verify_message}.")
    if isinstance(error, httpcore2.TimeoutException):
        if wire.was_sent:
            return Refused("timeout", f"{host} did not answer in time.", was_sent=True)
        return Refused("unreachable", f"{host} could not be reached in time.")
    if isinstance(cause, ssl.SSLError) and not wire.is_secure:
        return Refused("tls_failed", f"No secure connection to {host} came about.")
    if isinstance(error, httpcore2.ProtocolError) and wire.received:
        return Refused("bad_response", f"The answer of {host} is no proper HTTP.", was_sent=wire.was_sent)
    if wire.is_secure:
        return Refused("connection_broken", f"The connection to {host} broke off.", was_sent=wire.was_sent)
    return Refused("unreachable", f"{host} could not be reached.")
