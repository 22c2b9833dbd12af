"""One exchange of a gRPC action: written from the manifest's description, sent by the broker, and judged."""

import base64
from typing import Any

from galaxy.core.egress import Broker, Limits
from sandbox import rest
from sandbox.grpc_calls import decode, encode, judged, method_of
from sandbox.sandboxd.calling import Asked, Credentials, failed
from sandbox.sandboxd.rest_calls import Lent

_LIMITS = Limits(calls=1)


def exchange(asked: Asked, credentials: Credentials) -> dict[str, Any]:
    """The answer to ``asked``, in the form told in sandbox.sandboxd.calling."""
    order, spec = asked.order, asked.spec
    if credentials.query:
        sentence = "A gRPC call carries credentials in its metadata, and this connection has them in the address."
        return failed("credentials_place", "tool_error", sentence, "Tell the extension's publisher.")
    try:
        hosts = rest.hosts_of(spec, asked.manifest, host=asked.host, endpoint=order.endpoint)
        method = method_of(spec)
        message = encode(method, order.inputs)
    except rest.BadCall as bad:
        return failed(bad.code, bad.category, str(bad), bad.next_step)
    broker = Broker(
        asked.rules,
        resolver=asked.ways.resolver,
        transport=asked.ways.grpc(lambda raw: decode(method, raw)),
        secrets=Lent(credentials, hosts),
        limits=_LIMITS,
        loopback_peers=asked.ways.peers,
        on_refused=asked.refused,
        hidden=credentials.values,
    )
    own = {name.lower() for name in credentials.headers}
    metadata = {name: value for name, value in spec.raw.get("headers", {}).items() if name.lower() not in own}
    metadata |= {name: before + broker.placeholder(name) for name, (before, _) in credentials.headers.items()}
    request = {
        "method": "POST",
        "url": f"https://{next(iter(hosts))}{method.path}",
        "headers": metadata,
        "body_base64": base64.b64encode(message).decode(),
    }
    came = broker.fetch(request, asked.seconds)
    was_sent = came.get("was_sent", True)
    more = {
        "exchange": _record(broker),
        "was_sent": was_sent,
        "token_generation": credentials.token_generation,
    }
    if "error" in came:
        has_acted = rest.has_acted(spec.effect, None, came["category"], was_sent=was_sent)
        return failed(came["error"], came["category"], came["message"], has_acted=has_acted, **more)
    return failed("", "", "", **more) | judged(spec, came).as_dict()


def _record(broker: Broker) -> dict[str, Any] | None:
    """What left, as records of HTTP calls have it; None where the broker took no call of it."""
    if not broker.exchanges:
        return None
    names = ("method", "url", "status", "address", "was_sent", "duration_ms", "bytes_in", "bytes_out")
    last = broker.exchanges[-1]
    record = {name: last[name] for name in names}
    reason = broker.scrubber.text(last["reason"] or "")
    return record | {"code": last["code"] or "", "reason": reason, "redirects": 0, "redirected_to": []}
