"""What other rules would have done with the calls of the last 30 days: stored questions, asked again of both sets.

Installs, upgrades and wider scopes are decided and stored too. They are replayed where a rule that differs is about
them, and left out where all of those are about calls.

Nothing is guessed. What a stored question lacks is not known now either, which the rules themselves answer carefully,
and the report says how often that was so.
"""

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from math import ceil
from statistics import median
from typing import NamedTuple
from uuid import UUID

from django.db.models import TextField, Value
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Coalesce
from django.utils import timezone

from galaxy.core.models import Workspace
from policies.engine import Effect, Evaluation, Snapshot, evaluate
from policies.known import Known
from policies.models import Approval, ApprovalStage, Decision
from policies.questions import Context, Question
from policies.rules.comparing import Comparison, compare, loosened
from policies.rules.parts import When
from policies.rules.vocabulary import Rule
from policies.services.decisions import question_of

DAYS = 30
MOST_CALLS = 20_000
MOST_TIMES = 5_000
BUDGET_S = 6.0  # of replaying; a form waits for it
MOST_GROUPS = 40
EXAMPLES = 5
_LOOK_EVERY = 128
_ALLOW, _ASK, _DENY = Effect.ALLOW, Effect.REQUIRE_APPROVAL, Effect.DENY


class Example(NamedTuple):
    """One recorded call: its decision and when. ``approval`` is the request it led to, where a person answered it."""

    decision: UUID
    decided_at: datetime
    approval: UUID | None


@dataclass
class Group:
    """Calls of one action with the same two answers. ``approved`` and ``rejected`` count what people said of them.

    ``examples`` are the newest few, and ``refused`` the newest of those that a person said no to.
    """

    action: str
    extension: str
    now: Effect
    then: Effect
    calls: int = 0
    approved: int = 0
    rejected: int = 0
    examples: list[Example] = field(default_factory=list)
    refused: list[Example] = field(default_factory=list)

    @property
    def records(self) -> list[Example]:
        """What the page links, refused ones first."""
        return list(dict.fromkeys([*self.refused, *self.examples]))[:EXAMPLES]


@dataclass(frozen=True)
class Load:
    """Questions to the same people, in all and a day. ``median_s`` is how long they took lately, None: not known."""

    reviewers: str
    now: int
    then: int
    days: int
    median_s: float | None

    @property
    def now_per_day(self) -> float:
        return self.now / self.days

    @property
    def then_per_day(self) -> float:
        return self.then / self.days


@dataclass
class Report:
    """``now`` and ``then`` count the answers of the rules in force and of the draft, ``moved`` the new ones by answer.

    ``calls`` is how many questions were replayed, about ``acts``.
    ``asked_otherwise`` counts calls that are asked about either way, but not of the same people or in the same way.
    ``cut`` says why not every call was replayed, "" where each was. ``looser`` is a recorded call that the draft is
    easier on, with in which way; ``comparison`` speaks of every request there could be.
    """

    acts: tuple[str, ...] = ("call",)
    calls: int = 0
    days: int = 1
    now: Counter = field(default_factory=Counter)
    then: Counter = field(default_factory=Counter)
    moved: Counter = field(default_factory=Counter)
    asked_otherwise: int = 0
    groups: list[Group] = field(default_factory=list)
    groups_left_out: int = 0
    load: list[Load] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    cut: str = ""
    looser_calls: int = 0
    looser: tuple[Example, str] | None = None
    comparison: Comparison = field(default_factory=lambda: Comparison("", True, 0))
    took_s: float = 0.0

    @property
    def noun(self) -> str:
        """What one of them is called."""
        return "call" if self.acts == ("call",) else "request"

    @property
    def only_tightens(self) -> bool:
        return self.comparison.only_tightens and self.looser is None

    @property
    def blocked(self) -> int:
        return self.moved[_DENY]

    @property
    def queued(self) -> int:
        return self.moved[_ASK]

    @property
    def freed(self) -> int:
        return self.moved[_ALLOW]

    @property
    def unchanged(self) -> int:
        return self.calls - sum(self.moved.values())

    @property
    def rejected(self) -> list[Group]:
        """Groups of calls that a person said no to, and that would pass without being asked about."""
        return [group for group in self.groups if group.then == _ALLOW and group.rejected]


