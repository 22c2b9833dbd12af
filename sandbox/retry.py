"""When to try again, and when not to: pure, so that each rule is a row in a table of tests.

Waits grow exponentially with full jitter (Brooker, "Exponential Backoff and Jitter"); a Retry-After header is a lower
bound, in seconds or as an HTTP date (RFC 9110, section 10.2.3).
"""

import random
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from registry.manifests.functions import EvaluationFailed, evaluate
from sandbox.models import Category

DEFAULT_ATTEMPTS = 3
DEFAULT_BASE_MS = 500
DEFAULT_CAP_MS = 20_000
TOTAL_WAIT_MS = 60_000  # beyond this a run gives up and says when it would be worth trying again

_BY_STATUS: dict[int, str] = {
    400: Category.VALIDATION,
    401: Category.AUTH_ERROR,
    402: Category.QUOTA,
    403: Category.AUTH_ERROR,
    404: Category.NOT_FOUND,
    408: Category.TRANSIENT,
    409: Category.VALIDATION,
    410: Category.NOT_FOUND,
    412: Category.VALIDATION,
    413: Category.VALIDATION,
    414: Category.VALIDATION,
    422: Category.VALIDATION,
    423: Category.TRANSIENT,
    425: Category.TRANSIENT,
    429: Category.RATE_LIMIT,
    501: Category.TOOL_ERROR,
    505: Category.TOOL_ERROR,
    507: Category.QUOTA,
    511: Category.TOOL_ERROR,
}


def category_of(status: int, replies: list[dict[str, Any]] | tuple = (), body: Any = None) -> str | None:
    """The category of an HTTP reply by the manifest's table, then by its status; None where it is a success."""
    if declared := declared_category(status, replies, body):
        return declared
    if 200 <= status < 300:
        return None
    return _BY_STATUS.get(status, Category.TRANSIENT if status >= 500 else Category.TOOL_ERROR)


def declared_category(status: int, replies: list[dict[str, Any]] | tuple, body: Any) -> str | None:
    """What the manifest's reply table says of a reply, None where it says nothing. It comes first, since some systems
    say no with a 200 and a word in the body (Slack). An entry with both a status and an expression asks for both."""
    for reply in replies:
        if str(reply.get("status", status)) in {str(status), f"{status // 100}xx"} and _matches(reply, body):
            return reply["category"]
    return None


def _matches(reply: dict[str, Any], body: Any) -> bool:
    """Whether the entry's expression, if it has one, says true of the body; one that cannot be applied does not."""
    try:
        return "match" not in reply or evaluate(reply["match"], body) is True
    except EvaluationFailed:
        return False


def is_refusal(status: int, headers: dict[str, str]) -> bool:
    """The other side says that it took nothing in: 429, or 503 with a time to come back.

    Any other failure of a request that was sent leaves open whether it had an effect.
    """
    return status == 429 or (status == 503 and "retry-after" in headers)


def retry_after_ms(headers: dict[str, str], now: datetime) -> int | None:
    """What the header asks for, in milliseconds from ``now``; None where there is none or it cannot be read."""
    text = headers.get("retry-after", "").strip()
    if not text:
        return None
    if text.isascii() and text.isdigit():
        return int(text[:9]) * 1000
    try:
        moment = parsedate_to_datetime(text)
    except (TypeError, ValueError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0, round((moment - now).total_seconds() * 1000))


@dataclass(frozen=True)
class Plan:
    """Wait ``wait_ms`` and try again, or stop for ``reason``: attempts, time, unsafe, final."""

    wait_ms: int | None
    reason: str = ""


def plan(
    *,
    attempt: int,
    category: str,
    retryable: bool,
    may_repeat: bool,
    retry: dict[str, Any],
    asked_ms: int | None,
    waited_ms: int,
    rng: random.Random,
) -> Plan:
    """What to do after failed attempt number ``attempt`` (from 1).

    ``retry`` is the manifest's {strategy, max_attempts, base_ms, max_ms}; ``may_repeat`` says that repeating cannot do
    the same thing twice; ``asked_ms`` is Retry-After; ``waited_ms`` what earlier waits took.
    """
    if not retryable:
        return Plan(None, "final")
    if not may_repeat:
        return Plan(None, "unsafe")
    strategy = retry.get("strategy", "exponential")
    if strategy == "none" or attempt >= retry.get("max_attempts", DEFAULT_ATTEMPTS):
        return Plan(None, "attempts")
    growth = 1 if strategy == "fixed" else 2 ** (attempt - 1)
    ceiling = min(retry.get("max_ms", DEFAULT_CAP_MS), retry.get("base_ms", DEFAULT_BASE_MS) * growth)
    wait = rng.randint(0, ceiling) + (asked_ms or 0)
    if waited_ms + wait > TOTAL_WAIT_MS:
        return Plan(None, "time")
    return Plan(wait)
