"""How a workspace wants its extensions to go forward: how far, when, after how long, and what stays where it is."""

from datetime import time

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Length, Trim
from django.db.models.lookups import GreaterThan
from django.utils import timezone

from galaxy.core.models import WorkspaceModel
from registry.models.extensions import Version
from registry.models.installations import Installation

EVERY_DAY = 0b1111111  # weekdays are bits, Monday the lowest
LONGEST_WAIT = 365  # days


class UpdatePolicy(models.TextChoices):
    """How far an installation goes forward by itself. It never asks for more than was agreed to."""

    OFF = "off", "Only by hand"
    PATCH = "patch", "Fixes only"
    MINOR = "minor", "Fixes and additions"
    LATEST = "latest", "Every release"


class UpdateRulesModel(WorkspaceModel):
    """What the workspace's own rules and those of one installation share. ``set_by`` answers for what is moved by them:
    once they may not move it any more, nothing moves by itself.

    Moved within the window alone: on ``weekdays`` from ``opens_at`` to ``closes_at`` of the clocks in ``time_zone``;
    where both are the same, all day. One that closes before it opens closes on the next day.
    """

    set_by = models.ForeignKey("core.User", on_delete=models.PROTECT, db_index=False, related_name="+")
    set_at = models.DateTimeField(default=timezone.now)

    class Meta:
        abstract = True


class UpdateDefaults(UpdateRulesModel):
    """What holds for every installation that says nothing else. A workspace without a row moves nothing by itself.

    ``wait_*`` are the days that a release has to be out before it is taken, by how far the marketplace vouches for its
    extension; ``wait_own`` is for what the workspace publishes for itself. ``takes_code``: where the new scopes of a
    release can stay off and nothing that runs now needs them, its code is taken without them.
    """

    policy = models.CharField(max_length=8, choices=UpdatePolicy, default=UpdatePolicy.OFF)
    weekdays = models.PositiveSmallIntegerField(default=EVERY_DAY)
    opens_at = models.TimeField(default=time(0))
    closes_at = models.TimeField(default=time(0))
    time_zone = models.CharField(max_length=64, default="UTC")
    wait_community = models.PositiveSmallIntegerField(default=14)
    wait_verified = models.PositiveSmallIntegerField(default=7)
    wait_enterprise = models.PositiveSmallIntegerField(default=3)
    wait_own = models.PositiveSmallIntegerField(default=0)
    takes_code = models.BooleanField(default=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace"], name="updatedefaults_once"),
            models.CheckConstraint(
                name="updatedefaults_some_weekday", condition=Q(weekdays__gte=1, weekdays__lte=EVERY_DAY)
            ),
            models.CheckConstraint(
                name="updatedefaults_waits_at_most_a_year",
                condition=Q(
                    wait_community__lte=LONGEST_WAIT,
                    wait_verified__lte=LONGEST_WAIT,
                    wait_enterprise__lte=LONGEST_WAIT,
                    wait_own__lte=LONGEST_WAIT,
                ),
            ),
        ]

    def __str__(self):
        return f"Updates of {self.workspace}"


class UpdateSettings(UpdateRulesModel):
    """What one installation says for itself; each part that is empty is as the workspace says."""

    installation = models.OneToOneField(Installation, on_delete=models.PROTECT, related_name="update_settings")
    policy = models.CharField(max_length=8, choices=UpdatePolicy, blank=True)
    weekdays = models.PositiveSmallIntegerField(null=True, blank=True)
    opens_at = models.TimeField(null=True, blank=True)
    closes_at = models.TimeField(null=True, blank=True)
    time_zone = models.CharField(max_length=64, blank=True)
    waiting_days = models.PositiveSmallIntegerField(null=True, blank=True)
    takes_code = models.BooleanField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="updatesettings_window_whole",
                condition=Q(weekdays=None, opens_at=None, closes_at=None, time_zone="")
                | Q(weekdays__gte=1, weekdays__lte=EVERY_DAY, opens_at__isnull=False, closes_at__isnull=False)
                & ~Q(time_zone=""),
            ),
            models.CheckConstraint(
                name="updatesettings_waits_at_most_a_year",
                condition=Q(waiting_days=None) | Q(waiting_days__lte=LONGEST_WAIT),
            ),
        ]

    def __str__(self):
        return f"Updates of {self.installation}"


class Hold(WorkspaceModel):
    """Nothing takes this installation forward, until it is let go or until ``until``. Going back stays possible. The
    row is there while it holds; what there was before is history."""

    installation = models.OneToOneField(Installation, on_delete=models.PROTECT, related_name="hold")
    reason = models.CharField(max_length=300)
    until = models.DateTimeField(null=True, blank=True)
    held_by = models.ForeignKey("core.User", on_delete=models.PROTECT, db_index=False, related_name="+")
    held_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.CheckConstraint(name="hold_until_is_later", condition=Q(until=None) | Q(until__gt=F("held_at"))),
            models.CheckConstraint(name="hold_has_a_reason", condition=GreaterThan(Length(Trim("reason")), 0)),
        ]

    def __str__(self):
        return f"{self.installation}: {self.reason}"

    def holds(self, now) -> bool:
        return self.until is None or self.until > now


