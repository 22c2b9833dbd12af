"""One compiled rule: what is left to check of it, and what it says of a call in words."""

from collections.abc import Iterable
from math import isfinite

from policies.answers import ADMIN, APPROVER, Reason
from policies.models import Effect
from policies.questions import Action, Context, Resource
from policies.rules.asks import APPROVERS, Ask, ask_of
from policies.rules.parts import Hours, Question
from policies.rules.vocabulary import Rule

_CODES = {Effect.DENY: "rule_denies", Effect.REQUIRE_APPROVAL: "rule_asks", Effect.ALLOW: "rule_allows"}
_DOES = {"read": "reads", "write": "writes", "delete": "deletes"}
_ACTS = {"install": "is to be installed", "upgrade": "is to be upgraded", "widen": "is to be allowed more"}
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


class CompiledRule:
    """A rule of which the index holds everything but counts, amounts and hours. Not changed once it is made."""

    __slots__ = (
        "amount",
        "ask",
        "classes",
        "code",
        "destructive",
        "effect",
        "hours",
        "is_plain",
        "lead",
        "mode",
        "must_know",
        "new_destination",
        "number",
        "over",
        "passes_if",
        "place",
        "rate",
        "redact",
        "who",
    )

    def __init__(self, rule: Rule, place: int):
        when = rule.when
        self.number, self.place = rule.number, place  # what people call it, and its bit in the index
        self.effect = rule.effect
        self.code = _CODES[rule.effect]
        self.lead = f"Rule {rule.number}, {rule.title}: "
        self.over, self.amount, self.hours = when.over, when.amount, when.hours
        self.classes = when.classes
        self.destructive, self.new_destination, self.mode = when.destructive, when.new_destination, when.mode
        self.is_plain = not when.as_json()  # it asks about no circumstance
        self.must_know = rule.effect == Effect.ALLOW  # what is not known never allows, and never saves from a no
        self.passes_if, self.who = _ways_out(rule)
        self.ask: Ask | None = ask_of(rule.ask) if rule.ask else None
        self.redact = rule.obligations.redact
        rate = rule.obligations.rate
        self.rate = {"count": rate.count, "per": rate.per, "rule": rule.number} if rate else None

    def reason(self, action: Action, resource: Resource, context: Context) -> Reason | None:
        """Why this rule speaks, or None where a count, an amount or the hour is another than it asks about."""
        if self.is_plain:
            return Reason(
                self.code, self.lead + _what(action, resource, context), self.passes_if, self.who, self.number
            )
        found: list[str] = []
        if self.over is not None and not self._counts(context.bulk_count, found):
            return None
        if self.amount is not None and not self._measures(context, found):
            return None
        if self.hours is not None and not self._looks_at_the_clock(context, found):
            return None
        if self.classes:
            found.append(f"it carries {listed(name for name in context.data_classes if name in self.classes)}")
        if self.destructive:
            found.append("it deletes")
        if self.new_destination:
            known = context.new_destination is not None
            found.append("it goes somewhere new" if known else "whether it goes somewhere new is not known")
        if self.mode:
            found.append(f"it is {self.mode}" if context.mode == self.mode else "its mode is not known")
        return Reason(self.code, f"{self.lead}{listed(found)}.", self.passes_if, self.who, self.number)

    def _counts(self, count: int | None, found: list[str]) -> bool:
        over = self.over or 0
        if not isinstance(count, int):
            found.append("how many records it names is not known")
            return not self.must_know
        found.append(f"{count:,} record{'' if count == 1 else 's'} is more than {over:,}")
        return count > over

    def _measures(self, context: Context, found: list[str]) -> bool:
        field, over = self.amount.field, self.amount.over  # type: ignore[union-attr]
        value = context.numbers.get(field)
        if type(value) is not int and not (type(value) is float and isfinite(value)):
            found.append(f"{field} is not known")
            return not self.must_know
        found.append(f"{field} is {value:,}, more than {over:,}")
        return value > over

    def _looks_at_the_clock(self, context: Context, found: list[str]) -> bool:
        hours: Hours = self.hours  # type: ignore[assignment]
        if context.now is None or context.now.tzinfo is None:
            found.append("what time it is is not known")
            return not self.must_know
        found.append(f"it is {within(hours)}")
        return hours.hold(context.now)


def _what(action: Action, resource: Resource, context: Context) -> str:
    if context.act == "call":
        return f"{action.target} {_DOES.get(action.effect, action.effect)}."
    return f"{resource.extension} {_ACTS[context.act]}."


def _ways_out(rule: Rule) -> tuple[str, str]:
    """(what would have to be otherwise for the call to pass, who can see to it)"""
    if rule.effect == Effect.ALLOW:
        return "", ""
    if rule.ask:
        return _yes(rule.ask), APPROVER
    when = rule.when
    ways = []
    if when.over is not None:
        ways.append(f"it names {when.over:,} or fewer records")
    if when.amount:
        ways.append(f"{when.amount.field} is {when.amount.over:,} or less")
    if when.classes:
        ways.append(f"it carries no {listed(when.classes, 'or')}")
    if when.new_destination:
        ways.append("it goes where something was sent before")
    if when.hours:
        ways.append(f"it is asked {within(when.hours, turned=True)}")
    if not ways:
        return f"Rule {rule.number} is changed or ended", ADMIN
    text = " or ".join(ways)
    return text[0].upper() + text[1:], "Whoever asks"


def _yes(ask: Question) -> str:
    kind, _, name = ask.reviewers.partition(":")
    count = ask.needed
    if kind == APPROVERS:
        return "An approver says yes" if count == 1 else f"{count} approvers say yes"
    if kind == "role":
        return f"Somebody with the role {name} says yes" if count == 1 else f"{count} with the role {name} say yes"
    if kind == "group":
        return "One of the approver group says yes" if count == 1 else f"{count} of the approver group say yes"
    return "The person named by the rule says yes"


def within(hours: Hours, *, turned: bool = False) -> str:
    """``within Monday to Friday, 09:00 to 18:00 in Europe/Berlin``, or outside; ``turned``: the other of the two."""
    word = "outside" if hours.outside is not turned else "within"
    return f"{word} {days(hours.days)}, {hours.start} to {hours.end} in {hours.zone}"


def days(numbers: tuple[int, ...]) -> str:
    """``Monday to Friday``, or each day by name."""
    names = [_DAYS[number - 1] for number in numbers]
    if len(names) == 7:
        return "any day"
    if len(names) > 2 and numbers[-1] - numbers[0] == len(names) - 1:
        return f"{names[0]} to {names[-1]}"
    return listed(names)


def listed(words: Iterable[str], last: str = "and") -> str:
    """``email, name and phone``."""
    *most, end = words
    return f"{', '.join(most)} {last} {end}" if most else end
