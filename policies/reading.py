"""Approvals as a person reads them: the queue's rows, and one request with everything its reviewer needs."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.core.paginator import Page, Paginator
from django.db.models import CharField, Count, Exists, F, OuterRef, Q
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast
from django.utils import timezone
from django.utils.text import Truncator

from galaxy.core.models import Token, User, Workspace
from galaxy.core.permissions import Denied, can, why_not
from policies import subjects
from policies.models import Approval, ApprovalQuerySet, Vote
from policies.services.approvals import why_not_yours

TABS = {"waiting": "Waiting", "mine": "Asked by me", "decided": "Decided"}
PAGE_SIZE = 20
BRIEF_CHARS = 60
LATELY = timedelta(hours=1)  # how long one's own decisions stay in sight under what still waits
_FACTS = {  # names of Approval.facts that are shown as they stand, in this order
    "agent": "Through agent",
    "where": "Target",
    "records": "Records",
    "data_classes": "Data classes",
    "version": "Version",
    "rule": "Rule",
    "undo": "Undo",
}


@dataclass(frozen=True)
class Row:
    """One line of the queue. ``state`` is the stored status, except that time run out shows before the sweep came."""

    approval: Approval
    state: str
    label: str
    vote: Vote | None

    @property
    def slug(self) -> str:
        """What the row's tile is drawn from: the extension that is called."""
        return str(self.approval.facts.get("what", "")).partition(".")[0] or self.approval.subject_kind

    @property
    def brief(self) -> str:
        """What tells it from its like: the first plain inputs, redacted as the facts are; "" where there are none."""
        inputs = self.approval.facts.get("inputs")
        plain = [
            f"{name} {value}"
            for name, value in (inputs.items() if isinstance(inputs, dict) else ())
            if isinstance(value, str | int | float) and not isinstance(value, bool) and value != ""
        ]
        return Truncator(", ".join(plain[:2])).chars(BRIEF_CHARS)


@dataclass(frozen=True)
class Request:
    """One approval opened. ``too_close`` and ``denied`` say why this reader does not decide it (both may be unset)."""

    row: Row
    facts: list[tuple[str, str]]
    inputs: Any
    reasons: list[dict[str, str]]
    subject: str
    subject_url: str | None
    too_close: str
    denied: Denied | None
    is_own: bool

    @property
    def approval(self) -> Approval:
        return self.row.approval

    @property
    def short_digest(self) -> str:
        return f"{self.approval.digest[:4]}…{self.approval.digest[-4:]}"

    @property
    def is_decidable(self) -> bool:
        return self.approval.is_pending and not self.too_close and self.denied is None


@dataclass(frozen=True)
class Queue:
    """A page of one tab. ``lately`` holds what the reader decided within the hour, under the first page of Waiting."""

    tab: str
    page: Page
    rows: Sequence[Row]
    lately: Sequence[Row]
    waiting: int
    mine: int

    @property
    def tabs(self) -> list[tuple[str, str, int | None]]:
        counts = {"waiting": self.waiting, "mine": self.mine or None}  # it lists more than it counts, so no bare 0
        return [(name, label, counts.get(name)) for name, label in TABS.items()]


def visible(user: User, workspace: Workspace) -> ApprovalQuerySet:
    """What ``user`` may open here, with what every line of it needs."""
    return (
        Approval.objects.in_workspace(workspace)
        .visible_to(user)
        .select_related("workspace", "requested_by")
        .prefetch_related("votes__reviewer")
    )


def due_for(user: User, workspace: Workspace) -> ApprovalQuerySet:
    """What waits for this very person: they may decide it, and are not too close to it."""
    if not can(user, "core.decide_approval", workspace):
        return Approval.objects.none()
    close = Q(requested_by=user) | Q(version_author=user, version_author__isnull=False)
    keys = Token.objects.in_workspace(workspace).filter(created_by=user, agent__isnull=False)
    of_agents = keys.annotate(agent_text=Cast("agent", CharField())).filter(agent_text=OuterRef("asking_agent"))
    waiting = Approval.objects.in_workspace(workspace).waiting().exclude(close)
    return waiting.alias(asking_agent=KeyTextTransform("agent_id", "facts")).exclude(Exists(of_agents))


def queue_of(user: User, workspace: Workspace, *, tab: str, page: str | None) -> Queue:
    """A page of the queue as ``user`` sees it; an unknown tab is Waiting, an odd page number the nearest there is."""
    tab = tab if tab in TABS else "waiting"
    seen = visible(user, workspace)
    now = timezone.now()
    if tab == "mine":
        found = seen.filter(requested_by=user).order_by("-requested_at", "pk")
    elif tab == "decided":
        over = ~Q(status=Approval.Status.PENDING) | Q(expires_at__lte=now)
        found = seen.filter(over).order_by(F("decided_at").desc(nulls_first=True), "pk")
    else:
        found = seen.waiting().order_by("requested_at", "pk")
    shown = Paginator(found, PAGE_SIZE).get_page(page)
    lately: list[Approval] = []
    if tab == "waiting" and shown.number == 1:
        lately += seen.filter(votes__reviewer=user, decided_at__gte=now - LATELY).order_by("-decided_at")[:3]
    counts = seen.waiting().aggregate(waiting=Count("pk"), mine=Count("pk", filter=Q(requested_by=user)))
    return Queue(
        tab=tab,
        page=shown,
        rows=[row_of(approval) for approval in shown.object_list],
        lately=[row_of(approval) for approval in lately],
        waiting=counts["waiting"],
        mine=counts["mine"],
    )


def row_of(approval: Approval) -> Row:
    state = approval.status
    if state == Approval.Status.PENDING and not approval.is_pending:
        state = Approval.Status.EXPIRED
    votes = list(approval.votes.all())
    return Row(approval, state, Approval.Status(state).label, votes[-1] if votes else None)


def request_of(approval: Approval, reader: User) -> Request:
    """Everything the page shows of one approval. ``facts`` were computed and redacted by whoever asked."""
    facts = approval.facts
    reasons = approval.decision.reasons if approval.decision else []
    return Request(
        row=row_of(approval),
        facts=_shown(facts, has_reasons=bool(reasons)),
        inputs=facts.get("inputs"),
        reasons=reasons,
        subject=subjects.label_of(approval),
        subject_url=subjects.url_of(approval),
        too_close=why_not_yours(approval, reader),
        denied=why_not(reader, "core.decide_approval", approval.workspace),
        is_own=approval.requested_by_id == reader.pk,
    )


def _shown(facts: dict[str, Any], *, has_reasons: bool) -> list[tuple[str, str]]:
    """Pairs of term and words. The reasons say the rule better where they are kept; no undo is worth saying."""
    known = {name: value for name, value in facts.items() if value not in (None, "")}
    if has_reasons:
        known.pop("rule", None)
    if "undo" in facts:
        known.setdefault("undo", "None declared")
    return [(label, _words(known[name])) for name, label in _FACTS.items() if name in known]


def _words(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(str(one) for one in value) or "None"
    return str(value)
