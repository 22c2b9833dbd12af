"""Public keys of the marketplace and of publishers, and what each has signed. Private keys are never here."""

import base64
import uuid

from django.db import models
from django.db.models import Q
from django.utils import timezone

from registry.models.extensions import Version
from registry.models.publishers import Publisher


class SigningKey(models.Model):
    """An Ed25519 public key. Global, without a wall: whoever verifies needs it.

    ``id`` is the beginning of the hex SHA-256 of ``public`` (32 bytes). The marketplace's keys are numbered, and
    ``introduction`` is the signed note by which each was introduced by the one before (galaxy.core.audit.keys). A
    retired key signs no more, and what it signed stays good; what a revoked key signed counts for nothing. Both are for
    good: a trigger refuses every other change.
    """

    class Owner(models.TextChoices):
        MARKETPLACE = "marketplace", "The marketplace"
        PUBLISHER = "publisher", "A publisher"

    id = models.CharField(primary_key=True, max_length=12)
    owner = models.CharField(max_length=11, choices=Owner)
    publisher = models.ForeignKey(Publisher, null=True, blank=True, on_delete=models.PROTECT, related_name="keys")
    public = models.BinaryField(max_length=32)
    number = models.PositiveIntegerField(null=True, blank=True)
    introduction = models.TextField(blank=True)
    introduced_by = models.ForeignKey("core.User", null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    introduced_at = models.DateTimeField(default=timezone.now)
    retired_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    revoked_by = models.ForeignKey("core.User", null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    revoke_reason = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering = ["owner", "number", "introduced_at"]
        constraints = [
            models.UniqueConstraint(fields=["number"], name="signingkey_number_once"),
            models.CheckConstraint(
                condition=Q(owner="publisher", publisher__isnull=False, number=None)
                | (Q(owner="marketplace", publisher=None, number__isnull=False) & ~Q(introduction="")),
                name="signingkey_has_one_owner",
            ),
            models.CheckConstraint(
                condition=Q(revoked_at=None, revoke_reason="") | (Q(revoked_at__isnull=False) & ~Q(revoke_reason="")),
                name="signingkey_revoked_with_reason",
            ),
        ]

    def __str__(self):
        return self.id

    @property
    def public_text(self) -> str:
        """The public key in base64."""
        return base64.b64encode(bytes(self.public)).decode()

    @property
    def public_short(self) -> str:
        return f"{self.public_text[:12]}…"

    @property
    def state(self) -> str:
        """active, retired or revoked."""
        if self.revoked_at:
            return "revoked"
        return "retired" if self.retired_at else "active"


class VersionSignature(models.Model):
    """One signature of one version: the statement (registry.signing.statements), word for word, and 64 bytes over it.

    Never changed nor deleted. ``workspace`` is that of the version.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    workspace = models.ForeignKey(
        "core.Workspace", null=True, blank=True, on_delete=models.PROTECT, db_index=False, related_name="+"
    )
    version = models.ForeignKey(Version, on_delete=models.PROTECT, related_name="signatures")
    key = models.ForeignKey(SigningKey, on_delete=models.PROTECT, related_name="signatures")
    statement = models.TextField()
    signature = models.BinaryField(max_length=64)
    signed_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["signed_at"]
        constraints = [models.UniqueConstraint(fields=["version", "key"], name="versionsignature_once")]

    def __str__(self):
        return f"{self.version_id} by {self.key_id}"

    @property
    def text(self) -> str:
        """The signature in base64."""
        return base64.b64encode(bytes(self.signature)).decode()
