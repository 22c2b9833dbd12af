"""Rules as a person reads them: sentences, what a draft would change, and how two sets differ."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db.models import Q

from galaxy.core.models import Workspace
from policies.backtest import replay
from policies.backtest_page import Shown, shown
from policies.engine import Evaluation, Snapshot
from policies.known import Known
from policies.models import Decision, Effect, Rule, RuleSet
from policies.rules import vocabulary
from policies.rules.checking import Finding, findings_of
from policies.rules.comparing import overlapping
from policies.rules.reading import BadRule
from policies.rules.sentences import Names, Part, names_of, sentence
from policies.services.decisions import decide_again
from policies.services.rules import changed_parts, next_number, rules_in_force

TRIED_FROM = 300  # newest decisions among which different ones are offered to be tried
TRIED_MOST = 25
_SLOTS = {Effect.ALLOW: "slot-allow", Effect.REQUIRE_APPROVAL: "slot-ask", Effect.DENY: "slot-deny"}
_WINS = {  # (of the other rule, of this one): what becomes of a request that both are about
    (Effect.DENY, Effect.ALLOW): "it denies, and wins",
    (Effect.DENY, Effect.REQUIRE_APPROVAL): "it denies, and wins",
    (Effect.REQUIRE_APPROVAL, Effect.ALLOW): "it asks, and wins",
    (Effect.REQUIRE_APPROVAL, Effect.DENY): "it asks, and this one wins",
    (Effect.ALLOW, Effect.DENY): "it allows, and this one wins",
    (Effect.ALLOW, Effect.REQUIRE_APPROVAL): "it allows, and this one wins",
}


@dataclass(frozen=True)
class Said:
    """A rule as its sentence: ``parts`` are [(text, class of the slot or "")]."""

    rule: vocabulary.Rule
    parts: list[tuple[str, str]]

    @property
    def tags(self) -> list[str]:
        """What of it is written in machine words."""
        what, when, duties = self.rule.what, self.rule.when, self.rule.obligations
        words = [*what.scopes, *what.actions]
        if when.over is not None:
            words.append(f"records > {when.over:,}")
        if when.amount:
            words.append(f"{when.amount.field} > {when.amount.over:,}")
        count = len(duties.redact) + (duties.rate is not None)
        return [*words, *([f"{count} obligation{'' if count == 1 else 's'}"] if count else [])]


@dataclass(frozen=True)
class Row:
    """A rule of the list with its sentence."""

    row: Rule
    said: Said


@dataclass(frozen=True)
class Difference:
    """One rule in two sets: ``was`` and ``now`` are its sentences, None where it is not in that set."""

    number: int
    title: str
    was: Said | None
    now: Said | None
    changed: list[str] = field(default_factory=list)

    @property
    def word(self) -> tuple[str, str]:
        """(tone, word) of its badge."""
        if self.was is None:
            return "ok", "Added"
        return ("bad", "Ended") if self.now is None else ("warn", "Changed")


@dataclass(frozen=True)
class Tried:
    """A recorded call asked of the draft, and of the rules in force."""

    decision: Decision
    now: Evaluation
    then: Evaluation


@dataclass(frozen=True)
class Preview:
    """A draft as it would be saved. ``problems`` say why there is none yet; then nothing else is set."""

    said: Said | None = None
    findings: list[Finding] = field(default_factory=list)
    overlaps: list[tuple[vocabulary.Rule, str]] = field(default_factory=list)
    replayed: Shown | None = None
    tried: Tried | None = None
    problems: list[str] = field(default_factory=list)


def rows_of(workspace: Workspace, rules: Sequence[vocabulary.Rule]) -> list[Row]:
    """``rules``, which are in force, with their rows and sentences."""
    rows = Rule.objects.in_workspace(workspace).filter(number__in=[rule.number for rule in rules])
    by_number = {row.number: row for row in rows.select_related("owner", "workspace")}
    return [Row(by_number[one.rule.number], one) for one in said_of(workspace, rules)]


def said_of(workspace: Workspace, rules: Sequence[vocabulary.Rule]) -> list[Said]:
    names = names_of(workspace, rules)
    return [_said(rule, names) for rule in rules]


def content_of(rule: Rule) -> vocabulary.Rule:
    """A stored rule in the vocabulary."""
    return vocabulary.Rule.from_json(rule.content)


def changes_of(rule: Rule, most: int = 20) -> list[RuleSet]:
    """The sets that were saved with a change of ``rule``, newest first, and those restored since it was made."""
    sets = RuleSet.objects.in_workspace(rule.workspace).filter(created_at__gte=rule.created_at)
    about = Q(change__startswith=f"Rule {rule.number},") | Q(restored_from__isnull=False)
    return list(sets.filter(about).defer("content").select_related("author", "workspace")[:most])


def overlaps_of(rule: vocabulary.Rule, others: Sequence[vocabulary.Rule], known: Known) -> list:
    """[(other rule, what becomes of a request that both are about)]"""
    return [
        (other, _WINS.get((other.effect, rule.effect), "the same answer")) for other in overlapping(rule, others, known)
    ]


def differences(workspace: Workspace, was: Sequence[vocabulary.Rule], now: Sequence[vocabulary.Rule]) -> list:
    """What is otherwise in ``now``, rule by rule."""
    names = names_of(workspace, [*was, *now])
    old, new = {rule.number: rule for rule in was}, {rule.number: rule for rule in now}
    found = []
    for number in sorted({*old, *new}):
        before, after = old.get(number), new.get(number)
        if before == after:
            continue
        found.append(
            Difference(
                number=number,
                title=(after or before).title,  # type: ignore[union-attr]
                was=_said(before, names) if before else None,
                now=_said(after, names) if after else None,
                changed=changed_parts(before, after) if before and after else [],
            )
        )
    return found


def preview_of(
    workspace: Workspace, values: dict[str, Any], rule: Rule | None, known: Known, call: UUID | None
) -> Preview:
    """What saving ``values`` would do; ``rule`` is the one that they change, None for a new one."""
    in_force = rules_in_force(workspace)
    number = rule.number if rule else next_number(workspace)
    pk = str(rule.pk) if rule else "00000000-0000-4000-8000-000000000000"
    try:
        draft = vocabulary.Rule.from_json({**values, "id": pk, "number": number})
    except BadRule as error:
        return Preview(problems=list(error.fields.values()))
    others = [one for one in in_force if one.number != number]
    after = sorted([*others, draft], key=lambda one: one.number)
    return Preview(
        said=_said(draft, names_of(workspace, [draft])),
        findings=findings_of(draft, others, known),
        overlaps=overlaps_of(draft, others, known),
        replayed=replayed(workspace, in_force, after, known),
        tried=try_call(workspace, call, in_force, after),
    )


def replayed(
    workspace: Workspace, before: Sequence[vocabulary.Rule], after: Sequence[vocabulary.Rule], known: Known
) -> Shown:
    return shown(replay(workspace, before, after), known, workspace.policy_version)


def try_call(
    workspace: Workspace,
    call: UUID | None,
    before: Sequence[vocabulary.Rule],
    after: Sequence[vocabulary.Rule],
) -> Tried | None:
    """A recorded call asked of both sets; None where there is no such call here."""
    decision = Decision.objects.in_workspace(workspace).filter(pk=call).first() if call else None
    if decision is None:
        return None
    return Tried(decision, decide_again(decision, Snapshot(0, before)), decide_again(decision, Snapshot(0, after)))


def calls_to_try(workspace: Workspace) -> list[Decision]:
    """The newest calls, one of each action and answer."""
    rows = Decision.objects.in_workspace(workspace).only("action", "effect", "decided_at").order_by("-decided_at")
    found: dict[tuple[str, str], Decision] = {}
    for decision in rows[:TRIED_FROM]:
        found.setdefault((decision.action, decision.effect), decision)
    return list(found.values())[:TRIED_MOST]


def _said(rule: vocabulary.Rule, names: Names) -> Said:
    def slot(part: Part) -> str:
        return "" if not part.slot else _SLOTS[rule.effect] if part.slot == "effect" else "slot"

    return Said(rule, [(part.text, slot(part)) for part in sentence(rule, names)])
