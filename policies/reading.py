"""One request as its reviewer reads it: what would happen, what was decided about its like, and who answers."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.urls import reverse
from django.utils import timezone

from galaxy.core.db.prepared import prepared
from galaxy.core.kept_queries import kept_rows
from galaxy.core.models import User
from galaxy.core.permissions import Denied, can, why_not
from policies import subjects
from policies.bound import changes
from policies.lines import read_along
from policies.models import Approval, ApprovalStage, Vote
from policies.queue import Row, compared, compared_values, row_of
from policies.recommending import Advised, Case, Past, Recommendation, advised_for, recommend
from policies.risk import Risk, risk_of
from policies.services.following import BETWEEN_REMINDERS
from policies.services.reviewers import why_not_yours
from policies.services.standing import may_see, names_of, standing_of, word_of
from policies.stacking import oddities
from policies.subjects import Panels
from policies.waiting import Waiting, waiting_of

NOT_KNOWN = "Not known"
PAST_READ = 20  # decisions about the like that a recommendation rests on
PAST_SHOWN = 5


@dataclass(frozen=True)
class Fact:
    """``words`` of None means that nobody can tell, which the page says; several stand one below the other. ``code``
    marks a machine word."""

    term: str
    words: str | tuple[str, ...] | None
    code: bool = False

    @property
    def shown(self) -> str | tuple[str, ...]:
        return self.words if self.words is not None else NOT_KNOWN

    @property
    def is_list(self) -> bool:
        return isinstance(self.words, tuple)


@dataclass(frozen=True)
class StageView:
    """One step of the progress line. ``state`` is done, open, later, or over where it ended without enough who said
    yes; ``who`` are those it asks, in words."""

    who: str
    yes: int
    needed: int
    state: str


@dataclass(frozen=True)
class Request:
    """One approval opened for one reader.

    ``why`` says why they may decide it, else ``why_not`` why they do not; ``denied`` is the permission that is missing
    where that is the reason. ``recommendation`` is there while it waits, ``waiting`` for whoever asked; ``advised`` is
    the advice by which the Assistant prepared it.
    """

    row: Row
    facts: list[Fact]
    panels: Panels
    inputs: Any
    reasons: list[dict[str, Any]]
    stages: list[StageView]
    past: Sequence[Row]
    recommendation: Recommendation | None
    advised: Advised | None
    subject: str
    subject_url: str | None
    receipt_url: str
    why: str
    why_not: str
    denied: Denied | None
    is_own: bool
    is_asked: bool
    waiting: Waiting | None
    taken_by: Approval | None

    @property
    def approval(self) -> Approval:
        return self.row.approval

    @property
    def short_digest(self) -> str:
        return f"{self.approval.digest[:4]}…{self.approval.digest[-4:]}"

    @property
    def is_decidable(self) -> bool:
        return self.approval.is_pending and self.is_asked

    @property
    def changed(self) -> list[str]:
        """What is not as it was when it was asked before, in words."""
        return list(self.approval.facts.get("changed") or ())

    @property
    def past_approved(self) -> str:
        count = sum(row.state == Approval.Status.APPROVED for row in self.past)
        return f"{count} approved" if count else ""

    @property
    def past_rejected(self) -> str:
        count = sum(row.state == Approval.Status.REJECTED for row in self.past)
        return f"{count} rejected" if count else ""

    @property
    def can_narrow(self) -> bool:
        subject = subjects.subject_of(self.approval)
        return self.is_decidable and bool(subject and subject.narrow and subject.narrowable)

    @property
    def can_ask_again(self) -> bool:
        subject = subjects.subject_of(self.approval)
        over = not self.approval.is_pending and self.row.state != Approval.Status.APPROVED
        return self.is_own and over and self.taken_by is None and subject is not None and subject.again is not None

    @property
    def is_grave(self) -> bool:
        """Whether a yes takes a reason as well."""
        return risk_of(self.approval) == Risk.HIGH

    @property
    def bound_words(self) -> str:
        """What a decision holds for, in words."""
        parts = self.approval.bound
        return ", ".join(changes(parts, dict.fromkeys(parts, ""))) or "all that is shown here, as it is now"

    @property
    def record_count(self) -> int:
        return len(self.panels.records)

    @property
    def more_records(self) -> str:
        return _count(self.record_count - 1, "record")

    @property
    def remind_at(self) -> datetime | None:
        """When its reviewers may be reminded again; None where they may be now."""
        if self.approval.reminded_at is None:
            return None
        at = self.approval.reminded_at + BETWEEN_REMINDERS
        return at if at > timezone.now() else None


def request_of(approval: Approval, reader: User) -> Request:
    """Everything the page shows of one approval. ``facts`` were computed and redacted by whoever asked."""
    subject = subjects.subject_of(approval)
    panels = subject.show(approval, reader) if subject and subject.show else Panels()
    row = row_of(approval)
    stages = approval.all_stages
    here = next((stage for stage in stages if stage.is_open), None)
    close = why_not_yours(approval, reader) if approval.is_pending else ""
    seat = None
    if here and not close and approval.is_pending:
        seat = standing_of(reader, approval.workspace).seat(approval, here)
    said = word_of(reader, row.votes)
    is_own = approval.requested_by_id == reader.pk
    past = _past_of(approval, reader)
    denied = None
    if approval.is_pending and not close and seat is None and not said:
        denied = why_not(reader, "core.decide_approval", approval.workspace)
    return Request(
        row=row,
        facts=_facts(approval, panels),
        panels=panels,
        inputs=approval.facts.get("inputs"),
        reasons=approval.decision.reasons if approval.decision else [],
        stages=_stages(stages, row.votes),
        past=[row_of(one) for one in past[:PAST_SHOWN]],
        recommendation=_recommendation(approval, panels, past) if approval.is_pending else None,
        advised=advised_for(approval.workspace_id, approval.subject_id) if approval.subject_kind != "run" else None,
        subject=subjects.label_of(approval),
        subject_url=subjects.url_of(approval),
        receipt_url=_receipt_of(approval, reader),
        why=seat.sentence if seat else "",
        why_not=close or _not_asked(here, said, reader, seat is not None),
        denied=denied,
        is_own=is_own,
        is_asked=seat is not None and not said,
        waiting=waiting_of(approval) if is_own else None,
        taken_by=_taken_by(approval, reader),
    )


def _receipt_of(approval: Approval, reader: User) -> str:
    """The page of the engine's decision that asked, for those who may open it."""
    if approval.decision_id is None:
        return ""
    if approval.requested_by_id != reader.pk and not can(reader, "core.view_run", approval.workspace):
        return ""
    return reverse("policies:decision-detail", args=[approval.workspace.slug, approval.decision_id])


