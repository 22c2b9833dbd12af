"""How news reaches each person in one workspace: what they chose, what they muted, and their own webhook."""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils import timezone

from galaxy.core.models.base import WorkspaceModel, WorkspaceQuerySet


class OwnQuerySet(WorkspaceQuerySet):
    def of(self, user):
        return self.filter(person=user)


class NewsSettings(WorkspaceModel):
    """What one person chose for one workspace, over what stands in their account. No row: as in the account.

    ``mail`` is {kind: "now", "digest" or "off"}, ``hook`` is {kind: true or false}; a kind that is missing is as in the
    account, or as the kind says. ``digest_off``: mails with several pieces of news are not wanted from here.
    """

    person = models.ForeignKey("core.User", on_delete=models.PROTECT, db_index=False, related_name="+")
    mail = models.JSONField(default=dict)
    hook = models.JSONField(default=dict)
    digest_off = models.BooleanField(default=False)

    objects: ClassVar = OwnQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "person"], name="newssettings_once")]

    def __str__(self):
        return f"News of {self.person_id} in {self.workspace_id}"


class Mute(WorkspaceModel):
    """A person wants to hear nothing more about one object: news of it is written as read, and goes nowhere."""

    person = models.ForeignKey("core.User", on_delete=models.PROTECT, db_index=False, related_name="+")
    target_kind = models.CharField(max_length=60)
    target_id = models.UUIDField()
    muted_at = models.DateTimeField(default=timezone.now)

    objects: ClassVar = OwnQuerySet.as_manager()

    class Meta:
        ordering = ["-muted_at", "-id"]
        constraints = [models.UniqueConstraint(fields=["workspace", "person", "target_id"], name="mute_once")]

    def __str__(self):
        return f"{self.target_kind} {self.target_id} muted by {self.person_id}"


class NewsHook(WorkspaceModel):
    """One person's own https address that is sent their news of one workspace, signed.

    ``off_at``: nothing is sent, by their own wish or since it failed for long (``off_because``). ``failures`` counts
    tries in a row that were not taken, since ``failing_since``; ``next_at`` is when the next one may be. One worker at
    a time sends, under a lease with a number: ``holder`` and ``lease_until``. Times are the database's.
    """

    person = models.ForeignKey("core.User", on_delete=models.PROTECT, db_index=False, related_name="+")
    address = models.CharField(max_length=500)
    created_at = models.DateTimeField(default=timezone.now)
    off_at = models.DateTimeField(null=True, blank=True)
    off_because = models.CharField(max_length=300, blank=True)
    failures = models.PositiveIntegerField(default=0)
    failing_since = models.DateTimeField(null=True, blank=True)
    last_error = models.CharField(max_length=300, blank=True)
    next_at = models.DateTimeField(default=timezone.now)
    delivered_at = models.DateTimeField(null=True, blank=True)
    holder = models.UUIDField(null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)

    objects: ClassVar = OwnQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "person"], name="newshook_once")]
        indexes = [models.Index(fields=["workspace", "next_at"], condition=Q(off_at=None), name="newshook_due")]

    def __str__(self):
        return f"Webhook of {self.person}"

    @property
    def state(self) -> str:
        """off, failing or active."""
        if self.off_at:
            return "off"
        return "failing" if self.failing_since else "active"

    def get_state_display(self) -> str:
        return {"off": "Switched off", "failing": "Failing", "active": "Active"}[self.state]


class NewsHookKey(WorkspaceModel):
    """A key that signs what a person's webhook is sent, sealed; opened in sandboxd and nowhere else.

    The place that is authenticated with it is the workspace, the hook, ``number`` and the hook's host. While two are in
    force each message has two signatures.
    """

    hook = models.ForeignKey(NewsHook, on_delete=models.PROTECT, db_index=False, related_name="keys")
    number = models.PositiveIntegerField()
    host = models.CharField(max_length=253)
    key = models.ForeignKey("core.WorkspaceKey", on_delete=models.PROTECT, db_index=False, related_name="+")
    wrapped_key = models.BinaryField()
    ciphertext = models.BinaryField()
    created_at = models.DateTimeField(default=timezone.now)
    ends_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-number"]
        constraints = [models.UniqueConstraint(fields=["workspace", "hook", "number"], name="newshookkey_once")]
        indexes = [models.Index(fields=["workspace", "key", "id"], name="newshookkey_by_key")]

    def __str__(self):
        return f"Key {self.number} of {self.hook_id}"
