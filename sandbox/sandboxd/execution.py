"""One run of Python from end to end: the pool runs it, the broker goes out for it, and what comes back is scrubbed.

Used by sandboxd for runs of a workspace and by ``manage.py action run`` for a creator's file: the same walls, the same
broker, the same limits.
"""

import hashlib
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from galaxy.core import jcs
from galaxy.core.egress import Broker, FixtureTransport, Refusal, Refused, Resolver, SecretSource, Transport, halting
from galaxy.core.egress.configured import grpc_transport
from sandbox.pool import Job, Outcome, Pool
from sandbox.pool.outcome import TRANSFORM
from sandbox.sandboxd.programs import Program

_TEXTS = ("url", "reason", "headers")  # of an exchange; its numbers are ours
SAFE_METHODS = frozenset({"GET", "HEAD"})


@dataclass(frozen=True)
class Ways:
    """How a run gets out: its resolver and transport, and the hosts that development reaches on this machine."""

    resolver: Resolver
    transport: Transport
    peers: frozenset[tuple[str, int]] = frozenset()
    grpc: Callable[[Callable[[bytes], bytes]], Transport] = grpc_transport  # of calls whose answers are read so


@dataclass
class Result:
    """``outcome`` is scrubbed of every secret; ``exchanges`` are the broker's. ``output_digest`` is the
    SHA-256 in hex of the output's RFC 8785 form, "" without an output. ``may_have_acted``: a request that can change
    something may have been taken in. ``recording`` is what a replay needs (``replay``)."""

    outcome: Outcome
    exchanges: list[dict[str, Any]] = field(default_factory=list)
    output_digest: str = ""
    may_have_acted: bool = False
    recording: dict[str, Any] = field(default_factory=dict)


class _Remembering:
    """The broker as the pool sees it; remembers signatures too, which a replay must answer without the secret."""

    def __init__(self, broker: Broker):
        self._broker = broker
        self.signatures: list[str | dict[str, Any]] = []

    def fetch(self, request: dict[str, Any], seconds_left: float) -> dict[str, Any]:
        return self._broker.fetch(request, seconds_left)

    def sign(self, name: str, alg: str, data: bytes) -> str | dict[str, Any]:
        answer = self._broker.sign(name, alg, data)
        self.signatures.append(answer)
        return answer


class _Repeating(_Remembering):
    """Answers signatures from a recording, in order."""

    def __init__(self, broker: Broker, signatures: list[str | dict[str, Any]]):
        super().__init__(broker)
        self._left = list(signatures)

    def sign(self, name: str, alg: str, data: bytes) -> str | dict[str, Any]:
        if not self._left:
            return {"error": "not_recorded", "message": "The recorded run did not sign here."}
        return self._left.pop(0)


class _Bound:
    """The secrets of a replay: the hosts and places they were bound to then, and values that mean nothing."""

    def __init__(self, bound: Mapping[str, Mapping[str, list[str]]]):
        self._bound = bound

    def open(self, name: str, *, host: str, purpose: str) -> str:
        return secrets.token_hex(16)

    def bound_hosts(self, name: str) -> list[str]:
        return list(self._bound[name]["hosts"])

    def places(self, name: str) -> list[str]:
        return list(self._bound[name]["places"])


def execute(
    pool: Pool,
    program: Program,
    *,
    workspace: str,
    run_id: str,
    inputs: dict[str, Any],
    seed: int,
    now: datetime,
    ways: Ways,
    source: SecretSource,
    names: tuple[str, ...] = (),
    on_refused: Callable[[Refusal], None] | None = None,
    key: bytes = b"",
) -> Result:
    """Run ``program`` once. ``names`` are the secrets it may use; ``source`` opens one when it is sent somewhere.

    ``key`` makes their placeholders; a random one unless the same run has to give the same bytes.
    """
    key = key or secrets.token_bytes(32)
    broker = _broker(program, ways, source, key, on_refused)
    remembering = _Remembering(broker)
    outcome = _run(pool, program, broker, remembering, names, workspace, run_id, inputs, seed, now)
    result = _result(outcome, broker)
    result.recording = {
        "inputs": inputs,
        "seed": seed,
        "now": now.isoformat(),
        "key": key.hex(),
        "secrets": {name: _bounds(source, name) for name in names},
        "exchanges": broker.scrubber.data(broker.recording),
        "signatures": remembering.signatures,
        "output_digest": result.output_digest,
        "error": (outcome.error or {}).get("code", ""),
        "artefact": outcome.artefact,
    }
    return result


def _bounds(source: SecretSource, name: str) -> dict[str, list[str]]:
    """Where a secret might go; nowhere for one that ended while the run went on."""
    try:
        return {"hosts": [*source.bound_hosts(name)], "places": [*source.places(name)]}
    except Refused:
        return {"hosts": [], "places": []}


def replay(pool: Pool, program: Program, *, workspace: str, run_id: str, recording: dict[str, Any]) -> Result:
    """Run a recorded run again with nothing but its recording: no network, no secret, the same clock and seed."""
    transport = FixtureTransport(recording["exchanges"], in_order=True)
    broker = _broker(program, Ways(transport, transport), _Bound(recording["secrets"]), bytes.fromhex(recording["key"]))
    outcome = _run(
        pool,
        program,
        broker,
        _Repeating(broker, recording["signatures"]),
        tuple(recording["secrets"]),
        workspace,
        run_id,
        recording["inputs"],
        recording["seed"],
        datetime.fromisoformat(recording["now"]),
    )
    return _result(outcome, broker)


def _broker(
    program: Program,
    ways: Ways,
    source: SecretSource,
    key: bytes,
    on_refused: Callable[[Refusal], None] | None = None,
) -> Broker:
    return Broker(
        program.rules,
        resolver=ways.resolver,
        transport=ways.transport,
        secrets=source,
        loopback_peers=ways.peers,
        on_refused=on_refused,
        key=key,
    )


def _run(
    pool: Pool,
    program: Program,
    broker: Broker,
    speaker: _Remembering,
    names: tuple[str, ...],
    workspace: str,
    run_id: str,
    inputs: dict[str, Any],
    seed: int,
    now: datetime,
) -> Outcome:
    job = Job(
        workspace=workspace,
        code=program.code,
        inputs=inputs,
        seed=seed,
        now=now,
        limits=program.limits,
        kind=program.kind,
        secrets={name: broker.placeholder(name) for name in names},
        run_id="" if program.kind == TRANSFORM else run_id,  # its result may be another run's, from memory
        filename=program.filename,
    )
    outcome = pool.run(job, speaker, halting.current())
    scrub = broker.scrubber.data
    outcome.output, outcome.error, outcome.logs = scrub(outcome.output), scrub(outcome.error), scrub(outcome.logs)
    return outcome


def _result(outcome: Outcome, broker: Broker) -> Result:
    is_ok = outcome.status == "ok"
    scrub = broker.scrubber.data  # once more: a value may have come in before the run first used it
    return Result(
        outcome=outcome,
        exchanges=[one | scrub({name: one[name] for name in _TEXTS}) for one in broker.exchanges],
        output_digest=hashlib.sha256(jcs.dumps(outcome.output)).hexdigest() if is_ok else "",
        may_have_acted=any(_may_have_acted(one) for one in broker.exchanges),
    )


def _may_have_acted(exchange: dict[str, Any]) -> bool:
    """Whether a request that can change something may have been taken in; 4xx says that it was not."""
    if exchange["method"] in SAFE_METHODS or not exchange["was_sent"]:
        return False
    status = exchange["status"]
    return status is None or not 400 <= status < 500
