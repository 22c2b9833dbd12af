"""What replays of recorded calls said of a version, and how inputs are carried over to it."""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from galaxy.core.models import WorkspaceModel, WorkspaceQuerySet
from registry.models import Installation


class UpgradeReportQuerySet(WorkspaceQuerySet):
    def visible_to(self, user, within=None):
        """Reports about what ``user`` may see installed."""
        return self.filter(installation__in=Installation.objects.visible_to(user, within or self.known_workspace))


class UpgradeReport(WorkspaceModel):
    """What moving one installation from the version of ``from_digest`` to ``version`` means, by its own recorded calls.

    Written once. ``digest`` is the SHA-256 of ``content`` (RFC 8785; its shape: sandbox.upgrades.report), which
    approvals are bound to. The counts are of calls, each under every word that fits it; ``is_way_back``: the drill came
    back, else ``one_way`` says in sentences why not.
    """

    installation = models.ForeignKey(
        "registry.Installation", on_delete=models.PROTECT, db_index=False, related_name="+"
    )
    version = models.ForeignKey("registry.Version", on_delete=models.PROTECT, db_index=False, related_name="+")
    from_digest = models.CharField(max_length=64)
    digest = models.CharField(max_length=64)
    content = models.JSONField()
    calls = models.PositiveIntegerField()
    same = models.PositiveIntegerField()
    differs = models.PositiveIntegerField(default=0)
    fails = models.PositiveIntegerField(default=0)
    asks = models.PositiveIntegerField(default=0)
    new_host = models.PositiveIntegerField(default=0)
    slower = models.PositiveIntegerField(default=0)
    unknown = models.PositiveIntegerField(default=0)
    is_way_back = models.BooleanField()
    one_way = models.JSONField(default=list)
    made_by = models.ForeignKey(
        "core.User", null=True, blank=True, on_delete=models.PROTECT, db_index=False, related_name="+"
    )
    made_at = models.DateTimeField(default=timezone.now)

    objects: ClassVar = UpgradeReportQuerySet.as_manager()

    class Meta:
        ordering = ["-made_at"]
        constraints = [
            models.CheckConstraint(
                name="upgradereport_one_way_says_why",
                condition=Q(is_way_back=True, one_way=[]) | Q(is_way_back=False) & ~Q(one_way=[]),
            ),
            models.CheckConstraint(name="upgradereport_same_of_calls", condition=Q(same__lte=models.F("calls"))),
        ]
        indexes = [models.Index(fields=["workspace", "installation", "-made_at"], name="upgradereport_newest")]

    def __str__(self):
        return f"{self.version} from {self.from_digest[:12]}"

    def get_absolute_url(self):
        return reverse("sandbox:upgrade-report", args=[self.workspace.slug, self.pk])

    @property
    def short_digest(self) -> str:
        return self.digest[:12]

    @property
    def summary(self) -> str:
        """One sentence: what the replayed calls came to."""
        if not self.calls:
            return "No call was recorded here, so none was replayed."
        words = {
            "fails": "now fail", "asks": "now ask for a yes", "new_host": "call a new host", "differs": "differ",
            "slower": "are slower", "unknown": "could not be replayed",
        }  # fmt: skip
        told = [f"{getattr(self, name):,} {word}" for name, word in words.items() if getattr(self, name)]
        whole = f"{self.calls:,} recorded call{'s' if self.calls > 1 else ''} replayed"
        return f"{whole}: {', '.join(told)}, {self.same:,} the same." if told else f"{whole}: all answered the same."


