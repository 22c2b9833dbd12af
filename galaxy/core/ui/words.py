"""Times, durations and states as the words and tones a person reads."""

import re
from datetime import datetime, timedelta
from typing import NamedTuple

from django.utils import timezone
from django.utils.html import escape
from django.utils.safestring import SafeString

_CODED = re.compile("`([^`]+)`")


class Tone(NamedTuple):
    """``name`` is a badge's colour (ok, warn, bad, info, sim, line, or empty), ``icon`` its shape (lucide)."""

    name: str
    icon: str


SHAPES = {"ok": "check", "warn": "clock-3", "bad": "x", "info": "info", "sim": "flask-conical"}

# The stored word of a state, in whichever app it lives -> how it looks. The word itself is always shown.
STATUSES = {
    # approvals
    "pending": Tone("warn", "clock-3"),
    "approved": Tone("ok", "check"),
    "rejected": Tone("bad", "x"),
    "expired": Tone("bad", "timer-off"),
    "consumed": Tone("line", "check-check"),
    "used": Tone("line", "check-check"),
    # submissions
    "submitted": Tone("info", "send"),
    "in_review": Tone("warn", "eye"),
    "changes_requested": Tone("warn", "pencil"),
    # runs and spans
    "queued": Tone("info", "hourglass"),
    "running": Tone("info", "loader"),
    "waiting": Tone("warn", "clock-3"),
    "retrying": Tone("warn", "rotate-cw"),
    "succeeded": Tone("ok", "check"),
    "success": Tone("ok", "check"),
    "ok": Tone("plain", ""),
    "failed": Tone("bad", "x"),
    "error": Tone("bad", "x"),
    "unknown": Tone("warn", "circle-question-mark"),
    "cancelled": Tone("line", "ban"),
    "skipped": Tone("line", "skip-forward"),
    "simulated": Tone("sim", "flask-conical"),
    "partial": Tone("sim", "flask-conical"),
    "live": Tone("ok", "radio"),
    # decisions
    "allow": Tone("ok", "check"),
    "deny": Tone("bad", "ban"),
    "require_approval": Tone("warn", "user-check"),
    # versions, installations, connections
    "draft": Tone("", "pencil"),
    "published": Tone("ok", "check"),
    "installed": Tone("ok", "check"),
    "active": Tone("ok", "check"),
    "pinned": Tone("line", "pin"),
    "update": Tone("warn", "arrow-up"),
    "deprecated": Tone("warn", "triangle-alert"),
    "yanked": Tone("bad", "x"),
    # versions and keys of secrets
    "staged": Tone("info", "hourglass"),
    "current": Tone("ok", "check"),
    "previous": Tone("line", "history"),
    "retired": Tone("line", "archive"),
    "shredded": Tone("bad", "trash-2"),
    "done": Tone("ok", "check"),
    # exports
    "writing": Tone("info", "loader"),
    "checking": Tone("info", "shield-check"),
    "stopped": Tone("line", "circle-stop"),
    # verifications of the trail
    "intact": Tone("ok", "shield-check"),
    "broken": Tone("bad", "shield-alert"),
    # agents and tokens
    "suspended": Tone("warn", "ban"),
    "ended": Tone("line", "circle-stop"),
    "revoked": Tone("bad", "ban"),
    "removed": Tone("line", "trash-2"),
    "connected": Tone("ok", "plug"),
    "unconnected": Tone("sim", "unplug"),
    "authenticated": Tone("ok", "plug"),
    "unauthenticated": Tone("sim", "unplug"),
    "exhausted": Tone("bad", "unplug"),
    # error categories
    "auth_error": Tone("bad", "key-round"),
    "rate_limit": Tone("warn", "gauge"),
    "quota": Tone("bad", "gauge"),
    "not_found": Tone("bad", "search-x"),
    "validation": Tone("bad", "circle-alert"),
    "tool_error": Tone("bad", "wrench"),
    "transient": Tone("warn", "rotate-cw"),
    "policy_block": Tone("bad", "ban"),
}
WORDS = {"ok": "OK"}  # where the stored word alone would read oddly
LIVE_STATUSES = {"running", "retrying", "writing", "checking"}


def tone_of(status: str) -> Tone:
    """How a stored state looks; one that is not listed is grey and without a shape."""
    return STATUSES.get(status, Tone("", ""))


def relative(moment: datetime, now: datetime | None = None) -> str:
    """``moment`` as seen from ``now``: "just now", "12 min ago", "in 21 h", "6 days ago", else its date where the
    reader is."""
    now = now or timezone.now()
    distance = abs(now - moment)
    minutes = round(distance.total_seconds() / 60)
    if distance < timedelta(seconds=45):
        return "just now" if moment <= now else "in a moment"
    if minutes < 60:
        words = f"{max(1, minutes)} min"
    elif minutes < 24 * 60:
        # Minutes matter while few hours have passed: a request that waits 2 h 10 min reads otherwise than 2 h.
        words = f"{minutes // 60} h {minutes % 60} min" if minutes < 360 and minutes % 60 else f"{minutes // 60} h"
    elif distance < timedelta(days=30):
        days = minutes // (24 * 60)
        words = f"{days} day{'' if days == 1 else 's'}"
    else:
        return f"{timezone.localtime(moment):%-d %b %Y}"
    return f"{words} ago" if moment <= now else f"in {words}"


def duration(ms: float | None) -> str:
    """Milliseconds as "0.4 ms", "310 ms", "1.84 s" or "2 min 5 s"; nothing yet is "–"."""
    if ms is None:
        return "–"
    if 0 < ms < 1:
        return f"{max(ms, 0.1):.1f} ms"
    if ms < 999.5:
        return f"{ms:.0f} ms"
    if ms < 59_995:
        return f"{ms / 1000:.2f} s"
    seconds = round(ms / 1000)
    return f"{seconds // 60} min {seconds % 60} s"


# What a browser calls itself holds the names of those it resembles, so the more particular name comes first.
_BROWSERS = {"Edg/": "Edge", "OPR/": "Opera", "Firefox/": "Firefox", "Chrome/": "Chrome", "Safari/": "Safari"}
_SYSTEMS = {
    "Windows": "Windows",
    "Android": "Android",
    "iPhone": "iPhone",
    "iPad": "iPad",
    "Mac OS X": "macOS",
    "CrOS": "ChromeOS",
    "Linux": "Linux",
}


def browser(user_agent: str) -> str:
    """A User-Agent header as people say it: "Firefox on Windows"; what is not known stays out."""
    name = next((word for mark, word in _BROWSERS.items() if mark in user_agent), "Unknown browser")
    system = next((word for mark, word in _SYSTEMS.items() if mark in user_agent), "")
    return f"{name} on {system}" if system else name


def coded(text: str) -> SafeString:
    """A sentence with what stands between backticks as code; all of it is escaped."""
    return SafeString(_CODED.sub(r"<code>\1</code>", escape(text)))


def initials(name: str) -> str:
    """Up to two letters that stand for a person: "Rosa Marin" is RM, "rosa@example.com" is R."""
    words = name.partition("@")[0].split()
    return "".join(word[0] for word in (words[0], words[-1])[: len(words)]).upper() if words else "?"
