"""Names that are taken, as they look."""

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models


class KnownName(models.Model):
    """The name of a public extension or of its publisher. Global: it has no wall, and tells of no workspace.

    ``skeleton`` and ``keys`` are of ``registry.names``: names with one skeleton look the same, names with a key in
    common may be one letter apart.
    """

    class Kind(models.TextChoices):
        EXTENSION = "extension", "Extension"
        PUBLISHER = "publisher", "Publisher"

    kind = models.CharField(max_length=9, choices=Kind)
    name = models.CharField(max_length=80)
    skeleton = models.CharField(max_length=160)
    keys = ArrayField(models.CharField(max_length=160))

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["kind", "name"], name="knownname_once")]
        indexes = [
            models.Index(fields=["kind", "skeleton"], name="knownname_skeleton"),
            GinIndex(fields=["keys"], name="knownname_keys"),
        ]

    def __str__(self):
        return self.name
