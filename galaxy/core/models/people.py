"""How people come in, and what they ask for: invitations and requests for a permission."""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils import timezone

from galaxy.core.models.base import WorkspaceModel, WorkspaceQuerySet


class InvitationQuerySet(WorkspaceQuerySet):
    def open(self):
        """Neither accepted nor withdrawn; their time may be over."""
        return self.filter(accepted_at=None, withdrawn_at=None)


class Invitation(WorkspaceModel):
    """An offer to one e-mail address to join in one role: single use, by a link of which only the hash is kept.

    ``token_hash`` is the hex SHA-256 of the link's token. ``role_group`` is empty once that role was deleted.
    """

    address = models.EmailField()
    role_group = models.ForeignKey(
        "core.RoleGroup", null=True, on_delete=models.SET_NULL, db_index=False, related_name="invitations"
    )
    token_hash = models.CharField(max_length=64, unique=True)
    invited_by = models.ForeignKey("core.User", on_delete=models.PROTECT, db_index=False, related_name="+")
    invited_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    accepted_by = models.ForeignKey("core.User", null=True, on_delete=models.PROTECT, db_index=False, related_name="+")
    accepted_at = models.DateTimeField(null=True)
    withdrawn_at = models.DateTimeField(null=True)

    objects: ClassVar = InvitationQuerySet.as_manager()

    class Meta:
        ordering = ["-invited_at"]
        constraints = [
            models.UniqueConstraint(
                "workspace",
                Lower("address"),
                condition=Q(accepted_at=None, withdrawn_at=None),
                name="invitation_once_while_open",
            ),
            models.CheckConstraint(
                name="invitation_ends_one_way", condition=Q(accepted_at=None) | Q(withdrawn_at=None)
            ),
            models.CheckConstraint(
                name="invitation_accepted_by_somebody",
                condition=Q(accepted_at=None, accepted_by=None)
                | Q(accepted_at__isnull=False, accepted_by__isnull=False),
            ),
        ]

    def __str__(self):
        return f"Invitation of {self.address}"

    @property
    def is_expired(self) -> bool:
        return self.expires_at <= timezone.now()


class PermissionRequestQuerySet(WorkspaceQuerySet):
    def pending(self):
        return self.filter(status=PermissionRequest.Status.PENDING)


class PermissionRequest(WorkspaceModel):
    """A member asks for one permission on the workspace or on one object in it.

    ``permission`` is ``app.codename``; ``target_kind`` the label of the object's model (``core.workspace``),
    ``target_id`` its key, ``target_label`` its name when it was asked.
    """

    class Status(models.TextChoices):
        PENDING = "pending", "Waiting"
        GIVEN = "given", "Given"
        DECLINED = "declined", "Declined"
        WITHDRAWN = "withdrawn", "Withdrawn"

    asked_by = models.ForeignKey("core.User", on_delete=models.PROTECT, db_index=False, related_name="+")
    permission = models.CharField(max_length=100)
    target_kind = models.CharField(max_length=60)
    target_id = models.UUIDField()
    target_label = models.CharField(max_length=120)
    asked_at = models.DateTimeField(default=timezone.now)
    status = models.CharField(max_length=10, choices=Status, default=Status.PENDING)
    decided_by = models.ForeignKey("core.User", null=True, on_delete=models.PROTECT, db_index=False, related_name="+")
    decided_at = models.DateTimeField(null=True)
    reason = models.CharField(max_length=300, blank=True)

    objects: ClassVar = PermissionRequestQuerySet.as_manager()

    class Meta:
        ordering = ["asked_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "asked_by", "permission", "target_id"],
                condition=Q(status="pending"),
                name="permissionrequest_once_while_pending",
            ),
            models.CheckConstraint(
                name="permissionrequest_decided_at_iff_decided",
                condition=Q(status="pending", decided_at=None) | ~Q(status="pending") & Q(decided_at__isnull=False),
            ),
            models.CheckConstraint(
                name="permissionrequest_declined_has_reason", condition=~Q(status="declined") | ~Q(reason="")
            ),
        ]
        indexes = [models.Index(fields=["workspace", "status", "asked_at"], name="permissionrequest_queue")]

    def __str__(self):
        return f"{self.codename} on {self.target_label} for {self.asked_by}"

    @property
    def codename(self) -> str:
        return self.permission.partition(".")[2]
