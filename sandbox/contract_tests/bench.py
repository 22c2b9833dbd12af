"""A call on the bench: the live runner and the gate's attempts, with fixtures where the network would be.

Nothing here decides anything that a live call decides otherwise. What stands in for the database says nothing, what
stands in for the vendor answers from a list.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import grpc

from galaxy.core.egress import Refusal
from galaxy.core.egress.exchanges import NOWHERE, ScriptTransport
from galaxy.core.egress.grpc import HTTP_STATUS, STATUS
from galaxy.core.egress.rules import parse
from galaxy.core.egress.transport import Incoming, Outgoing
from registry.manifests import ActionSpec, Manifest
from sandbox.errors import RunError
from sandbox.runners import Reply
from sandbox.runners.live import LiveRunner
from sandbox.sandboxd.calling import NONE, Asked, exchange_of
from sandbox.sandboxd.execution import Ways
from sandbox.sandboxd.orders import CallOrder
from sandbox.services.executing import Tries

NOW = datetime(2026, 1, 31, 9, tzinfo=UTC)
NOBODY = UUID(int=0)
_CODES = {status: code for code, status in reversed(HTTP_STATUS.items())}


@dataclass
class Tried:
    """What came of one call. ``requests`` are records of what left; ``waited_ms`` passed on the test's own clock."""

    reply: Reply | None = None
    error: RunError | None = None
    attempts: int = 0
    waited_ms: int = 0
    requests: list[dict[str, Any]] = field(default_factory=list)
    sent: list[Outgoing] = field(default_factory=list)

    @property
    def words(self) -> str:
        """How it ended, for whoever reads a report."""
        if self.error:
            tail = ", and what became of it is not known" if self.error.ambiguous else ""
            return (
                f"{self.error.category} after {self.attempts} {_attempts(self.attempts)}: {self.error.sentence}{tail}"
            )
        return f"success after {self.attempts} {_attempts(self.attempts)}"


def tried(
    manifest: Manifest, action: ActionSpec, inputs: dict[str, Any], replies: list[dict[str, Any]], *, seed: int = 7
) -> Tried:
    """Call ``action`` as a live run would, where the other side answers by ``replies``, the last again and again."""
    runner = RecordedRunner(manifest, action, replies)
    call = SimpleNamespace(action=action, inputs=inputs, is_repeatable=action.is_repeatable)
    exchanges: list[dict[str, Any]] = []
    tries = Tries(_run(action, seed), call, runner, _Quiet(), _Alone(), exchanges)
    found = Tried()
    try:
        found.reply = tries.anywhere()
    except RunError as error:
        tries.tell_doubt(error)
        found.error = error
    found.attempts, found.waited_ms = tries.number, tries.virtual_ms
    found.requests = [record for one in exchanges for record in one.get("requests", ())]
    found.sent = runner.sent
    return found


class RecordedRunner(LiveRunner):
    """The live runner, whose exchanges are made here and answered from a list. Its waits pass on a clock of its own."""

    is_virtual = True

    def __init__(self, manifest: Manifest, action: ActionSpec, replies: list[dict[str, Any]]):
        canonical = manifest.canonical
        suffix = next((one["suffix"].lstrip(".") for one in canonical.get("egress", ()) if "suffix" in one), "")
        host = f"tenant.{suffix}" if suffix else ""
        self.run: Any = _run(action, 0, host)
        self._begin(manifest, action, host)
        self._rules = parse(canonical.get("egress", ()), connection_host=host)
        self._script = _Sent(ScriptTransport(replies))
        self.refusals: list[Refusal] = []

    @property
    def sent(self) -> list[Outgoing]:
        return self._script.requests

    def stay(self) -> None:
        """Nobody waits for a sign of life."""

    def asked(
        self, inputs: dict[str, Any], requests: list[dict[str, Any]], *, may_renew: bool
    ) -> dict[str, Any] | Reply:
        seconds = self.spec.timeout_ms / 1000
        order = CallOrder(
            NOBODY, str(NOBODY), "", self.run.target, inputs, 1, 0, self._endpoint, self._listing.page, False, seconds
        )
        ways = Ways(self._script, self._script, grpc=lambda decode: _GrpcScript(self._script))
        asked = _Asked(order, self.run, self.manifest, self.spec, self._rules, ways)
        self.before_send()
        answer = exchange_of(self.spec)(asked, NONE)
        if answer["exchange"]:
            requests.append(answer["exchange"] | {"page": self._listing.count + 1})
        return answer


class _Asked(Asked):
    def refused(self, refusal: Refusal) -> None:
        """There is no trail to tell; what was refused is the answer of the call."""


class _Sent:
    """A transport that remembers what left."""

    def __init__(self, script: ScriptTransport):
        self.script = script
        self.requests: list[Outgoing] = []

    def resolve(self, host: str, seconds: float) -> list[str]:
        return [NOWHERE]

    def send(self, request: Outgoing, address: str, seconds: float) -> Incoming:
        self.requests.append(request)
        return self.script.send(request, address, seconds)


class _GrpcScript:
    """Fixtures as answers over gRPC: a status stands for the code that it is told as (galaxy.core.egress.grpc)."""

    def __init__(self, script: _Sent):
        self._script = script

    def send(self, request: Outgoing, address: str, seconds: float) -> Incoming:
        came = self._script.send(request, address, seconds)
        code = _CODES.get(came.status, grpc.StatusCode.UNAVAILABLE if came.status >= 500 else grpc.StatusCode.UNKNOWN)
        body = came.body if code is grpc.StatusCode.OK else json.dumps({"code": code.name, "message": ""}).encode()
        return Incoming(HTTP_STATUS[code], [*came.headers, (STATUS, code.name)], body)


class _Alone:
    """No budget, no breaker and no other call stands in the way of a test."""

    def begin(self, endpoint: int) -> None: ...
    def before(self) -> None: ...
    def keep(self, **changes: Any) -> None: ...
    def require_going(self) -> None: ...
    def after(self, category: str | None, reply: Reply) -> bool:
        return False


class _Quiet:
    @contextmanager
    def span(self, name: str, kind: str, **attributes: Any) -> Iterator[Any]:
        yield SimpleNamespace(status="", attributes={})


def _run(action: ActionSpec, seed: int, host: str = "") -> Any:
    """What of a run a call looks at: live, in its first attempt."""
    return SimpleNamespace(
        pk=NOBODY,
        seed=seed,
        target=action.id,
        attempt=1,
        is_simulated=False,
        created_at=NOW,
        connection=SimpleNamespace(host=host) if host else None,
    )


def _attempts(number: int) -> str:
    return "attempt" if number == 1 else "attempts"
