"""Who made outcomes: the installations and versions whose calls took part, and what each outcome cost."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import Count, OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce

from galaxy.core.db.prepared import prepared
from galaxy.core.models import Agent, User, Workspace
from sandbox.models import Charge, Outcome, Run
from sandbox.outcomes.weeks import counting_in

Money = dict[str, Decimal]


@dataclass(frozen=True)
class Part:
    """One version of one installation, and in how many outcomes it took part: as their pack, or as a step that ran
    well."""

    installation: UUID
    version: UUID
    name: str
    slug: str
    kind: str
    number: str
    outcomes: int


@dataclass(frozen=True)
class PackCost:
    """What the live runs of one pack cost within a time, those that reached nothing included, beside its outcomes."""

    target: str
    outcomes: int
    money: Money = field(default_factory=dict)

    @property
    def each(self) -> Money:
        """For one successful outcome; {} where there was none to share it."""
        return {currency: amount / self.outcomes for currency, amount in self.money.items()} if self.outcomes else {}


def makers_of(outcomes: QuerySet[Outcome]) -> list[Part]:
    """The parts of ``outcomes``, those of most outcomes first; packs before their steps. Two queries, and some more
    where one was reached by going on where an earlier run failed."""
    rows = _rooted(_took_part(outcomes)).values_list(*_PART).annotate(outcomes=Count("root", distinct=True))
    found: Counter[Any] = Counter({row[:-1]: row[-1] for row in rows})
    if earlier := _taken_over(outcomes):
        own = _took_part(outcomes.filter(run__in=set(earlier.values())))
        steps = _rooted(_ran_well(earlier)).values_list(*_PART, "root").distinct()
        taken = {(*row[:-1], earlier[row[-1]]) for row in steps}
        found.update(row[:-1] for row in taken - set(_rooted(own).values_list(*_PART, "root")))
    parts = [Part(*(*row, number)) for row, number in found.items()]
    return sorted(parts, key=lambda one: (-one.outcomes, one.kind != "pack", one.name, one.number))


_PART = (
    "installation_id",
    "version_id",
    "installation__extension__name",
    "installation__extension__slug",
    "installation__extension__kind",
    "version__number",
)


def _rooted(runs: QuerySet[Run]) -> Any:
    """With the ``root`` that each belongs to: its pack's run, or itself."""
    return runs.annotate(root=Coalesce("parent_id", "pk")).order_by()


def _took_part(outcomes: QuerySet[Outcome]) -> QuerySet[Run]:
    """The runs of the packs, and those of their steps that ran well."""
    return Run.objects.filter(
        Q(outcome__in=outcomes) | Q(parent__outcome__in=outcomes, state=Run.State.SUCCEEDED, undoes=None)
    )


def _ran_well(parents: Iterable[UUID]) -> QuerySet[Run]:
    return Run.objects.filter(parent__in=list(parents), state=Run.State.SUCCEEDED, undoes=None)


def _taken_over(outcomes: QuerySet[Outcome]) -> dict[UUID, UUID]:
    """The runs whose finished steps were taken over by those of ``outcomes``: {earlier run: run of the outcome}."""
    found: dict[UUID, UUID] = {}
    resumed: Any = outcomes.exclude(run__resumes=None).order_by().values_list("run__resumes", "run")
    last: dict[UUID, UUID] = dict(resumed)
    while last and not found.keys() >= last.keys():
        found |= last
        rows: Any = Run.objects.filter(pk__in=list(last)).exclude(resumes=None).values_list("pk", "resumes")
        last = {before: last[run] for run, before in rows}
    return found


def with_part(outcomes: QuerySet[Outcome], installation: UUID, version: UUID | None = None) -> QuerySet[Outcome]:
    """Those of ``outcomes`` in which ``installation`` took part, at ``version`` if one is given."""
    runs: Any = Run.objects.filter(installation=installation)
    if version:
        runs = runs.filter(version=version)
    steps = runs.filter(parent__isnull=False, state=Run.State.SUCCEEDED, undoes=None).values("parent")
    took_part = Q(run__in=runs) | Q(run__in=steps)
    if earlier := _taken_over(outcomes):
        rows = _ran_well(earlier).filter(installation=installation)
        rows = rows.filter(version=version) if version else rows
        took_part |= Q(run__in={earlier[parent] for parent in rows.values_list("parent_id", flat=True)})
    return outcomes.filter(took_part)


def costs_of(
    workspace: Workspace,
    since: datetime,
    until: datetime,
    user: User | None = None,
    agent: Agent | None = None,
    *,
    only_dear: bool = False,
) -> list[PackCost]:
    """What each pack cost in [since, until) beside its outcomes that count, the dearest first. Two queries; of
    ``only_dear`` packs, those that cost anything, a single one where there are none.

    Of the runs that ``user`` may see, or that ``agent`` asked for, if one is given.
    """
    spent = _spent_by_packs(workspace, since, until, user, agent)
    if only_dear and not spent:
        return []
    outcomes: dict[str, int] = dict(
        counting_in(workspace, since, until, user, agent).order_by().values_list("run__target").annotate(n=Count("pk"))
    )
    names = spent.keys() if only_dear else outcomes.keys() | spent.keys()
    found = [PackCost(name, outcomes.get(name, 0), spent.get(name, {})) for name in names]
    return sorted(found, key=lambda one: (-sum(one.money.values()), one.target))


def _spent_by_packs(
    workspace: Workspace, since: datetime, until: datetime, user: User | None, agent: Agent | None
) -> dict[str, Money]:
    rows: Iterable[tuple[str, str, Decimal]]
    if user is None and agent is None:
        rows = _all_spent(workspace=workspace.pk, since=since, until=until)
    else:
        packs: Any = Run.objects.in_workspace(workspace).filter(kind="pack")
        packs = packs.filter(agent=agent) if agent else packs.visible_to(user)
        charges = Charge.objects.in_workspace(workspace).filter(charged_at__gte=since, charged_at__lt=until)
        rows = _summed(charges, packs)
    spent: dict[str, Money] = defaultdict(dict)
    for pack, currency, amount in rows:
        spent[pack][currency] = amount
    return spent


def _summed(charges: QuerySet[Charge], packs: QuerySet[Run]) -> QuerySet[Charge, tuple[str, str, Decimal]]:
    of_pack = Subquery(packs.filter(pk=OuterRef("root_run_id")).order_by().values("target")[:1])
    told = charges.annotate(pack=of_pack).exclude(pack=None).order_by().values_list("pack", "currency")
    return told.annotate(sum=Sum("amount"))


@prepared
def _all_spent(workspace: UUID, since: datetime, until: datetime) -> QuerySet[Charge, tuple[str, str, Decimal]]:
    charges = Charge.objects.filter(workspace=workspace, charged_at__gte=since, charged_at__lt=until)
    return _summed(charges, Run.objects.filter(workspace=workspace, kind="pack"))