def _facts(approval: Approval, panels: Panels) -> list[Fact]:
    """The nine things to know, less the simulation, which has a box of its own; each is there or is not known."""
    facts = approval.facts
    undo = panels.undo or _words(facts.get("undo"))
    if undo is None and "undo" in facts:
        undo = "None declared"
    records = approval.records if approval.records is not None else facts.get("records")
    classes = facts.get("data_classes", approval.data_classes or None)
    through = facts.get("agent") or facts.get("trigger")
    where = ", ".join(str(part) for part in (facts.get("where"), facts.get("connection")) if part)
    known = [
        Fact(_does(approval), _words(facts.get("what")), code=bool(facts.get("what"))),
        Fact("Target", where or None),
        Fact("Records", f"{records:,}" if isinstance(records, int) else _words(records)),
        Fact("Data classes", _words(classes)),
        Fact("Asked by", f"{through}, for {approval.requested_by}" if through else str(approval.requested_by)),
        Fact("Who pays", panels.payer or _words(facts.get("payer"))),
        Fact("Rule", _rule(approval)),
        Fact("Undo", undo),
    ]
    if version := _words(facts.get("version")):
        known.append(Fact("Version", version))
    return known + [Fact(term, words) for term, words in panels.facts]


def _does(approval: Approval) -> str:
    """The term beside what a request is about."""
    return "Calls" if approval.subject_kind == "run" else subjects.label_of(approval)


