"""What a workspace wrote of a version that it ran live."""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from galaxy.core.models import WorkspaceModel, WorkspaceQuerySet
from registry.models import Extension, Version


class ReviewQuerySet(WorkspaceQuerySet):
    def shown(self):
        """What everybody reads: not what the marketplace's own people hid."""
        return self.filter(hidden_at=None)


class Review(WorkspaceModel):
    """One per workspace and version; a trigger refuses it where the workspace has no live run of that version.

    Everybody reads it and nobody is told whose it is: of the workspace, a page shows ``live_runs`` alone, how many it
    had when it was written (10,000 stands for that many and more). ``rating`` goes from 1 to 5, ``text`` is plain.
    """

    extension = models.ForeignKey(Extension, on_delete=models.PROTECT, db_index=False, related_name="+")
    version = models.ForeignKey(Version, on_delete=models.PROTECT, db_index=False, related_name="+")
    rating = models.PositiveSmallIntegerField()
    text = models.TextField(blank=True)
    live_runs = models.PositiveIntegerField()
    written_by = models.ForeignKey("core.User", on_delete=models.PROTECT, db_index=False, related_name="+")
    written_at = models.DateTimeField(default=timezone.now)
    changed_at = models.DateTimeField(null=True, blank=True)
    hidden_at = models.DateTimeField(null=True, blank=True)
    hidden_by = models.ForeignKey(
        "core.User", null=True, blank=True, on_delete=models.PROTECT, db_index=False, related_name="+"
    )
    hidden_reason = models.CharField(max_length=300, blank=True)

    objects: ClassVar = ReviewQuerySet.as_manager()

    class Meta:
        ordering = ["-written_at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["workspace", "version"], name="review_once_per_version"),
            models.CheckConstraint(name="review_rating_1_to_5", condition=Q(rating__gte=1, rating__lte=5)),
            models.CheckConstraint(name="review_has_live_runs", condition=Q(live_runs__gte=1)),
            models.CheckConstraint(
                name="review_hidden_with_reason",
                condition=Q(hidden_at=None, hidden_by=None, hidden_reason="")
                | Q(hidden_at__isnull=False, hidden_by__isnull=False) & ~Q(hidden_reason=""),
            ),
        ]
        # Read across workspaces, so its one index that is not about a workspace begins with the extension.
        indexes = [
            models.Index(
                fields=["extension", "-written_at", "-id"], condition=Q(hidden_at=None), name="review_of_extension"
            )
        ]

    def __str__(self):
        return f"Review of {self.version}"

    def get_absolute_url(self):
        return f"{reverse('reviews:review-list', args=[self.workspace.slug, self.extension.slug])}#review-{self.pk}"
