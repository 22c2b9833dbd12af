"""Break-glass: people who run Galaxy look into a workspace for a while, with a reason that its owners read."""

from datetime import datetime, timedelta
from typing import ClassVar

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateTimeRangeField, RangeOperators
from django.db import models
from django.db.models import F, Func, Q
from django.db.models.functions import Length, Trim
from django.db.models.lookups import GreaterThanOrEqual
from django.utils import timezone

from galaxy.core.models.base import WorkspaceModel, WorkspaceQuerySet

LONGEST_LOOK = timedelta(minutes=60)
SHORTEST_REASON = 20  # characters


class BreakGlassQuerySet(WorkspaceQuerySet):
    def open(self, now: datetime | None = None):
        """Those that let somebody in at this moment (``now``): a row past its end opens nothing, closed or not."""
        return self.filter(ended_at=None, ends_at__gt=now or timezone.now())


class BreakGlass(WorkspaceModel):
    """One look of a staff person who is no member. ``ended_at`` is when it was over: by somebody, or at ``ends_at``.

    ``ended_by`` is empty where it ran out by itself.
    """

    user = models.ForeignKey("core.User", on_delete=models.PROTECT, db_index=False, related_name="+")
    reason = models.CharField(max_length=500)
    started_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_by = models.ForeignKey(
        "core.User", null=True, blank=True, on_delete=models.PROTECT, db_index=False, related_name="+"
    )

    objects: ClassVar = BreakGlassQuerySet.as_manager()

    class Meta:
        ordering = ["-started_at"]
        constraints = [
            models.CheckConstraint(
                name="breakglass_lasts_an_hour_at_most",
                condition=Q(ends_at__gt=F("started_at")) & Q(ends_at__lte=F("started_at") + LONGEST_LOOK),
            ),
            models.CheckConstraint(
                name="breakglass_has_a_reason",
                condition=GreaterThanOrEqual(Length(Trim("reason")), SHORTEST_REASON),
            ),
            models.CheckConstraint(
                name="breakglass_ends_within_its_time",
                condition=Q(ended_at=None, ended_by=None)
                | Q(ended_at__isnull=False, ended_at__gte=F("started_at"), ended_at__lte=F("ends_at")),
            ),
            ExclusionConstraint(
                name="breakglass_one_at_a_time",
                expressions=[
                    ("workspace", RangeOperators.EQUAL),
                    ("user", RangeOperators.EQUAL),
                    (
                        Func("started_at", "ends_at", function="TSTZRANGE", output_field=DateTimeRangeField()),
                        RangeOperators.OVERLAPS,
                    ),
                ],
                condition=Q(ended_at=None),
            ),
        ]
        indexes = [models.Index(fields=["workspace", "-started_at"], name="breakglass_newest")]

    def __str__(self):
        return f"Support access of {self.user}"

    @property
    def is_open(self) -> bool:
        return self.ended_at is None and self.ends_at > timezone.now()

    @property
    def over_at(self):
        """When it ended or will end."""
        return self.ended_at or self.ends_at

    @property
    def minutes(self) -> int:
        """How long it was meant to last."""
        return round((self.ends_at - self.started_at).total_seconds() / 60)
