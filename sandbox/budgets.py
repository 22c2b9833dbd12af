"""Declared call budgets, shared by every worker: a moving window per installation in Valkey or Redis."""

from functools import lru_cache
from typing import Any
from uuid import UUID

from django.conf import settings
from limits import RateLimitItemPerMinute
from limits.storage import RedisStorage
from limits.strategies import MovingWindowRateLimiter
from redis.exceptions import RedisError

from sandbox.errors import RunError
from sandbox.models import Category


def charge(workspace_id: UUID, installation_id: UUID, mode: str, declared: dict[str, Any]) -> None:
    """Count one call against ``declared`` ({rpm}). Simulated calls have a budget of their own.

    Raises RunError: rate_limit when the budget is spent, transient when nobody can tell (a budget that cannot be read
    is no permission).
    """
    rpm = declared.get("rpm")
    if not rpm:
        return
    try:
        passed = _limiter().hit(
            RateLimitItemPerMinute(rpm), "galaxy.budget", str(workspace_id), str(installation_id), mode
        )
    except RedisError as error:
        raise RunError(
            Category.TRANSIENT, "budget_unreadable", sentence="The call budget could not be read, so nothing was sent."
        ) from error
    if not passed:
        raise RunError(
            Category.RATE_LIMIT,
            "budget_spent",
            sentence=f"The budget of {rpm} calls a minute is spent, so nothing was sent.",
            next_step="Wait a minute, then run it again.",
        )


@lru_cache(maxsize=1)
def _limiter() -> MovingWindowRateLimiter:
    url = settings.REDIS_URL
    if url.startswith("unix://"):
        url = "redis+" + url
    return MovingWindowRateLimiter(RedisStorage(url, socket_timeout=3))
