"""The queue as a person reads it: tabs, filters, rows, and requests of one shape as a stack.

What waits is read in groups, so that a page costs the same whatever waits: the groups of the page, the oldest request
of each, and the values by which those of one stack are compared.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property, partial
from typing import Any, NamedTuple
from uuid import UUID

from django.core.paginator import Page, Paginator
from django.db.models import (
    Case,
    CharField,
    Count,
    F,
    IntegerField,
    Max,
    Min,
    Q,
    QuerySet,
    Value,
    When,
    Window,
)
from django.db.models.fields.json import KeyTransform
from django.db.models.functions import Cast, RowNumber
from django.utils import timezone
from django.utils.text import Truncator

from galaxy.core.db.prepared import prepared
from galaxy.core.kept_queries import kept_rows
from galaxy.core.models import User, Workspace
from policies.lines import read_along
from policies.models import Approval, ApprovalQuerySet, Vote
from policies.queue_filters import QueueFilterForm
from policies.services.reviewers import asked_of
from policies.services.standing import may_see, standing_of
from policies.stacking import Item, oddities

TABS = {"waiting": "Waiting", "mine": "Asked by me", "decided": "Decided"}
PAGE_SIZE = 20
BRIEF_CHARS = 60
AT_ONCE = 50  # of one stack, shown, and so decided, by one form
COMPARED = 100  # of one stack, the oldest; past that a stack is no longer looked through at once
LATELY = timedelta(hours=1)  # how long one's own decisions stay in sight under what still waits
_KEY = Case(When(shape="", then=Cast("pk", CharField())), default=F("shape"), output_field=CharField())


@dataclass(frozen=True)
class Row:
    """One request of the queue. ``state`` is the stored status, except that time run out shows before the sweep came;
    ``is_mine`` says whether the reader is asked to decide it."""

    approval: Approval
    state: str
    label: str
    votes: tuple[Vote, ...]
    is_mine: bool = False

    @property
    def vote(self) -> Vote | None:
        """The word that settled it, once it is settled; a yes that is not the last one needed settles nothing."""
        return self.votes[-1] if self.votes and self.state in Vote.Choice.values else None

    @property
    def said_yes(self) -> int:
        return sum(vote.choice == Vote.Choice.APPROVE for vote in self.votes)

    @property
    def needed(self) -> int:
        """How many have to say yes in all."""
        return sum(stage.needed for stage in self.approval.all_stages) or 1

    @property
    def progress(self) -> str:
        return f"{self.said_yes} of {self.needed} said yes"

    @property
    def slug(self) -> str:
        """What the row's tile is drawn from: the extension that is called."""
        what = self.approval.target or str(self.approval.facts.get("what", ""))
        return what.partition(".")[0] or self.approval.subject_kind

    @property
    def through(self) -> str:
        """The agent that asked, or the trigger that started it, if one did."""
        return str(self.approval.facts.get("agent") or self.approval.facts.get("trigger") or "")

    @property
    def why(self) -> str:
        """Why a person is asked: what the first rule that asks says."""
        rule = self.approval.facts.get("rule") or ""
        return str(rule[0]) if isinstance(rule, list) and rule else str(rule or "")

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
class Head:
    """One line of the list: a request, or ``count`` of one shape, of which ``row`` is the oldest and ``odd`` says what
    stands out in how many of them."""

    row: Row
    count: int = 1
    odd: tuple[str, ...] = ()

    @property
    def is_stack(self) -> bool:
        return self.count > 1

    @property
    def shape(self) -> str:
        return self.row.approval.shape

    @property
    def badge(self) -> str:
        return f"{self.count} waiting"

    @property
    def first_odd(self) -> str:
        return self.odd[0] if self.odd else ""