def replay(workspace: Workspace, before: Sequence[Rule], after: Sequence[Rule]) -> Report:
    """Ask both sets of rules about every call of the last DAYS days, newest first, and compare them as such."""
    began = time.monotonic()
    differing = [*(set(before) - set(after)), *(set(after) - set(before))]
    report = Report(acts=tuple(sorted({act for rule in differing for act in rule.what.acts})) or Report.acts)
    since = timezone.now() - timedelta(days=DAYS)
    answered = _answered(workspace, since)
    groups: dict[tuple[str, str, Effect, Effect], Group] = {}
    asked: tuple[Counter, Counter] = Counter(), Counter()
    lacking = _Lacking([*before, *after], report)
    old, new = Snapshot(0, before), Snapshot(0, after)
    moved = Snapshot(0, differing)
    oldest: datetime | None = None
    for pk, stored, decided_at in _recorded(workspace, since, report, began):
        question = question_of(stored)
        was = then = evaluate(old, *question)
        if moved.speaking(*question):  # else no rule speaks in one set and not in the other
            then = evaluate(new, *question)
        report.calls += 1
        oldest = decided_at
        report.now[was.effect] += 1
        report.then[then.effect] += 1
        lacking.look(question)
        for answer, counts in zip((was, then), asked, strict=True):
            counts.update(stage.reviewers for stage in (answer.ask.stages if answer.ask else ()))
        if then is not was:
            _note(report, groups, Example(pk, decided_at, None), question, was, then, answered.get(pk))
    report.days = _days(oldest)
    ordered = sorted(groups.values(), key=lambda one: (-one.calls, one.action))
    report.groups, report.groups_left_out = ordered[:MOST_GROUPS], max(0, len(ordered) - MOST_GROUPS)
    report.load = _loads(workspace, since, *asked, report.days)
    known = Known(workspace)
    report.unknown = lacking.sentences(known)
    report.comparison = compare(before, after, known)
    report.took_s = time.monotonic() - began
    return report


def _recorded(workspace: Workspace, since: datetime, report: Report, began: float) -> Iterator[tuple]:
    """(id, input, time) of what is replayed, newest first, until there is too much or it takes too long.

    What was decided about one run or change is asked once, as it was at last: it was sent back, or made smaller.
    """
    act = Coalesce(
        KeyTextTransform("act", KeyTextTransform("context", "input")), Value("call"), output_field=TextField()
    )
    rows = Decision.objects.in_workspace(workspace).filter(decided_at__gte=since).alias(act=act)
    found = rows.filter(act__in=report.acts).order_by("-decided_at")
    found = found.values_list("pk", "input", "decided_at", "subject_id")[: MOST_CALLS + 1].iterator(chunk_size=2_000)
    seen: set[UUID] = set()
    for place, (*row, subject) in enumerate(found):
        if place == MOST_CALLS:
            report.cut = f"Only the newest {MOST_CALLS:,} {report.noun}s were replayed."
            return
        if place % _LOOK_EVERY == 0 and time.monotonic() - began > BUDGET_S:
            report.cut = f"Only the newest {place:,} {report.noun}s were replayed: more would have taken too long."
            return
        if subject is None or subject not in seen:
            yield tuple(row)
        seen.add(subject)


def _answered(workspace: Workspace, since: datetime) -> dict[UUID, tuple[UUID, str]]:
    """What people said of calls: {decision: (approval, status)}."""
    said = [Approval.Status.APPROVED, Approval.Status.REJECTED]
    rows = Approval.objects.in_workspace(workspace).filter(
        status__in=said, requested_at__gte=since, decision__isnull=False, grant=None
    )
    newest = rows.order_by("-requested_at").values_list("decision_id", "pk", "status")[:MOST_CALLS]
    return {decision: (pk, status) for decision, pk, status in newest}


def _note(
    report: Report,
    groups: dict[tuple[str, str, Effect, Effect], Group],
    call: Example,
    question: Question,
    was: Evaluation,
    then: Evaluation,
    said: tuple[UUID, str] | None,
) -> None:
    """Count one call where the two answers differ."""
    why = loosened(was, then)
    if why:
        report.looser_calls += 1
        report.looser = report.looser or (call, why)
    if was.effect == then.effect:
        report.asked_otherwise += was.ask != then.ask
        return
    report.moved[then.effect] += 1
    _, action, resource, _ = question
    key = action.target, resource.extension, was.effect, then.effect
    group = groups.setdefault(key, Group(*key))
    group.calls += 1
    if said:
        call = call._replace(approval=said[0])
        group.approved += said[1] == Approval.Status.APPROVED
        group.rejected += said[1] == Approval.Status.REJECTED
        if said[1] == Approval.Status.REJECTED and len(group.refused) < EXAMPLES:
            group.refused.append(call)
    if len(group.examples) < EXAMPLES:
        group.examples.append(call)


