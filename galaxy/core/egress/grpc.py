"""One unary gRPC call over one TLS connection to one checked address: a transport for the broker, by grpcio.

The broker does with such a call all that it does with one over HTTP: declared hosts, POST and the path
/package.Service/Method against the rules, its own look-up, every address checked, placeholders in metadata, records,
scrubbing. grpcio gets an address, never a name, and none of what it would do on its own: it looks nothing up, asks no
environment for proxies or authorities, repeats nothing, shares no connection, and decompresses nothing.
"""

import base64
import json
import os
import re
import ssl
import time
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

import httpx2

from galaxy.core.egress import halting
from galaxy.core.egress.refusals import STOPPED, Refused
from galaxy.core.egress.transport import CONNECT_S, MOST_HEADER_BYTES, Incoming, Outgoing

# What its C core writes to standard error may quote a peer. Read when it is loaded, hence before.
os.environ["GRPC_VERBOSITY"] = "NONE"
import grpc

STATUS, MESSAGE, DETAILS = "grpc-status", "grpc-message", "grpc-status-details-bin"
# The HTTP status that stands for each code (google/rpc/code.proto), so that records and pages read one language.
HTTP_STATUS: dict[grpc.StatusCode, int] = {
    grpc.StatusCode.OK: 200,
    grpc.StatusCode.CANCELLED: 499,
    grpc.StatusCode.UNKNOWN: 500,
    grpc.StatusCode.INVALID_ARGUMENT: 400,
    grpc.StatusCode.DEADLINE_EXCEEDED: 504,
    grpc.StatusCode.NOT_FOUND: 404,
    grpc.StatusCode.ALREADY_EXISTS: 409,
    grpc.StatusCode.PERMISSION_DENIED: 403,
    grpc.StatusCode.RESOURCE_EXHAUSTED: 429,
    grpc.StatusCode.FAILED_PRECONDITION: 400,
    grpc.StatusCode.ABORTED: 409,
    grpc.StatusCode.OUT_OF_RANGE: 400,
    grpc.StatusCode.UNIMPLEMENTED: 501,
    grpc.StatusCode.INTERNAL: 500,
    grpc.StatusCode.UNAVAILABLE: 503,
    grpc.StatusCode.DATA_LOSS: 500,
    grpc.StatusCode.UNAUTHENTICATED: 401,
}
_BROKEN = "Stream removed"  # how the C core begins its words where a call ended without a status of the peer
_MARGIN_S = 0.1  # the peer knows the deadline and may tell us of it just before our own clock does
_CERTIFICATE = ("CERTIFICATE_VERIFY_FAILED", "Hostname Verification")

Decode = Callable[[bytes], bytes]


class GrpcTransport:
    """``decode`` makes JSON text of an answer's message, or raises Refused.

    The body of a request is the message, its headers the metadata. The answer has the HTTP status that stands for the
    code; its headers are initial and trailing metadata with ``grpc-status`` (a name such as NOT_FOUND); its body is
    JSON: what ``decode`` made, or {code, message} of an error. ``peer_ca`` is as of PinnedTransport.
    """

    def __init__(self, decode: Decode, *, peer_ca: str = ""):
        self._decode = decode
        self._peer_ca = peer_ca

    def send(self, request: Outgoing, address: str, seconds: float) -> Incoming:
        lent, deadline = _Metadata(request.headers), time.monotonic() + seconds
        halt = halting.current()
        with self._channel(request, address, lent) as channel, halt.attached(channel.close):
            try:
                message, done = channel.unary_unary(request.target).with_call(request.body, timeout=seconds)
            except (grpc.RpcError, ValueError) as error:  # the latter of a channel that is closed by then
                if halt.is_stopped:
                    raise Refused("quarantined", STOPPED, was_sent=lent.was_asked) from error
                if not isinstance(error, grpc.RpcError):
                    raise
                if not lent.was_asked:
                    _not_connected(error, request.host)
                return _failed(error, request.host, is_late=time.monotonic() > deadline - _MARGIN_S)
            if message is None:
                raise Refused("bad_response", f"{request.host} answers OK and sends no message.", was_sent=True)
            body = self._decode(message)
            if len(body) > request.most_bytes:
                raise Refused("response_too_large", "The answer is larger than allowed.", was_sent=True)
            headers = [*_pairs(done.initial_metadata()), *_pairs(done.trailing_metadata()), (STATUS, "OK")]
            return Incoming(HTTP_STATUS[grpc.StatusCode.OK], headers, body)

    def _channel(self, request: Outgoing, address: str, lent: "_Metadata") -> grpc.Channel:
        authorities = self._peer_ca if request.is_peer and self._peer_ca else _public_authorities()
        secured = grpc.ssl_channel_credentials(authorities.encode())
        credentials = grpc.composite_channel_credentials(secured, grpc.metadata_call_credentials(lent))
        place = f"ipv6:[{address}]:{request.port}" if ":" in address else f"ipv4:{address}:{request.port}"
        options: list[tuple[str, Any]] = [
            ("grpc.ssl_target_name_override", request.host),
            ("grpc.default_authority", request.host),
            ("grpc.primary_user_agent", "Galaxy"),
            ("grpc.enable_http_proxy", 0),
            ("grpc.service_config_disable_resolution", 1),
            ("grpc.enable_retries", 0),
            ("grpc.use_local_subchannel_pool", 1),
            ("grpc.min_reconnect_backoff_ms", int(CONNECT_S * 1000)),
            ("grpc.max_send_message_length", max(len(request.body), 1)),
            ("grpc.max_receive_message_length", request.most_bytes),
            ("grpc.max_metadata_size", MOST_HEADER_BYTES),
            ("grpc.absolute_max_metadata_size", MOST_HEADER_BYTES),
            # A message that unfolds to a thousand times its size is none that anybody asked for.
            ("grpc.per_message_decompression", 0),
            ("grpc.compression_enabled_algorithms_bitset", 1),
        ]
        return grpc.secure_channel(place, credentials, options=options)


