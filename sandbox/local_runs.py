"""A creator's file, run on this machine as Galaxy would run it: same walls, same broker, same limits, no database."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from galaxy.core.egress import FixtureTransport, Refused, SystemResolver
from galaxy.core.egress.configured import loopback_peers, pinned_transport
from registry.manifests import Finding, read
from sandbox.pool import Limits, Pool
from sandbox.pool.outcome import ACTION
from sandbox.sandboxd.execution import Result, Ways, execute
from sandbox.sandboxd.programs import Program, program

NOW = datetime(2026, 1, 1, tzinfo=UTC)  # the clock of a run that names none: the same run gives the same bytes
WORKSPACE = "this machine"

# How a run ended, in the words of the escape suite; whatever is not named is an error of the code.
_ENDINGS = {
    "time_limit": "timeout",
    "cpu_limit": "timeout",
    "protocol_violation": "protocol",
    "sandbox_violation": "died",
    "worker_lost": "died",
    "crashed": "died",
    "http_calls_limit": "io-limit",
    "http_bytes_limit": "io-limit",
}


class BadSecret(ValueError):
    """A secret on the command line is not NAME=VALUE@HOST."""


@dataclass(frozen=True)
class GivenSecret:
    """A secret of the command line, with the hosts it may be sent to. Its value does not show itself."""

    value: str = field(repr=False)
    hosts: tuple[str, ...]


class GivenSecrets:
    """The command line's secrets as the broker asks for them."""

    def __init__(self, given: Mapping[str, GivenSecret]):
        self._given = given

    def open(self, name: str, *, host: str, purpose: str) -> str:
        return self._named(name).value

    def bound_hosts(self, name: str) -> Sequence[str]:
        return self._named(name).hosts

    def places(self, name: str) -> Sequence[str]:
        self._named(name)
        return ("header",)

    def _named(self, name: str) -> GivenSecret:
        if name not in self._given:
            raise Refused("secret_not_bound", f"This run has no secret {name:.60}.")
        return self._given[name]


def read_secret(text: str) -> tuple[str, GivenSecret]:
    """``NAME=VALUE@HOST[,HOST...]``, where VALUE may be ``file:PATH``. Raises BadSecret."""
    name, equals, rest = text.partition("=")
    value, at, hosts = rest.rpartition("@")
    if not (name.isidentifier() and equals and at and value and hosts):
        raise BadSecret(f"{name or text!r:.40}: write NAME=VALUE@HOST, such as TOKEN=abc123xyz@api.example.com.")
    if value.startswith("file:"):
        try:
            value = Path(value.removeprefix("file:")).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise BadSecret(f"{name}: its file cannot be read: {error.strerror}.") from error
    return name, GivenSecret(value, tuple(host.strip().lower() for host in hosts.split(",")))


def program_from(code: str, filename: str) -> tuple[Program, list[Finding]]:
    """What the file declares, and what is to be said of it. A file whose header cannot be read may call no host; what
    is wrong with its code shows when it runs."""
    reading = read(code, format="python", filename=filename)
    if reading.manifest is None:
        return Program(ACTION, filename, code, (), Limits()), reading.findings
    return program(reading.manifest, reading.manifest.canonical, filename, code), reading.findings


def ways_of(fixtures: list[dict[str, Any]] | None) -> Ways:
    """Recorded answers where there are some, and no network at all then; else the real way out."""
    if fixtures is None:
        return Ways(SystemResolver(), pinned_transport(), loopback_peers())
    transport = FixtureTransport(fixtures)
    return Ways(transport, transport)


def run_program(
    pool: Pool,
    wanted: Program,
    *,
    inputs: Any,
    seed: int,
    now: datetime,
    fixtures: list[dict[str, Any]] | None,
    secrets: Mapping[str, GivenSecret],
) -> Result:
    return execute(
        pool,
        wanted,
        workspace=WORKSPACE,
        run_id=f"local-{seed}",
        inputs=inputs,
        seed=seed,
        now=now,
        ways=ways_of(fixtures),
        source=GivenSecrets(secrets),
        names=tuple(secrets),
        key=hashlib.sha256(f"{seed}:{wanted.filename}".encode()).digest(),
    )


def as_report(result: Result) -> dict[str, Any]:
    """The run as one JSON object. All that differs from time to time stands under ``measured``."""
    outcome = result.outcome
    calls = [{key: value for key, value in one.items() if key != "duration_ms"} for one in result.exchanges]
    return {
        "status": ending(result),
        "output": outcome.output,
        "error": outcome.error,
        "logs": outcome.logs,
        "lost_logs": outcome.lost_logs,
        "http": calls,
        "walls": outcome.walls,
        "limits": outcome.limits,
        "artefact": outcome.artefact,
        "output_digest": result.output_digest,
        "measured": outcome.measured | {"http_ms": [one["duration_ms"] for one in result.exchanges]},
    }


def as_case(case_id: Any, result: Result) -> dict[str, Any]:
    """One line of a list of cases."""
    report = as_report(result)
    return {"id": case_id} | {name: report[name] for name in ("status", "output", "error", "logs", "walls")}


def ending(result: Result) -> str:
    """ok, error, timeout, died, protocol or io-limit."""
    error = result.outcome.error
    return "ok" if error is None else _ENDINGS.get(error["code"], "error")
