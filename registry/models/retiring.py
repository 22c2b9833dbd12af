"""How a version ends: quarantined, for as long as somebody looks into it; and who was told that its last day comes."""

import uuid
from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils import timezone

from galaxy.core.models import WorkspaceModel
from registry.models.extensions import Version
from registry.models.installations import Installation


class QuarantineQuerySet(models.QuerySet):
    def open(self):
        return self.filter(lifted_at=None)


class Quarantine(models.Model):
    """A decision that a version may not be installed, or may not even run, with its reason and its end.

    The desk's, and of no workspace: whoever uses the version is told in their own. Rows are never deleted, and nothing
    of one changes but its end. What holds now stands on the version (``Version.quarantine``), written along with it.
    """

    class Reach(models.TextChoices):
        INSTALLS = "installs", "No new installations"
        CALLS = "calls", "Nothing of it runs"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    version = models.ForeignKey(Version, on_delete=models.PROTECT, related_name="quarantines")
    reach = models.CharField(max_length=8, choices=Reach)
    reason = models.CharField(max_length=500)
    opened_by = models.ForeignKey("core.User", null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    opened_at = models.DateTimeField(default=timezone.now)
    lifted_by = models.ForeignKey("core.User", null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    lifted_at = models.DateTimeField(null=True, blank=True)
    lift_reason = models.CharField(max_length=500, blank=True)

    objects: ClassVar = QuarantineQuerySet.as_manager()

    class Meta:
        ordering = ["-opened_at"]
        constraints = [
            models.UniqueConstraint(fields=["version"], condition=Q(lifted_at=None), name="quarantine_once_at_a_time"),
            models.CheckConstraint(condition=~Q(reason=""), name="quarantine_has_reason"),
            models.CheckConstraint(
                name="quarantine_lifted_with_reason",
                condition=Q(lifted_at=None, lift_reason="", lifted_by=None)
                | Q(lifted_at__isnull=False) & ~Q(lift_reason=""),
            ),
        ]

    def __str__(self):
        return f"{self.version}: {self.get_reach_display().lower()}"

    @property
    def is_open(self) -> bool:
        return self.lifted_at is None


class EndNotice(WorkspaceModel):
    """That a workspace was told how many ``days`` a version that it holds has left: once each, whoever sweeps."""

    installation = models.ForeignKey(Installation, on_delete=models.PROTECT, db_index=False, related_name="end_notices")
    version = models.ForeignKey(Version, on_delete=models.PROTECT, db_index=False, related_name="+")
    days = models.PositiveSmallIntegerField()
    ends_on = models.DateField()
    told_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-told_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "installation", "version", "ends_on", "days"], name="endnotice_once"
            )
        ]

    def __str__(self):
        return f"{self.version}: {self.days} days"
