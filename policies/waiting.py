"""How long requests usually wait for their reviewers, by this workspace's own history."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db.models import Aggregate, Count, DurationField, Exists, ExpressionWrapper, F, OuterRef
from django.utils import timezone

from galaxy.core.models import Workspace
from policies.models import Approval, ApprovalStage, Vote
from policies.rules.asks import Ask
from policies.services.standing import name_of, names_of

LOOKED_BACK = timedelta(days=90)
ENOUGH = 5  # decisions; the middle of fewer says nothing about the next


class _Percentile(Aggregate):
    """PostgreSQL's percentile_cont, which takes what it orders in a clause of its own."""

    function = "PERCENTILE_CONT"
    template = "%(function)s(%(share)s) WITHIN GROUP (ORDER BY %(expressions)s)"
    output_field = DurationField()

    def __init__(self, expression: Any, share: float):
        super().__init__(expression, share=share)


@dataclass(frozen=True)
class Wait:
    """``median`` and ``p90`` of the time from asking to deciding; None where too few were decided to tell."""

    decided: int
    median: timedelta | None = None
    p90: timedelta | None = None

    @property
    def words(self) -> str:
        if self.median is None or self.p90 is None:
            return "not known yet"
        return f"{words_of(self.median)}, nine in ten within {words_of(self.p90)}"


@dataclass(frozen=True)
class Waiting:
    """Whom a request waits for now ("one of Sales-Ops"), and how long such requests usually wait."""

    who: str
    wait: Wait

    @property
    def sentence(self) -> str:
        return f"It waits for {self.who}. Usual wait: {self.wait.words}."

    @property
    def usual_s(self) -> int | None:
        """The median in seconds; None where too few were decided to tell."""
        return None if self.wait.median is None else round(self.wait.median.total_seconds())


@dataclass(frozen=True)
class Asked:
    """Who would be asked, stage by stage ("2 of: one of Sales-Ops"), how long it takes and what they would need."""

    stages: tuple[str, ...]
    wait: Wait
    needs_second_factor: bool

    @property
    def sentence(self) -> str:
        return f"{', then '.join(self.stages)}. Usual wait: {self.wait.words}."


def who_will_be_asked(ask: Ask, workspace: Workspace) -> Asked:
    """For the page or the answer before somebody asks: policies/_who_will_be_asked.html takes it as ``asked``."""
    stages = tuple(
        f"{stage.needed} people: each {name_of(stage.reviewers, workspace.pk)}"
        if stage.needed > 1
        else name_of(stage.reviewers, workspace.pk)
        for stage in ask.stages
    )
    return Asked(stages, usual_wait(workspace, [stage.reviewers for stage in ask.stages]), ask.second_factor)


def usual_wait(workspace: Workspace, reviewers: Collection[str]) -> Wait:
    """Of what people decided within the last 90 days and any of ``reviewers`` (references) was asked about.

    What an Auto-Approve grant answered waited for nobody, and what ran out or was withdrawn was not decided: neither
    counts.
    """
    waited = ExpressionWrapper(F("decided_at") - F("requested_at"), output_field=DurationField())
    asked = ApprovalStage.objects.filter(
        workspace=workspace, approval=OuterRef("pk"), reviewers__overlap=sorted(set(reviewers))
    )
    found = (
        Approval.objects.in_workspace(workspace)
        .filter(
            Exists(asked),
            status__in=Vote.Choice.values,
            decided_at__gte=timezone.now() - LOOKED_BACK,
            grant=None,
        )
        .order_by()
        .aggregate(decided=Count("pk"), median=_Percentile(waited, 0.5), p90=_Percentile(waited, 0.9))
    )
    if found["decided"] < ENOUGH:
        return Wait(found["decided"])
    return Wait(found["decided"], found["median"], found["p90"])


def words_of(wait: timedelta) -> str:
    """A wait as people say it: "under a minute", "25 min", "3 h 10 min", "2 days"."""
    minutes = round(wait.total_seconds() / 60)
    if minutes < 1:
        return "under a minute"
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 48 * 60:
        return f"{minutes // 60} h {minutes % 60} min" if minutes < 360 and minutes % 60 else f"{minutes // 60} h"
    return f"{minutes // (24 * 60)} days"


def waiting_of(approval: Approval) -> Waiting | None:
    """For whoever asked: whom it waits for; None once it waits no more."""
    stages = approval.all_stages
    here = next((stage for stage in stages if stage.is_open), None)
    if here is None or not approval.is_pending:
        return None
    refs = {ref for stage in stages for ref in stage.reviewers}
    return Waiting(names_of(here), usual_wait(approval.workspace, refs))
