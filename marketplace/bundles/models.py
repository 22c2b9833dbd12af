"""Marketplaces of elsewhere that are trusted here, bundles that were handed in, and the versions that came of them."""

import base64
import uuid
from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from galaxy.core.models import WorkspaceModel, WorkspaceQuerySet
from registry.models import Version


class BundleSourceQuerySet(models.QuerySet):
    def trusted(self):
        return self.filter(revoked_at=None)


class BundleSource(models.Model):
    """The first key of another marketplace, whose versions may come in by bundle. Global, without a wall: sandboxd
    asks as well.

    ``public`` is the key itself (32 bytes of Ed25519), ``key_id`` its short name. ``entered_by`` and ``revoked_by`` are
    None for an operator's command. A row only ever ends, with a reason; a trigger holds that. While ``speaks_since`` is
    set it speaks for the shipped catalogue (marketplace.bundles.speaking), as ``speaks_by`` said for ``speaks_reason``.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=80)
    key_id = models.CharField(max_length=12)
    public = models.BinaryField(max_length=32)
    reason = models.CharField(max_length=300)
    entered_by = models.ForeignKey("core.User", null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    entered_at = models.DateTimeField(default=timezone.now)
    revoked_by = models.ForeignKey("core.User", null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    revoked_at = models.DateTimeField(null=True, blank=True)
    revoke_reason = models.CharField(max_length=300, blank=True)
    speaks_by = models.ForeignKey("core.User", null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    speaks_since = models.DateTimeField(null=True, blank=True)
    speaks_reason = models.CharField(max_length=300, blank=True)

    objects: ClassVar = BundleSourceQuerySet.as_manager()

    class Meta:
        ordering = ["-entered_at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["public"], condition=Q(revoked_at=None), name="bundlesource_trusted_once"),
            models.CheckConstraint(condition=~Q(reason=""), name="bundlesource_entered_with_reason"),
            models.CheckConstraint(
                condition=Q(revoked_at=None, revoke_reason="") | (Q(revoked_at__isnull=False) & ~Q(revoke_reason="")),
                name="bundlesource_revoked_with_reason",
            ),
            models.CheckConstraint(
                condition=Q(speaks_since=None, speaks_reason="")
                | (Q(speaks_since__isnull=False) & ~Q(speaks_reason="")),
                name="bundlesource_speaks_with_reason",
            ),
        ]

    def __str__(self):
        return self.name

    @property
    def speaks_for_shipped(self) -> bool:
        return self.speaks_since is not None and self.revoked_at is None

    @property
    def public_text(self) -> str:
        """The key in base64."""
        return base64.b64encode(bytes(self.public)).decode()

    @property
    def public_short(self) -> str:
        return f"{self.public_text[:12]}…"


class BundleUploadQuerySet(WorkspaceQuerySet):
    def waiting(self):
        """Those that were handed in and may still be imported."""
        return self.filter(imported_at=None)

    def imported(self):
        return self.filter(imported_at__isnull=False)


class BundleUpload(WorkspaceModel):
    """A bundle that somebody handed in, to be looked at before it is imported into a catalogue of ``workspace``: its
    own, or at the desk the marketplace's.

    ``content`` is the file as it came, and goes when it is imported or was left for a day. ``keys`` are then the
    sender's, as the bundle had them: a list of {id, public, introduction, revoked}. People are None for an operator's
    command. What was imported stays as it is; a trigger holds that.
    """

    name = models.CharField(max_length=120)
    sha256 = models.CharField(max_length=64)
    size_bytes = models.PositiveIntegerField()
    content = models.BinaryField(null=True)
    uploaded_by = models.ForeignKey("core.User", null=True, on_delete=models.PROTECT, db_index=False, related_name="+")
    uploaded_at = models.DateTimeField(default=timezone.now)
    source = models.ForeignKey(BundleSource, null=True, on_delete=models.PROTECT, db_index=False, related_name="+")
    keys = models.JSONField(default=list)
    imported_by = models.ForeignKey("core.User", null=True, on_delete=models.PROTECT, db_index=False, related_name="+")
    imported_at = models.DateTimeField(null=True)

    objects: ClassVar = BundleUploadQuerySet.as_manager()

    class Meta:
        ordering = ["-uploaded_at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["workspace", "sha256"], name="bundleupload_bytes_once"),
            models.CheckConstraint(
                condition=Q(imported_at=None, source=None, content__isnull=False)
                | Q(imported_at__isnull=False, source__isnull=False, content=None),
                name="bundleupload_waits_or_is_imported",
            ),
        ]
        indexes = [models.Index(fields=["workspace", "-uploaded_at", "-id"], name="bundleupload_newest")]

    def __str__(self):
        return self.name

    def get_absolute_url(self):
        return reverse("bundles:upload-detail", args=[self.workspace.slug, self.pk])


class ImportedVersion(WorkspaceModel):
    """A version that came in by a bundle, and why it was believed: ``statement`` and ``signature`` are the sender's
    marketplace's, by its key ``key_id``. ``publisher`` and ``level`` are what was said of it there. Never changed."""

    upload = models.ForeignKey(BundleUpload, on_delete=models.PROTECT, db_index=False, related_name="versions")
    source = models.ForeignKey(BundleSource, on_delete=models.PROTECT, db_index=False, related_name="+")
    version = models.ForeignKey(Version, on_delete=models.PROTECT, db_index=False, related_name="+")
    digest = models.CharField(max_length=64)
    publisher = models.CharField(max_length=80)
    level = models.CharField(max_length=12)
    key_id = models.CharField(max_length=64)
    statement = models.TextField()
    signature = models.BinaryField(max_length=64)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["workspace", "version"], name="importedversion_once"),
        ]
        indexes = [models.Index(fields=["workspace", "upload"], name="importedversion_of_upload")]

    def __str__(self):
        return str(self.version)