def _days(oldest: datetime | None) -> int:
    """Over how many days the calls lie: a workspace of a week is no workspace of a month."""
    if oldest is None:
        return 1
    return max(1, min(DAYS, ceil((timezone.now() - oldest) / timedelta(days=1))))


def _loads(workspace: Workspace, since: datetime, now: Counter, then: Counter, days: int) -> list[Load]:
    refs = sorted({*now, *then}, key=lambda ref: (-then[ref], -now[ref], ref))
    times = _times(workspace, since) if refs else {}
    return [Load(ref, now[ref], then[ref], days, median(times[ref]) if ref in times else None) for ref in refs]


def _times(workspace: Workspace, since: datetime) -> dict[str, list[float]]:
    """How long the latest questions to each took, in seconds, from being put to being answered."""
    rows = ApprovalStage.objects.in_workspace(workspace).filter(
        done_at__isnull=False, opened_at__isnull=False, approval__requested_at__gte=since, approval__grant=None
    )
    found: dict[str, list[float]] = {}
    for reviewers, opened_at, done_at in rows.order_by("-done_at").values_list("reviewers", "opened_at", "done_at")[
        :MOST_TIMES
    ]:
        for ref in reviewers:
            found.setdefault(ref, []).append((done_at - opened_at).total_seconds())
    return found


class _Lacking:
    """Counts what stored questions lack of that which a rule would ask about them."""

    def __init__(self, rules: Sequence[Rule], report: Report):
        self.report = report
        self.fields = sorted({rule.when.amount.field for rule in rules if rule.when.amount})
        self.asks_level = any(rule.what.levels for rule in rules)
        asking = {f"number {name}": [rule for rule in rules if _asks_number(rule, name)] for name in self.fields}
        asking["count"] = [rule for rule in rules if rule.when.over is not None]
        asking["place"] = [rule for rule in rules if rule.when.new_destination]
        # A rule without its circumstances speaks of all that it would look at.
        self.asking = {
            name: Snapshot(0, [replace(rule, when=When()) for rule in some]) for name, some in asking.items() if some
        }
        self.counts: Counter = Counter()
        self.acts: Counter = Counter()
        self.agents: Counter = Counter()

    def look(self, question: Question) -> None:
        principal, _, _, context = question
        for name, snapshot in self.asking.items():
            if _lacks(context, name) and snapshot.speaking(*question):
                self.counts[name] += 1
        self.acts[context.act] += 1
        if principal.agent:
            self.agents[principal.agent] += 1

    def sentences(self, known: Known) -> list[str]:
        """What cannot be known, in words; what people would have said never can."""
        said = []
        careful = "what is not known holds where a rule denies or asks, and never where it allows"
        for name in self.fields:
            if count := self.counts[f"number {name}"]:
                said.append(f"{self._counted(count)} recorded no number called {name}: {careful}.")
        if count := self.counts["count"]:
            said.append(f"{self._counted(count)} did not say how many records: {careful}.")
        if count := self.counts["place"]:
            said.append(f"Of {self._counted(count)} it is not known whether they went to a new place: {careful}.")
        if self.asks_level:
            said.append("How far an extension is verified is taken as it was when the call was made.")
        missing = [act for act in self.report.acts if act != "call" and not self.acts[act]]
        if missing:
            said.append(
                f"Nobody asked to {' or '.join(missing)} anything in this time, so nothing of that was replayed."
            )
        gone = sum(count for pk, count in self.agents.items() if pk not in known.agents or known.agents[pk].is_over)
        if gone:
            said.append(f"{self._counted(gone)} came from agents that have ended, and would not come any more.")
        said.append("What people would have answered, and what nobody tried because it was denied, is not known.")
        return said

    def _counted(self, count: int) -> str:
        return f"{count:,} {self.report.noun}{'' if count == 1 else 's'}"


def _asks_number(rule: Rule, name: str) -> bool:
    return rule.when.amount is not None and rule.when.amount.field == name


def _lacks(context: Context, name: str) -> bool:
    """Whether ``context`` says nothing of ``name``: count, place, or number and its field."""
    if name == "count":
        return context.bulk_count is None
    if name == "place":
        return context.new_destination is None
    return name.removeprefix("number ") not in context.numbers
