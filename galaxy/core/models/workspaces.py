"""Tenants, who belongs to them, and the groups that carry each role's grants."""

import uuid

from django.contrib.auth.models import Group
from django.db import models
from django.urls import reverse
from django.utils import timezone

from galaxy.core.models.base import WorkspaceModel


class Role(models.TextChoices):
    """The six roles; what each may do stands in ``galaxy.core.permissions.ROLE_PERMISSIONS``."""

    OWNER = "owner", "Owner"
    ADMIN = "admin", "Admin"
    APPROVER = "approver", "Approver"
    CREATOR = "creator", "Creator"
    AUDITOR = "auditor", "Auditor"
    MEMBER = "member", "Member"


class Workspace(models.Model):
    """A tenant. Its row is walled like everything in it: who is not in it cannot tell that it exists."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=80)
    slug = models.SlugField(max_length=40, unique=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["name"]
        permissions = [
            ("view_listing", "Browse the marketplace"),
            ("view_installation", "See installed extensions"),
            ("install_extension", "Install and remove extensions"),
            ("pin_installation", "Move and pin versions"),
            ("run_installation", "Run extensions that read"),
            ("write_installation", "Run extensions that write"),
            ("view_run", "See every run"),
            ("view_approval", "See every approval request"),
            ("decide_approval", "Decide approval requests"),
            ("view_auditevent", "Read the audit trail"),
        ]

    def __str__(self):
        return self.name

    def get_absolute_url(self):
        return reverse("overview", args=[self.slug])

    @property
    def workspace(self) -> "Workspace":
        """Itself: so that ``can(user, perm, workspace)`` needs no special case."""
        return self


class Membership(WorkspaceModel):
    """A person in a workspace, in one role. Changes go through galaxy.core.members, which moves the grants along."""

    user = models.ForeignKey("core.User", on_delete=models.PROTECT, related_name="memberships")
    role = models.CharField(max_length=12, choices=Role)
    joined_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "user"], name="membership_once")]

    def __str__(self):
        return f"{self.user} as {self.get_role_display()}"


class RoleGroup(WorkspaceModel):
    """The auth group that holds a role's grants on one workspace."""

    role = models.CharField(max_length=12, choices=Role)
    group = models.OneToOneField(Group, on_delete=models.PROTECT, related_name="role_group")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "role"], name="rolegroup_once")]

    def __str__(self):
        return f"{self.get_role_display()} of {self.workspace}"