class UpgradePreview(WorkspaceModel):
    """A replay that somebody asked for: done by a worker, watched, stopped, and begun again where a worker was killed.

    ``confirmed`` is what a person said of inputs, by action (sandbox.upgrades.report). ``done`` of ``total`` recorded
    calls are replayed. Whoever works on it holds ``lease_until``; ``attempt`` counts who did, and only the latest may
    go on. ``report`` is what came of it, ``failure`` a sentence on why nothing did.
    """

    class State(models.TextChoices):
        QUEUED = "queued", "Queued"
        REPLAYING = "replaying", "Replaying"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"
        STOPPED = "stopped", "Stopped"

    UNFINISHED = (State.QUEUED, State.REPLAYING)

    installation = models.ForeignKey(
        "registry.Installation", on_delete=models.PROTECT, db_index=False, related_name="+"
    )
    version = models.ForeignKey("registry.Version", on_delete=models.PROTECT, db_index=False, related_name="+")
    from_digest = models.CharField(max_length=64)
    confirmed = models.JSONField(default=dict)
    state = models.CharField(max_length=9, choices=State, default=State.QUEUED)
    done = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(default=0)
    attempt = models.PositiveSmallIntegerField(default=0)
    lease_until = models.DateTimeField(null=True, blank=True)
    report = models.ForeignKey(
        UpgradeReport, null=True, blank=True, on_delete=models.PROTECT, db_index=False, related_name="+"
    )
    failure = models.CharField(max_length=300, blank=True)
    asked_by = models.ForeignKey("core.User", on_delete=models.PROTECT, db_index=False, related_name="+")
    asked_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar = UpgradeReportQuerySet.as_manager()

    class Meta:
        ordering = ["-asked_at"]
        constraints = [
            models.CheckConstraint(
                name="upgradepreview_finished_iff_over",
                condition=Q(state__in=["queued", "replaying"], finished_at=None)
                | ~Q(state__in=["queued", "replaying"]) & Q(finished_at__isnull=False),
            ),
            models.CheckConstraint(
                name="upgradepreview_report_iff_done",
                condition=Q(state="done", report__isnull=False) | ~Q(state="done") & Q(report=None),
            ),
            models.CheckConstraint(
                name="upgradepreview_says_why", condition=Q(state="failed") & ~Q(failure="") | ~Q(state="failed")
            ),
            models.CheckConstraint(
                name="upgradepreview_lease_iff_replaying",
                condition=Q(state="replaying", lease_until__isnull=False) | ~Q(state="replaying") & Q(lease_until=None),
            ),
            models.CheckConstraint(name="upgradepreview_done_of_total", condition=Q(done__lte=models.F("total"))),
            models.UniqueConstraint(
                fields=["workspace", "installation", "version"],
                condition=Q(state__in=["queued", "replaying"]),
                name="upgradepreview_one_at_a_time",
            ),
        ]
        indexes = [models.Index(fields=["workspace", "installation", "-asked_at"], name="upgradepreview_newest")]

    def __str__(self):
        return f"Preview of {self.version}"

    def get_absolute_url(self):
        return reverse("sandbox:preview-detail", args=[self.workspace.slug, self.pk])

    @property
    def is_under_way(self) -> bool:
        return self.state in self.UNFINISHED


class InputMigration(WorkspaceModel):
    """How inputs that somebody stored, such as a pack's, are given to one action of a version: {old name: new name} of
    what it says it renamed, and values that a person filled in for what it newly needs.

    ``report`` proved it: every recorded call was answered the same, with the inputs carried over like this. The newest
    row of an action counts; a name is carried over only while the version that is held does not have the old one.
    """

    installation = models.ForeignKey(
        "registry.Installation", on_delete=models.PROTECT, db_index=False, related_name="+"
    )
    version = models.ForeignKey("registry.Version", on_delete=models.PROTECT, db_index=False, related_name="+")
    action = models.CharField(max_length=160, blank=True)
    renames = models.JSONField(default=dict)
    fills = models.JSONField(default=dict)
    report = models.ForeignKey(UpgradeReport, on_delete=models.PROTECT, db_index=False, related_name="migrations")
    made_by = models.ForeignKey("core.User", on_delete=models.PROTECT, db_index=False, related_name="+")
    made_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["action"]
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "installation", "version", "action"], name="inputmigration_once"
            ),
            models.CheckConstraint(name="inputmigration_says_something", condition=~Q(renames={}) | ~Q(fills={})),
        ]

    def __str__(self):
        return f"Inputs of {self.action or 'it'} for {self.version}"
