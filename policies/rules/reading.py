"""From JSON that anybody may have sent to the parts of a rule. Whatever is not in the vocabulary is refused."""

import re
from collections.abc import Callable, Collection
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from galaxy.core.errors import Invalid
from galaxy.core.models import Role
from policies.models import Effect
from policies.rules.checks import Reader, one_of
from policies.rules.parts import (
    ACTS,
    ANY,
    LEVELS,
    MODES,
    PERIODS,
    REDACTIONS,
    Amount,
    Hours,
    Obligations,
    Question,
    Rate,
    Step,
    What,
    When,
    Who,
)
from policies.rules.scopes import why_no_pattern
from registry.manifests.keys import KINDS
from registry.manifests.scopes import VERBS
from registry.manifests.types import DATA_CLASSES

MAX_TITLE = 80
MAX_NEEDED = 5
MAX_RECORDS = 1_000_000_000
MAX_AMOUNT = 1_000_000_000_000
MAX_HOURS = 30 * 24
MIN_HOURS = 0.25
MAX_STEPS = 5
MAX_RATE = 1_000_000

_SLUG = re.compile(r"[a-z0-9][a-z0-9._-]{0,79}", re.ASCII)
_TARGET = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,159}", re.ASCII)
_FIELD = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}(?:\.[A-Za-z_][A-Za-z0-9_]{0,63}){0,7}", re.ASCII)
_CLOCK = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]|24:00", re.ASCII)
_ZONE = re.compile(r"[A-Za-z0-9_+-]{1,30}(?:/[A-Za-z0-9_+-]{1,30}){0,2}", re.ASCII)


class BadRule(Invalid):
    """What was written is no rule; ``fields`` maps a place, such as ``when.over``, to its sentence."""

    code = "bad_rule"
    next_step = "Correct the fields that are named, then save it again."


def read_rule(value: Any, known: Collection[str]) -> dict[str, Any]:
    """The fields of a rule, of which ``known`` are all there may be. Raises BadRule."""
    reader = Reader()
    table = reader.table(value, "", known)
    effect = reader.choice(table, "", "effect", Effect.values)
    if not effect:
        reader.refuse("effect", f"Say what happens then: {', '.join(Effect.values)}.")
    asks = effect == Effect.REQUIRE_APPROVAL
    if table.get("ask") and not asks:
        reader.refuse("ask", "Only a rule that asks a person says whom to ask.")
    if table.get("obligations") and effect == Effect.DENY:
        reader.refuse("obligations", "A denied call does not happen, so nothing can be done with it.")
    fields = {
        "id": _id(reader, table.get("id")),
        "number": reader.whole(table, "", "number", 1, MAX_RECORDS),
        "title": _title(reader, table.get("title")),
        "effect": Effect(effect or Effect.DENY),
        "who": _who(reader, table.get("who")),
        "what": _what(reader, table.get("what")),
        "when": _when(reader, table.get("when")),
        "ask": _question(reader, table.get("ask")) if asks else None,
        "obligations": _obligations(reader, table.get("obligations")),
    }
    if fields["number"] is None:
        reader.refuse("number", "A rule has a number.")
    if reader.problems:
        place, sentence = next(iter(reader.problems.items()))
        raise BadRule(f"{place or 'The rule'}: {sentence}", reader.problems)
    return fields


def why_no_reviewers(ref: str) -> str:
    """Why ``ref`` names nobody who could answer; "" where it does. Whether they exist is for the caller to see."""
    kind, _, name = ref.partition(":")
    good = (
        ref == "approvers" or (kind == "role" and not _no_role(name)) or (kind in ("group", "person") and _uuid(name))
    )
    return "" if good else "Name approvers, role:<role>, group:<id> or person:<id>."