class SkippedWait(WorkspaceModel):
    """Two people who say that a fix of a security hole is taken without its waiting days. One alone skips nothing."""

    installation = models.ForeignKey(
        Installation, on_delete=models.PROTECT, db_index=False, related_name="skipped_waits"
    )
    version = models.ForeignKey(Version, on_delete=models.PROTECT, db_index=False, related_name="+")
    reason = models.CharField(max_length=300)
    asked_by = models.ForeignKey("core.User", on_delete=models.PROTECT, db_index=False, related_name="+")
    asked_at = models.DateTimeField(default=timezone.now)
    agreed_by = models.ForeignKey("core.User", null=True, on_delete=models.PROTECT, db_index=False, related_name="+")
    agreed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "installation", "version"], name="skippedwait_once"),
            models.CheckConstraint(
                name="skippedwait_second_person",
                condition=Q(agreed_by=None, agreed_at=None)
                | Q(agreed_by__isnull=False, agreed_at__isnull=False) & ~Q(agreed_by=F("asked_by")),
            ),
        ]

    def __str__(self):
        return f"{self.version} without its wait"

    @property
    def is_agreed(self) -> bool:
        return self.agreed_at is not None


class PackPin(WorkspaceModel):
    """The version that one pack calls of an installation, by digest, whatever that itself is pinned to. One row for
    each; what it was before is history."""

    pack = models.ForeignKey(Installation, on_delete=models.PROTECT, db_index=False, related_name="pack_pins")
    installation = models.ForeignKey(
        Installation, on_delete=models.PROTECT, db_index=False, related_name="pinned_by_packs"
    )
    version = models.ForeignKey(Version, on_delete=models.PROTECT, db_index=False, related_name="+")
    digest = models.CharField(max_length=64)
    reason = models.CharField(max_length=300)
    pinned_by = models.ForeignKey("core.User", on_delete=models.PROTECT, db_index=False, related_name="+")
    pinned_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "installation", "pack"], name="packpin_once"),
            models.CheckConstraint(name="packpin_of_another", condition=~Q(pack=F("installation"))),
            models.CheckConstraint(name="packpin_has_a_reason", condition=GreaterThan(Length(Trim("reason")), 0)),
        ]
        indexes = [models.Index(fields=["workspace", "pack"], name="packpin_by_pack")]

    def __str__(self):
        return f"{self.installation} at {self.version.number} for {self.pack}"


class ScheduledMove(WorkspaceModel):
    """A move to one version at a time of somebody's choosing. ``agreed`` names what they were shown beyond what was
    agreed to; ``keeps``: without the scopes that are new. Made or not, it says so and stays."""

    class State(models.TextChoices):
        WAITING = "waiting", "Planned"
        MADE = "made", "Done"
        FAILED = "failed", "Not done"
        CANCELLED = "cancelled", "Called off"

    installation = models.ForeignKey(
        Installation, on_delete=models.PROTECT, db_index=False, related_name="scheduled_moves"
    )
    version = models.ForeignKey(Version, on_delete=models.PROTECT, db_index=False, related_name="+")
    at = models.DateTimeField()
    agreed = models.JSONField(default=list)
    keeps = models.BooleanField(default=False)
    state = models.CharField(max_length=9, choices=State, default=State.WAITING)
    why = models.CharField(max_length=500, blank=True)
    asked_by = models.ForeignKey("core.User", on_delete=models.PROTECT, db_index=False, related_name="+")
    asked_at = models.DateTimeField(default=timezone.now)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-asked_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "installation"], condition=Q(state="waiting"), name="scheduledmove_one_waits"
            ),
            models.CheckConstraint(name="scheduledmove_lies_ahead", condition=Q(at__gt=F("asked_at"))),
            models.CheckConstraint(
                name="scheduledmove_ended_at_iff_over",
                condition=Q(state="waiting", ended_at=None) | ~Q(state="waiting") & Q(ended_at__isnull=False),
            ),
            models.CheckConstraint(name="scheduledmove_failed_says_why", condition=~Q(state="failed") | ~Q(why="")),
        ]
        indexes = [
            models.Index(fields=["workspace", "at"], condition=Q(state="waiting"), name="scheduledmove_due"),
            models.Index(fields=["workspace", "installation", "-asked_at"], name="scheduledmove_newest"),
        ]

    def __str__(self):
        return f"{self.installation} to {self.version.number}"
