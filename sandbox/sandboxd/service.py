"""What sandboxd does for each request: the table of operations, and the pool and ways out that they share."""

import base64
import contextlib
import json
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import structlog
from django.db import DatabaseError, close_old_connections

from galaxy.core.egress import NoSecrets, SecretSource, SystemResolver
from galaxy.core.egress.configured import loopback_peers, pinned_transport
from galaxy.core.errors import DomainError
from galaxy.core.scope import workspace_scope
from galaxy.core.vault.errors import KeyDestroyed, VaultClosed
from galaxy.core.vault.recordings import open_recording, seal_recording
from galaxy.core.vault.source import LeasedSecrets
from sandbox.fixture_review import review
from sandbox.pool import Pool, SandboxUnavailable
from sandbox.sandboxd import connecting, contract_tests, hooks, names, news, releases, sealing, streams, trials
from sandbox.sandboxd.calling import call
from sandbox.sandboxd.execution import Result, Ways, execute, replay
from sandbox.sandboxd.memo import Memo, memo_key
from sandbox.sandboxd.orders import BadOrder, CallOrder, FixtureOrder, ReplayOrder, RunOrder, TestOrder
from sandbox.sandboxd.places import Places
from sandbox.sandboxd.programs import program_of, schemas_of
from sandbox.sandboxd.under_way import briefly, record_refusal, running
from sandbox.sandboxd.watching import Watch

log = structlog.get_logger(__name__)
LONGEST_WAIT_S = 5.0  # for a place; with the longest run it stays below the lease of a run
Operation = Callable[[dict[str, Any]], dict[str, Any]]


class CannotRun(DomainError):
    """Python does not run here now; nothing was begun."""

    status = 503
    code = "sandbox_unavailable"
    next_step = "An administrator sees on the system's page which wall is missing."


class Busy(DomainError):
    """Every place is taken, and none became free in time; nothing was begun."""

    status = 503
    code = "sandbox_busy"
    next_step = "Wait a moment, then try again."


class Service:
    """Answers requests; used by many threads at once. ``why_no_pool`` says why Python does not run here, where it does
    not: then everything else still works."""

    def __init__(self, pool: Pool | None, why_no_pool: str = ""):
        self._pool = pool
        self._why_no_pool = why_no_pool
        self._ways = Ways(SystemResolver(), pinned_transport(), loopback_peers())
        self._memo = Memo()
        self._watch = Watch()
        self._places = Places(pool.size if pool else 1)
        self._operations: dict[str, Operation] = {
            "health": self._health,
            "run": self._run,
            "call": self._call,
            "replay": self._replay,
            "test": self._test,
            "fixture": _fixture,
            "secret.test": lambda body: trials.try_out(body, self._ways),
            "trigger.verify": hooks.verify,
            "audit.stream": lambda body: streams.send(body, self._ways),
            "news.send": lambda body: news.send(body, self._ways),
            **sealing.OPERATIONS,
            **releases.OPERATIONS,
            **names.OPERATIONS,
            **connecting.operations(self._ways),
        }

    def handle(self, op: str, body: dict[str, Any]) -> dict[str, Any]:
        """The answer to one request. Raises DomainError."""
        operation = self._operations.get(op)
        if operation is None:
            raise BadOrder(f"There is no operation {op:.40}.")
        close_old_connections()
        try:
            return operation(body)
        finally:
            close_old_connections()

    def _health(self, body: dict[str, Any]) -> dict[str, Any]:
        """How this host stands: {python, why, walls, reduced, size, vault}."""
        pool = self._pool
        return {
            "python": pool is not None,
            "why": self._why_no_pool,
            "walls": pool.walls if pool else [],
            "reduced": bool(pool and any(not wall["in_force"] for wall in pool.walls)),
            "size": pool.size if pool else 0,
            "vault": sealing.is_open(),
        }

    def _call(self, body: dict[str, Any]) -> dict[str, Any]:
        order = CallOrder.from_body(body)
        with self._watch.over(order.workspace, order.digest):
            return call(order, self._ways)

    def _run(self, body: dict[str, Any]) -> dict[str, Any]:
        order = RunOrder.from_body(body)
        with workspace_scope([order.workspace]):
            with briefly():
                run = running(order.workspace, order.run, order.digest, order.target)
                program = program_of(order.digest, order.target)
            key = memo_key(order) if program.kind == "transform" and order.remembers else b""
            if key and (known := self._memo.get(key)):
                return answer_of(known) | {"recording": _sealed(order, known), "remembered": True}
            with self._place(order.workspace) as pool, self._watch.over(order.workspace, order.digest):
                result = execute(
                    pool,
                    program,
                    workspace=str(order.workspace),
                    run_id=order.run,
                    inputs=order.inputs,
                    seed=order.seed,
                    now=order.now,
                    ways=self._ways,
                    source=_secrets(order),
                    names=tuple(order.leases),
                    on_refused=lambda refusal: record_refusal(run, refusal),
                )
            if key and result.outcome.status == "ok":
                self._memo.put(key, result)
            return answer_of(result) | {"recording": _sealed(order, result), "remembered": False}

    def _replay(self, body: dict[str, Any]) -> dict[str, Any]:
        order = ReplayOrder.from_body(body)
        with workspace_scope([order.workspace]), briefly():
            program = program_of(order.digest, order.target)
            recording = _opened(order)
        with self._place(order.workspace) as pool:
            result = replay(pool, program, workspace=str(order.workspace), run_id=order.run, recording=recording)
        error_code = (result.outcome.error or {}).get("code", "")
        return {
            "equal": (result.output_digest, error_code) == (recording["output_digest"], recording["error"]),
            "then": {"output_digest": recording["output_digest"], "error": recording["error"]},
            "now": {"output_digest": result.output_digest, "error": error_code},
            "same_interpreter": recording["artefact"] == result.outcome.artefact,
            "http_calls": result.outcome.http_calls,
        }

    def _test(self, body: dict[str, Any]) -> dict[str, Any]:
        """A contract test of code that need not be published: answered from the order alone."""
        order = TestOrder.from_body(body)
        with self._place(str(order.workspace)) as pool:
            return answer_of(contract_tests.run(pool, order))

    @contextlib.contextmanager
    def _place(self, workspace: UUID | str) -> Iterator[Pool]:
        """A place among the runs at a time; whoever waits too long is told, so that its worker can show signs of life.

        Raises Busy, or CannotRun where Python does not run on this host.
        """
        if self._pool is None:
            raise CannotRun(f"Python does not run on this host: {self._why_no_pool}")
        if not self._places.take(str(workspace), LONGEST_WAIT_S):
            raise Busy("The sandbox of this host has no free place.")
        try:
            yield self._pool
        except SandboxUnavailable as error:
            raise CannotRun(f"Python does not run on this host: {error}") from error
        finally:
            self._places.free(str(workspace))


