"""One exchange of a gRPC action: written from the manifest's description, sent by the broker, and judged."""

import base64
from collections.abc import Callable
from typing import Any

from galaxy.core.egress import Broker, HostRule, Limits, Refusal
from registry.manifests import ActionSpec
from sandbox import rest
from sandbox.grpc_calls import decode, encode, judged, method_of
from sandbox.sandboxd.calling import Asked, Credentials, failed, not_made
from sandbox.sandboxd.execution import Ways
from sandbox.sandboxd.rest_calls import Lent

_LIMITS = Limits(calls=1)


def exchange(asked: Asked, credentials: Credentials) -> dict[str, Any]:
    """The answer to ``asked``, in the form told in sandbox.sandboxd.calling."""
    order, spec = asked.order, asked.spec
    try:
        hosts = rest.hosts_of(spec, asked.manifest, host=asked.host, endpoint=order.endpoint)
        came, broker = sent(
            spec,
            order.inputs,
            credentials,
            host=next(iter(hosts)),
            rules=asked.rules,
            ways=asked.ways,
            seconds=asked.seconds,
            on_refused=asked.refused,
        )
    except rest.BadCall as bad:
        return not_made(bad)
    record = _record(broker)
    if "error" in came:
        was_sent = came["was_sent"]
        has_acted = rest.has_acted(spec.effect, None, came["category"], was_sent=was_sent)
        more = {"was_sent": was_sent, "has_acted": has_acted, "exchange": record}
        return failed(came["error"], came["category"], came["message"], **more)
    return failed("", "", "", was_sent=True, exchange=record) | judged(spec, came).as_dict()


def sent(
    spec: ActionSpec,
    inputs: dict[str, Any],
    credentials: Credentials,
    *,
    host: str,
    rules: tuple[HostRule, ...],
    ways: Ways,
    seconds: float,
    on_refused: Callable[[Refusal], None] | None = None,
) -> tuple[dict[str, Any], Broker]:
    """The broker's answer to one call of ``host``, and the broker, which has its record.

    Raises rest.BadCall where there is nothing to send.
    """
    if credentials.query:
        sentence = "A gRPC call carries credentials in its metadata, and this connection has them in the address."
        raise rest.BadCall("tool_error", "credentials_place", sentence, next_step="Tell the extension's publisher.")
    method = method_of(spec)
    message = encode(method, inputs)
    broker = Broker(
        rules,
        resolver=ways.resolver,
        transport=ways.grpc(lambda raw: decode(method, raw)),
        secrets=Lent(credentials, frozenset({host})),
        limits=_LIMITS,
        loopback_peers=ways.peers,
        on_refused=on_refused,
        hidden=credentials.values,
    )
    own = {name.lower() for name in credentials.headers}
    metadata = {name: value for name, value in spec.raw.get("headers", {}).items() if name.lower() not in own}
    metadata |= {name: before + broker.placeholder(name) for name, (before, _) in credentials.headers.items()}
    request = {
        "method": "POST",
        "url": f"https://{host}{method.path}",
        "headers": metadata,
        "body_base64": base64.b64encode(message).decode(),
    }
    return broker.fetch(request, seconds), broker


def _record(broker: Broker) -> dict[str, Any] | None:
    """What left, as records of HTTP calls have it; None where the broker took no call of it."""
    if not broker.exchanges:
        return None
    names = ("method", "url", "status", "address", "was_sent", "duration_ms", "bytes_in", "bytes_out")
    last = broker.exchanges[-1]
    record = {name: last[name] for name in names}
    reason = broker.scrubber.text(last["reason"] or "")
    return record | {"code": last["code"] or "", "reason": reason, "redirects": 0, "redirected_to": []}
