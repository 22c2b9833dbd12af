"""What a rule may say: a closed vocabulary. Who asks, for what, when; and then allow, deny, or ask a person.

A rule is JSON with the keys of ``Rule``; ``Rule.from_json`` refuses whatever it does not know, ``as_json`` writes what
was said and nothing else. Lists are sorted, so that equal rules are equal text and have equal digests.
"""

import hashlib
from dataclasses import dataclass, field
from typing import Any

from galaxy.core import jcs
from policies.models import Effect
from policies.rules import reading
from policies.rules.asks import Ask, Escalation, Stage
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
from policies.rules.reading import MAX_AMOUNT, MAX_HOURS, MAX_NEEDED, MAX_RATE, MAX_RECORDS, MAX_STEPS, BadRule

MAX_RULES = 10_000  # of one workspace

__all__ = [
    "ACTS",
    "ANY",
    "LEVELS",
    "MAX_AMOUNT",
    "MAX_HOURS",
    "MAX_NEEDED",
    "MAX_RATE",
    "MAX_RECORDS",
    "MAX_RULES",
    "MAX_STEPS",
    "MODES",
    "PERIODS",
    "REDACTIONS",
    "Amount",
    "Ask",
    "BadRule",
    "Escalation",
    "Hours",
    "Obligations",
    "Question",
    "Rate",
    "Rule",
    "Stage",
    "Step",
    "What",
    "When",
    "Who",
    "digest_of",
    "rules_of",
]


@dataclass(frozen=True)
class Rule:
    """One rule. ``number`` is what people call it by; ``ask`` is there where the effect is require_approval."""

    id: str
    number: int
    title: str
    effect: Effect
    who: Who = field(default_factory=Who)
    what: What = field(default_factory=What)
    when: When = field(default_factory=When)
    ask: Question | None = None
    obligations: Obligations = field(default_factory=Obligations)

    @classmethod
    def from_json(cls, value: Any) -> "Rule":
        """Read a rule. Raises BadRule, whose ``fields`` has a sentence for each place that cannot be read."""
        return cls(**reading.read_rule(value, cls.__dataclass_fields__))

    def as_json(self) -> dict[str, Any]:
        """What ``from_json`` reads, without what was not said."""
        return {
            "id": self.id,
            "number": self.number,
            "title": self.title,
            "effect": str(self.effect),
            "who": self.who.as_json(),
            "what": self.what.as_json(),
            "when": self.when.as_json(),
            "ask": self.ask.as_json() if self.ask else {},
            "obligations": self.obligations.as_json(),
        }

    @property
    def digest(self) -> str:
        return digest_of(self.as_json())


def digest_of(content: Any) -> str:
    """Hex SHA-256 of the RFC 8785 form: of one rule's JSON, or of a list of them, which is a set of rules."""
    return hashlib.sha256(jcs.dumps(content)).hexdigest()


def rules_of(content: Any) -> tuple[Rule, ...]:
    """The rules of a set's content, which is a list of their JSON. Raises BadRule, also where a number comes twice."""
    if not isinstance(content, list) or len(content) > MAX_RULES:
        raise BadRule(f"A set of rules is a list of at most {MAX_RULES:,} rules.")
    rules = tuple(Rule.from_json(value) for value in content)
    if len({rule.number for rule in rules}) < len(rules):
        raise BadRule("Two rules have one number.")
    return rules
