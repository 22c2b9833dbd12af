"""What other rules would have done with the calls of the last 30 days: stored questions, asked again of both sets.

Nothing is guessed. What a stored question lacks is not known now either, which the rules themselves answer carefully,
and the report says how often that was so.
"""

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import ceil
from statistics import median
from typing import Any, NamedTuple
from uuid import UUID

from django.utils import timezone

from galaxy.core.models import Workspace
from policies.engine import Effect, Evaluation, Snapshot, evaluate
from policies.known import Known
from policies.models import Approval, ApprovalStage, Decision
from policies.rules.comparing import Comparison, compare, loosened
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

    ``asked_otherwise`` counts calls that are asked about either way, but not of the same people or in the same way.
    ``cut`` says why not every call was replayed, "" where each was. ``looser`` is a recorded call that the draft is
    easier on, with in which way; ``comparison`` speaks of every request there could be.
    """

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
    report = Report()
    since = timezone.now() - timedelta(days=DAYS)
    answered = _answered(workspace, since)
    groups: dict[tuple[str, str, Effect, Effect], Group] = {}
    asked: tuple[Counter, Counter] = Counter(), Counter()
    lacking = _Lacking([*before, *after])
    old, new = Snapshot(0, before), Snapshot(0, after)
    moved = Snapshot(0, [*(set(before) - set(after)), *(set(after) - set(before))])
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
        lacking.look(stored)
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
    """(id, input, time) of the calls, newest first, until there are too many or it takes too long."""
    rows = Decision.objects.in_workspace(workspace).filter(decided_at__gte=since).order_by("-decided_at")
    found = rows.values_list("pk", "input", "decided_at")[: MOST_CALLS + 1].iterator(chunk_size=2_000)
    for place, row in enumerate(found):
        if place == MOST_CALLS:
            report.cut = f"Only the newest {MOST_CALLS:,} calls were replayed."
            return
        if place % _LOOK_EVERY == 0 and time.monotonic() - began > BUDGET_S:
            report.cut = f"Only the newest {place:,} calls were replayed: more would have taken too long."
            return
        yield row


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
    question: tuple,
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
    """Counts what stored questions lack of that which the rules ask about."""

    def __init__(self, rules: Sequence[Rule]):
        when = [rule.when for rule in rules]
        self.fields = sorted({one.amount.field for one in when if one.amount})
        self.asks_count = any(one.over is not None for one in when)
        self.asks_place = any(one.new_destination for one in when)
        self.asks_level = any(rule.what.levels for rule in rules)
        self.acts = sorted({act for rule in rules for act in rule.what.acts if act != "call"})
        self.counts: Counter = Counter()
        self.agents: Counter = Counter()

    def look(self, stored: dict[str, Any]) -> None:
        context = stored["context"]
        if self.fields:
            numbers = context.get("numbers") or {}
            self.counts.update(name for name in self.fields if name not in numbers)
        if self.asks_count and context.get("bulk_count") is None:
            self.counts["count"] += 1
        if self.asks_place and context.get("new_destination") is None:
            self.counts["place"] += 1
        if self.acts:
            self.counts[f"act {context.get('act', 'call')}"] += 1
        if agent := stored["principal"].get("agent"):
            self.agents[agent] += 1

    def sentences(self, known: Known) -> list[str]:
        """What cannot be known, in words; what people would have said never can."""
        said = []
        careful = "what is not known holds where a rule denies or asks, and never where it allows"
        for name in self.fields:
            if self.counts[name]:
                said.append(f"{_calls(self.counts[name])} recorded no number called {name}: {careful}.")
        if self.counts["count"]:
            said.append(f"{_calls(self.counts['count'])} did not say how many records: {careful}.")
        if self.counts["place"]:
            calls = _calls(self.counts["place"])
            said.append(f"Of {calls} it is not known whether they went to a new place: {careful}.")
        if self.asks_level:
            said.append("How far an extension is verified is taken as it was when the call was made.")
        missing = [act for act in self.acts if not self.counts[f"act {act}"]]
        if missing:
            said.append(
                f"Nobody asked to {' or '.join(missing)} anything in this time, so nothing of that was replayed."
            )
        gone = sum(count for pk, count in self.agents.items() if pk not in known.agents or known.agents[pk].is_over)
        if gone:
            said.append(f"{_calls(gone)} came from agents that have ended, and would not come any more.")
        said.append("What people would have answered, and what nobody tried because it was denied, is not known.")
        return said


def _calls(count: int) -> str:
    return f"{count:,} call{'' if count == 1 else 's'}"