def _who(reader: Reader, value: Any) -> Who:
    table = reader.table(value, "who", Who.__dataclass_fields__)
    slug_or_any = _matching(_SLUG, "extension")
    return Who(
        people=reader.flag(table, "who", "people"),
        roles=reader.words(table, "who", "roles", _no_role),
        agents=reader.words(table, "who", "agents", _no_agent),
        packs=reader.words(table, "who", "packs", slug_or_any),
        triggers=reader.words(table, "who", "triggers", slug_or_any),
    )


def _what(reader: Reader, value: Any) -> What:
    table = reader.table(value, "what", What.__dataclass_fields__)
    return What(
        acts=reader.words(table, "what", "acts", one_of(ACTS, "act"), default=("call",)),
        scopes=reader.words(table, "what", "scopes", why_no_pattern),
        extensions=reader.words(table, "what", "extensions", _matching(_SLUG, "extension")),
        actions=reader.words(table, "what", "actions", _matching(_TARGET, "action")),
        kinds=reader.words(table, "what", "kinds", one_of(KINDS, "kind")),
        effects=reader.words(table, "what", "effects", one_of(VERBS, "effect")),
        levels=reader.words(table, "what", "levels", one_of(LEVELS, "level")),
    )


def _when(reader: Reader, value: Any) -> When:
    table = reader.table(value, "when", When.__dataclass_fields__)
    return When(
        classes=reader.words(table, "when", "classes", one_of(DATA_CLASSES, "data class")),
        over=reader.whole(table, "when", "over", 0, MAX_RECORDS),
        destructive=reader.flag(table, "when", "destructive"),
        amount=_amount(reader, table.get("amount")),
        new_destination=reader.flag(table, "when", "new_destination"),
        mode=reader.choice(table, "when", "mode", MODES),
        hours=_hours(reader, table.get("hours"), "when.hours"),
    )


def _amount(reader: Reader, value: Any) -> Amount | None:
    table = reader.table(value, "when.amount", Amount.__dataclass_fields__)
    if not table:
        return None
    name = table.get("field")
    if not isinstance(name, str) or not _FIELD.fullmatch(name):
        reader.refuse("when.amount.field", "Name a field of the inputs, such as total or invoice.total.")
    over = reader.number(table, "when.amount", "over", -MAX_AMOUNT, MAX_AMOUNT)
    if over is None:
        reader.refuse("when.amount.over", "Give the amount.")
    return Amount(str(name), over or 0)


def _hours(reader: Reader, value: Any, place: str, *, may_invert: bool = True) -> Hours | None:
    known = ("days", "from", "to", "zone", *(("outside",) if may_invert else ()))
    table = reader.table(value, place, known)
    if not table:
        return None
    days = table.get("days")
    if not isinstance(days, list | tuple) or not 1 <= len(days) <= 7 or any(map(_no_day, days)):
        reader.refuse(f"{place}.days", "Give days of the week as numbers, from 1 for Monday to 7 for Sunday.")
        days = (1,)
    for key in ("from", "to"):
        if not isinstance(table.get(key), str) or not _CLOCK.fullmatch(table[key]):
            reader.refuse(f"{place}.{key}", "Give a time such as 09:00.")
    start, end = str(table.get("from")), str(table.get("to"))
    if start in (end, "24:00"):
        reader.refuse(f"{place}.to", "The hours end at another time than they begin, and begin before midnight.")
    if not _is_zone(table.get("zone")):
        reader.refuse(f"{place}.zone", "Give a time zone such as Europe/Berlin.")
    return Hours(tuple(sorted(set(days))), start, end, str(table.get("zone")), reader.flag(table, place, "outside"))


