"""Ordinary programs, done by the pool and by this Python, and whether both come to the same."""

import contextlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from galaxy.core.egress.broker import Broker
from galaxy.core.egress.exchanges import FixtureTransport
from galaxy.core.egress.rules import HostRule
from sandbox.guest.context import ActionError, Context, LogStream
from sandbox.pool import Job, Pool
from tests.escape.own_cases import source
from tests.sandbox.pool import programs_data, programs_language, programs_modules, programs_values, programs_web
from tests.sandbox.pool.programs_web import EXCHANGES

NOW = datetime(2026, 3, 29, 0, 30, 15, 250_000, tzinfo=UTC)
INPUTS = {
    "names": ["Ada", "Grace", "Élise", "Ада", "Zoë"],
    "amount": "1234.50",
    "text": "The quick brown fox, and the lazy dog.",
}
PROGRAMS: list[Callable] = [
    value
    for module in (programs_language, programs_values, programs_data, programs_modules, programs_web)
    for name, value in vars(module).items()
    if callable(value) and not name.startswith("_") and value.__module__ == module.__name__
]


@dataclass
class Differences:
    total: int
    found: dict[str, str] = field(default_factory=dict)


def broker() -> Broker:
    transport = FixtureTransport(EXCHANGES)
    return Broker([HostRule("api.example.com")], resolver=transport, transport=transport)


class _Here:
    """The host functions for a program that runs in this process."""

    def __init__(self) -> None:
        self.broker, self.logs = broker(), []

    def http(self, request: str) -> str:
        return json.dumps(self.broker.fetch(json.loads(request), 5.0))

    def log(self, level: str, text: str) -> None:
        self.logs.append({"level": level, "text": text})


def natively(program: Callable) -> tuple[Any, list[dict[str, str]]]:
    """Output, as JSON gives it back, and logs."""
    host = _Here()
    context = {"now_ns": int(NOW.timestamp() * 1_000_000) * 1000, "run_id": "run-1", "secrets": {}}
    program.__globals__.setdefault("ActionError", ActionError)
    with contextlib.redirect_stdout(LogStream(host, "print")):
        output = program(INPUTS, Context(host, context))
    return json.loads(json.dumps(output)), host.logs


def in_the_pool(pool: Pool, program: Callable) -> tuple[Any, list[dict[str, str]]]:
    outcome = pool.run(
        Job(workspace="ordinary", code=source(program), inputs=INPUTS, seed=1, now=NOW, run_id="run-1"), broker()
    )
    return outcome.error["sentence"] if outcome.error else outcome.output, outcome.logs


def differences() -> Differences:
    """Every program, in both places."""
    result = Differences(len(PROGRAMS))
    with Pool(1) as pool:
        for program in PROGRAMS:
            here, there = natively(program), in_the_pool(pool, program)
            if here != there:
                result.found[program.__name__] = f"{there} instead of {here}"[:400]
    return result
