"""One compiled rule: what is left to check of it, and what it says of a call in words."""

from collections.abc import Iterable
from datetime import datetime
from math import isfinite

from galaxy.core.models import Role
from policies.answers import ADMIN, APPROVER, Reason
from policies.models import Effect
from policies.questions import Action, Context, Resource
from policies.rules.asks import APPROVERS, Ask, ask_of
from policies.rules.parts import Hours, Question
from policies.rules.scopes import matches
from policies.rules.vocabulary import Rule

_CODES = {Effect.DENY: "rule_denies", Effect.REQUIRE_APPROVAL: "rule_asks", Effect.ALLOW: "rule_allows"}
DOES = {"read": "reads", "write": "writes", "delete": "deletes"}
_ACTS = {"install": "is to be installed", "upgrade": "is to be upgraded", "widen": "is to be allowed more"}
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


class CompiledRule:
    """A rule, and what is made of it once. Not changed after that."""

    __slots__ = (
        "amount",
        "ask",
        "classes",
        "code",
        "constant",
        "destructive",
        "effect",
        "hours",
        "is_checked",
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
        "source",
        "who",
    )

    def __init__(self, rule: Rule, place: int):
        when = rule.when
        self.source = rule
        self.number, self.place = rule.number, place  # what people call it, and its rank among all rules
        self.effect = rule.effect
        self.code = _CODES[rule.effect]
        self.lead = f"Rule {rule.number}, {rule.title}: "
        self.over, self.amount, self.hours = when.over, when.amount, when.hours
        self.classes = when.classes
        self.destructive, self.new_destination, self.mode = when.destructive, when.new_destination, when.mode
        asks_about = when.as_json().keys()
        self.is_plain = not asks_about
        self.is_checked = when.over is None and when.amount is None and when.hours is None  # the index said it all
        self.must_know = rule.effect == Effect.ALLOW  # what is not known never allows, and never saves from a no
        self.passes_if, self.who = _ways_out(rule)
        self.ask: Ask | None = ask_of(rule.ask) if rule.ask else None
        self.redact = rule.obligations.redact
        rate = rule.obligations.rate
        self.rate = {"count": rate.count, "per": rate.per, "rule": rule.number} if rate else None
        self.constant: Reason | None = None  # what it says, where that is the same whatever is asked
        if asks_about and asks_about <= {"classes", "destructive"} and len(when.classes) <= 1:
            self.constant = self._reason(self._found(Context(mode="", data_classes=when.classes)))

    def always(self, action: Action, resource: Resource, act: str) -> Reason | None:
        """Why this rule speaks of this action of this resource, where that is the same under all circumstances."""
        return self._reason(_what(action, resource, act)) if self.is_plain else self.constant

    def reason(self, context: Context) -> Reason | None:
        """Why this rule speaks, or None where a count, an amount or the hour is another than it asks about. Not asked
        where what it says is ``always`` the same."""
        return self._reason(self._found(context)) if self.is_checked or self._holds(context) else None

    def _reason(self, words: str) -> Reason:
        return Reason(self.code, f"{self.lead}{words}.", self.passes_if, self.who, self.number)

    def is_about(self, action: Action, resource: Resource, context: Context) -> bool:
        """Whether it is about this action of this resource, whoever asks and under whatever circumstances."""
        what = self.source.what
        return (
            context.act in what.acts
            and (not what.extensions or resource.extension in what.extensions)
            and (not what.actions or action.target in what.actions)
            and (not what.kinds or resource.kind in what.kinds)
            and (not what.effects or action.effect in what.effects)
            and (not what.levels or resource.level in what.levels)
            and (not self.destructive or action.deletes)
            and (not what.scopes or any(self.covers(scope) for scope in action.scopes))
        )

    def covers(self, scope: str) -> bool:
        """Whether it speaks of a call that uses ``scope`` because of that, or of calls whatever they use."""
        patterns = self.source.what.scopes
        return not patterns or any(matches(pattern, scope) for pattern in patterns)

    def _holds(self, context: Context) -> bool:
        """Whether count, amount and hour are those it asks about, as far as they are known."""
        if self.over is not None:
            count = context.bulk_count
            if count <= self.over if isinstance(count, int) else self.must_know:
                return False
        if self.amount is not None:
            value = _amount(context, self.amount.field)
            if self.must_know if value is None else value <= self.amount.over:
                return False
        if self.hours is not None:
            now = _moment(context)
            if self.must_know if now is None else not self.hours.hold(now):
                return False
        return True

    def _found(self, context: Context) -> str:
        """What holds of the circumstances that it asks about, in words."""
        found: list[str] = []
        if self.over is not None:
            found.append(_records(context.bulk_count, self.over))
        if self.amount is not None:
            field, over = self.amount.field, self.amount.over
            value = _amount(context, field)
            found.append(
                f"{field} is not known" if value is None else f"{field} is {_shown(value)}, more than {over:,}"
            )
        if self.classes:
            found.append(f"it carries {listed([name for name in context.data_classes if name in self.classes])}")
        if self.destructive:
            found.append("it deletes")
        if self.new_destination:
            known = context.new_destination is not None
            found.append("it goes somewhere new" if known else "whether it goes somewhere new is not known")
        if self.mode:
            found.append(f"it is {self.mode}" if context.mode == self.mode else "its mode is not known")
        if self.hours is not None:
            known = _moment(context) is not None
            found.append(f"it is {within(self.hours)}" if known else "what time it is is not known")
        return found[0] if len(found) == 1 else listed(found)


