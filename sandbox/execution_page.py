"""What the page of a run shows of the sandbox: walls, limits, what the code asked of the network, its log."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from django.conf import settings

from sandbox.models import Execution, Run
from sandbox.pool.limits import LINE_OVERHEAD_BYTES, MIB
from sandbox.sandboxd.programs import holder_of

WALLS = {
    "webassembly": "WebAssembly",
    "landlock": "Landlock",
    "seccomp": "System-call filter",
    "resource_limits": "Resource limits",
    "privileges": "Privileges",
    "no_new_privileges": "No new privileges",
    "not_dumpable": "Closed memory",
    "descriptors": "Closed descriptors",
    "parent_death": "Ends with its parent",
}


@dataclass(frozen=True)
class Use:
    """One limit and how much of it was used, in words."""

    label: str
    used: str
    most: str


class ExecutionPage:
    """The last try of a run, as its page shows it."""

    def __init__(self, execution: Execution):
        self.execution = execution

    @property
    def walls(self) -> list[tuple[str, bool, str]]:
        """(name, in force, what it does or what is missing), missing ones first."""
        rows = [(WALLS.get(one["name"], one["name"]), one["in_force"], one["detail"]) for one in self.execution.walls]
        return sorted(rows, key=lambda row: row[1])

    @property
    def missing(self) -> list[str]:
        return [name for name, in_force, _ in self.walls if not in_force]

    @property
    def replay_command(self) -> str:
        return f"python manage.py run replay {self.execution.run_id}"

    @property
    def uses(self) -> list[Use]:
        limits, measured = self.execution.limits, self.execution.measured
        calls, moved = len(self._sent), sum(one["bytes_in"] + one["bytes_out"] for one in self._sent)
        return [
            _use("Time", measured.get("wall_ms", 0), limits["wall_ms"], _ms),
            _use("Processor", measured.get("cpu_ms", 0), limits["cpu_ms"], _ms),
            _use("Memory", measured.get("memory_bytes", 0), limits["memory_bytes"], bytes_text),
            _use("HTTP calls", calls, limits["http_calls"], str),
            _use("HTTP bytes", moved, limits["http_bytes"], bytes_text),
            _use("Log", sum(map(_log_bytes, self.execution.logs)), limits["log_bytes"], bytes_text),
        ]

    @property
    def calls(self) -> list[dict[str, Any]]:
        """What the code asked of the network: as recorded, with ``answer`` and ``received`` in words, and ``tone``."""
        return [one | _answer(one) | {"received": bytes_text(one["bytes_in"])} for one in self.execution.exchanges]

    @property
    def refused(self) -> int:
        return sum(1 for one in self.execution.exchanges if one["refused"])

    @property
    def line(self) -> int | None:
        """Where in the creator's file it failed."""
        return (self.execution.error or {}).get("line")

    @property
    def trace(self) -> list[str]:
        """The lines that led there, outermost first."""
        frames = (self.execution.error or {}).get("trace", [])
        return [f"line {frame['line']} in {frame['function']}" for frame in frames]

    @property
    def kept_until(self) -> datetime | None:
        """Until when it can be replayed; None without a recording."""
        if not self.execution.is_recorded:
            return None
        return self.execution.executed_at + timedelta(days=settings.SANDBOX_KEEP_RECORDINGS_DAYS)

    @cached_property
    def _sent(self) -> list[dict[str, Any]]:
        return [one for one in self.execution.exchanges if one["was_sent"]]


def execution_page(run: Run) -> ExecutionPage | None:
    """None for what is no Python, or was never run."""
    if "code_file" not in holder_of(run.version.parsed, run.target):
        return None
    last = Execution.objects.last_of(run)
    return ExecutionPage(last) if last else None


def _log_bytes(line: dict[str, str]) -> int:
    """What a line counts of its limit."""
    return len(line["text"].encode()) + LINE_OVERHEAD_BYTES


def _use(label: str, used: float, most: float, word: Callable[[float], str]) -> Use:
    return Use(label, word(used), word(most))


def _answer(exchange: dict[str, Any]) -> dict[str, str]:
    if exchange["refused"]:
        return {"answer": exchange["reason"], "tone": "bad"}
    if exchange["status"] is None:
        return {"answer": exchange["reason"] or "No answer", "tone": "warn"}
    return {"answer": str(exchange["status"]), "tone": "ok" if exchange["status"] < 400 else "warn"}


def _ms(value: float) -> str:
    return f"{value:,.0f} ms"


def bytes_text(value: float) -> str:
    """A number of bytes in words."""
    if value >= MIB:
        return f"{value / MIB:.1f} MiB"
    return f"{value / 1024:.1f} KiB" if value >= 1024 else f"{value:.0f} B"
