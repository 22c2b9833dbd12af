"""Tenants, who belongs to them, and the groups that carry each role's grants."""

import uuid

from django.contrib.auth.models import Group
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
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

    class OnFlagged(models.TextChoices):
        GO_ON = "go_on", "Let it run on"
        STOP = "stop", "Stop it here"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=80)
    slug = models.SlugField(max_length=40, unique=True)
    created_at = models.DateTimeField(default=timezone.now)
    requires_second_factor = models.BooleanField(default=False)
    allows_support_access = models.BooleanField(default=True)
    # The marketplace's own workspace, where what workspaces hand in for all is reviewed. Set when it is made, for good.
    is_marketplace = models.BooleanField(default=False, editable=False)
    # What becomes of a version that the marketplace took out for a look, where it left that to the workspaces.
    on_flagged = models.CharField(max_length=8, choices=OnFlagged, default=OnFlagged.GO_ON)
    # Numbers the set of rules in force. Here, since whoever asks for a decision has this row in hand already.
    policy_version = models.PositiveIntegerField(default=0)

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
            ("manage_connection", "Connect accounts, and let their calls pass again"),
            ("manage_trigger", "Make triggers, and switch them on and off"),
            ("write_extension", "Write extensions and submit them"),
            ("review_submission", "Review submissions and vouch for extensions"),
            ("view_approval", "See every approval request"),
            ("decide_approval", "Decide approval requests"),
            ("view_rule", "See rules and decisions"),
            ("manage_rule", "Write rules, groups of approvers and Auto-Approve grants"),
            ("view_auditevent", "Read the audit trail"),
            ("export_auditevent", "Export and verify the audit trail"),
            ("manage_audit", "Set how long records are kept and where they are streamed"),
            ("view_member", "See the people and their roles"),
            ("manage_member", "Invite people, change roles and give grants"),
            ("manage_role", "Define roles"),
            ("manage_agent", "Manage agents and their tokens"),
            ("view_secret", "See which secrets there are, never their values"),
            ("manage_secret", "Store, rotate and shred secrets"),
            ("change_settings", "Change what holds for the whole workspace"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["is_marketplace"], condition=Q(is_marketplace=True), name="workspace_one_marketplace"
            )
        ]

    def __str__(self):
        return self.name

    def get_absolute_url(self):
        return reverse("overview", args=[self.slug])

    @property
    def workspace(self) -> "Workspace":
        """Itself: so that ``can(user, perm, workspace)`` needs no special case."""
        return self


class RoleGroup(WorkspaceModel):
    """A role in one workspace, and the auth group that holds its grants.

    One of the six has ``role`` set and no ``name``; a role of the workspace's own has a ``name`` and no ``role``.
    """

    role = models.CharField(max_length=12, choices=Role, blank=True)
    name = models.CharField(max_length=40, blank=True)
    group = models.OneToOneField(Group, on_delete=models.PROTECT, related_name="role_group")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "role"], condition=~Q(role=""), name="rolegroup_once"),
            models.UniqueConstraint("workspace", Lower("name"), condition=Q(role=""), name="rolegroup_name_once"),
            models.CheckConstraint(name="rolegroup_role_or_name", condition=Q(role="") ^ Q(name="")),
        ]

    def __str__(self):
        return self.label

    def get_absolute_url(self):
        return reverse("core:role-detail", args=[self.workspace.slug, self.pk])

    @property
    def label(self) -> str:
        return self.name or self.get_role_display()

    @property
    def is_custom(self) -> bool:
        return not self.role


class Membership(WorkspaceModel):
    """A person in a workspace, in one role. Changes go through galaxy.core.members, which moves the grants along.

    ``role`` is one of the six, or empty where ``custom_role`` names one of the workspace's own.
    """

    user = models.ForeignKey("core.User", on_delete=models.PROTECT, related_name="memberships")
    role = models.CharField(max_length=12, choices=Role, blank=True)
    custom_role = models.ForeignKey(
        RoleGroup, null=True, blank=True, on_delete=models.PROTECT, db_index=False, related_name="members"
    )
    joined_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "user"], name="membership_once"),
            models.CheckConstraint(
                name="membership_role_or_custom",
                condition=Q(role="", custom_role__isnull=False) | ~Q(role="") & Q(custom_role=None),
            ),
        ]

    def __str__(self):
        return f"{self.user} as {self.role_label}"

    def get_absolute_url(self):
        return reverse("core:member-detail", args=[self.workspace.slug, self.pk])

    @property
    def role_label(self) -> str:
        return self.custom_role.label if self.custom_role else self.get_role_display()

    @property
    def is_owner(self) -> bool:
        return self.role == Role.OWNER
