"""Auto-Approve: a yes given beforehand, for one scope, by somebody, for a reason, so often and until then."""

from datetime import datetime, timedelta

from django.db import models
from django.db.models import F, Q
from django.urls import reverse
from django.utils import timezone

from galaxy.core.models import WorkspaceModel

LONGEST_FOR_DELETE = timedelta(days=7)
LONGEST = timedelta(days=366)


class AutoApproval(WorkspaceModel):
    """Answers requests that use ``scope`` of one installation at one version, ``budget`` times until ``ends_at``.

    ``scope`` is a pattern of canonical scopes. It ends by itself with its budget, its time, another version, an error
    rate above ``error_percent`` or the leaving of its owner; ``ended_because`` says which. One that covers a delete
    needs a ``confirmed_by`` other than its owner, and lasts seven days at most.
    """

    class Ended(models.TextChoices):
        SPENT = "spent", "Budget used up"
        TIME = "time", "Time over"
        VERSION = "version", "New version"
        ERRORS = "errors", "Too many errors"
        OWNER = "owner", "Owner left"
        REVOKED = "revoked", "Revoked"
        DECLINED = "declined", "Second person said no"

    installation = models.ForeignKey(
        "registry.Installation", on_delete=models.PROTECT, db_index=False, related_name="+"
    )
    scope = models.CharField(max_length=120)
    agent = models.ForeignKey(
        "core.Agent", null=True, blank=True, on_delete=models.PROTECT, db_index=False, related_name="+"
    )
    owner = models.ForeignKey("core.User", on_delete=models.PROTECT, db_index=False, related_name="+")
    reason = models.CharField(max_length=500)
    budget = models.PositiveIntegerField()
    used = models.PositiveIntegerField(default=0)
    most_records = models.PositiveIntegerField(null=True, blank=True)
    error_percent = models.PositiveSmallIntegerField(default=20)
    version_digest = models.CharField(max_length=64)
    covers_delete = models.BooleanField(default=False)
    confirmed_by = models.ForeignKey(
        "core.User", null=True, blank=True, on_delete=models.PROTECT, db_index=False, related_name="+"
    )
    starts_at = models.DateTimeField(default=timezone.now)
    ends_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_because = models.CharField(max_length=8, choices=Ended, blank=True)

    class Meta:
        ordering = ["ends_at"]
        constraints = [
            models.CheckConstraint(name="autoapproval_within_budget", condition=Q(used__lte=F("budget"))),
            models.CheckConstraint(name="autoapproval_has_reason", condition=~Q(reason="")),
            models.CheckConstraint(
                name="autoapproval_ends", condition=Q(ends_at__gt=F("starts_at"), ends_at__lte=F("starts_at") + LONGEST)
            ),
            models.CheckConstraint(
                name="autoapproval_of_delete_is_short",
                condition=Q(covers_delete=False) | Q(ends_at__lte=F("starts_at") + LONGEST_FOR_DELETE),
            ),
            models.CheckConstraint(
                name="autoapproval_of_delete_is_confirmed",
                condition=Q(covers_delete=False) | Q(used=0) | Q(confirmed_by__isnull=False),
            ),
            models.CheckConstraint(
                name="autoapproval_confirmed_by_another",
                condition=Q(confirmed_by=None) | ~Q(confirmed_by=F("owner")),
            ),
            models.CheckConstraint(
                name="autoapproval_ended_because",
                condition=Q(ended_at=None, ended_because="") | Q(ended_at__isnull=False) & ~Q(ended_because=""),
            ),
        ]
        indexes = [
            models.Index(fields=["workspace", "installation"], condition=Q(ended_at=None), name="autoapproval_in_force")
        ]

    def __str__(self):
        return f"Auto-Approve {self.scope}"

    def get_absolute_url(self):
        return reverse("policies:auto-approval-detail", args=[self.workspace.slug, self.pk])

    @property
    def needs_second_person(self) -> bool:
        """Each single call would have to be answered with a second factor: a delete, or many records at once."""
        return self.covers_delete or self.most_records is not None

    @property
    def is_waiting(self) -> bool:
        """Whether it waits for its second person, and answers nothing until then."""
        return self.ended_at is None and self.needs_second_person and self.confirmed_by_id is None

    def holds(self, at: datetime) -> bool:
        """Whether it answers requests at that moment."""
        is_open = self.ended_at is None and self.used < self.budget and self.starts_at <= at < self.ends_at
        return is_open and not self.is_waiting

    @property
    def state(self) -> str:
        """waiting, active or ended, by the row and the clock."""
        now = timezone.now()
        if self.is_waiting and self.ends_at > now:
            return "waiting"
        return "active" if self.holds(now) else "ended"
