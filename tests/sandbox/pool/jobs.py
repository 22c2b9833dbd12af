"""Jobs as tests write them."""

from datetime import UTC, datetime
from typing import Any

from sandbox.pool import Job, Limits

NOW = datetime(2026, 3, 29, 0, 30, 15, 250_000, tzinfo=UTC)


def job(
    code: str, inputs: Any = None, *, workspace: str = "a", limits: dict[str, int] | None = None, **more: Any
) -> Job:
    """A run of ``code``, or of a function with that one line."""
    if "\n" not in code:
        code = f"def run(inputs, ctx):\n    {code}\n"
    given = {"seed": 1, "now": NOW, "run_id": "run-1", **more}
    return Job(workspace=workspace, code=code, inputs=inputs or {}, limits=Limits(**(limits or {})), **given)
