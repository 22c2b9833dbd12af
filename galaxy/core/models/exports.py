"""Exports of the trail that a worker makes: one row each, by which it is watched, stopped, resumed and fetched."""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from galaxy.core.models.base import WorkspaceModel, WorkspaceQuerySet


class ExportJobQuerySet(WorkspaceQuerySet):
    def unfinished(self):
        return self.filter(state__in=ExportJob.UNFINISHED)


class ExportJob(WorkspaceModel):
    """One pack: what it is of (``filters``, as galaxy.core.audit.search reads them), what is left out of it
    (``redacted``, as galaxy.core.audit.packs.redaction names it), and how far it is.

    ``size`` is the tree it is cut from, fixed when writing begins, so that a pack is the same however often writing
    was interrupted. ``done`` of ``total`` events are written, ``written`` bytes of each file. Whoever works on it holds
    ``lease_until``; ``attempt`` counts who did, and only the latest may go on. ``report`` is what verify.py found in
    the finished pack, ``failure`` its sentence where it found fault; ``bytes`` and ``sha256`` are of what is fetched.
    """

    class State(models.TextChoices):
        QUEUED = "queued", "Queued"
        WRITING = "writing", "Writing"
        CHECKING = "checking", "Checking"
        READY = "ready", "Ready"
        FAILED = "failed", "Failed"
        STOPPED = "stopped", "Stopped"
        EXPIRED = "expired", "Deleted"

    UNFINISHED = (State.QUEUED, State.WRITING, State.CHECKING)

    state = models.CharField(max_length=8, choices=State, default=State.QUEUED)
    filters = models.JSONField(default=dict)
    redacted = models.JSONField(default=list)
    with_sheet = models.BooleanField(default=True)
    size = models.BigIntegerField(null=True)
    total = models.BigIntegerField(default=0)
    done = models.BigIntegerField(default=0)
    written = models.JSONField(default=dict)
    attempt = models.PositiveIntegerField(default=0)
    lease_until = models.DateTimeField(null=True)
    report = models.JSONField(default=dict)
    failure = models.CharField(max_length=300, blank=True)
    bytes = models.BigIntegerField(default=0)
    sha256 = models.CharField(max_length=64, blank=True)
    requested_by = models.ForeignKey("core.User", on_delete=models.PROTECT, db_index=False, related_name="+")
    requested_at = models.DateTimeField(default=timezone.now)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(null=True)

    objects: ClassVar = ExportJobQuerySet.as_manager()

    class Meta:
        ordering = ["-requested_at"]
        constraints = [
            models.CheckConstraint(
                name="exportjob_finished_iff_over",
                condition=Q(state__in=["queued", "writing", "checking"], finished_at=None)
                | ~Q(state__in=["queued", "writing", "checking"]) & Q(finished_at__isnull=False),
            ),
            models.CheckConstraint(
                name="exportjob_done_of_total", condition=Q(done__gte=0, done__lte=models.F("total"))
            ),
        ]
        indexes = [models.Index(fields=["workspace", "-requested_at"], name="exportjob_newest")]

    def __str__(self):
        return f"Export of {self.requested_at:%Y-%m-%d %H:%M}"

    def get_absolute_url(self):
        return reverse("core:export-detail", args=[self.workspace.slug, self.pk])

    @property
    def is_unfinished(self) -> bool:
        return self.state in self.UNFINISHED

    @property
    def is_ready(self) -> bool:
        return self.state == self.State.READY
