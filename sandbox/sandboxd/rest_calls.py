"""One exchange of a REST action: built from the manifest, sent by the broker, and judged."""

import base64
from typing import Any
from urllib.parse import quote, unquote_plus, urlsplit

from galaxy.core.egress import Broker, Limits
from galaxy.core.egress.exchanges import body_of
from galaxy.core.egress.placeholders import HEADER, QUERY
from galaxy.core.egress.refusals import Refused
from sandbox import rest
from sandbox.rest.bodies import MAX_UPLOAD_BYTES
from sandbox.rest.reply import MAX_BODY_BYTES
from sandbox.retry import category_of
from sandbox.sandboxd.calling import Asked, Credentials, failed, not_made
from sandbox.sandboxd.execution import SAFE_METHODS
from sandbox.sandboxd.sentences import sentence_of

REDIRECTS = 3
_LIMITS = Limits(
    calls=1 + REDIRECTS,
    bytes=16 * 1024 * 1024,
    request_bytes=2 * MAX_UPLOAD_BYTES,  # what stands round a file
    response_bytes=MAX_BODY_BYTES,
    redirects=REDIRECTS,
)


class Lent:
    """The credentials of a connection as secrets of the broker, bound to the API's own host."""

    def __init__(self, credentials: Credentials, hosts: frozenset[str]):
        self._values = {name: value for name, (_, value) in credentials.headers.items()}
        self._places = dict.fromkeys(credentials.headers, HEADER) | dict.fromkeys(credentials.query, QUERY)
        self._values |= credentials.query
        self._hosts = hosts

    def open(self, name: str, *, host: str, purpose: str) -> str:
        return self._values[self._known(name)]

    def bound_hosts(self, name: str) -> frozenset[str]:
        self._known(name)
        return self._hosts

    def places(self, name: str) -> tuple[str, ...]:
        return (self._places[self._known(name)],)

    def _known(self, name: str) -> str:
        if name not in self._values:
            raise Refused("secret_not_bound", f"This call has no secret {name:.60}.")
        return name


def exchange(asked: Asked, credentials: Credentials) -> dict[str, Any]:
    """The answer to ``asked``, in the form told in sandbox.sandboxd.calling."""
    order, spec, manifest, run = asked.order, asked.spec, asked.manifest, asked.run
    try:
        prepared = rest.build(
            spec,
            manifest,
            order.inputs,
            host=asked.host,
            endpoint=order.endpoint,
            idempotency_key=str(run.pk),
            page=order.page,
            now=run.created_at.isoformat(),
        )
        hosts = rest.hosts_of(spec, manifest, host=asked.host, endpoint=order.endpoint)
    except rest.BadCall as bad:
        return not_made(bad)
    broker = Broker(
        asked.rules,
        resolver=asked.ways.resolver,
        transport=asked.ways.transport,
        secrets=Lent(credentials, hosts),
        limits=_LIMITS,
        loopback_peers=asked.ways.peers,
        on_refused=asked.refused,
        hidden=credentials.values,
    )
    came = broker.fetch(request_of(prepared, credentials, broker), asked.seconds)
    record = _record(broker, prepared)
    if "error" in came:
        was_sent = came["was_sent"]
        has_acted = rest.has_acted(spec.effect, None, came["category"], was_sent=was_sent)
        more = {"was_sent": was_sent, "has_acted": has_acted, "exchange": record}
        return failed(came["error"], came["category"], came["message"], **more)
    return _judged(asked, prepared, came) | {"was_sent": True, "exchange": record}


def request_of(prepared: rest.Prepared, credentials: Credentials, broker: Broker) -> dict[str, Any]:
    """The request as the broker takes it, with placeholders where the secrets go, each in one place alone. Only what
    changes nothing follows redirects: another method or a second host was never asked for."""
    own = {name.lower() for name in credentials.headers}
    headers = {name: value for name, value in prepared.headers.items() if name.lower() not in own}
    headers |= {name: before + broker.placeholder(name) for name, (before, _) in credentials.headers.items()}
    return {
        "method": prepared.method,
        "url": _with_parameters(prepared.url, {name: broker.placeholder(name) for name in credentials.query}),
        "headers": headers,
        "body_base64": base64.b64encode(prepared.body).decode(),
        "follow": prepared.method in SAFE_METHODS,
    }


def _with_parameters(url: str, own: dict[str, str]) -> str:
    """``url`` with ``own`` in the place of parameters of these names, which a link to the next page may repeat."""
    if not own:
        return url
    address, _, query = url.partition("?")
    parts = [part for part in query.split("&") if part and unquote_plus(part.partition("=")[0]) not in own]
    parts += [f"{quote(name, safe='')}={value}" for name, value in own.items()]
    return f"{address}?{'&'.join(parts)}"


def _record(broker: Broker, prepared: rest.Prepared) -> dict[str, Any] | None:
    """All hops as one record; None where the broker took no call of it. Inputs stand in it by their names, and of a
    redirect's address the host is told alone."""
    hops = broker.exchanges
    if not hops:
        return None
    last = hops[-1]
    elsewhere = {urlsplit(hop["url"]).netloc for hop in hops} - {urlsplit(prepared.url).netloc}
    return {
        "method": prepared.method,
        "url": prepared.shown,
        "status": last["status"],
        "code": last["code"] or "",
        "reason": broker.scrubber.text(last["reason"] or ""),
        "address": last["address"],
        "redirects": len(hops) - 1,
        "redirected_to": sorted(elsewhere),
        "was_sent": any(hop["was_sent"] for hop in hops),
        "duration_ms": sum(hop["duration_ms"] for hop in hops),
        "bytes_in": sum(hop["bytes_in"] for hop in hops),
        "bytes_out": sum(hop["bytes_out"] for hop in hops),
    }


def _judged(asked: Asked, prepared: rest.Prepared, came: dict[str, Any]) -> dict[str, Any]:
    """What an answer says: its value, exactly one category where it is a failure, and the page after it."""
    raw, status, headers = asked.spec.raw, came["status"], came["headers"]
    answer = rest.read(raw, status, headers, body_of(came))
    category = category_of(status, raw.get("replies", ()), answer.body)
    code, sentence, next_step, following = "", "", "", None
    if category is None and answer.code:
        category, code, sentence = "tool_error", answer.code, answer.sentence
    elif category is None and "pagination" in raw:
        try:
            following = rest.following(
                raw["pagination"], asked.order.page, url=prepared.url, headers=headers, body=answer.body
            )
        except rest.BadCall as bad:
            category, code, sentence, next_step = bad.category, bad.code, str(bad), bad.next_step
    elif category is not None:
        code = "refused_in_body" if 200 <= status < 300 else ""
        sentence, next_step = sentence_of(status, category)
    return failed(code, category or "", sentence, next_step) | {
        "status": status,
        "headers": headers,
        "body": answer.body,
        "next": following,
        "has_acted": rest.has_acted(asked.spec.effect, status, category, was_sent=True),
    }
