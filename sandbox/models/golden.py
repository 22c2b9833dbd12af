"""Golden flows: what was accepted of a pack's behaviour on samples, and what each night came to."""

from typing import Any, ClassVar

from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from galaxy.core.models import WorkspaceModel, WorkspaceQuerySet
from registry.models import Installation


class GoldenFlow(WorkspaceModel):
    """One installed pack that is played each night. ``recording`` is {cases: [...], pinned: [...], newest: [...]}: what
    it is played on, and what was accepted of it with the pinned and, where that is another, the newest versions
    (sandbox.golden.playing); empty before the first night. ``accepted_by`` is None for a first recording, which nobody
    had to accept. ``is_marked``: a person wants it among the first.
    """

    installation = models.OneToOneField(
        "registry.Installation", on_delete=models.PROTECT, db_index=False, related_name="golden_flow"
    )
    is_marked = models.BooleanField(default=False)
    recording = models.JSONField(default=dict)
    versions = models.JSONField(default=dict, help_text="Of the accepted recording, by side: {slug: number}.")
    accepted_at = models.DateTimeField(null=True, blank=True)
    accepted_by = models.ForeignKey(
        "core.User", null=True, blank=True, on_delete=models.PROTECT, db_index=False, related_name="+"
    )
    reason = models.CharField(max_length=300, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="goldenflow_accepted_iff_recorded",
                condition=Q(recording={}, accepted_at=None) | ~Q(recording={}) & Q(accepted_at__isnull=False),
            )
        ]

    def __str__(self):
        return f"Golden flow of {self.installation}"

    def get_absolute_url(self):
        return reverse("sandbox:golden-flow", args=[self.workspace.slug, self.installation_id])


class GoldenNightQuerySet(WorkspaceQuerySet):
    def visible_to(self, user, within=None):
        """Nights of what ``user`` may see installed."""
        return self.filter(flow__installation__in=Installation.objects.visible_to(user, within or self.known_workspace))


class GoldenNight(WorkspaceModel):
    """One time that a golden flow was played, by beat for ``night`` or because ``asked_by`` wanted it.

    ``content`` is {walls, cases, sides: {pinned, newest: {versions, played, findings}}}; ``pinned`` and ``newest``
    count the findings. Whoever plays it holds ``lease_until``. ``failure`` is a sentence on why it was not played.
    """

    class State(models.TextChoices):
        QUEUED = "queued", "Queued"
        PLAYING = "playing", "Playing"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"

    UNFINISHED = (State.QUEUED, State.PLAYING)

    flow = models.ForeignKey(GoldenFlow, on_delete=models.PROTECT, db_index=False, related_name="nights")
    night = models.DateField(null=True, blank=True)
    state = models.CharField(max_length=7, choices=State, default=State.QUEUED)
    attempt = models.PositiveSmallIntegerField(default=0)
    done = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(default=0)
    lease_until = models.DateTimeField(null=True, blank=True)
    content = models.JSONField(default=dict)
    pinned = models.PositiveIntegerField(default=0)
    newest = models.PositiveIntegerField(default=0)
    is_first = models.BooleanField(default=False)
    failure = models.CharField(max_length=300, blank=True)
    asked_by = models.ForeignKey(
        "core.User", null=True, blank=True, on_delete=models.PROTECT, db_index=False, related_name="+"
    )
    asked_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar = GoldenNightQuerySet.as_manager()

    class Meta:
        ordering = ["-asked_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "flow", "night"], condition=Q(night__isnull=False), name="goldennight_once"
            ),
            models.CheckConstraint(
                name="goldennight_finished_iff_over",
                condition=Q(state__in=["queued", "playing"], finished_at=None)
                | ~Q(state__in=["queued", "playing"]) & Q(finished_at__isnull=False),
            ),
            models.CheckConstraint(name="goldennight_says_why", condition=~Q(state="failed") | ~Q(failure="")),
        ]
        indexes = [models.Index(fields=["workspace", "flow", "-asked_at"], name="goldennight_newest")]

    def __str__(self):
        return f"{self.night or self.asked_at:%Y-%m-%d}"

    @property
    def is_under_way(self) -> bool:
        return self.state in self.UNFINISHED

    @property
    def is_well(self) -> bool:
        return self.state == self.State.DONE and not self.pinned and not self.newest

    @property
    def sides(self) -> dict[str, Any]:
        return self.content.get("sides", {})

    @property
    def verdict(self) -> tuple[str, str]:
        """A state for its badge, and its word."""
        if self.state != self.State.DONE:
            return self.state, self.get_state_display()
        if self.is_well:
            return "succeeded", "First recording" if self.is_first else "As accepted"
        return "failed", "Not as accepted"