class _BrieflyLeased(LeasedSecrets):
    """Leased secrets that hold no connection to the database between two uses, however long the run takes."""

    def open(self, name: str, *, host: str, purpose: str) -> str:
        with briefly():
            return super().open(name, host=host, purpose=purpose)

    def _bounds(self, name: str) -> Any:
        with briefly():
            return super()._bounds(name)


def _secrets(order: RunOrder) -> SecretSource:
    if not order.leases:
        return NoSecrets()
    return _BrieflyLeased(order.leases, run_id=order.run, workspace=order.workspace)


def _fixture(body: dict[str, Any]) -> dict[str, Any]:
    """What a recorded run heard, with what is personal masked here: only places that were kept leave as they were."""
    order = FixtureOrder.from_body(body)
    with workspace_scope([order.workspace]), briefly():
        inputs, outputs = schemas_of(order.digest, order.target)
        recording = _opened(order)
    return review(recording, inputs=inputs, outputs=outputs, keep=order.keep).as_body()


def _opened(order: ReplayOrder) -> dict[str, Any]:
    """The recording in the clear. The workspace must be in scope. Raises what open_recording does, or BadOrder for a
    program that it is not of: another one could carry what people's data say out of a replay."""
    recording = json.loads(open_recording(order.workspace, order.run, base64.b64decode(order.sealed)))
    if recording.get("program") != [order.digest, order.target]:
        raise BadOrder("This recording is of another program.")
    return recording


def answer_of(result: Result) -> dict[str, Any]:
    """A result as it goes over the socket."""
    return {
        "outcome": result.outcome.as_dict(),
        "exchanges": result.exchanges,
        "output_digest": result.output_digest,
        "may_have_acted": result.may_have_acted,
    }


def _sealed(order: RunOrder, result: Result) -> str:
    """The recording in base64, sealed, with the program that it is of; "" where it cannot be sealed, since it holds
    people's data. What the run did has to be told in any case."""
    named = result.recording | {"program": [order.digest, order.target]}
    try:
        text = json.dumps(named, separators=(",", ":")).encode()
        return base64.b64encode(seal_recording(order.workspace, order.run, text)).decode()
    except (VaultClosed, KeyDestroyed, DatabaseError) as error:
        log.warning("recording not sealed", run=order.run, error=type(error).__name__)
        return ""
