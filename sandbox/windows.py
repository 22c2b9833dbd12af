"""Moving windows in Valkey or Redis: how many requests may leave within a time, counted over every process.

A request stops counting one window after it *ended*, not after it began. Request n + most therefore begins at least one
window after request n can have arrived, so that the other side never counts more than ``most`` in any window, however
long each one was on its way. One whose worker died counts as if it had taken all the time it was given. Days are
counted in steps of a quarter of an hour, each kept for as long as its last request may matter.

All clocks are the server's. Where it cannot be reached nothing is allowed: the callers see RedisError.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sandbox.valkey import script

MARGIN_MS = 25  # what rounding, and the counting at the other side, may differ by
_DAY_STEP_MS = 15 * 60 * 1000
SPANS_MS = {"rps": 1_000, "rpm": 60_000, "per_day": 24 * 60 * 60 * 1000}
UNITS = {"rps": "second", "rpm": "minute", "per_day": "day"}


@dataclass(frozen=True)
class Window:
    """``most`` requests within ``span_ms``, counted under ``key``; with ``step_ms`` in steps of that length."""

    key: str
    most: int
    span_ms: int
    step_ms: int = 0

    @property
    def numbers(self) -> tuple[int, int, int]:
        return self.most, self.span_ms + MARGIN_MS, self.step_ms


@dataclass(frozen=True)
class Room:
    """What a window holds at this moment: ``used`` of its most, and in how many ms the next place is free (0: now)."""

    used: int
    wait_ms: int


def window(key: str, unit: str, most: int) -> Window:
    """The window of ``most`` requests a second, minute or day (rps, rpm, per_day)."""
    return Window(key, most, SPANS_MS[unit], _DAY_STEP_MS if unit == "per_day" else 0)


def take(windows: Sequence[Window], token: str, under_way_ms: int) -> tuple[int, int]:
    """Count one request in every window, or in none of them where one is full.

    ``under_way_ms`` is the longest it may take. Returns (0, 0), or (ms until it may pass, position of the window that
    is full for longest). Raises RedisError.
    """
    wait_ms, position = _run(_TAKE, windows, token, under_way_ms)
    return int(wait_ms), int(position)


def take_once(windows: Sequence[Window], token: str) -> tuple[int, int]:
    """Count ``token`` in every window that does not hold it yet, or in none of them where one is full.

    However often the same token comes, it counts once, from when it first came; windows with steps know no tokens and
    are not for this. Returns and raises as ``take`` does.
    """
    wait_ms, position = _run(_TAKE_ONCE, windows, token, 0)
    return int(wait_ms), int(position)


def ended(windows: Sequence[Window], token: str, *, has_left: bool = True) -> None:
    """A request that was counted is over; one that never left counts no more (but in the steps of a day)."""
    _run(_ENDED, windows, token, 1 if has_left else 0)


def look(windows: Sequence[Window]) -> list[Room]:
    """What each window holds now. Raises RedisError."""
    found = _run(_LOOK, windows, "", 0) if windows else []
    return [Room(int(used), int(wait_ms)) for used, wait_ms in found]


def _run(text: str, windows: Sequence[Window], token: str, number: int):
    numbers = [part for one in windows for part in one.numbers]
    return script(text)(keys=[one.key for one in windows], args=[token, number, *numbers])


# room(i): what the window at position i holds, and the ms until one more fits. Days are a map of step to count.
_COMMON = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function numbers(i) return tonumber(ARGV[3 * i]), tonumber(ARGV[3 * i + 1]), tonumber(ARGV[3 * i + 2]) end
local function by_request(i, most)
  redis.call('ZREMRANGEBYSCORE', KEYS[i], '-inf', now)
  local used = redis.call('ZCARD', KEYS[i])
  if used < most then return used, 0 end
  local first = redis.call('ZRANGE', KEYS[i], used - most, used - most, 'WITHSCORES')
  return used, math.max(1, tonumber(first[2]) - now)
end
local function by_step(i, most, span, step)
  local stored, steps, used = redis.call('HGETALL', KEYS[i]), {}, 0
  for at = 1, #stored, 2 do
    local gone = (tonumber(stored[at]) + 2) * step + span
    if gone <= now then
      redis.call('HDEL', KEYS[i], stored[at])
    else
      steps[#steps + 1] = {gone, tonumber(stored[at + 1])}
      used = used + tonumber(stored[at + 1])
    end
  end
  if used < most then return used, 0 end
  table.sort(steps, function(one, other) return one[1] < other[1] end)
  local left = used
  for _, part in ipairs(steps) do
    left = left - part[2]
    if left < most then return used, part[1] - now end
  end
  return used, span
end
local function room(i)
  local most, span, step = numbers(i)
  if step > 0 then return by_step(i, most, span, step) end
  return by_request(i, most)
end
"""
_TAKE = (
    _COMMON
    + """
local longest, position = 0, 0
for i = 1, #KEYS do
  local _, wait = room(i)
  if wait > longest then longest, position = wait, i - 1 end
end
if longest > 0 then return {longest, position} end
for i = 1, #KEYS do
  local _, span, step = numbers(i)
  if step > 0 then
    redis.call('HINCRBY', KEYS[i], math.floor(now / step), 1)
    redis.call('PEXPIRE', KEYS[i], span + 2 * step)
  else
    local kept = tonumber(ARGV[2]) + span
    redis.call('ZADD', KEYS[i], now + kept, ARGV[1])
    redis.call('PEXPIRE', KEYS[i], kept + span)
  end
end
return {0, 0}
"""
)
_TAKE_ONCE = (
    _COMMON
    + """
local longest, position = 0, 0
for i = 1, #KEYS do
  if not redis.call('ZSCORE', KEYS[i], ARGV[1]) then
    local _, wait = room(i)
    if wait > longest then longest, position = wait, i - 1 end
  end
end
if longest > 0 then return {longest, position} end
for i = 1, #KEYS do
  local _, span = numbers(i)
  redis.call('ZADD', KEYS[i], 'NX', now + span, ARGV[1])
  redis.call('PEXPIRE', KEYS[i], span)
end
return {0, 0}
"""
)
_ENDED = (
    _COMMON
    + """
for i = 1, #KEYS do
  local _, span, step = numbers(i)
  if step == 0 then
    if ARGV[2] == '0' then
      redis.call('ZREM', KEYS[i], ARGV[1])
    else
      redis.call('ZADD', KEYS[i], 'XX', now + span, ARGV[1])
    end
  end
end
return 0
"""
)
_LOOK = (
    _COMMON
    + """
local found = {}
for i = 1, #KEYS do
  local used, wait = room(i)
  found[i] = {used, wait}
end
return found
"""
)