def _amount(context: Context, field: str) -> float | None:
    """The finite number in ``field``; None where there is none."""
    value = context.numbers.get(field)
    if type(value) is int or (type(value) is float and isfinite(value)):
        return value
    return None


def _moment(context: Context) -> datetime | None:
    """When it is asked; None where that is not known, which it is not without a time zone."""
    return context.now if context.now is not None and context.now.tzinfo is not None else None


def _records(count: int | None, over: int) -> str:
    if not isinstance(count, int):
        return "how many records it names is not known"
    return f"{_shown(count)} record{'' if count == 1 else 's'} is more than {over:,}"


def _shown(value: float) -> str:
    """A number as people read it; nobody counts thirty digits."""
    return f"{value:,}" if value < 10**15 else "a quadrillion or more"


def _what(action: Action, resource: Resource, act: str) -> str:
    if act == "call":
        return f"{action.target} {DOES.get(action.effect, action.effect)}"
    return f"{resource.extension} {_ACTS[act]}"


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
        role = f"the role {name}" if name in Role.values else "the role named by the rule"
        return f"Somebody with {role} says yes" if count == 1 else f"{count} with {role} say yes"
    if kind == "group":
        return "One of the approver group says yes" if count == 1 else f"{count} of the approver group say yes"
    return "The person named by the rule says yes"


def within(hours: Hours, *, turned: bool = False) -> str:
    """``within Monday to Friday, 09:00 to 18:00 in Europe/Berlin``, or outside; ``turned``: the other of the two."""
    word = "outside" if hours.outside is not turned else "within"
    return f"{word} {days(hours.days)}, {hours.start} to {hours.end} in {hours.zone}"


def days(numbers: tuple[int, ...]) -> str:
    """``Monday to Friday``, or each day by name."""
    names = [WEEKDAYS[number - 1] for number in numbers]
    if len(names) == 7:
        return "any day"
    if len(names) > 2 and numbers[-1] - numbers[0] == len(names) - 1:
        return f"{names[0]} to {names[-1]}"
    return listed(names)


def listed(words: Iterable[str], last: str = "and") -> str:
    """``email, name and phone``."""
    *most, end = words
    return f"{', '.join(most)} {last} {end}" if most else end
