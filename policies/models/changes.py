"""Changes to what a workspace has installed that somebody asked for and another has to agree to."""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from galaxy.core.models import WorkspaceModel, WorkspaceQuerySet
from galaxy.core.permissions import granted


class ChangeQuerySet(WorkspaceQuerySet):
    def visible_to(self, user):
        """Changes of workspaces where ``user`` may see or decide approvals, and those they asked for themselves."""
        sees = granted(user, "view_approval", self.model, self.known_workspace)
        return self.filter(sees | granted(user, "decide_approval", self.model, self.known_workspace) | Q(asked_by=user))


class Change(WorkspaceModel):
    """An install, an upgrade or a wider set of scopes that waits for a yes, is made then, and is kept for ever.

    ``installation`` is None for an install until it is made. ``from_digest`` is the version it starts from, "" where
    there is none; ``along`` are the digests of what is installed before it, because it requires them; ``scopes`` and
    ``hosts`` are what would be agreed to in all. ``keeps``: an upgrade that leaves new scopes off. ``override``: who
    asked wants it although there is no way back, and says why. ``course`` is how an upgrade comes in step by step
    (registry.courses.Course.as_json), None where it does at once. ``error`` says why a change was not made.
    """

    class Kind(models.TextChoices):
        INSTALL = "install", "Install"
        UPGRADE = "upgrade", "Upgrade"
        WIDEN = "widen", "Widen scopes"

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        MADE = "made", "Made"
        REFUSED = "refused", "Refused"
        FAILED = "failed", "Failed"

    kind = models.CharField(max_length=8, choices=Kind)
    extension = models.ForeignKey("registry.Extension", on_delete=models.PROTECT, db_index=False, related_name="+")
    version = models.ForeignKey("registry.Version", on_delete=models.PROTECT, db_index=False, related_name="+")
    installation = models.ForeignKey(
        "registry.Installation", null=True, blank=True, on_delete=models.PROTECT, db_index=False, related_name="+"
    )
    from_digest = models.CharField(max_length=64, blank=True)
    along = models.JSONField(default=list)
    keeps = models.BooleanField(default=False)
    override = models.BooleanField(default=False)
    course = models.JSONField(null=True, blank=True)
    scopes = models.JSONField(default=list)
    hosts = models.JSONField(default=list)
    reason = models.CharField(max_length=500, blank=True)
    asked_by = models.ForeignKey("core.User", on_delete=models.PROTECT, db_index=False, related_name="+")
    asked_at = models.DateTimeField(default=timezone.now)
    approval = models.ForeignKey(
        "policies.Approval", null=True, blank=True, on_delete=models.PROTECT, db_index=False, related_name="+"
    )
    state = models.CharField(max_length=8, choices=State, default=State.WAITING)
    ended_at = models.DateTimeField(null=True, blank=True)
    error = models.CharField(max_length=500, blank=True)

    objects: ClassVar = ChangeQuerySet.as_manager()

    class Meta:
        ordering = ["-asked_at"]
        constraints = [
            models.CheckConstraint(
                name="change_override_has_reason", condition=models.Q(override=False) | ~models.Q(reason="")
            ),
            models.CheckConstraint(
                name="change_course_is_of_upgrade",
                condition=models.Q(course__isnull=True) | models.Q(kind="upgrade", keeps=False),
            ),
        ]
        indexes = [
            models.Index(fields=["workspace", "-asked_at"], name="change_newest"),
            models.Index(fields=["workspace", "extension", "state"], name="change_of_extension"),
            models.Index(fields=["workspace", "approval"], condition=Q(state="waiting"), name="change_waiting"),
        ]

    def __str__(self):
        if self.course:
            return f"Roll out {self.version}"
        return f"{self.get_kind_display()} {self.version}"

    def get_absolute_url(self):
        return reverse("policies:change-detail", args=[self.workspace.slug, self.pk])