def _question(reader: Reader, value: Any) -> Question:
    table = reader.table(value, "ask", Question.__dataclass_fields__)
    reviewers = table.get("reviewers") or "approvers"
    if sentence := why_no_reviewers(str(reviewers)):
        reader.refuse("ask.reviewers", sentence)
    expires_h = reader.number(table, "ask", "expires_h", MIN_HOURS, MAX_HOURS) or 24
    steps = table.get("escalate") or ()
    if not isinstance(steps, list | tuple) or len(steps) > MAX_STEPS:
        reader.refuse("ask.escalate", f"This is a list of at most {MAX_STEPS} steps.")
        steps = ()
    needed = reader.whole(table, "ask", "needed", 1, MAX_NEEDED) or 1
    if needed > 1 and str(reviewers).startswith("person:"):
        reader.refuse("ask.needed", "One person is asked, so one yes is all there can be.")
    return Question(
        reviewers=str(reviewers),
        needed=needed,
        expires_h=expires_h,
        second_factor=reader.flag(table, "ask", "second_factor"),
        escalate=tuple(sorted((_step(reader, step, expires_h) for step in steps), key=lambda step: step.after_h)),
        business_hours=_hours(reader, table.get("business_hours"), "ask.business_hours", may_invert=False),
    )


def _step(reader: Reader, value: Any, expires_h: float) -> Step:
    table = reader.table(value, "ask.escalate", Step.__dataclass_fields__)
    after_h = reader.number(table, "ask.escalate", "after_h", MIN_HOURS, MAX_HOURS)
    if after_h is None or after_h >= expires_h:
        reader.refuse("ask.escalate", "A step comes some hours after the question and before it expires.")
    if sentence := why_no_reviewers(str(table.get("to"))):
        reader.refuse("ask.escalate", sentence)
    return Step(after_h or 0, str(table.get("to")))


def _obligations(reader: Reader, value: Any) -> Obligations:
    table = reader.table(value, "obligations", Obligations.__dataclass_fields__)
    modes = reader.table(table.get("redact"), "obligations.redact", DATA_CLASSES)
    for name in modes:
        reader.choice(modes, "obligations.redact", name, REDACTIONS)
        if not modes[name]:
            reader.refuse(f"obligations.redact.{name}", f"Choose one of {', '.join(REDACTIONS)}.")
    rate = reader.table(table.get("rate"), "obligations.rate", Rate.__dataclass_fields__)
    count = reader.whole(rate, "obligations.rate", "count", 1, MAX_RATE)
    per = reader.choice(rate, "obligations.rate", "per", PERIODS)
    if rate and not (count and per):
        reader.refuse("obligations.rate", "Say how many, and per minute, hour or day.")
    known = {str(name): str(mode) for name, mode in modes.items()}
    return Obligations(tuple(sorted(known.items())), Rate(count, per) if count and per else None)


def _id(reader: Reader, value: Any) -> str:
    if not isinstance(value, str) or not _uuid(value):
        reader.refuse("id", "A rule has an id, which is a UUID.")
    return str(value)


def _title(reader: Reader, value: Any) -> str:
    title = " ".join(value.split()) if isinstance(value, str) else ""
    if not title or len(title) > MAX_TITLE or not title.isprintable():
        reader.refuse("title", "Give the rule a name of at most 80 characters.")
    return title


def _uuid(word: str) -> bool:
    """Whether ``word`` is a UUID in its one canonical spelling."""
    try:
        return str(UUID(word)) == word
    except ValueError:
        return False


def _no_day(day: Any) -> bool:
    return type(day) is not int or not 1 <= day <= 7


def _no_role(word: str) -> str:
    return "" if word in Role.values or _uuid(word) else one_of(Role.values, "role")(word)


def _no_agent(word: str) -> str:
    return "" if word == ANY or _uuid(word) else "Name an agent by its id, or write any."


def _is_zone(name: Any) -> bool:
    if not isinstance(name, str) or not _ZONE.fullmatch(name):
        return False
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # not found, no zone, a folder of zones
        return False
    return True


def _matching(pattern: re.Pattern[str], what: str) -> Callable[[str], str]:
    return lambda word: "" if pattern.fullmatch(word) else f"{word!r} is no name of an {what}."
