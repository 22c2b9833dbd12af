"""Filters that somebody gave a name, so that a list opens as they left it."""

from django.db import models
from django.utils import timezone

from galaxy.core.models.base import WorkspaceModel


class SavedView(WorkspaceModel):
    """The query string of one list (``page``, such as ``approvals``), kept by one person under a name of theirs.

    ``query`` holds filters alone, never a position; the list reads it as it reads any address, so what it may show is
    decided anew each time.
    """

    user = models.ForeignKey("core.User", on_delete=models.PROTECT, db_index=False, related_name="+")
    page = models.CharField(max_length=20)
    name = models.CharField(max_length=40)
    query = models.CharField(max_length=1000, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["workspace", "user", "page", "name"], name="savedview_name_once")
        ]

    def __str__(self):
        return self.name
