"""Rows of the vault: keys of workspaces, secrets, their sealed versions, leases to use them, and re-wrapping.

Changes go through galaxy.core.vault. What never changes (ciphertexts, names, hosts) the application has no right to
change in the database either; nothing here is ever deleted, only made unreadable.
"""

from datetime import timedelta
from typing import ClassVar

from django.db import models
from django.db.models import F, Q
from django.urls import reverse
from django.utils import timezone

from galaxy.core.models.base import WorkspaceModel, WorkspaceQuerySet

LONGEST_LEASE = timedelta(seconds=60)


class WorkspaceKey(WorkspaceModel):
    """A key that wraps the data keys of one workspace, itself wrapped by the root key ``kms_key_id``.

    The live one with the highest version wraps; a destroyed one is NULL, and what it wrapped is gone with it.
    """

    version = models.PositiveIntegerField()
    kms_key_id = models.CharField(max_length=300)
    wrapped = models.BinaryField(null=True)
    created_at = models.DateTimeField(default=timezone.now)
    destroyed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "version"], name="workspacekey_version_once"),
            models.CheckConstraint(
                name="workspacekey_gone_iff_destroyed",
                condition=Q(wrapped=None, destroyed_at__isnull=False) | Q(wrapped__isnull=False, destroyed_at=None),
            ),
        ]

    def __str__(self):
        return f"Key {self.version}"


class SecretQuerySet(WorkspaceQuerySet):
    def kept(self):
        return self.filter(shredded_at=None)


class Secret(WorkspaceModel):
    """A named value that extensions use and nobody reads. ``name`` is what a manifest calls it by.

    The value, and where it may go, lie in its versions.
    """

    name = models.SlugField(max_length=64, db_index=False)
    purpose = models.CharField(max_length=300)
    created_by = models.ForeignKey("core.User", on_delete=models.PROTECT, db_index=False, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)
    shredded_by = models.ForeignKey("core.User", null=True, on_delete=models.PROTECT, db_index=False, related_name="+")
    shredded_at = models.DateTimeField(null=True)

    objects: ClassVar = SecretQuerySet.as_manager()

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "name"], condition=Q(shredded_at=None), name="secret_name_once_while_kept"
            ),
            models.CheckConstraint(
                name="secret_shredded_by_somebody",
                condition=Q(shredded_at=None, shredded_by=None)
                | Q(shredded_at__isnull=False, shredded_by__isnull=False),
            ),
        ]
        indexes = [models.Index(fields=["workspace", "name", "id"], name="secret_by_name")]

    def __str__(self):
        return self.name

    def get_absolute_url(self):
        return reverse("core:secret-detail", args=[self.workspace.slug, self.pk])


class SecretVersionQuerySet(WorkspaceQuerySet):
    def openable(self):
        """Those whose data key still exists: staged, current or previous."""
        return self.filter(wrapped_key__isnull=False)


