"""What holds of every set of rules and every request, tried on as many as wanted, with the counts printed.

    python -m tests.policies.properties [pairs for the reference] [pairs for Cedar]

The suite tries PAIRS and CEDAR_PAIRS; GALAXY_PROPERTY_PAIRS=1000000 makes both more, in proportion.
"""

import os
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random

PAIRS = int(os.environ.get("GALAXY_PROPERTY_PAIRS", "10000"))
CEDAR_PAIRS = PAIRS // 2
REQUESTS_PER_SET = 25
LEAST_SHARE = 0.15  # of each effect among the generated cases


@dataclass
class Counts:
    """What was compared: how many sets and pairs of a set and a request, and how often each effect was the answer."""

    sets: int = 0
    pairs: int = 0
    effects: Counter = field(default_factory=Counter)
    extra: Counter = field(default_factory=Counter)

    def add(self, effect: str) -> None:
        self.pairs += 1
        self.effects[str(effect)] += 1

    def require_shares(self) -> None:
        """Each effect is a fair part of the cases, or little was shown about it."""
        assert len(self.effects) == 3, self.effects
        assert min(self.effects.values()) >= LEAST_SHARE * self.pairs, self

    def __str__(self):
        shares = ", ".join(f"{name} {count / self.pairs:.1%}" for name, count in sorted(self.effects.items()))
        more = "".join(f", {name} {count:,}" for name, count in sorted(self.extra.items()))
        return f"{self.pairs:,} pairs of {self.sets:,} sets of rules: {shares}{more}"


def pairs(seed: int, wanted: int) -> Iterator[tuple[list, list, Random]]:
    """(rules as JSON, requests, a source of chance) until there were ``wanted`` requests."""
    from tests.policies.generated import some_request, some_rules

    random = Random(seed)
    for _ in range(-(-wanted // REQUESTS_PER_SET)):
        yield some_rules(random), [some_request(random) for _ in range(REQUESTS_PER_SET)], random


def against_the_reference(wanted: int, seed: int = 1) -> Counts:
    """The engine and the slow reference say the same: effect, rules that spoke, obligations, ask. In any order."""
    from policies.engine import Snapshot, evaluate
    from policies.rules.vocabulary import Rule
    from tests.policies import reference

    counts = Counts()
    for rules, requests, random in pairs(seed, wanted):
        counts.sets += 1
        compiled = [Rule.from_json(rule) for rule in rules]
        snapshot = Snapshot(1, compiled)
        shuffled = Snapshot(1, random.sample(compiled, len(compiled)))
        for request in requests:
            found = evaluate(snapshot, *request)
            wanted_answer = reference.answer(rules, *request)
            assert found.reasons[0].code != "evaluation_error", (found, rules, request)
            assert _plain(found) == wanted_answer, (_plain(found), wanted_answer, rules, request)
            assert evaluate(shuffled, *request) == found, (rules, request)
            counts.add(found.effect)
            counts.extra["spoken for by rules"] += bool(wanted_answer["rules"])
    counts.require_shares()
    return counts


def _plain(answer) -> dict:
    """An evaluation in the reference's words."""
    ask = answer.ask
    return {
        "effect": str(answer.effect),
        "rules": {reason.rule for reason in answer.reasons} - {0},
        "obligations": answer.obligations,
        "ask": ask
        and {
            "stages": {stage.reviewers: stage.needed for stage in ask.stages},
            "expires": ask.expires_s,
            "factor": ask.second_factor,
            "steps": {(step.after_s, step.to, ask.stages[step.stage].reviewers) for step in ask.escalate},
            "hours": ask.business_hours.as_json() if ask.business_hours else None,
        },
    }


def narrowing(wanted: int, seed: int = 2) -> Counts:
    """Another rule that denies or asks never widens, one that allows never narrows, and a deny that speaks wins."""
    from policies.engine import Snapshot, evaluate
    from policies.rules.vocabulary import Rule
    from tests.policies.generated import some_rules

    order = {"allow": 0, "require_approval": 1, "deny": 2}
    counts = Counts()
    for rules, requests, random in pairs(seed, wanted):
        counts.sets += 1
        more = [rule | {"number": 100 + rule["number"]} for rule in some_rules(random) or some_rules(random)][:1]
        before = Snapshot(1, [Rule.from_json(rule) for rule in rules])
        after = Snapshot(2, [Rule.from_json(rule) for rule in [*rules, *more]])
        for request in requests:
            old, new = (evaluate(snapshot, *request) for snapshot in (before, after))
            moved = order[new.effect] - order[old.effect]
            for rule in more:
                assert moved <= 0 if rule["effect"] == "allow" else moved >= 0, (rules, more, request)
                counts.extra[f"changed by one more {rule['effect']}"] += moved != 0
            if old.ask and new.ask:
                assert new.ask.expires_s <= old.ask.expires_s, (rules, more, request)
                assert new.ask.second_factor or not old.ask.second_factor, (rules, more, request)
            if any(rule.effect == "deny" for rule, _ in after.speaking(*request)):
                assert new.effect == "deny", (rules, more, request)
            counts.add(new.effect)
    counts.require_shares()
    return counts


def against_cedar(wanted: int, seed: int = 3) -> Counts:
    """The engine and Cedar say the same, asked without and with an approval; the export follows its schema."""
    import cedarpy

    from policies.engine import Snapshot, evaluate
    from policies.rules.cedar import as_cedar, schema_of
    from policies.rules.cedar_requests import entities_of, requests_of
    from policies.rules.vocabulary import Rule

    counts = Counts()
    for rules, requests, _ in pairs(seed, wanted):
        counts.sets += 1
        compiled = [Rule.from_json(rule) for rule in rules]
        snapshot = Snapshot(1, compiled)
        text = as_cedar(compiled)
        schema = cedarpy.Schema.from_str(schema_of(compiled))
        checked = cedarpy.validate_policies(text, schema)
        assert checked.validation_passed, (checked.errors, text)
        policies = cedarpy.PolicySet.from_str(text)
        for request in requests:
            found = evaluate(snapshot, *request)
            asked = [requests_of(compiled, *request, approved=approved) for approved in (False, True)]
            entities = entities_of(*request[:3])
            results = cedarpy.is_authorized_batch([*asked[0], *asked[1]], policies, entities, schema)
            assert not any(result.diagnostics.errors for result in results), (results[0].diagnostics.errors, text)
            half = len(asked[0])
            alone, approved = (all(result.allowed for result in part) for part in (results[:half], results[half:]))
            effect = "allow" if alone else "require_approval" if approved else "deny"
            assert str(found.effect) == effect, (found, text, request)
            counts.add(effect)
            counts.extra["Cedar requests"] += len(results)
    counts.require_shares()
    return counts


def main(arguments: list[str]) -> None:
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    django.setup()
    many = int(arguments[0]) if arguments else PAIRS
    cedar = int(arguments[1]) if len(arguments) > 1 else many // 2
    print(f"The slow reference agrees: {against_the_reference(many)}.")
    print(f"Another rule widens nothing unless it allows: {narrowing(many)}.")
    print(f"Cedar agrees: {against_cedar(cedar)}.")


if __name__ == "__main__":
    main(sys.argv[1:])
