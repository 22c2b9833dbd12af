"""The parts of a rule: who asks, for what, when, whom to ask, and what has to be done with what goes through."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

ACTS = ("call", "install", "upgrade", "widen")
ACT_WORDS = {
    "call": "Call it",
    "install": "Install it",
    "upgrade": "Move it to another version",
    "widen": "Widen what is agreed to",
}
MODES = ("live", "simulated")
LEVELS = ("community", "verified", "enterprise")  # how far the marketplace vouches for an extension
REDACTIONS = ("mask", "hash", "tokenise", "drop")  # from mild to strict
PERIODS = ("minute", "hour", "day")
ANY = "any"


@dataclass(frozen=True)
class Who:
    """Who asks, as the union of what is named; nothing named is everybody. ``agents``, ``packs`` and ``triggers`` may
    hold "any"; ``roles`` holds the six roles, and the ids of a workspace's own."""

    people: bool = False
    roles: tuple[str, ...] = ()
    agents: tuple[str, ...] = ()
    packs: tuple[str, ...] = ()
    triggers: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        return _said(self)


@dataclass(frozen=True)
class What:
    """What is asked for. Each list that is not empty has to match; one of its entries is enough."""

    acts: tuple[str, ...] = ("call",)
    scopes: tuple[str, ...] = ()
    extensions: tuple[str, ...] = ()
    actions: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    effects: tuple[str, ...] = ()
    levels: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        return _said(self)


@dataclass(frozen=True)
class Amount:
    """More than ``over`` in the number at ``field``, a dotted path into the inputs."""

    field: str
    over: float

    def as_json(self) -> dict[str, Any]:
        return {"field": self.field, "over": self.over}


@dataclass(frozen=True)
class Hours:
    """From ``start`` to ``end`` (``09:00``, up to ``24:00``) on ``days`` (1 is Monday) in ``zone``; or ``outside``.

    An end before its start is on the next day, and the hours after midnight belong to the day they began on.
    """

    days: tuple[int, ...]
    start: str
    end: str
    zone: str
    outside: bool = False

    def hold(self, now: datetime) -> bool:
        """Whether they hold at ``now``, which has a time zone."""
        local = now.astimezone(ZoneInfo(self.zone))
        day, minute = local.isoweekday(), local.hour * 60 + local.minute
        start, end = minutes(self.start), minutes(self.end)
        if start < end:
            inside = day in self.days and start <= minute < end
        else:
            yesterday = day - 1 or 7
            inside = (day in self.days and minute >= start) or (yesterday in self.days and minute < end)
        return inside is not self.outside

    def as_json(self) -> dict[str, Any]:
        said = {"days": list(self.days), "from": self.start, "to": self.end, "zone": self.zone}
        return said | ({"outside": True} if self.outside else {})

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "Hours":
        """Reads what ``as_json`` wrote. What people sent goes through policies.rules.reading."""
        return cls(tuple(value["days"]), value["from"], value["to"], value["zone"], value.get("outside", False))


@dataclass(frozen=True)
class When:
    """Under which circumstances; all that are given have to hold. ``over`` counts records. False and "" ask nothing."""

    classes: tuple[str, ...] = ()
    over: int | None = None
    destructive: bool = False
    amount: Amount | None = None
    new_destination: bool = False
    mode: str = ""
    hours: Hours | None = None

    def as_json(self) -> dict[str, Any]:
        return _said(self)


@dataclass(frozen=True)
class Step:
    """After ``after_h`` hours without an answer, ``to`` may answer as well."""

    after_h: float
    to: str


@dataclass(frozen=True)
class Question:
    """Whom to ask and how. ``reviewers`` is approvers, role:<role>, group:<id> or person:<id>; ``needed`` of them.

    With ``business_hours``, expiry and steps count those hours alone.
    """

    reviewers: str = "approvers"
    needed: int = 1
    expires_h: float = 24
    second_factor: bool = False
    escalate: tuple[Step, ...] = ()
    business_hours: Hours | None = None

    def as_json(self) -> dict[str, Any]:
        said: dict[str, Any] = {
            "reviewers": self.reviewers,
            "needed": self.needed,
            "expires_h": self.expires_h,
            "second_factor": self.second_factor,
        }
        if self.escalate:
            said["escalate"] = [{"after_h": step.after_h, "to": step.to} for step in self.escalate]
        if self.business_hours:
            said["business_hours"] = self.business_hours.as_json()
        return said


@dataclass(frozen=True)
class Rate:
    """At most ``count`` calls ``per`` minute, hour or day."""

    count: int
    per: str


@dataclass(frozen=True)
class Obligations:
    """What has to be done with a call that goes through: how data classes are hidden, and how often it may happen."""

    redact: tuple[tuple[str, str], ...] = ()
    rate: Rate | None = None

    def as_json(self) -> dict[str, Any]:
        said: dict[str, Any] = {"redact": dict(self.redact)} if self.redact else {}
        return said | ({"rate": {"count": self.rate.count, "per": self.rate.per}} if self.rate else {})


def minutes(clock: str) -> int:
    """``09:30`` as minutes since midnight."""
    return int(clock[:2]) * 60 + int(clock[3:])


def _said(part: "Who | What | When") -> dict[str, Any]:
    """The fields of ``part`` as JSON, without those that say nothing. A count of 0 says something."""
    said: dict[str, Any] = {}
    for name, value in vars(part).items():
        if value is None or value is False or value == () or value == "":
            continue
        if isinstance(value, tuple):
            said[name] = list(value)
        else:
            said[name] = value.as_json() if isinstance(value, Hours | Amount) else value
    return said
