"""What is known of health beside the checks themselves: when each is due, and how versions fare across workspaces."""

import uuid
from typing import ClassVar

from django.db import models
from django.db.models import F
from django.utils import timezone

from galaxy.core.models import WorkspaceModel


class CheckSchedule(WorkspaceModel):
    """When a connection is checked next, and how its checks went. No row: it is due now.

    ``failures`` counts the failed checks in a row. ``hindrance`` says why the last try told nothing, such as a rule or
    a spent budget; empty where it told something.
    """

    connection = models.OneToOneField(
        "registry.Connection", on_delete=models.PROTECT, db_index=False, related_name="check_schedule"
    )
    next_at = models.DateTimeField(default=timezone.now)
    failures = models.PositiveIntegerField(default=0)
    hindrance = models.CharField(max_length=300, blank=True)

    class Meta:
        indexes = [models.Index(fields=["workspace", "next_at"], name="checkschedule_due")]

    def __str__(self):
        return f"Check of {self.connection_id} at {self.next_at:%H:%M:%S}"


class VersionFigureQuerySet(models.QuerySet):
    def flagged(self):
        return self.filter(is_flagged=True)


class VersionFigure(models.Model):
    """How the live calls of one version went lately, in every workspace together. Global: it has no wall.

    ``action`` is a target, or empty for all actions together. Nothing is kept of what fewer than three workspaces
    called, and nothing says which they are. ``before`` is the version it is compared with, with that one's figures.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    version = models.ForeignKey("registry.Version", on_delete=models.PROTECT, related_name="figures")
    action = models.CharField(max_length=160, blank=True)
    good = models.PositiveBigIntegerField()
    bad = models.PositiveBigIntegerField()
    workspaces = models.PositiveIntegerField()
    before = models.ForeignKey("registry.Version", null=True, on_delete=models.PROTECT, related_name="+")
    before_good = models.PositiveBigIntegerField(default=0)
    before_bad = models.PositiveBigIntegerField(default=0)
    is_flagged = models.BooleanField(default=False)
    counted_at = models.DateTimeField(default=timezone.now)

    objects: ClassVar = VersionFigureQuerySet.as_manager()

    class Meta:
        ordering = [F("good").desc(), "action"]
        constraints = [models.UniqueConstraint(fields=["version", "action"], name="versionfigure_once")]
        indexes = [models.Index(fields=["version"], condition=models.Q(is_flagged=True), name="versionfigure_flagged")]

    def __str__(self):
        return f"{self.version_id} {self.action}".strip()
