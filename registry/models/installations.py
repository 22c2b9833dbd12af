"""What a workspace has installed, at which version, and which of its secrets that may use."""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from galaxy.core.models import WorkspaceModel, WorkspaceQuerySet
from galaxy.core.permissions import granted
from registry.models.extensions import Extension, Version


class InstallationQuerySet(WorkspaceQuerySet):
    def visible_to(self, user, within=None):
        """Installations of workspaces where ``user`` may see them, and those granted to them one by one."""
        return self.filter(granted(user, "view_installation", self.model, within or self.known_workspace))

    def active(self):
        return self.filter(removed_at=None)


class Installation(WorkspaceModel):
    """An extension in a workspace. Which version runs is its pin's to say.

    ``scopes`` are the canonical scopes that were consented to; ``hosts`` the egress hosts. ``removed_at`` ends it:
    the row stays, so that runs and events keep what they point at. ``paused_at``: nothing of it runs until it is moved
    to another version, since the one it is held at came to its end. How it goes forward: registry.models.updates.
    """

    extension = models.ForeignKey(Extension, on_delete=models.PROTECT, db_index=False, related_name="installations")
    scopes = models.JSONField(default=list)
    hosts = models.JSONField(default=list)
    installed_by = models.ForeignKey("core.User", on_delete=models.PROTECT, db_index=False, related_name="+")
    installed_at = models.DateTimeField(default=timezone.now)
    removed_at = models.DateTimeField(null=True, blank=True)
    paused_at = models.DateTimeField(null=True, blank=True)
    paused_reason = models.CharField(max_length=500, blank=True)

    objects: ClassVar = InstallationQuerySet.as_manager()

    class Meta:
        ordering = ["extension__name"]
        permissions = [
            ("run_installation", "Run it where it reads"),
            ("write_installation", "Run it where it writes"),
            ("pin_installation", "Move and pin its version"),
            ("decide_approval", "Decide requests about it"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "extension"], condition=Q(removed_at=None), name="installation_once_while_active"
            ),
            models.CheckConstraint(
                name="installation_paused_with_reason",
                condition=Q(paused_at=None, paused_reason="") | Q(paused_at__isnull=False) & ~Q(paused_reason=""),
            ),
        ]
        indexes = [
            models.Index(fields=["workspace", "extension"], name="installation_by_extension"),
            models.Index(fields=["workspace", "-installed_at", "-id"], name="installation_newest"),
        ]

    def __str__(self):
        return self.extension.name

    def get_absolute_url(self):
        return reverse("registry:installation-detail", args=[self.workspace.slug, self.pk])

    @property
    def is_active(self) -> bool:
        return self.removed_at is None


class Pin(WorkspaceModel):
    """The version an installation runs, by digest. One row per installation; what it was before is history.

    ``approval`` and ``report`` are ids of what the move rested on, where there is any: the request that was approved,
    and what a replay of recorded calls said of it. They are of floors above, so the row points at neither.
    """

    MOST_REASON = 300

    installation = models.OneToOneField(Installation, on_delete=models.PROTECT, related_name="pin")
    version = models.ForeignKey(Version, on_delete=models.PROTECT, db_index=False, related_name="+")
    digest = models.CharField(max_length=64)
    reason = models.CharField(max_length=MOST_REASON, blank=True)
    approval = models.UUIDField(null=True, blank=True)
    report = models.UUIDField(null=True, blank=True)
    pinned_by = models.ForeignKey("core.User", on_delete=models.PROTECT, db_index=False, related_name="+")
    pinned_at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes = [models.Index(fields=["workspace", "version"], name="pin_by_version")]

    def __str__(self):
        return f"{self.installation} at {self.version.number}"


class SecretUse(WorkspaceModel):
    """A secret of the workspace that an installation's Python may use, under the name that its code calls it by."""

    installation = models.ForeignKey(Installation, on_delete=models.PROTECT, db_index=False, related_name="secret_uses")
    secret = models.ForeignKey("core.Secret", on_delete=models.PROTECT, db_index=False, related_name="+")
    name = models.CharField(max_length=64)
    given_by = models.ForeignKey("core.User", on_delete=models.PROTECT, db_index=False, related_name="+")
    given_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["workspace", "installation", "name"], name="secretuse_name_once"),
        ]
        indexes = [models.Index(fields=["workspace", "secret"], name="secretuse_by_secret")]

    def __str__(self):
        return self.name
