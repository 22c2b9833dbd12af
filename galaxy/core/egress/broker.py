"""The only way out for sandboxed code: declared hosts, public addresses, and secrets that it never sees."""

import hmac
import time
import traceback
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import structlog

from galaxy.core.egress import calls, exchanges, headers, rules, urls
from galaxy.core.egress.calls import Call
from galaxy.core.egress.headers import joined
from galaxy.core.egress.placeholders import BODY, HEADER, PATH, QUERY, NoSecrets, Placeholders, SecretSource
from galaxy.core.egress.refusals import Refusal, Refused
from galaxy.core.egress.resolver import Resolver, public_addresses
from galaxy.core.egress.scrubbing import Scrubber
from galaxy.core.egress.transport import Incoming, Outgoing, Transport

log = structlog.get_logger(__name__)

LOOPBACK = "127.0.0.1"
SIGNATURES = {"hmac-sha256": "sha256", "hmac-sha512": "sha512"}
_MOST_REFUSALS = 100  # told one by one; more are counted only


@dataclass(frozen=True)
class Limits:
    """Caps of one run. ``calls`` counts each hop of a redirect; ``bytes`` counts bodies, both ways."""

    calls: int = 20
    bytes: int = 8 * 1024 * 1024
    request_bytes: int = 1024 * 1024
    response_bytes: int = 2 * 1024 * 1024
    redirects: int = 3
    signatures: int = 100


