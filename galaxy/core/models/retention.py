"""How long the values of events are kept, and what is held back from that."""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils import timezone

from galaxy.core.models.base import WorkspaceModel, WorkspaceQuerySet

LONGEST_DAYS = 36_500


class RetentionRule(WorkspaceModel):
    """The values of events whose action begins with ``prefix`` ("" is every event) go after ``keep_days``.

    Of several rules the one with the longest prefix holds; where none does, values are kept for good. What goes are
    the values and salts (AuditDetail); the event, its commitments and its place in the tree stay.
    """

    prefix = models.CharField(max_length=63, blank=True)
    keep_days = models.PositiveIntegerField()
    set_by = models.ForeignKey("core.User", on_delete=models.PROTECT, db_index=False, related_name="+")
    set_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["prefix"]
        constraints = [
            models.UniqueConstraint(fields=["workspace", "prefix"], name="retentionrule_prefix_once"),
            models.CheckConstraint(
                name="retentionrule_keeps_a_day", condition=Q(keep_days__gte=1, keep_days__lte=LONGEST_DAYS)
            ),
        ]

    def __str__(self):
        return f"{self.prefix or 'every event'} for {self.keep_days} days"


class LegalHoldQuerySet(WorkspaceQuerySet):
    def in_force(self):
        return self.filter(released_at=None)


class LegalHold(WorkspaceModel):
    """Events in its scope lose nothing while it is in force, whatever the rules say.

    The scope is what all given parts have in common: actions that begin with ``prefix``, of one actor or about one
    object (ids as the trail has them), from ``since`` up to before ``until``. A part left empty leaves nothing out.
    """

    reason = models.CharField(max_length=300)
    prefix = models.CharField(max_length=63, blank=True)
    actor_id = models.CharField(max_length=64, blank=True)
    target_id = models.CharField(max_length=64, blank=True)
    since = models.DateTimeField(null=True, blank=True)
    until = models.DateTimeField(null=True, blank=True)
    placed_by = models.ForeignKey("core.User", on_delete=models.PROTECT, db_index=False, related_name="+")
    placed_at = models.DateTimeField(default=timezone.now)
    released_by = models.ForeignKey("core.User", null=True, on_delete=models.PROTECT, db_index=False, related_name="+")
    released_at = models.DateTimeField(null=True)
    release_reason = models.CharField(max_length=300, blank=True)

    objects: ClassVar = LegalHoldQuerySet.as_manager()

    class Meta:
        ordering = ["-placed_at"]
        constraints = [
            models.CheckConstraint(
                name="legalhold_released_iff_by_somebody",
                condition=Q(released_at=None, released_by=None)
                | Q(released_at__isnull=False, released_by__isnull=False) & ~Q(release_reason=""),
            ),
            models.CheckConstraint(name="legalhold_has_a_reason", condition=~Q(reason="")),
        ]
        indexes = [models.Index(fields=["workspace", "-placed_at"], name="legalhold_newest")]

    def __str__(self):
        return f"Hold of {self.placed_at:%Y-%m-%d}: {self.reason}"[:200]