class SecretVersion(WorkspaceModel):
    """One value of a secret, sealed, with the hosts it may be sent to and the places in a request it may stand in.

    ``ciphertext`` opens with the data key in ``wrapped_key``, and that with ``key`` (galaxy.core.vault.envelope).
    Retiring and shredding destroy the data key. ``hosts`` and ``places`` are authenticated with the value, so that
    nobody rebinds it by changing a row. ``*_by`` and ``*_at`` say who moved it on, and when.
    """

    class Stage(models.TextChoices):
        STAGED = "staged", "Staged"
        CURRENT = "current", "Current"
        PREVIOUS = "previous", "Previous"
        RETIRED = "retired", "Retired"
        SHREDDED = "shredded", "Shredded"

    class Place(models.TextChoices):
        HEADER = "header", "Headers"
        QUERY = "query", "Query"
        PATH = "path", "Path"
        BODY = "body", "Body"

    secret = models.ForeignKey(Secret, on_delete=models.PROTECT, db_index=False, related_name="versions")
    number = models.PositiveIntegerField()
    stage = models.CharField(max_length=8, choices=Stage)
    hosts = models.JSONField()
    places = models.JSONField()
    key = models.ForeignKey(WorkspaceKey, on_delete=models.PROTECT, db_index=False, related_name="+")
    wrapped_key = models.BinaryField(null=True)
    ciphertext = models.BinaryField()
    staged_by = models.ForeignKey("core.User", on_delete=models.PROTECT, db_index=False, related_name="+")
    staged_at = models.DateTimeField(default=timezone.now)
    tested_by = models.ForeignKey("core.User", null=True, on_delete=models.PROTECT, db_index=False, related_name="+")
    tested_at = models.DateTimeField(null=True)
    test_passed = models.BooleanField(null=True)
    test_said = models.CharField(max_length=300, blank=True)
    switched_by = models.ForeignKey("core.User", null=True, on_delete=models.PROTECT, db_index=False, related_name="+")
    switched_at = models.DateTimeField(null=True)
    ended_by = models.ForeignKey("core.User", null=True, on_delete=models.PROTECT, db_index=False, related_name="+")
    ended_at = models.DateTimeField(null=True)

    objects: ClassVar = SecretVersionQuerySet.as_manager()

    class Meta:
        ordering = ["-number"]
        constraints = [
            models.UniqueConstraint(fields=["workspace", "secret", "number"], name="secretversion_number_once"),
            *(
                models.UniqueConstraint(
                    fields=["workspace", "secret"], condition=Q(stage=stage), name=f"secretversion_one_{stage}"
                )
                for stage in ("staged", "current", "previous")
            ),
            models.CheckConstraint(
                name="secretversion_ended_iff_key_destroyed",
                condition=Q(stage__in=["retired", "shredded"], wrapped_key=None, ended_at__isnull=False)
                | Q(stage__in=["staged", "current", "previous"], wrapped_key__isnull=False, ended_at=None),
            ),
        ]
        indexes = [models.Index(fields=["workspace", "key", "id"], name="secretversion_by_key")]

    def __str__(self):
        return f"{self.secret.name} v{self.number}"


class SecretLease(WorkspaceModel):
    """The right to open one secret once, within a minute, for one run. Of its token only the hash is kept.

    ``version`` is what was opened; set before that only where a staged value is tried out. ``chain`` is the actor as
    galaxy.core.audit keeps it. ``extension`` (name and version) and ``action`` say for what the value was wanted.
    """

    secret = models.ForeignKey(Secret, on_delete=models.PROTECT, db_index=False, related_name="leases")
    version = models.ForeignKey(SecretVersion, null=True, on_delete=models.PROTECT, db_index=False, related_name="+")
    digest = models.CharField(max_length=64, unique=True)
    run_id = models.CharField(max_length=64)
    extension = models.CharField(max_length=200)
    action = models.CharField(max_length=200)
    purpose = models.CharField(max_length=200)
    chain = models.JSONField()
    issued_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    consumed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="secretlease_short", condition=Q(expires_at__lte=F("issued_at") + LONGEST_LEASE)
            ),
            models.CheckConstraint(
                name="secretlease_consumed_in_time",
                condition=Q(consumed_at=None) | Q(consumed_at__gte=F("issued_at"), consumed_at__lt=F("expires_at")),
            ),
        ]
        indexes = [models.Index(fields=["workspace", "secret", "-consumed_at"], name="secretlease_last_use")]

    def __str__(self):
        return f"Lease of {self.secret_id} for run {self.run_id}"


class Rewrap(WorkspaceModel):
    """One rotation of a workspace's key: the new key, and how many data keys are wrapped anew so far.

    ``state`` is running until every data key moved and the old keys are destroyed. ``trouble`` says what it waits for.
    """

    class State(models.TextChoices):
        RUNNING = "running", "Running"
        DONE = "done", "Done"

    to_key = models.ForeignKey(WorkspaceKey, on_delete=models.PROTECT, db_index=False, related_name="+")
    state = models.CharField(max_length=8, choices=State, default=State.RUNNING)
    total = models.PositiveIntegerField()
    done = models.PositiveIntegerField(default=0)
    trouble = models.CharField(max_length=300, blank=True)
    started_by = models.ForeignKey("core.User", null=True, on_delete=models.PROTECT, db_index=False, related_name="+")
    started_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-started_at"]
        constraints = [
            models.UniqueConstraint(fields=["workspace"], condition=Q(state="running"), name="rewrap_one_at_a_time"),
            models.CheckConstraint(
                name="rewrap_finished_iff_done",
                condition=Q(state="running", finished_at=None) | Q(state="done", finished_at__isnull=False),
            ),
        ]
        indexes = [models.Index(fields=["workspace", "-started_at"], name="rewrap_newest")]

    def __str__(self):
        return f"Re-wrapping {self.done} of {self.total}"
