"""When to try again, and when not to: pure, so that each rule is a row in a table of tests.

Waits grow exponentially with full jitter (Brooker, "Exponential Backoff and Jitter"), or are of one length, jittered
too; a Retry-After header is a lower bound, in seconds or as an HTTP date (RFC 9110, section 10.2.3).
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
DEFAULT_TOTAL_MS = 60_000  # beyond this a run gives up and says when it would be worth trying again
LONGEST_ASKED_MS = 10 * 366 * 24 * 60 * 60 * 1000

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


def usual_replies() -> list[tuple[str, str]]:
    """What an answer is where a manifest says nothing else, for people to read: statuses in words and the category,
    in the order of the closed list. Every category has a line but the block by policy, which no answer is."""
    others = {Category.TRANSIENT: ["any other 5xx", "no answer"], Category.TOOL_ERROR: ["anything else"]}
    found = []
    for category in Category:
        statuses = [str(status) for status, one in _BY_STATUS.items() if one == category]
        if words := statuses + others.get(category, []):
            found.append((", ".join(words), category.value))
    return found


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
    """What the header asks for, in milliseconds from ``now``; None where there is none or it cannot be read.

    A date is taken against the reply's own Date where it has one, so that the clocks of two systems need not agree;
    one that is past asks for nothing. More than ten years are as good as ten.
    """
    text = headers.get("retry-after", "").strip()
    if not text:
        return None
    if text.isascii() and text.isdigit():
        return min(int(text[:12]) * 1000, LONGEST_ASKED_MS)
    moment = _http_date(text)
    if moment is None:
        return None
    told_at = _http_date(headers.get("date", "")) or now
    return min(max(0, round((moment - told_at).total_seconds() * 1000)), LONGEST_ASKED_MS)


def _http_date(text: str) -> datetime | None:
    """A date in one of the three forms of RFC 9110, section 5.6.7, all of which are in UTC."""
    try:
        moment = parsedate_to_datetime(text)
    except (TypeError, ValueError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Plan:
    """Wait ``wait_ms`` and try again, or stop for ``reason``: attempts, time, unsafe, final."""

    wait_ms: int | None
    reason: str = ""


def plan(
    *,
    attempt: int,
    retryable: bool,
    may_repeat: bool,
    retry: dict[str, Any],
    asked_ms: int | None,
    spent_ms: int,
    rng: random.Random,
) -> Plan:
    """What to do after failed attempt number ``attempt`` (from 1).

    ``retry`` is the manifest's {strategy, max_attempts, base_ms, max_ms, total_ms}; ``may_repeat`` says that repeating
    cannot do the same thing twice; ``asked_ms`` is Retry-After; ``spent_ms`` what earlier tries and waits took.
    """
    strategy = retry.get("strategy", "exponential")
    if not retryable:
        return Plan(None, "final")
    if not may_repeat:
        return Plan(None, "unsafe")
    if strategy == "none" or attempt >= retry.get("max_attempts", DEFAULT_ATTEMPTS):
        return Plan(None, "attempts")
    growth = 2 ** (attempt - 1) if strategy == "exponential" else 1
    ceiling = min(retry.get("max_ms", DEFAULT_CAP_MS), retry.get("base_ms", DEFAULT_BASE_MS) * growth)
    wait = rng.randint(0, ceiling) + (asked_ms or 0)
    if spent_ms + wait > retry.get("total_ms", DEFAULT_TOTAL_MS):
        return Plan(None, "time")
    return Plan(wait)