def _rule(approval: Approval) -> str | None:
    """The rules that ask, or what the defaults say."""
    reasons = approval.decision.reasons if approval.decision else []
    numbers = sorted({reason.get("rule", 0) for reason in reasons} - {0})
    if numbers:
        return f"Rule {' and '.join(map(str, numbers))}, below"
    if reasons:
        return "Default, below"
    return _words(approval.facts.get("rule"))


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _words(value: Any) -> str | None:
    if value is None or value == "":
        return None
    if isinstance(value, list):
        return ", ".join(str(one) for one in value) or "None"
    return str(value)


def _stages(stages: Sequence[ApprovalStage], votes: Sequence[Vote]) -> list[StageView]:
    found = []
    for stage in stages:
        said = [vote for vote in votes if vote.stage_id == stage.pk and vote.choice == Vote.Choice.APPROVE]
        state = "later"
        if stage.done_at:
            state = "done" if len(said) >= stage.needed else "over"
        elif stage.is_open:
            state = "open"
        found.append(StageView(names_of(stage), len(said), stage.needed, state))
    return found


def _not_asked(here: ApprovalStage | None, said: Vote | None, reader: User, is_asked: bool) -> str:
    if said:
        who = "You have said yes" if said.reviewer == reader else f"{said.reviewer} has said yes in your place"
        return f"{who}. Somebody else has to as well."
    if is_asked or here is None:
        return ""
    return f"It waits for {names_of(here)}."


def _past_of(approval: Approval, reader: User) -> list[Approval]:
    """The latest decisions about requests of the same shape, or of the same target where it has none of a shape."""
    if not (approval.shape or approval.target):
        return []
    workspace = approval.workspace
    by = "shape" if approval.shape else "target"

    def ask(like: str, pk: UUID) -> QuerySet[Approval]:
        rows = Approval.objects.in_workspace(workspace).filter(may_see(reader, workspace), **{by: like})
        rows = rows.filter(status__in=Vote.Choice.values).exclude(pk=pk)
        return rows.select_related("workspace", "requested_by").order_by("-requested_at")[:PAST_READ]

    which = ("policies.past", by, standing_of(reader, workspace))
    found = kept_rows(reader, workspace, which, ask, like=getattr(approval, by), pk=approval.pk)
    read_along(found)
    return found


def _recommendation(approval: Approval, panels: Panels, past: Sequence[Approval]) -> Recommendation:
    workspace = approval.workspace
    earlier = _earlier(workspace=workspace.pk, asker=approval.requested_by_id, pk=approval.pk)
    odd: dict = {}
    if approval.shape:
        alike = compared(_alike(workspace=workspace.pk, shape=approval.shape), workspace)
        odd = oddities(alike.get(approval.shape, []))
    has_undo = bool(panels.undo or approval.facts.get("undo")) if "undo" in approval.facts or panels.undo else None
    case = Case(
        past=[Past(one.status == Approval.Status.APPROVED, one.records, frozenset(one.data_classes)) for one in past],
        records=approval.records,
        data_classes=frozenset(approval.data_classes),
        changes=approval.effect != "read",
        is_simulated=approval.simulated,
        has_undo=has_undo,
        trial_failed=panels.has_failed,
        asked_before=len(earlier),
        odd=odd.get(approval.pk, ()),
        is_changed=bool(approval.facts.get("changed")),
    )
    return recommend(case)


@prepared
def _earlier(workspace: UUID, asker: UUID, pk: UUID) -> QuerySet[Approval, UUID]:
    """Whether they asked for anything else: one key, or none."""
    rows = Approval.objects.filter(workspace=workspace, requested_by=asker).exclude(pk=pk)
    return rows.order_by().values_list("pk", flat=True)[:1]


@prepared
def _alike(workspace: UUID, shape: str) -> QuerySet[Any, tuple]:
    return compared_values(Approval.objects.filter(workspace=workspace).waiting().filter(shape=shape))


def _taken_by(approval: Approval, reader: User) -> Approval | None:
    """The request that came in the place of this one, if the reader may see it."""
    if approval.is_pending:
        return None
    later = Approval.objects.in_workspace(approval.workspace).filter(may_see(reader, approval.workspace))
    return (
        later.filter(again=approval).select_related("workspace").first()
        or later.filter(narrowed_from=approval).select_related("workspace").first()
    )