@dataclass(frozen=True)
class Queue:
    """A page of one tab. ``found`` is everything the filters leave; ``lately`` holds what the reader decided within the
    hour, under the first page of Waiting; ``items`` are those of the stacks of the page, by shape, as they were
    compared; ``read`` are the requests that the page has, those of the stack that stands beside it among them."""

    tab: str
    filters: QueueFilterForm
    found: ApprovalQuerySet
    page: Page
    heads: Sequence[Head]
    lately: Sequence[Row]
    waiting: int
    mine: int
    items: dict[str, list[Item]]
    read: dict[UUID, Approval]

    @property
    def rows(self) -> list[Row]:
        return [head.row for head in self.heads]

    @property
    def tabs(self) -> list[tuple[str, str, int | None]]:
        counts = {"waiting": self.waiting, "mine": self.mine or None}  # it lists more than it counts, so no bare 0
        return [(name, label, counts.get(name)) for name, label in TABS.items()]

    @property
    def clear_url(self) -> str:
        return f"?tab={self.tab}"

    @property
    def is_filtered(self) -> bool:
        return bool(self.filters.given)

    @cached_property  # every line of the page has a link or two with it
    def place(self) -> str:
        """Where one is, for links that come back here: tab, filters and page."""
        page = f"&page={self.page.number}" if self.page.number > 1 else ""
        return f"{self.filters.query}{page}"


def visible_one(user: User, workspace: Workspace, pk: UUID) -> Approval | None:
    """The request of that id, if ``user`` may open it here, with what its page needs."""

    def ask(pk: UUID) -> QuerySet[Approval]:
        rows = Approval.objects.in_workspace(workspace).filter(may_see(user, workspace), pk=pk)
        people = ("requested_by", "agent", "assigned_to")
        return rows.select_related("workspace", "decision", "again", "narrowed_from", *people)

    found = kept_rows(user, workspace, ("policies.approval", standing_of(user, workspace)), ask, pk=pk)
    read_along(found)
    return found[0] if found else None


def queue_of(user: User, workspace: Workspace, params: Any) -> Queue:
    """A page of the queue as ``user`` sees it. ``params`` is the query: tab, page and filters, of which odd ones fall
    back: to Waiting, the nearest page there is, and no filter."""
    tab = params.get("tab", "")
    tab = tab if tab in TABS else "waiting"
    filters = QueueFilterForm(params, workspace=workspace, tab=tab)
    seen = Approval.objects.in_workspace(workspace).filter(may_see(user, workspace))
    now = timezone.now()
    lately: list[Approval] = []
    items: dict[str, list[Item]] = {}
    read: dict[UUID, Approval] = {}
    found = filters.apply(_of_tab(seen, tab, user, now), partial(asked_of, user, workspace), user)
    if tab == "waiting":
        plain = not filters.given
        page, items = _groups(found, user, workspace, params.get("page"), plain=plain)
        opened = "" if params.get("open") else params.get("stack")
        heads = _heads(found, user, workspace, list(page.object_list), items, read, opened, plain=plain)
        if page.number == 1 and plain:
            lately = _lately(user, workspace, now - LATELY)
    else:
        page = Paginator(found.select_related("workspace", "requested_by"), PAGE_SIZE).get_page(params.get("page"))
        page.object_list = with_lines(page.object_list)
        heads = [Head(row_of(approval)) for approval in page.object_list]
    waiting, mine = _counts(seen, user, workspace)
    return Queue(
        tab=tab,
        filters=filters,
        found=found,
        page=page,
        heads=heads,
        lately=[row_of(approval) for approval in lately],
        waiting=waiting,
        mine=mine,
        items=items,
        read=read,
    )


def row_of(approval: Approval, *, is_mine: bool = False) -> Row:
    state = approval.status
    if state == Approval.Status.PENDING and not approval.is_pending:
        state = Approval.Status.EXPIRED
    return Row(approval, state, Approval.Status(state).label, tuple(approval.all_votes), is_mine)


