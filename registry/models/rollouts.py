"""Going forward step by step: part of the runs, or some packs, take the new version, and the rest the one before."""

from typing import ClassVar

from django.db import models
from django.db.models import F, Q
from django.urls import reverse
from django.utils import timezone

from galaxy.core.models import WorkspaceModel, WorkspaceQuerySet
from registry.models.extensions import Version
from registry.models.installations import Installation

WHOLE = 100  # per cent of the runs


class RollOutQuerySet(WorkspaceQuerySet):
    def open(self):
        """Those that are not over: under way, or stopped until somebody says how it goes on."""
        return self.filter(state__in=RollOut.OPEN)


class RollOut(WorkspaceModel):
    """One installation on its way from ``before``, to which it is pinned all the while, to ``version``.

    ``running -> stopped -> running``, and from either to ``finished`` (it is pinned to ``version``) or ``returned``.
    While it runs, ``percent`` of the runs take ``version`` (which of them: registry.services.choosing); where it goes
    by packs, every run of those named and no other. Stopped, none does. ``stages`` is a list of {percent, hours}, of
    which ``stage`` is the one it is at; that one began at ``stage_at``. It is stopped by itself once ``version`` fails
    by ``tolerance`` percentage points more than ``before`` does, after ``least_calls`` calls (sandbox.rollouts).
    ``figures`` are those it was stopped by: {good, bad, before_good, before_bad}. ``scopes`` and ``hosts`` are what was
    agreed to before it began, and holds again if it returns. ``approval`` is the id of the request by which somebody
    agreed to this very course, where one was needed; it is of a floor above.
    """

    class State(models.TextChoices):
        RUNNING = "running", "Under way"
        STOPPED = "stopped", "Stopped"
        FINISHED = "finished", "Finished"
        RETURNED = "returned", "Returned"

    class Way(models.TextChoices):
        PERCENT = "percent", "By share of the runs"
        PACKS = "packs", "By pack"

    OPEN = ("running", "stopped")

    installation = models.ForeignKey(Installation, on_delete=models.PROTECT, db_index=False, related_name="rollouts")
    version = models.ForeignKey(Version, on_delete=models.PROTECT, db_index=False, related_name="+")
    digest = models.CharField(max_length=64)
    before = models.ForeignKey(Version, on_delete=models.PROTECT, db_index=False, related_name="+")
    way = models.CharField(max_length=8, choices=Way, default=Way.PERCENT)
    stages = models.JSONField(default=list)
    stage = models.PositiveSmallIntegerField(default=0)
    stage_at = models.DateTimeField(default=timezone.now)
    percent = models.PositiveSmallIntegerField(default=0)
    least_calls = models.PositiveSmallIntegerField(default=20)
    tolerance = models.PositiveSmallIntegerField(default=2)
    scopes = models.JSONField(default=list)
    hosts = models.JSONField(default=list)
    state = models.CharField(max_length=8, choices=State, default=State.RUNNING)
    why = models.CharField(max_length=500, blank=True)
    figures = models.JSONField(null=True, blank=True)
    approval = models.UUIDField(null=True, blank=True)
    started_by = models.ForeignKey("core.User", on_delete=models.PROTECT, db_index=False, related_name="+")
    started_at = models.DateTimeField(default=timezone.now)
    stopped_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_by = models.ForeignKey(
        "core.User", null=True, blank=True, on_delete=models.PROTECT, db_index=False, related_name="+"
    )

    objects: ClassVar = RollOutQuerySet.as_manager()

    class Meta:
        ordering = ["-started_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "installation"],
                condition=Q(state__in=["running", "stopped"]),
                name="rollout_one_at_a_time",
            ),
            models.CheckConstraint(name="rollout_goes_somewhere", condition=~Q(version=F("before"))),
            models.CheckConstraint(name="rollout_percent", condition=Q(percent__lte=WHOLE)),
            models.CheckConstraint(
                name="rollout_least_calls", condition=Q(least_calls__gte=10, least_calls__lte=10_000)
            ),
            models.CheckConstraint(name="rollout_tolerance", condition=Q(tolerance__lte=50)),
            models.CheckConstraint(
                name="rollout_stopped_at_iff_stopped",
                condition=Q(state="stopped", stopped_at__isnull=False)
                | Q(state="running", stopped_at=None)
                | Q(state__in=["finished", "returned"]),
            ),
            models.CheckConstraint(
                name="rollout_ended_at_iff_over",
                condition=Q(state__in=["finished", "returned"], ended_at__isnull=False)
                | Q(state__in=["running", "stopped"], ended_at=None, ended_by=None),
            ),
            models.CheckConstraint(
                name="rollout_stopped_says_why", condition=~Q(state__in=["stopped", "returned"]) | ~Q(why="")
            ),
        ]
        indexes = [models.Index(fields=["workspace", "installation", "-started_at"], name="rollout_newest")]

    def __str__(self):
        return f"{self.installation} to {self.version.number}"

    @property
    def stopped_itself(self) -> bool:
        """By the rule, since too many calls of the new version failed."""
        return self.state == self.State.STOPPED and self.figures is not None

    def get_absolute_url(self):
        return reverse("registry:roll-out-detail", args=[self.workspace.slug, self.pk])

    @property
    def is_open(self) -> bool:
        return self.state in self.OPEN


class RollOutPack(WorkspaceModel):
    """A pack whose runs take the new version of a roll-out that goes by packs."""

    rollout = models.ForeignKey(RollOut, on_delete=models.PROTECT, db_index=False, related_name="packs")
    pack = models.ForeignKey(Installation, on_delete=models.PROTECT, db_index=False, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "rollout", "pack"], name="rolloutpack_once")]
        indexes = [models.Index(fields=["workspace", "pack"], name="rolloutpack_by_pack")]

    def __str__(self):
        return f"{self.pack} of {self.rollout_id}"
