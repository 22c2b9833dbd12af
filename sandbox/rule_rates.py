"""Rate limits that rules lay on whoever they allow: so many calls of one caller a minute, an hour or a day.

Counted over every process, for each rule and caller apart, and once for each run however often it is taken up again.
What is simulated is counted by itself, so that trying something out leaves the live calls their room.
"""

from datetime import timedelta
from typing import Any

from django.utils import timezone
from redis.exceptions import RedisError

from sandbox.errors import RunError
from sandbox.models import Category, Run
from sandbox.windows import Window, take_once

SPANS_MS = {"minute": 60_000, "hour": 3_600_000, "day": 86_400_000}
SPENT = "rule_rate_spent"


def charge_rules(run: Run) -> None:
    """Count ``run`` for every rule that limits it. Raises RunError (rate_limit) naming the rule that leaves no room.

    A count that cannot be read is no permission.
    """
    rates = run.obligations.get("rate", [])
    if not rates:
        return
    windows = [_window(run, rate) for rate in rates]
    try:
        wait_ms, position = take_once(windows, run.pk.hex)
    except RedisError as error:
        raise RunError(
            Category.TRANSIENT,
            "budget_unreadable",
            sentence="How often its rules let it be called could not be read, so nothing was sent.",
        ) from error
    if wait_ms:
        raise _spent(run, rates[position], wait_ms)


def _window(run: Run, rate: dict[str, Any]) -> Window:
    caller = run.agent_id or run.requested_by_id
    mode = Run.Mode.SIMULATED if run.mode == Run.Mode.SIMULATED else Run.Mode.LIVE  # partly live is live
    key = f"galaxy:rule:{{{run.workspace_id}}}:{rate['rule']}:{caller}:{mode.value}:{rate['per']}"
    return Window(key, rate["count"], SPANS_MS[rate["per"]])


def _spent(run: Run, rate: dict[str, Any], wait_ms: int) -> RunError:
    at = timezone.now() + timedelta(milliseconds=wait_ms)
    count = rate["count"]
    who = run.agent or run.requested_by
    return RunError(
        Category.RATE_LIMIT,
        SPENT,
        sentence=f"Rule {rate['rule']} lets {who} make {count:,} call{'' if count == 1 else 's'} a {rate['per']}, and "
        "there is no room left, so nothing was sent.",
        next_step=f"There is room again at {at:%d %B %Y, %H:%M:%S} UTC. Run it again then.",
        retry_at=at,
    )
