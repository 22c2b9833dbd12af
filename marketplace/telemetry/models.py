"""What is counted across workspaces for those who publish: sums by version and day, and never whose they are."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from registry.models import Extension, Version


class VersionDay(models.Model):
    """The live calls of a version that ended on a day (UTC), in all workspaces that made one together. Written once.

    Global: it has no wall, since it says nothing of any workspace. There is a row only where at least three workspaces
    made calls that count, and each number in it is of three at least by itself (a function of PostgreSQL sees to that,
    migration 0018). ``callers`` are mistakes of whoever called, which do not count; ``errors`` are the failed ones as
    {category: number}, "" for those whose effect is unknown, OTHERS for categories that fewer than three had each;
    ``bad`` is their sum. ``failing`` is in how many of ``workspaces`` a call failed, 0 below three. ``buckets`` and
    ``counts`` are how long the calls took, as a histogram (marketplace.telemetry.sketch) that is coarser where fewer
    called.
    """

    OTHERS = "others"

    id = models.BigAutoField(primary_key=True)
    version = models.ForeignKey(Version, on_delete=models.PROTECT, db_index=False, related_name="+")
    day = models.DateField()
    good = models.PositiveBigIntegerField()
    bad = models.PositiveBigIntegerField()
    callers = models.PositiveBigIntegerField(default=0)
    workspaces = models.PositiveIntegerField()
    failing = models.PositiveIntegerField(default=0)
    errors = models.JSONField(default=dict)
    buckets = ArrayField(models.PositiveSmallIntegerField(), default=list)
    counts = ArrayField(models.PositiveBigIntegerField(), default=list)

    class Meta:
        ordering = ["day"]
        constraints = [
            models.UniqueConstraint(fields=["version", "day"], name="versionday_once"),
            models.CheckConstraint(name="versionday_of_three", condition=Q(workspaces__gte=3)),
        ]
        indexes = [models.Index(fields=["day"], name="versionday_by_day")]

    def __str__(self):
        return f"{self.version_id} on {self.day}"


class ToldDay(models.Model):
    """A day (UTC) that is over, of which every VersionDay is written: it is never counted again. Global."""

    day = models.DateField(primary_key=True)

    def __str__(self):
        return f"{self.day}"


class InstallDay(models.Model):
    """In how many workspaces an extension was installed at the end of a day (UTC). Global, like its listing."""

    id = models.BigAutoField(primary_key=True)
    extension = models.ForeignKey(Extension, on_delete=models.PROTECT, db_index=False, related_name="+")
    day = models.DateField()
    installs = models.PositiveIntegerField()

    class Meta:
        ordering = ["day"]
        constraints = [models.UniqueConstraint(fields=["extension", "day"], name="installday_once")]
        indexes = [models.Index(fields=["day"], name="installday_by_day")]

    def __str__(self):
        return f"{self.extension_id} on {self.day}"


class Reached(models.Model):
    """How many workspaces at least called an extension within 7, 30 and 90 days, in the steps of marketplace_at_least,
    NULL where they are fewer than three: of a ``version``, or of all of them together where that is NULL. Global."""

    id = models.BigAutoField(primary_key=True)
    extension = models.ForeignKey(Extension, on_delete=models.PROTECT, db_index=False, related_name="+")
    version = models.ForeignKey(Version, null=True, on_delete=models.PROTECT, db_index=False, related_name="+")
    days_7 = models.PositiveIntegerField(null=True)
    days_30 = models.PositiveIntegerField(null=True)
    days_90 = models.PositiveIntegerField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["version"], name="reached_once"),
            models.UniqueConstraint(fields=["extension"], condition=Q(version=None), name="reached_once_in_all"),
        ]

    def __str__(self):
        return f"{self.extension_id}: {self.days_30}"


class Widespread(models.Model):
    """That a version misses a bound of a level (marketplace.evidence.limits) in three workspaces by themselves, and in
    all others together whichever one is left out, in the seven days before it was counted. Global."""

    id = models.BigAutoField(primary_key=True)
    version = models.ForeignKey(Version, on_delete=models.PROTECT, db_index=False, related_name="+")
    measure = models.CharField(max_length=8)
    bound = models.PositiveIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["version", "measure", "bound"], name="widespread_once")]

    def __str__(self):
        return f"{self.version_id}: {self.measure} {self.bound}"