class Broker:
    """Serves one run, one call at a time; it believes nothing that the code says.

    ``loopback_peers`` are pairs of host and port: those hosts are reached on this machine, in development only.
    ``on_refused`` is told of each call that policy blocked, for the trail. ``key`` makes placeholders repeatable.
    ``hidden`` are texts to scrub besides the secrets that are opened here.

    ``exchanges`` lists what was asked and came of it: {method, url, status, refused, code, reason, address, headers,
    was_sent, duration_ms, bytes_in, bytes_out}, ``headers`` being names only. ``recording`` holds what a replay answers
    (exchanges.FixtureTransport). Neither holds the value of a secret. ``counts``: {calls, refused, bytes_in,
    bytes_out, signatures}.
    """

    def __init__(
        self,
        allowed: Sequence[rules.HostRule],
        *,
        resolver: Resolver,
        transport: Transport,
        secrets: SecretSource | None = None,
        limits: Limits | None = None,
        loopback_peers: Iterable[tuple[str, int]] = frozenset(),
        on_refused: Callable[[Refusal], None] | None = None,
        key: bytes = b"",
        hidden: Iterable[str] = (),
    ):
        self._rules = tuple(allowed)
        self._resolver = resolver
        self._transport = transport
        self._limits = limits or Limits()
        self._peers = dict(loopback_peers)
        self._on_refused = on_refused
        self._placeholders = Placeholders(secrets or NoSecrets(), key=key)
        self._hidden = frozenset(hidden)
        self._scrubber = Scrubber(self._hidden)
        self._known = len(self._hidden)
        self.exchanges: list[dict[str, Any]] = []
        self.recording: list[dict[str, Any]] = []
        self.counts = {"calls": 0, "refused": 0, "bytes_in": 0, "bytes_out": 0, "signatures": 0}

    def placeholder(self, name: str) -> str:
        """What the code gets in place of the secret ``name``."""
        return self._placeholders.mint(name)

    @property
    def scrubber(self) -> Scrubber:
        """Knows every value that this run was lent so far; outputs, logs and errors of the run go through it."""
        return self._scrubber

    def fetch(self, request: dict[str, Any], seconds_left: float) -> dict[str, Any]:
        """The answer, {status, headers, body | body_base64}, or {error, category, message, was_sent}. Never raises.

        ``request`` is described at calls.read. ``headers`` of the answer have names in lower case. ``body`` is text;
        what is no text comes as ``body_base64``.
        """
        try:
            return self._fetch(request, time.monotonic() + seconds_left)
        except Exception as error:
            return self._failure(error)

    def sign(self, name: str, alg: str, data: str | bytes) -> str | dict[str, Any]:
        """The signature of ``data`` by the secret ``name`` in hex, or an error as of fetch. Never raises.

        ``alg`` is one of SIGNATURES.
        """
        try:
            if not isinstance(name, str) or not isinstance(alg, str) or alg not in SIGNATURES:
                known = ", ".join(SIGNATURES)
                raise Refused("bad_request", f"A signature takes the name of a secret and one of {known}.")
            if not isinstance(data, str | bytes) or len(data) > self._limits.request_bytes:
                raise Refused("bad_request", f"What is signed is a text of at most {self._limits.request_bytes} bytes.")
            if self.counts["signatures"] >= self._limits.signatures:
                raise Refused("too_many_calls", f"A run signs at most {self._limits.signatures} times.")
            self.counts["signatures"] += 1
            key = self._placeholders.value(name, host="", purpose="sign").encode()
            self._learn()
            raw = data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data
            return hmac.digest(key, raw, SIGNATURES[alg]).hex()
        except Exception as error:
            return self._failure(error)

    def _fetch(self, request: dict[str, Any], deadline: float) -> dict[str, Any]:
        call = calls.read(request, self._limits.request_bytes)
        deadline = min(deadline, time.monotonic() + call.seconds)
        for hop in range(self._limits.redirects + 1):
            try:
                url, came, shown = self._exchange(call, deadline)
            except Refused as refused:
                refused.was_sent |= hop > 0  # whatever became of this hop, the call did reach the first host
                raise
            following = self._redirected(call, url, came)
            if following is None:
                return {"status": shown.status, "headers": joined(shown.headers)} | exchanges.written(shown.body)
            call = following
        raise Refused("too_many_redirects", f"More than {self._limits.redirects} redirects in a row.", was_sent=True)

    def _exchange(self, call: Call, deadline: float) -> tuple[urls.Url, Incoming, Incoming]:
        """One request; its answer as it came, and as it may be shown. Recorded whatever comes of it. Raises Refused."""
        begun = time.monotonic()
        record = self._record(call)
        try:
            url = self._permitted(call)
            try:
                came = self._sent(call, url, deadline, record)
            except Refused as failed:
                self.recording.append(exchanges.recorded(call.method, record["url"], failed))
                raise
            shown = self._scrubbed(came)
            record |= {"status": came.status, "was_sent": True, "bytes_in": len(shown.body)}
            self.counts["bytes_in"] += len(shown.body)
            self.recording.append(exchanges.recorded(call.method, self._shown(call.url), shown))
            return url, came, shown
        except Refused as refused:
            self._note(record, call, refused)
            raise
        finally:
            record["duration_ms"] = round((time.monotonic() - begun) * 1000)

    def _permitted(self, call: Call) -> urls.Url:
        """The address of a call that may be made, found without asking anybody. Raises Refused."""
        url = urls.parse(call.url)
        rules.check(self._rules, call.method, url)
        lent = self._placeholders
        lent.permit(url.path, url.host, PATH)
        lent.permit(url.query or "", url.host, QUERY)
        lent.permit(call.body.decode("latin-1"), url.host, BODY)
        for name, value in call.headers:
            lent.permit(value, url.host, HEADER)
            if lent.stands_in_header(value) and not headers.may_hold_secret(name):
                raise Refused("secret_place", f"The header {name} holds no secrets: peers keep or show what it says.")
        if self.counts["calls"] >= self._limits.calls:
            raise Refused("too_many_calls", f"A run makes at most {self._limits.calls} calls.")
        if self._bytes_left() < len(call.body):
            raise Refused("too_many_bytes", f"A run moves at most {self._limits.bytes} bytes.")
        self.counts["calls"] += 1
        self.counts["bytes_out"] += len(call.body)
        return url

    def _sent(self, call: Call, url: urls.Url, deadline: float, record: dict[str, Any]) -> Incoming:
        """The answer from the first address that is reached. Raises Refused."""
        if url.host in self._peers:
            found = [LOOPBACK]
        else:
            found = public_addresses(self._resolver, url.host, _seconds(deadline))
        outgoing = self._outgoing(call, url)
        for number, address in enumerate(found, 1):
            record["address"] = address
            record["was_sent"] = True  # unless a Refused knows better: what breaks from here on may have been sent
            try:
                return self._transport.send(outgoing, address, _seconds(deadline))
            except Refused as failed:
                if failed.code != "unreachable" or number == len(found):
                    raise
        raise Refused("dns_failed", f"The name {url.host} has no address.")

    def _outgoing(self, call: Call, url: urls.Url) -> Outgoing:
        """The request with the secrets in it, checked again now that they are. Raises Refused."""
        lent, host = self._placeholders, url.host
        path = lent.in_path(url.path, host)
        query = None if url.query is None else lent.in_query(url.query, host)
        sent = [(name, lent.in_header(value, host)) for name, value in call.headers]
        body = lent.in_body(call.body, host, call.content_type)
        self._learn()
        try:
            urls.check_path(path)
            for name, value in sent:
                headers.check_value(name, value)
        except Refused as refused:
            sentence = "A secret holds characters that cannot stand where it was put."
            raise Refused("secret_unusable", sentence) from refused
        if not any(name.lower() == "user-agent" for name, _ in sent):
            sent.append(("User-Agent", "Galaxy"))
        return Outgoing(
            method=call.method,
            host=host,
            port=self._peers.get(host, url.port),
            target=urls.Url(host, url.port, path, query).target,
            headers=sent,
            body=body,
            shown_url=self._shown(call.url),
            most_bytes=min(self._limits.response_bytes, self._bytes_left()),
            is_peer=host in self._peers,
        )

    def _redirected(self, call: Call, url: urls.Url, came: Incoming) -> Call | None:
        """The call to make instead, None when the answer is to be handed over. Raises Refused."""
        location = next((value for name, value in came.headers if name.lower() == "location"), None)
        if came.status not in calls.REDIRECTS or location is None or call.follow is False:
            return None
        following = calls.redirected(call, url, came.status, location)
        try:
            target = urls.parse(following.url)
            rules.check(self._rules, following.method, target)
            if target.host != url.host and (self._has_secret(following.url) or self._has_secret(following.body)):
                raise Refused("secret_not_bound", "The redirect would take a secret to another host.")
        except Refused as refused:
            sentence = f"{url.host} redirects to where this call may not go. {refused}"
            # The call did reach its first host; the hop that is refused reached nobody.
            self._note(self._record(following), following, Refused("redirect_refused", sentence))
            raise Refused("redirect_refused", sentence, was_sent=True) from refused
        return following if call.follow else None

    def _record(self, call: Call) -> dict[str, Any]:
        """A new record of ``exchanges``; past their number it is written and thrown away."""
        record: dict[str, Any] = {
            "method": call.method,
            "url": self._shown(call.url),
            "status": None,
            "refused": False,
            "code": None,
            "reason": None,
            "address": None,
            "headers": [name for name, _ in call.headers],
            "was_sent": False,
            "duration_ms": 0,
            "bytes_in": 0,
            "bytes_out": len(call.body),
        }
        if len(self.exchanges) < self._limits.calls + _MOST_REFUSALS:
            self.exchanges.append(record)
        return record

    def _note(self, record: dict[str, Any], call: Call, refused: Refused) -> None:
        """Write into ``record`` why a call failed; tell the trail where policy blocked it."""
        reason = self._scrubber.text(str(refused))
        record |= {"code": refused.code, "reason": reason, "was_sent": refused.was_sent}
        if refused.category != "policy_block":
            return
        record["refused"] = True
        self.counts["refused"] += 1
        if self._on_refused and self.counts["refused"] <= _MOST_REFUSALS:
            self._on_refused(Refusal(_host_of(call.url), call.method, refused.code, reason))

    def _failure(self, error: Exception) -> dict[str, Any]:
        if isinstance(error, Refused):
            return self._scrubber.data(error.answer())
        # Whatever it is, the code learns nothing from it; nor does the log of its words, which may hold a value.
        frames = [f"{frame.filename}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__)]
        log.error("egress_failed", error=type(error).__qualname__, frames=frames)
        return Refused("broker_failed", "The call failed inside Galaxy.", was_sent=True).answer()

    def _scrubbed(self, came: Incoming) -> Incoming:
        pairs = [(self._scrubber.text(name), self._scrubber.text(value)) for name, value in came.headers]
        return Incoming(came.status, pairs, self._scrubber.raw(came.body))

    def _shown(self, url: str) -> str:
        """An address as records hold it: without secrets, control characters and undue length."""
        text = self._scrubber.text(self._placeholders.shown(url[: 2 * urls.MAX_CHARACTERS]))
        if not text.isprintable():
            text = "".join(sign if sign.isprintable() else "?" for sign in text)
        return text[: urls.MAX_CHARACTERS]

    def _learn(self) -> None:
        """Let the scrubber know the values that were opened by now."""
        values = self._placeholders.opened | self._hidden
        if len(values) != self._known:  # making one takes a while, so none is made for values that it knows already
            self._known = len(values)
            self._scrubber = Scrubber(values)

    def _has_secret(self, text: str | bytes) -> bool:
        written = text.decode("latin-1") if isinstance(text, bytes) else text
        return self._placeholders.stands_in(written) or self._scrubber.text(written) != written

    def _bytes_left(self) -> int:
        return max(0, self._limits.bytes - self.counts["bytes_in"] - self.counts["bytes_out"])


def _seconds(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise Refused("timeout", "The time of the call is over.")
    return left


def _host_of(url: str) -> str:
    """The host for the trail, empty where the address has none that is beyond doubt."""
    with suppress(Refused):
        return urls.parse(url).host
    return ""
