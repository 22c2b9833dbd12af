"""What the marketplace shows of an extension."""

import uuid
from typing import ClassVar

from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from marketplace.assistant.models import Advice
from marketplace.bundles.models import BundleSource, BundleUpload, ImportedVersion
from marketplace.cards.models import Card
from marketplace.checks.models import KnownName
from marketplace.evidence.models import Evidence, Lowering, Shortfall, TestRun
from marketplace.reviews.models import Review
from marketplace.search.models import PrivateEntry, PublicEntry, Word
from marketplace.submissions.models import Submission, SubmissionFile, SubmissionStep
from marketplace.telemetry.models import InstallDay, Reached, ToldDay, VersionDay, Widespread
from marketplace.workshop.models import ApiDocument, ApiOperation, Draft, DraftFile
from registry.models import Extension, SharedQuerySet, Version

__all__ = [
    "Advice",
    "ApiDocument",
    "ApiOperation",
    "BundleSource",
    "BundleUpload",
    "Card",
    "Draft",
    "DraftFile",
    "Evidence",
    "ImportedVersion",
    "InstallDay",
    "KnownName",
    "Listing",
    "Lowering",
    "PrivateEntry",
    "PublicEntry",
    "Reach",
    "Reached",
    "Review",
    "Shortfall",
    "Submission",
    "SubmissionFile",
    "SubmissionStep",
    "TestRun",
    "ToldDay",
    "VerificationLevel",
    "VersionDay",
    "Widespread",
    "Word",
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
    """An extension's page in the marketplace: everybody's, or in the private catalogue of ``workspace``.

    ``version`` is the newest release that can be installed, ``scopes`` are its canonical scopes and ``facts`` what else
    the facets need of it: {capabilities, classes}, lists of words. What follows is counted by beat
    (marketplace.figures): ``installs`` in workspaces; of the live calls within the window ``runs`` that say something
    of it, ``good`` ones, those that failed at the account (``auth_failed``), the 95th percentile of their time, and the
    last of them. Zero and None where too few ran to tell. ``is_made_up``: by seed_listings, its figures too.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    workspace = models.ForeignKey(
        "core.Workspace", null=True, blank=True, on_delete=models.PROTECT, db_index=False, related_name="+"
    )
    extension = models.OneToOneField(Extension, on_delete=models.PROTECT, related_name="listing")
    version = models.ForeignKey(Version, on_delete=models.PROTECT, related_name="+")
    level = models.CharField(max_length=12, choices=VerificationLevel, default=VerificationLevel.COMMUNITY)
    summary = models.CharField(max_length=200)
    reach = models.PositiveSmallIntegerField(choices=Reach, default=Reach.NOTHING)
    scopes = models.JSONField(default=list)
    facts = models.JSONField(default=dict)
    listed_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)
    installs = models.PositiveIntegerField(default=0)
    runs = models.PositiveBigIntegerField(default=0)
    good = models.PositiveBigIntegerField(default=0)
    auth_failed = models.PositiveBigIntegerField(default=0)
    p95_ms = models.PositiveIntegerField(null=True, blank=True)
    last_run_at = models.DateTimeField(null=True, blank=True)
    is_made_up = models.BooleanField(default=False)

    objects: ClassVar = SharedQuerySet.as_manager()

    class Meta:
        ordering = ["extension__name"]
        constraints = [
            models.CheckConstraint(
                condition=Q(good__lte=F("runs")) & Q(auth_failed__lte=F("runs") - F("good")),
                name="listing_figures_add_up",
            )
        ]
        indexes = [models.Index(fields=["workspace", "extension"], name="listing_of_workspace")]

    def __str__(self):
        return self.extension.name
