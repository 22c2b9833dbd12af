"""What sandboxd does for each request: the table of operations, and the pool and ways out that they share."""

import base64
import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

from django.db import close_old_connections, transaction

from galaxy.core import audit
from galaxy.core.audit import Actor
from galaxy.core.egress import NoSecrets, Refusal, SystemResolver
from galaxy.core.egress.configured import loopback_peers, pinned_transport
from galaxy.core.errors import DomainError
from galaxy.core.scope import workspace_scope
from galaxy.core.vault.errors import VaultClosed
from galaxy.core.vault.recordings import open_recording, seal_recording
from galaxy.core.vault.source import LeasedSecrets
from sandbox.models import Run
from sandbox.pool import Pool, SandboxUnavailable
from sandbox.sandboxd import sealing, trials
from sandbox.sandboxd.execution import Result, Ways, execute, replay
from sandbox.sandboxd.memo import Memo, memo_key
from sandbox.sandboxd.orders import BadOrder, ReplayOrder, RunOrder
from sandbox.sandboxd.programs import program_of

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
        self._places = threading.BoundedSemaphore(pool.size if pool else 1)
        self._counts = {"runs": 0, "lost": 0}
        self._lock = threading.Lock()
        self._operations: dict[str, Operation] = {
            "health": self._health,
            "run": self._run,
            "replay": self._replay,
            "secret.test": lambda body: trials.try_out(body, self._ways),
            **sealing.OPERATIONS,
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
        """How this host stands: {state, python, why, walls, size, artefact, runs, lost, vault}."""
        pool = self._pool
        with self._lock:
            counts = dict(self._counts)
        return {
            "state": "serving",
            "python": pool is not None,
            "why": self._why_no_pool,
            "walls": pool.walls if pool else [],
            "reduced": bool(pool and any(not wall["in_force"] for wall in pool.walls)),
            "size": pool.size if pool else 0,
            "artefact": pool.artefact.digest if pool else "",
            "vault": sealing.is_open(),
            **counts,
        }

    def _run(self, body: dict[str, Any]) -> dict[str, Any]:
        order = RunOrder.from_body(body)
        with workspace_scope([order.workspace]):
            run = _running(order.workspace, order.run, order.digest, order.target)
            program = program_of(order.digest, order.target)
            key = memo_key(order) if program.kind == "transform" else ""
            if key and (known := self._memo.get(key)):
                return _answer(known) | {"recording": _sealed(order, known), "remembered": True}
            with self._place() as pool:
                result = execute(
                    pool,
                    program,
                    workspace=str(order.workspace),
                    run_id=order.run,
                    inputs=order.inputs,
                    seed=order.seed,
                    now=order.now,
                    ways=self._ways,
                    source=LeasedSecrets(order.leases) if order.leases else NoSecrets(),
                    names=tuple(order.leases),
                    on_refused=lambda refusal: _record_refusal(run, refusal),
                )
            self._count(result)
            if key and result.outcome.status == "ok":
                self._memo.put(key, result)
            return _answer(result) | {"recording": _sealed(order, result), "remembered": False}

    def _replay(self, body: dict[str, Any]) -> dict[str, Any]:
        order = ReplayOrder.from_body(body)
        with workspace_scope([order.workspace]):
            program = program_of(order.digest, order.target)
            opened = open_recording(order.workspace, order.run, bytes.fromhex(order.sealed))
            recording = json.loads(opened)
        with self._place() as pool:
            result = replay(pool, program, workspace=str(order.workspace), run_id=order.run, recording=recording)
        error_code = (result.outcome.error or {}).get("code", "")
        return {
            "equal": (result.output_digest, error_code) == (recording["output_digest"], recording["error"]),
            "then": {"output_digest": recording["output_digest"], "error": recording["error"]},
            "now": {"output_digest": result.output_digest, "error": error_code},
            "same_interpreter": recording["artefact"] == result.outcome.artefact,
            "http_calls": result.outcome.http_calls,
            "measured": result.outcome.measured,
        }

    @contextlib.contextmanager
    def _place(self) -> Iterator[Pool]:
        """A place among the runs at a time; whoever waits too long is told, so that its worker can show signs of life.

        Raises Busy, or CannotRun where Python does not run on this host.
        """
        if self._pool is None:
            raise CannotRun(f"Python does not run on this host: {self._why_no_pool}")
        if not self._places.acquire(timeout=LONGEST_WAIT_S):
            raise Busy("The sandbox of this host has no free place.")
        try:
            yield self._pool
        except SandboxUnavailable as error:
            raise CannotRun(f"Python does not run on this host: {error}") from error
        finally:
            self._places.release()

    def _count(self, result: Result) -> None:
        lost = (result.outcome.error or {}).get("code") == "worker_lost"
        with self._lock:
            self._counts["runs"] += 1
            self._counts["lost"] += lost


def _running(workspace: UUID, run_id: str, digest: str, target: str) -> Run:
    """The run that an order is for, which must be under way: nobody runs code here beside the gate. Raises BadOrder."""
    try:
        run = Run.objects.select_related("workspace").filter(workspace=workspace, pk=UUID(run_id)).first()
    except ValueError:
        run = None
    if run is None or run.state != Run.State.RUNNING or (run.version_digest, run.target) != (digest, target):
        raise BadOrder("No such run is under way.")
    return run


def _record_refusal(run: Run, refusal: Refusal) -> None:
    """What the code asked of the network and policy refused, for the trail; never a value."""
    with workspace_scope([run.workspace_id]), transaction.atomic():
        audit.record(
            "egress.refused",
            actor=Actor.from_list(run.chain).through("call", str(run.pk), run.target),
            target=run,
            host=refusal.host,
            method=refusal.method,
            code=refusal.code,
            reason=refusal.reason,
        )


def _answer(result: Result) -> dict[str, Any]:
    return {
        "outcome": result.outcome.as_dict(),
        "exchanges": result.exchanges,
        "counts": result.counts,
        "output_digest": result.output_digest,
        "may_have_acted": result.may_have_acted,
    }


def _sealed(order: RunOrder, result: Result) -> str:
    """The recording in base64, sealed; "" where the vault of this host is closed, since it holds people's data."""
    try:
        text = json.dumps(result.recording, separators=(",", ":")).encode()
        return base64.b64encode(seal_recording(order.workspace, order.run, text)).decode()
    except VaultClosed:
        return ""
