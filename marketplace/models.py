"""What the marketplace shows of an extension."""

import uuid

from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.db import models
from django.utils import timezone

from marketplace.checks.models import KnownName
from marketplace.reviews.models import Review
from marketplace.workshop.models import ApiDocument, ApiOperation, Draft, DraftFile
from registry.models import Extension, Version

__all__ = [
    "ApiDocument",
    "ApiOperation",
    "Draft",
    "DraftFile",
    "KnownName",
    "Listing",
    "Reach",
    "Review",
    "VerificationLevel",
]


class VerificationLevel(models.TextChoices):
    """How far the marketplace vouches for an extension, lowest first."""

    COMMUNITY = "community", "Community"
    VERIFIED = "verified", "Verified"
    ENTERPRISE = "enterprise", "Enterprise"


class Reach(models.IntegerChoices):
    """The most that an extension asks for; each level includes those before it."""

    NOTHING = 0, "Nothing"
    READING = 1, "Reading"
    WRITING = 2, "Writing"
    DELETING = 3, "Deleting"


class Listing(models.Model):
    """An extension's page in the marketplace. Global: it has no wall.

    ``version`` is the newest release that can be installed; ``search`` weighs name (A), summary and actions (B) and
    publisher (C); ``scopes`` are the canonical scopes of that version.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    extension = models.OneToOneField(Extension, on_delete=models.PROTECT, related_name="listing")
    version = models.ForeignKey(Version, on_delete=models.PROTECT, related_name="+")
    level = models.CharField(max_length=12, choices=VerificationLevel, default=VerificationLevel.COMMUNITY)
    summary = models.CharField(max_length=200)
    reach = models.PositiveSmallIntegerField(choices=Reach, default=Reach.NOTHING)
    scopes = models.JSONField(default=list)
    search = SearchVectorField(null=True)
    listed_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["extension__name"]
        indexes = [
            GinIndex(fields=["search"], name="listing_search"),
            models.Index(fields=["reach"], name="listing_reach"),
        ]

    def __str__(self):
        return self.extension.name
