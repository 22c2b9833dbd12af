"""What time does to requests: their end, which is a no, the steps of their ladder, a reminder at half time.

Each sweep learns ids alone from across the walls and works on each within its own scope and transaction, so that one
that fails holds up no other. All of it only tidies up and tells: a request past its end cannot be decided or used
whether a sweep ran or not. Moments are the database's, so a host's clock that jumps ends nothing early or late.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils import timezone

from galaxy.core import audit
from galaxy.core.audit import Actor
from galaxy.core.db.prepared import prepared
from galaxy.core.models import Workspace
from galaxy.core.notifications import notify
from galaxy.core.sweeps import apart
from policies.clock import database_now
from policies.models import Approval
from policies.services.requesting import close, is_simulated
from policies.services.reviewers import reviewers_at, reviewers_of

Status = Approval.Status
SWEEP_AT_MOST = 500  # approvals per sweep; the next one, seconds later, takes the rest
PACE_OVER = timedelta(hours=24)  # a whole day, so that nights count as they are
MORNING = 6  # o'clock, where the reader is: until then it is tonight
FORECAST_AT_MOST = 2_000  # those that end first


def expire_approvals() -> int:
    """Close every approval that nobody decided in time, in all workspaces; returns how many were closed."""
    return _sweep("policies_due_approvals", database_now(), _expire)


def escalate_approvals(now: datetime | None = None) -> int:
    """Take the steps of ladders that are due: more people may answer, and are told; returns how many approvals.

    ``now`` is the database's time unless a test walks the ladder.
    """
    now = now or database_now()
    return _sweep("policies_due_escalations", now, lambda approval: _escalate(approval, now))


def remind_of_approvals(now: datetime | None = None) -> int:
    """Remind reviewers, once, of what half its time has gone by of, unless the requester did; returns how many."""
    now = now or database_now()
    return _sweep("policies_halfway_approvals", now, lambda approval: _remind(approval, now))


@dataclass(frozen=True)
class Forecast:
    """What becomes of what ends by ``until`` if people go on as they did: ``lost`` of ``ending`` end undecided.

    ``decided`` is how many they decided in the last ``PACE_OVER``.
    """

    ending: int
    lost: int
    decided: int
    until: datetime

    @property
    def sentence(self) -> str:
        """For the head of the queue; "" where nothing is in danger."""
        if not self.lost:
            return ""
        tonight = "request that ends" if self.ending == 1 else "requests that end"
        pace = f"At this pace ({self.decided} decided in the last 24 hours)"
        return f"{pace}, {self.lost} of {self.ending} {tonight} tonight will expire undecided."


def forecast(workspace: Workspace, now: datetime | None = None) -> Forecast:
    """How many waiting requests end undecided before the next morning, in the time zone that is active.

    Those that end first are decided first, at the pace at which people decided over the last day: so it is the least
    number to be expected, and nobody has to hurry for what would be in time anyway. One query, and a second where
    something ends; ``now`` is this host's, since it only tells.
    """
    now = now or timezone.now()
    morning = timezone.localtime(now).replace(hour=MORNING, minute=0, second=0, microsecond=0)
    until = morning if morning > now else morning + timedelta(days=1)
    here = Approval.objects.in_workspace(workspace)
    ends = _ends(workspace=workspace.pk, now=now, until=until)
    if not ends:
        return Forecast(0, 0, 0, until)
    by_people = here.filter(status__in=[Status.APPROVED, Status.REJECTED], grant=None)
    decided = by_people.filter(decided_at__gt=now - PACE_OVER).count()
    return Forecast(len(ends), _lost(ends, now, PACE_OVER / decided if decided else None), decided, until)


@prepared
def _ends(workspace: UUID, now: datetime, until: datetime) -> QuerySet[Approval, datetime]:
    due = Approval.objects.filter(workspace=workspace, status=Status.PENDING, expires_at__gt=now, expires_at__lte=until)
    return due.order_by("expires_at").values_list("expires_at", flat=True)[:FORECAST_AT_MOST]


def _lost(ends: list[datetime], now: datetime, each: timedelta | None) -> int:
    """How many of ``ends`` (sorted) pass before their turn comes, where deciding one takes ``each``."""
    if each is None:
        return len(ends)
    free_at, lost = now, 0
    for end in ends:
        if free_at + each < end:
            free_at += each
        else:
            lost += 1
    return lost


def _expire(approval: Approval) -> bool:
    if approval.status != Status.PENDING or approval.expires_at > database_now():
        return False
    close(approval, Status.EXPIRED, Actor.of(None))
    said = "Nobody decided it in time, and that means no."
    notify(approval.workspace, [approval.requested_by], "approval_decided", approval, note=said)
    return True


def _escalate(approval: Approval, now: datetime) -> bool:
    """Every step that is due, each with an event of its own; a stage that is done needs nobody more."""
    stages = {stage.position: stage for stage in approval.stages.all()}
    taken = False
    for step in approval.ladder:
        stage = stages.get(step["stage"])
        is_due = datetime.fromisoformat(step["at"]) <= now
        if stage is None or not is_due or stage.done_at or step["to"] in stage.reviewers:
            continue
        before = list(stage.reviewers)
        known = set(reviewers_at(approval, stage).values_list("pk", flat=True))
        stage.reviewers = [*before, step["to"]]
        stage.save(update_fields=["reviewers"])
        audit.record(
            "approval.escalated",
            actor=None,
            target=approval,
            simulated=is_simulated(approval),
            before={"reviewers": before},
            after={"reviewers": stage.reviewers},
            stage=stage.position,
        )
        if stage.opened_at:
            people = reviewers_at(approval, stage).exclude(pk__in=known)
            notify(approval.workspace, people, "approval_escalated", approval)
        taken = True
    return taken


def _remind(approval: Approval, now: datetime) -> bool:
    if approval.reminded_at is not None:
        return False
    approval.reminded_at = now
    approval.save(update_fields=["reminded_at"])
    audit.record("approval.reminded", actor=None, target=approval, simulated=is_simulated(approval))
    notify(approval.workspace, reviewers_of(approval), "approval_reminder", approval)
    return True


def _sweep(function: str, now: datetime, act: Callable[[Approval], bool]) -> int:
    """Run ``act`` on each pending approval that a function of the database names (migrations 0003, 0006)."""
    done = 0
    for workspace_id, approval_id in _due(function, now):
        with apart(function, workspace_id, approval=approval_id), transaction.atomic():
            rows = Approval.objects.select_for_update(of=("self",), skip_locked=True)
            rows = rows.select_related("workspace", "requested_by", "agent", "installation")
            approval = rows.filter(pk=approval_id, workspace_id=workspace_id, status=Status.PENDING).first()
            if approval is not None:
                done += act(approval)
    return done


def _due(function: str, now: datetime) -> Iterator[tuple[UUID, UUID]]:
    """(workspace id, approval id) across the walls: ids alone."""
    with connection.cursor() as cursor:
        cursor.callproc(function, [now, SWEEP_AT_MOST])
        yield from cursor.fetchall()
