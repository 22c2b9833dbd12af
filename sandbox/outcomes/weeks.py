"""Weeks, and how many outcomes count in them."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from django.db.models import Count, QuerySet
from django.db.models.functions import TruncWeek
from django.utils import timezone

from galaxy.core.db.prepared import prepared
from galaxy.core.models import Agent, User, Workspace
from sandbox.models import Outcome, Run

WEEK = timedelta(days=7)
HISTORY = 12  # weeks that pages look back


@dataclass(frozen=True)
class Week:
    """Seven days from ``since``, a Monday at 00:00 UTC."""

    since: datetime

    @property
    def until(self) -> datetime:
        return self.since + WEEK

    @property
    def day(self) -> str:
        """As addresses name it: 2026-11-23."""
        return f"{self.since:%Y-%m-%d}"

    @property
    def label(self) -> str:
        return f"{self.since:%-d %b}"

    @property
    def long_label(self) -> str:
        return f"Week of {self.since:%-d %B %Y}"


def week_of(moment: datetime | None = None) -> Week:
    """The week that ``moment`` (now, if None) lies in."""
    at = (moment or timezone.now()).astimezone(UTC)
    return Week((at - timedelta(days=at.weekday())).replace(hour=0, minute=0, second=0, microsecond=0))


def week_named(day: str) -> Week | None:
    """The week that any of its days names; None for what is no day, or none of these centuries."""
    try:
        found = date.fromisoformat(day)
    except ValueError:
        return None
    if not 2000 <= found.year < 2200:
        return None
    return week_of(datetime(found.year, found.month, found.day, tzinfo=UTC))


def last_weeks(number: int = HISTORY, now: datetime | None = None) -> list[Week]:
    """The running one and those before it, the oldest first."""
    this = week_of(now).since
    return [Week(this - at * WEEK) for at in reversed(range(number))]


def counting_in(
    workspace: Workspace, since: datetime, until: datetime, user: User | None = None, agent: Agent | None = None
) -> QuerySet[Outcome]:
    """Outcomes that count and were reached in [since, until); of the runs that ``user`` may see, or that ``agent``
    asked for, if one is given."""
    found = Outcome.objects.in_workspace(workspace).counting().filter(reached_at__gte=since, reached_at__lt=until)
    if agent is not None:
        return found.filter(run__agent=agent)
    if user is None:
        return found
    return found.filter(run__in=Run.objects.in_workspace(workspace).visible_to(user).top_level())


def wsao(workspace: Workspace, week: Week | datetime | None = None) -> int:
    """Weekly Successful Agent Outcomes: how many outcomes count in ``week`` (a moment in it, or this one)."""
    chosen = week if isinstance(week, Week) else week_of(week)
    return counting_in(workspace, chosen.since, chosen.until).count()


def history(
    workspace: Workspace, user: User | None = None, now: datetime | None = None, agent: Agent | None = None
) -> list[tuple[Week, int]]:
    """The last HISTORY weeks with how many outcomes count in each, the oldest first, in one query."""
    weeks = last_weeks(now=now)
    since, until = weeks[0].since, weeks[-1].until
    if user is None and agent is None:
        counts = dict(_by_week(workspace=workspace.pk, since=since, until=until))
    else:
        counts = dict(_weekly(counting_in(workspace, since, until, user, agent)))
    return [(week, counts.get(week.since, 0)) for week in weeks]


def _weekly(rows: QuerySet[Outcome]) -> QuerySet[Outcome, tuple[datetime, int]]:
    weeks = rows.annotate(week=TruncWeek("reached_at", tzinfo=UTC)).order_by()
    return weeks.values_list("week").annotate(n=Count("pk"))


@prepared
def _by_week(workspace: UUID, since: datetime, until: datetime) -> QuerySet[Outcome, tuple[datetime, int]]:
    rows = Outcome.objects.counting().filter(workspace=workspace, reached_at__gte=since, reached_at__lt=until)
    return _weekly(rows)
