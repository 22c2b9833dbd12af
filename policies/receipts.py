"""A decision as its receipt: what was asked, what answered, what would pass, and who could say yes."""

from dataclasses import dataclass
from typing import Any

from policies.engine import Ask, Effect, evaluate
from policies.models import Decision, RuleSet
from policies.rules.compiling import Snapshot
from policies.rules.parts import ACT_WORDS
from policies.rules.sentences import names_of, plain
from policies.rules.snapshots import snapshot_at
from policies.rules.vocabulary import Rule
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
    then = snapshot_at(workspace, decision.policy_version)
    spoke = [rule for rule in then.rules if rule.number in decision.rules]
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
        repeats=None if then.fault else evaluate(then, *question).effect == decision.effect,
        today=str(answer_today.effect),
        ways_out=ways_out(today, question) if answer_today.effect != Effect.ALLOW else [],
        asked=who_will_be_asked(Ask.from_json(ask), workspace) if ask else None,
    )


_DOORS = {
    "person": "A person, on a page",
    "agent": "An agent, through the API",
    "pack": "A step of a pack",
    "trigger": "A trigger",
}


def _facts(stored: dict[str, Any]) -> list[tuple[str, str]]:
    """What was asked. A field that was not known then says so."""
    action, context, resource = stored["action"], stored["context"], stored["resource"]
    act = context.get("act", "call")
    said = [
        ("Action", action["target"]) if act == "call" else ("Asked for", ACT_WORDS[act]),
        ("Effect", action["effect"] + (", destructive" if action.get("destructive") else "")),
        ("Scopes", ", ".join(action.get("scopes", ())) or "none"),
        ("Extension", f"{resource['extension']} at {resource['version_digest'][:12]}"),
        ("Data classes", ", ".join(context.get("data_classes", ())) or "none"),
        ("Through", _DOORS.get(context.get("caller", ""), context.get("caller") or "not known")),
    ]
    if act != "call":
        return said
    numbers = context.get("numbers") or {}
    return [
        *said,
        ("Mode", context["mode"]),
        ("Records", _or_unknown(context.get("bulk_count"), "not a call about several")),
        ("New destination", {True: "yes", False: "no", None: "not known"}[context.get("new_destination")]),
        *((f"Amount {name}", f"{value:g}") for name, value in sorted(numbers.items())),
    ]


def _or_unknown(value: Any, unknown: str) -> str:
    return unknown if value is None else str(value)


def _grants(stored: dict[str, Any]) -> list[tuple[str, str]]:
    """What whoever asked held at that moment."""
    principal = stored["principal"]
    words = {True: "yes", False: "no"}
    bound = principal.get("scopes")
    reads, writes = words[bool(principal.get("holds_read"))], words[bool(principal.get("holds_write"))]
    is_call = stored["context"].get("act", "call") == "call"
    held = [
        ("Who asked", f"{principal['label']} ({principal['kind']})"),
        ("Roles", ", ".join(principal.get("roles", ())) or "none"),
        *([("May run what reads", reads), ("May run what writes", writes)] if is_call else [("May do this", writes)]),
    ]
    if is_call:  # whoever installs is asked to agree just then
        held.append(("Agreed to here", ", ".join(stored["resource"].get("scopes_granted", ())) or "none"))
    if bound is not None:
        kind = "trigger" if principal["kind"] == "trigger" else "agent"
        held.append((f"Scopes of the {kind}", ", ".join(bound) or "none"))
    return held
