"""Who answers: groups of approvers, and who answers for somebody who is away."""

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import RangeOperators
from django.db import models
from django.db.models import F, Func, Q, Value
from django.db.models.functions import Lower
from django.urls import reverse
from django.utils import timezone

from galaxy.core.models import WorkspaceModel


class ApproverGroup(WorkspaceModel):
    """Some members who answer for one matter, such as Sales-Ops. Rules name it; only its members decide then."""

    name = models.CharField(max_length=60)
    purpose = models.CharField(max_length=300, blank=True)
    created_by = models.ForeignKey("core.User", on_delete=models.PROTECT, db_index=False, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(
                "workspace", Lower("name"), condition=Q(ended_at=None), name="approvergroup_name_once"
            )
        ]

    def __str__(self):
        return self.name

    def get_absolute_url(self):
        return reverse("policies:group-detail", args=[self.workspace.slug, self.pk])


class ApproverGroupMember(WorkspaceModel):
    """One person in one group."""

    group = models.ForeignKey(ApproverGroup, on_delete=models.PROTECT, db_index=False, related_name="members")
    user = models.ForeignKey("core.User", on_delete=models.PROTECT, db_index=False, related_name="+")
    added_by = models.ForeignKey("core.User", on_delete=models.PROTECT, db_index=False, related_name="+")
    added_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "group", "user"], name="approvergroupmember_once")]
        indexes = [models.Index(fields=["workspace", "user"], name="approvergroup_of_person")]

    def __str__(self):
        return f"{self.user} in {self.group}"


class Delegation(WorkspaceModel):
    """Somebody answers in another's stead from ``starts_at`` until ``ends_at``, everywhere or for one installation.

    What was delegated cannot be delegated on. ``ended_at`` is set where it was called off before its end.
    """

    giver = models.ForeignKey("core.User", on_delete=models.PROTECT, db_index=False, related_name="+")
    taker = models.ForeignKey("core.User", on_delete=models.PROTECT, db_index=False, related_name="+")
    installation = models.ForeignKey(
        "registry.Installation", null=True, blank=True, on_delete=models.PROTECT, db_index=False, related_name="+"
    )
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    reason = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["starts_at"]
        constraints = [
            models.CheckConstraint(name="delegation_to_somebody_else", condition=~Q(giver=F("taker"))),
            models.CheckConstraint(name="delegation_ends_after_it_starts", condition=Q(ends_at__gt=F("starts_at"))),
            ExclusionConstraint(
                name="delegation_one_taker_at_a_time",
                expressions=[
                    ("workspace", RangeOperators.EQUAL),
                    ("giver", RangeOperators.EQUAL),
                    (Func(F("starts_at"), F("ends_at"), Value("[)"), function="tstzrange"), RangeOperators.OVERLAPS),
                ],
                condition=Q(ended_at=None, installation=None),
            ),
        ]
        indexes = [models.Index(fields=["workspace", "taker", "ends_at"], name="delegation_of_taker")]

    def __str__(self):
        return f"{self.taker} for {self.giver}"
