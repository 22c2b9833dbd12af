"""What is looked through instead of the listings themselves: one narrow row each, and the words there are.

What everybody may see and what one workspace has for itself lie in two tables. An index of words is of no use behind
a wall (docs/row-level-security.md), so the public rows have none, and a trigger keeps every private listing out of
them; the few private rows of a workspace are behind its wall and looked through one by one.
"""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from galaxy.core.models import WorkspaceQuerySet
from registry.models import Kind

TIERS = 6  # of popularity: 1 holds the most used, each further one several times as many


class Entry(models.Model):
    """One listing as it is searched.

    ``search`` weighs name (A), summary and keywords (B), actions and scopes (C) and publisher (D), and holds the
    ``tags`` of the facets as words of their own. ``used``, ``trust``, ``health`` and ``fresh`` are points
    (marketplace.search.scoring), ``quality`` is their sum.
    ``name_key`` is the name as it is compared and sorted, ``sort_key`` that of the version.
    """

    listing = models.OneToOneField("marketplace.Listing", models.CASCADE, primary_key=True, related_name="%(class)s")
    extension = models.OneToOneField("registry.Extension", models.CASCADE, related_name="+")
    version = models.ForeignKey("registry.Version", models.CASCADE, db_index=False, related_name="+")
    number = models.CharField(max_length=64)
    sort_key = models.CharField(max_length=160)
    slug = models.CharField(max_length=80)
    name = models.CharField(max_length=80)
    name_key = models.CharField(max_length=80, db_collation="C")
    kind = models.CharField(max_length=10, choices=Kind)
    level = models.CharField(max_length=12)
    reach = models.PositiveSmallIntegerField()
    tags = ArrayField(models.CharField(max_length=130))
    search = SearchVectorField()
    tier = models.PositiveSmallIntegerField(default=TIERS)
    used = models.PositiveSmallIntegerField(default=0)
    trust = models.PositiveSmallIntegerField(default=0)
    health = models.PositiveSmallIntegerField(default=0)
    fresh = models.PositiveSmallIntegerField(default=0)
    quality = models.GeneratedField(
        expression=F("used") + F("trust") + F("health") + F("fresh"),
        output_field=models.PositiveSmallIntegerField(),
        db_persist=True,
    )
    installs = models.PositiveIntegerField(default=0)
    published_at = models.DateTimeField(default=timezone.now)

    class Meta:
        abstract = True

    def __str__(self):
        return self.name


class PublicEntry(Entry):
    """Of a listing that everybody sees. It has no wall."""

    class Meta:
        indexes = [
            *(  # one a tier: what is asked for is looked up among few
                GinIndex(fields=["search"], condition=Q(tier=tier), fastupdate=False, name=f"entry_search_{tier}")
                for tier in range(1, TIERS + 1)
            ),
            models.Index(fields=["tier"], name="entry_by_tier"),
            models.Index(fields=["name_key", "listing"], name="entry_by_name"),
            models.Index(fields=["published_at", "listing"], name="entry_by_age"),
            models.Index(fields=["reach", "name_key", "listing"], name="entry_by_reach"),
            models.Index(fields=["installs", "listing"], name="entry_by_use"),
            models.Index(fields=["quality", "listing"], name="entry_by_quality"),
        ]


class PrivateEntry(Entry):
    """Of a listing in the private catalogue of one workspace."""

    workspace = models.ForeignKey("core.Workspace", models.PROTECT, db_index=False, related_name="+")
    extension = models.ForeignKey("registry.Extension", models.CASCADE, db_index=False, related_name="+")

    objects: ClassVar = WorkspaceQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["workspace", "extension"], name="privateentry_by_extension")]


class Word(models.Model):
    """A word of the public catalogue, in how many listings it is, and what is left of it with a letter or two taken
    out: two words that are a typo apart have something of that in common (marketplace.search.typos). It has no wall.
    """

    word = models.CharField(max_length=60, primary_key=True, db_collation="C")
    documents = models.PositiveIntegerField()
    shortened = ArrayField(models.CharField(max_length=60))

    class Meta:
        indexes = [GinIndex(fields=["shortened"], name="word_shortened")]

    def __str__(self):
        return self.word