def _counts(seen: ApprovalQuerySet, user: User, workspace: Workspace) -> tuple[int, int]:
    """How many of ``seen``, which follow from the reader, wait, and how many of them they asked for."""

    def ask() -> QuerySet:
        one = seen.waiting().order_by().annotate(one=Value(1)).values("one")
        return one.annotate(all=Count("pk"), mine=Count("pk", filter=Q(requested_by=user))).values_list("all", "mine")

    found = kept_rows(user, workspace, ("policies.counts", standing_of(user, workspace)), ask)
    return found[0] if found else (0, 0)


def items_of(rows: ApprovalQuerySet, workspace: Workspace) -> dict[str, list[Item]]:
    """The oldest of each shape among ``rows``, as they are compared: {shape: items}."""
    return compared(list(compared_values(rows)), workspace)


def compared_values(rows: ApprovalQuerySet) -> QuerySet[Any, tuple]:
    """What ``compared`` makes items of."""
    place = Window(RowNumber(), partition_by=F("shape"), order_by=[F("requested_at"), F("pk")])
    return (
        rows.order_by()
        .annotate(place=place, given=KeyTransform("inputs", "facts"))
        .filter(place__lte=COMPARED)
        .order_by("shape", "place")
        .values_list(
            "shape", "pk", "records", "data_classes", "requested_by", "requested_by__name", "agent__name", "given"
        )
    )


def compared(found: list[tuple], workspace: Workspace) -> dict[str, list[Item]]:
    """Items of the rows of ``compared_values``, each with whether its requester ever asked for anything before."""
    known = set(_known_askers(workspace=workspace.pk, askers=",".join({str(row[4]) for row in found})))
    items: dict[str, list[Item]] = {}
    for shape, pk, records, classes, asker, name, agent, inputs in found:
        who = f"{name} through {agent}" if agent else name
        items.setdefault(shape, []).append(Item(pk, records, tuple(classes), who, asker not in known, inputs or {}))
    return items


@prepared
def _known_askers(workspace: UUID, askers: str) -> QuerySet[Approval, UUID]:
    rows = Approval.objects.filter(workspace=workspace, requested_by__pk__among=askers)
    rows = rows.exclude(status=Approval.Status.PENDING)
    return rows.values_list("requested_by", flat=True).order_by().distinct()


def due_among(shape: str, items: Sequence[Item], reader: User, workspace: Workspace) -> set[UUID]:
    """Those of ``items``, requests of one ``shape``, that ``reader`` is asked to decide."""
    if len(items) >= AT_ONCE:  # of more than these, others are not looked at
        due = asked_of(reader, workspace).filter(pk__in=[item.key for item in items])
        return set(due.values_list("pk", flat=True))

    def ask(shape: str) -> QuerySet:
        return asked_of(reader, workspace).filter(shape=shape).values_list("pk", flat=True)

    which = ("policies.due", standing_of(reader, workspace))
    return {item.key for item in items} & set(kept_rows(reader, workspace, which, ask, shape=shape))


def _groups(
    rows: ApprovalQuerySet, user: User, workspace: Workspace, number: str | None, *, plain: bool
) -> tuple[Page, dict[str, list[Item]]]:
    """A page of what waits, in groups of one shape: first what the reader decides, then by age; and the items of its
    stacks. Where ``plain``, ``rows`` follow from the reader and what they are here."""

    def ask() -> QuerySet:
        due = asked_of(user, workspace).values("pk")
        is_due = Case(When(pk__in=due, then=Value(1)), default=Value(0), output_field=IntegerField())
        groups = rows.order_by().annotate(key=_KEY, is_due=is_due).values("key")
        groups = groups.annotate(
            count=Count("pk"), first=Min("requested_at"), is_mine=Max("is_due"), one=Min(Cast("pk", CharField()))
        )
        return groups.order_by("-is_mine", "first", "key").values_list("key", "count", "is_mine", "one")

    page = None
    if number in (None, "", "1"):
        which = ("policies.queue", standing_of(user, workspace))
        first = kept_rows(user, workspace, which, lambda: ask()[: PAGE_SIZE + 1]) if plain else ask()[: PAGE_SIZE + 1]
        if len(first) <= PAGE_SIZE:  # one page holds them all, and nothing has to be counted
            page = Paginator(list(first), PAGE_SIZE).get_page(1)
    page = page or Paginator(ask(), PAGE_SIZE).get_page(number)
    page.object_list = [_Group(*group) for group in page.object_list]
    stacks = [group.key for group in page.object_list if group.number > 1]
    if not stacks:
        return page, {}
    if not plain:
        return page, items_of(rows.filter(shape__in=stacks), workspace)

    def values(shapes: str) -> QuerySet:
        return compared_values(rows.filter(shape__among=shapes))

    which = ("policies.items", standing_of(user, workspace))
    return page, compared(kept_rows(user, workspace, which, values, shapes=",".join(stacks)), workspace)


