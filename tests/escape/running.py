"""Takes cases to a pool and judges them."""

import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sandbox.pool import Job, Limits, Pool
from tests.escape import own_cases, own_outputs  # noqa: F401  (the second adds to the list of the first)
from tests.escape.judging import Verdict, judge
from tests.escape.peers import Surroundings

GIVEN = json.loads((Path(__file__).parent / "cases.json").read_text(encoding="utf-8"))
NOW = datetime(2026, 3, 29, 0, 30, tzinfo=UTC)
WALL_MS = 800  # of a case that may run into it
LONG_WALL_MS = 8_000  # of a case that ends by itself, on a busy machine too

# Given to a case, it can import whatever the interpreter has: the list of modules is no wall.
WITHOUT_LIST = "import inspect\n__builtins__['__import__'] = inspect.builtins.__import__\n"


def all_cases() -> list[dict[str, Any]]:
    """The given cases and our own, each after the one that it names in ``after``."""
    return [*own_cases.OWN, *GIVEN]


def run_case(pool: Pool, case: dict[str, Any], around: Surroundings, *, prelude: str = "") -> tuple[Verdict, Any]:
    """The verdict on one case, and the outcome of its run."""
    before = case["expect"].get("after")
    if before:
        planted = next(each for each in all_cases() if each["id"] == before.replace("-", "_"))
        run_case(pool, planted, around, prelude=prelude)
    wall_ms = WALL_MS if "timeout" in case["expect"]["status"] else LONG_WALL_MS
    broker, internet = around.broker()
    job = Job(
        workspace="hostile",
        code=prelude + case["code"],
        inputs={name: around.names.get(value, value) for name, value in case["inputs"].items()},
        seed=7,
        now=NOW,
        limits=Limits(wall_ms=wall_ms, cpu_ms=min(wall_ms, 5000)),
        secrets={"API_KEY": broker.placeholder("API_KEY")},
        run_id=case["id"],
    )
    around.listeners.visitors()
    began = time.monotonic()
    outcome = pool.run(job, broker)
    recorded = [broker.exchanges, broker.recording]
    return judge(case, outcome, around, internet, recorded, time.monotonic() - began), outcome
