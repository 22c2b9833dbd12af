"""A decision as its receipt: what was asked, what answered, what would pass, and who could say yes."""

from dataclasses import dataclass
from typing import Any

from policies.engine import Ask, Effect, evaluate
from policies.models import Decision, RuleSet
from policies.rules.compiling import Snapshot
from policies.rules.sentences import names_of, plain
from policies.rules.vocabulary import Rule, rules_of
from policies.services.decisions import question_of
from policies.waiting import Asked, who_will_be_asked
from policies.ways_out import WayOut, ways_out


@dataclass(frozen=True)
class Spoken:
    """A rule that spoke, as it was then; ``is_in_force`` unless it was changed or ended since."""

    rule: Rule
    sentence: str
    is_in_force: bool


@dataclass(frozen=True)
class Receipt:
    """``facts`` and ``grants`` are pairs for a page. ``repeats``: the same rules give the same answer again, which they
    always should; None where the rules of then cannot be read. ``ways_out`` are tried against the rules of today."""

    decision: Decision
    facts: list[tuple[str, str]]
    grants: list[tuple[str, str]]
    rules: list[Spoken]
    rule_set: RuleSet | None
    repeats: bool | None
    today: str
    ways_out: list[WayOut]
    asked: Asked | None

    @property
    def has_changed(self) -> bool:
        """Whether the same question would be answered otherwise today."""
        return self.today != self.decision.effect


def receipt_of(decision: Decision, today: Snapshot) -> Receipt:
    """Everything the page says, computed from what was stored with the answer. ``today`` are the rules in force."""
    workspace = decision.workspace
    rule_set = RuleSet.objects.in_workspace(workspace).filter(number=decision.policy_version).first()
    then = _snapshot_of(decision, rule_set)
    spoke = [rule for rule in then.rules if rule.number in decision.rules] if then else []
    names = names_of(workspace, spoke)
    in_force = {rule.digest for rule in today.rules}
    question = question_of(decision.input)
    answer_today = evaluate(today, *question)
    ask = decision.ask or (answer_today.ask.as_json() if answer_today.ask else {})
    return Receipt(
        decision=decision,
        facts=_facts(decision.input),
        grants=_grants(decision.input),
        rules=[Spoken(rule, plain(rule, names), rule.digest in in_force) for rule in spoke],
        rule_set=rule_set,
        repeats=evaluate(then, *question).effect == decision.effect if then else None,
        today=str(answer_today.effect),
        ways_out=ways_out(today, question) if answer_today.effect != Effect.ALLOW else [],
        asked=who_will_be_asked(Ask.from_json(ask), workspace) if ask else None,
    )


def _snapshot_of(decision: Decision, rule_set: RuleSet | None) -> Snapshot | None:
    """The rules that answered; None where they are not to be had any more."""
    if decision.policy_version == 0:
        return Snapshot()
    return Snapshot(rule_set.number, rules_of(rule_set.content)) if rule_set else None


_DOORS = {
    "person": "A person, on a page",
    "agent": "An agent, through the API",
    "pack": "A step of a pack",
    "trigger": "A trigger",
}


def _facts(stored: dict[str, Any]) -> list[tuple[str, str]]:
    """What was asked. A field that was not known then says so."""
    action, context, resource = stored["action"], stored["context"], stored["resource"]
    said = [
        ("Action", action["target"]),
        ("Effect", action["effect"] + (", destructive" if action.get("destructive") else "")),
        ("Scopes", ", ".join(action.get("scopes", ())) or "none"),
        ("Extension", f"{resource['extension']} at {resource['version_digest'][:12]}"),
        ("Mode", context["mode"]),
        ("Records", _or_unknown(context.get("bulk_count"), "not a call about several")),
        ("Data classes", ", ".join(context.get("data_classes", ())) or "none"),
        ("New destination", {True: "yes", False: "no", None: "not known"}[context.get("new_destination")]),
        ("Through", _DOORS.get(context.get("caller", ""), context.get("caller") or "not known")),
    ]
    numbers = context.get("numbers") or {}
    return [*said, *((f"Amount {name}", f"{value:g}") for name, value in sorted(numbers.items()))]


def _or_unknown(value: Any, unknown: str) -> str:
    return unknown if value is None else str(value)


def _grants(stored: dict[str, Any]) -> list[tuple[str, str]]:
    """What whoever asked held at that moment."""
    principal = stored["principal"]
    words = {True: "yes", False: "no"}
    bound = principal.get("scopes")
    held = [
        ("Who asked", f"{principal['label']} ({principal['kind']})"),
        ("Roles", ", ".join(principal.get("roles", ())) or "none"),
        ("May run what reads", words[bool(principal.get("holds_read"))]),
        ("May run what writes", words[bool(principal.get("holds_write"))]),
        ("Agreed to here", ", ".join(stored["resource"].get("scopes_granted", ())) or "none"),
    ]
    if bound is not None:
        held.append(("Scopes of the agent", ", ".join(bound) or "none"))
    return held