class _Group(NamedTuple):
    """``one`` is the id of the only request there is, where there is only one."""

    key: str
    number: int
    is_mine: int
    one: str


def _heads(
    rows: ApprovalQuerySet,
    user: User,
    workspace: Workspace,
    groups: list[_Group],
    items: dict[str, list[Item]],
    read: dict[UUID, Approval],
    opened: str | None,
    *,
    plain: bool,
) -> list[Head]:
    """The lines of ``groups``, each with its oldest request. These are put into ``read``, and those of the stack that
    ``opened`` names, or that comes first where it names none."""
    oldest = {group.key: items[group.key][0].key if items.get(group.key) else UUID(group.one) for group in groups}
    beside = opened or (groups[0].key if groups and opened is None else "")
    wanted = {*oldest.values(), *(item.key for item in items.get(beside, [])[:AT_ONCE])}

    def ask(ids: str) -> QuerySet:
        return rows.filter(pk__among=ids).select_related("workspace", "requested_by")

    found: list[Approval] = []
    if wanted:
        ids = ",".join(map(str, wanted))
        which = ("policies.lines", standing_of(user, workspace))
        found = kept_rows(user, workspace, which, ask, ids=ids) if plain else list(ask(ids))
        read_along(found)
    read |= {approval.pk: approval for approval in found}
    odd = {shape: tuple(words[0] for words in oddities(some).values()) for shape, some in items.items()}
    return [
        Head(
            row_of(read[oldest[group.key]], is_mine=bool(group.is_mine)),
            group.number,
            odd.get(group.key, ()) if group.number > 1 else (),
        )
        for group in groups
        if oldest[group.key] in read  # decided between the two questions
    ]


def _lately(user: User, workspace: Workspace, since: datetime) -> list[Approval]:
    """What ``user`` decided since then and may still open, the last first."""

    def ask(since: datetime) -> QuerySet[Approval]:
        mine = Approval.objects.in_workspace(workspace).filter(may_see(user, workspace))
        mine = mine.filter(votes__reviewer=user, decided_at__gte=since).order_by("-decided_at")
        return mine.select_related("workspace", "requested_by")[:3]

    found = kept_rows(user, workspace, ("policies.lately", standing_of(user, workspace)), ask, since=since)
    read_along(found)
    return found


def _of_tab(seen: ApprovalQuerySet, tab: str, user: User, now: datetime) -> ApprovalQuerySet:
    if tab == "waiting":
        return seen.waiting()
    if tab == "mine":
        return seen.filter(requested_by=user).order_by("-requested_at", "pk")
    over = ~Q(status=Approval.Status.PENDING) | Q(expires_at__lte=now)
    return seen.filter(over).order_by(F("decided_at").desc(nulls_first=True), "pk")


def with_lines(rows: Any) -> list[Approval]:
    """With what a line of the list says of each: people, votes and stages."""
    found = list(rows.select_related("workspace", "requested_by"))
    read_along(found)
    return found
