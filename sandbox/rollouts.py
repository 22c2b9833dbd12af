"""How a new version fares while it is rolled out, and what follows: the rule that stops it, and the next stage.

A stage is judged by its own calls. Those of the version before are the ones of the stage and of the seven days before
it. The rule (docs/updates.md): after ``least_calls`` calls of the new version, of which at least three failed, it stops
once its share of failures lies ``tolerance`` percentage points above the other's, and that is no accident: the
difference is positive at 99 % by Newcombe's interval (sandbox.health.comparing). Where the version before was hardly
called, the lower end of Wilson's interval at 99 % has to lie above what the objective allows, plus the tolerance.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection
from django.db.models import Count, Q
from django.utils import timezone

from galaxy.core.sweeps import apart
from registry.models import Kind, RollOut, Version
from registry.updates.faring import Faring
from registry.updates.rollouts import NotNow, advance_rollout, stop_rollout
from sandbox.health.comparing import least_difference, wilson
from sandbox.health.objective import ALLOWED, Tally, percent
from sandbox.models import Category, Run
from sandbox.models.counting import Counts

BEFORE = timedelta(days=7)
LEAST_BAD = 3
LEAST_BEFORE = 20  # calls of the version before; of fewer the objective stands in
BATCH = 500
# Of transforms and packs, which no objective counts: what failed by the caller's own mistake tells nothing of
# a version.
_THEIRS = (Category.VALIDATION, Category.NOT_FOUND, Category.POLICY_BLOCK, Category.QUOTA, Category.RATE_LIMIT)


@dataclass(frozen=True)
class Figures:
    """Calls of the new version in this stage, and of the one before to compare them with."""

    new: Tally
    before: Tally

    @property
    def new_words(self) -> str:
        return f"{percent(self.new.bad, self.new.counted)} of {self.new.counted} calls failed"

    @property
    def before_words(self) -> str:
        return f"{percent(self.before.bad, self.before.counted)} of {self.before.counted} calls failed"

    def as_json(self) -> dict[str, int]:
        return {
            "good": self.new.good,
            "bad": self.new.bad,
            "before_good": self.before.good,
            "before_bad": self.before.bad,
        }

    @classmethod
    def from_json(cls, value: dict[str, int]) -> "Figures":
        return cls(Tally(value["good"], value["bad"]), Tally(value["before_good"], value["before_bad"]))


def is_too_bad(figures: Figures, *, least_calls: int, tolerance: int) -> bool:
    """Whether a roll-out with these figures is stopped. Whole numbers decide where shares are compared."""
    new, before = figures.new, figures.before
    if new.counted < least_calls or new.bad < LEAST_BAD:
        return False
    if before.counted < LEAST_BEFORE:
        return wilson(new.bad, new.counted)[0] > ALLOWED[0] / ALLOWED[1] + tolerance / 100
    above = 100 * (new.bad * before.counted - before.bad * new.counted) >= tolerance * new.counted * before.counted
    return above and least_difference(new, before) > 0


def figures_of(rollout: RollOut) -> Figures:
    """Read in one query."""
    rows = Run.objects.filter(
        workspace=rollout.workspace_id,
        installation=rollout.installation_id,
        version__in=[rollout.version_id, rollout.before_id],
        created_at__gte=rollout.stage_at - BEFORE,
        mode=Run.Mode.LIVE,
    )
    counted = rows.filter(Q(version=rollout.before_id) | Q(created_at__gte=rollout.stage_at)).order_by()
    good, bad = _counts(rollout)
    found = {
        version: Tally(*numbers)
        for version, *numbers in counted.values_list("version").annotate(
            good=Count("pk", filter=good), bad=Count("pk", filter=bad)
        )
    }
    return Figures(found.get(rollout.version_id, Tally()), found.get(rollout.before_id, Tally()))


def faring_of(rollout: RollOut) -> Faring:
    """For the pages (registry.updates.faring): what it was stopped by, else as it is now."""
    found = (
        Figures.from_json(rollout.figures) if rollout.figures and rollout.state != "running" else figures_of(rollout)
    )
    new, before = found.new, found.before
    return Faring(
        calls=new.counted,
        bad=new.bad,
        failed=percent(new.bad, new.counted),
        before_calls=before.counted,
        before_bad=before.bad,
        before_failed=percent(before.bad, before.counted),
    )


def tend_rollouts(now: datetime | None = None) -> int:
    """Stop what fails, and take what went well to its next stage, in every workspace; returns how many that was."""
    now = now or timezone.now()
    done, after = 0, UUID(int=0)
    while True:
        with connection.cursor() as cursor:
            cursor.execute("SELECT * FROM registry_running_rollouts(%s, %s)", [after, BATCH])
            rows = cursor.fetchall()
        for workspace_id, rollout_id in rows:
            with apart("tend_rollouts", workspace_id, rollout=rollout_id):
                done += tend_rollout(rollout_id, now)
        if len(rows) < BATCH:
            return done
        after = rows[-1][1]


def tend_rollout(rollout_id: UUID, now: datetime) -> bool:
    """Look at one that is under way; whether anything followed. Safe to call at the same time: it is looked at once
    more when it is locked, and whoever comes second finds another state."""
    rows = RollOut.objects.filter(pk=rollout_id, state=RollOut.State.RUNNING)
    related = ("workspace", "version", "before", "installation__workspace", "installation__extension")
    one = rows.select_related(*related).first()
    if one is None:
        return False
    try:
        version = one.version
        if version.status != Version.Status.PUBLISHED or version.quarantine:
            said = "in quarantine" if version.quarantine else version.get_status_display().lower()
            stop_rollout(one, by=None, why=f"{version.number} is {said}.")
            return True
        figures = figures_of(one)
        if is_too_bad(figures, least_calls=one.least_calls, tolerance=one.tolerance):
            stop_rollout(one, by=None, why=_why(one, figures), figures=figures.as_json())
            return True
        if is_stage_over(one, now) and figures.new.counted >= one.least_calls:
            advance_rollout(one, by=None)
            return True
    except NotNow:  # somebody was quicker
        return False
    return False


def is_stage_over(rollout: RollOut, now: datetime) -> bool:
    return rollout.stage_at + timedelta(hours=rollout.stages[rollout.stage]["hours"]) <= now


def _why(rollout: RollOut, figures: Figures) -> str:
    return (
        f"{rollout.version.number} fails too often: {figures.new_words}, "
        f"{figures.before_words} in {rollout.before.number}."
    )


def _counts(rollout: RollOut) -> tuple[Q, Q]:
    """What is a good call and what a bad one of whatever is rolled out."""
    if rollout.installation.extension.kind in (Kind.CONNECTOR, Kind.ACTION):
        return Q(counts_as=Counts.GOOD), Q(counts_as=Counts.BAD)
    failed = Q(state__in=[Run.State.FAILED, Run.State.UNKNOWN]) & ~Q(error_category__in=_THEIRS)
    return Q(state=Run.State.SUCCEEDED), failed