class _Metadata(grpc.AuthMetadataPlugin):
    """The metadata of one call. grpcio asks for it once a verified connection stands, right before it sends; so a call
    for which nobody asked was surely not sent. Raises Refused for names that gRPC keeps for itself."""

    def __init__(self, headers: Iterable[tuple[str, str]]):
        self.was_asked = False
        self._pairs = []
        for name, value in headers:
            key = name.lower()
            if key.startswith(("grpc-", ":")) or key.endswith("-bin") or key == "content-type":
                raise Refused("bad_header", f"The metadata {name:.60} is set by gRPC or by nobody.")
            if key != "user-agent":  # which the channel sets
                self._pairs.append((key, value))

    def __call__(self, context: grpc.AuthMetadataContext, callback: grpc.AuthMetadataPluginCallback) -> None:
        self.was_asked = True
        callback(tuple(self._pairs), None)


@cache
def _public_authorities() -> str:
    """The authorities that calls over HTTP are held against, as PEM. Raises Refused where the machine has none."""
    raw = httpx2.create_ssl_context(trust_env=False).get_ca_certs(binary_form=True)
    texts = [ssl.DER_cert_to_PEM_cert(certificate) for certificate in raw]
    if not texts:  # OpenSSL reads those of a folder only when it meets them
        folder = Path(ssl.get_default_verify_paths().openssl_capath)
        hashed = folder.iterdir() if folder.is_dir() else ()
        texts = [path.read_text(encoding="utf-8") for path in hashed if re.fullmatch(r"[0-9a-f]{8}\.\d", path.name)]
    if not texts:
        raise Refused("tls_failed", "This machine has no list of authorities to hold certificates against.")
    return "\n".join(texts)


def _not_connected(error: grpc.RpcError, host: str) -> NoReturn:
    """Why no connection came about, in words without anything the peer sent. Raises Refused."""
    words = error.details() or ""
    if any(sign in words for sign in _CERTIFICATE):
        raise Refused("tls_failed", f"The certificate of {host} was not accepted.") from error
    if "handshake" in words.lower() or "ALPN" in words:
        raise Refused("tls_failed", f"No secure HTTP/2 connection to {host} came about.") from error
    raise Refused("unreachable", f"{host} could not be reached.") from error


def _failed(error: grpc.RpcError, host: str, *, is_late: bool) -> Incoming:
    """The peer's own no as an answer. Raises Refused for what went wrong on the way; it may have been sent then."""
    code, words = error.code(), error.details() or ""
    if words.startswith(_BROKEN) or (is_late and code is grpc.StatusCode.DEADLINE_EXCEEDED):
        kind, sentence = _BREAKS.get(code, ("bad_response", "The answer of {host} is no proper gRPC."))
        raise Refused(kind, sentence.format(host=host), was_sent=True) from error
    words = "".join(sign if sign.isprintable() else " " for sign in words)
    headers = [*_pairs(error.initial_metadata()), *_pairs(error.trailing_metadata())]
    body = json.dumps({"code": code.name, "message": words}, ensure_ascii=False).encode()
    return Incoming(HTTP_STATUS[code], [*headers, (STATUS, code.name), (MESSAGE, words)], body)


_BREAKS = {
    grpc.StatusCode.DEADLINE_EXCEEDED: ("timeout", "{host} did not answer in time."),
    grpc.StatusCode.RESOURCE_EXHAUSTED: ("response_too_large", "The answer is larger than allowed."),
    grpc.StatusCode.UNAVAILABLE: ("connection_broken", "The connection to {host} broke off."),
}


def _pairs(metadata: Iterable[tuple[str, str | bytes]] | None) -> list[tuple[str, str]]:
    """Metadata as headers; what is binary as base64, which is how it travels."""
    return [
        (key, base64.b64encode(value).decode() if isinstance(value, bytes) else value)
        for key, value in metadata or ()
        if key not in {STATUS, MESSAGE}
    ]
