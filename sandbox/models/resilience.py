"""How connections fare: circuit breakers with their history, holds, health checks, and issues that need somebody."""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from galaxy.core.models import WorkspaceModel, WorkspaceQuerySet
from registry.models import Connection, Installation


class Breaker(WorkspaceModel):
    """The circuit breaker of one action over one connection. No row: closed, and never opened.

    What is counted towards opening lies in Valkey; here stands what was decided. ``until`` is when an open one lets a
    trial call through; a tripped one (``is_manual``) waits for a person.
    """

    class State(models.TextChoices):
        CLOSED = "closed", "Closed"
        OPEN = "open", "Open"
        HALF_OPEN = "half_open", "Trying"

    connection = models.ForeignKey(
        "registry.Connection", on_delete=models.PROTECT, db_index=False, related_name="breakers"
    )
    action = models.CharField(max_length=160)
    state = models.CharField(max_length=10, choices=State, default=State.CLOSED)
    is_manual = models.BooleanField(default=False)
    until = models.DateTimeField(null=True, blank=True)
    changed_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["action"]
        constraints = [models.UniqueConstraint(fields=["workspace", "connection", "action"], name="breaker_once")]

    def __str__(self):
        return f"Breaker of {self.action}"


class BreakerEvent(WorkspaceModel):
    """One change of a breaker, with what was counted then ({failures, calls, window_s}) or who did it, and why."""

    breaker = models.ForeignKey(Breaker, on_delete=models.PROTECT, db_index=False, related_name="events")
    state = models.CharField(max_length=10, choices=Breaker.State)
    counts = models.JSONField(default=dict)
    reason = models.CharField(max_length=300)
    actor = models.ForeignKey("core.User", null=True, on_delete=models.PROTECT, db_index=False, related_name="+")
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-at"]
        indexes = [models.Index(fields=["workspace", "breaker", "-at"], name="breakerevent_newest")]

    def __str__(self):
        return f"{self.get_state_display()} at {self.at:%H:%M:%S}"


class Hold(WorkspaceModel):
    """A place that a run has taken where only so many calls may be under way: a concurrency limit, or a lock by a key.

    ``subject`` is the connection the places belong to, or the installation where there is none, with the mode;
    ``key`` is what they are counted by (sandbox.holds), never a value of the inputs. A hold counts for as long as its
    run is at work under the same ``attempt``: a holder that dies frees its place when its lease runs out.
    """

    installation = models.ForeignKey(
        "registry.Installation", on_delete=models.PROTECT, db_index=False, related_name="holds"
    )
    subject = models.CharField(max_length=60)
    key = models.CharField(max_length=64)
    label = models.CharField(max_length=200)
    run = models.ForeignKey("sandbox.Run", on_delete=models.CASCADE, db_index=False, related_name="holds")
    attempt = models.PositiveIntegerField()
    taken_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["taken_at"]
        indexes = [
            models.Index(fields=["workspace", "subject", "key"], name="hold_by_key"),
            models.Index(fields=["workspace", "run"], name="hold_by_run"),
        ]

    def __str__(self):
        return self.label


class HealthCheck(WorkspaceModel):
    """One scheduled or asked-for trial of a connection, by the read action its manifest names."""

    connection = models.ForeignKey(
        "registry.Connection", on_delete=models.PROTECT, db_index=False, related_name="health_checks"
    )
    run = models.ForeignKey("sandbox.Run", null=True, on_delete=models.PROTECT, db_index=False, related_name="+")
    passed = models.BooleanField()
    category = models.CharField(max_length=16, blank=True)
    sentence = models.CharField(max_length=300, blank=True)
    duration_ms = models.FloatField()
    checked_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-checked_at"]
        indexes = [models.Index(fields=["workspace", "connection", "-checked_at"], name="healthcheck_newest")]

    def __str__(self):
        return "Passed" if self.passed else f"Failed: {self.category}"


class IssueQuerySet(WorkspaceQuerySet):
    def visible_to(self, user, within=None):
        """Issues of the installations that ``user`` may see; about a connection, only where they may see that one."""
        within = within or self.known_workspace
        theirs = Q(connection=None) | Q(connection__in=Connection.objects.visible_to(user, within))
        return self.filter(theirs, installation__in=Installation.objects.visible_to(user, within))

    def open(self):
        return self.filter(closed_at=None)


class Issue(WorkspaceModel):
    """Something that goes wrong again and again and needs a person: what, since when, how often, whose turn it is.

    One open issue at a time for each ``kind`` of ``target`` (an action's name) of an installation and, where it is
    about one, a connection. ``facts`` is what is known, names and numbers only; ``next_step`` is a sentence. An issue
    is closed by Galaxy when what it tells of is healed or there no more (``closed_by`` is None then), or by a person
    with a reason.
    """

    class Kind(models.TextChoices):
        BREAKER_OPEN = "breaker_open", "Calls are held back"
        RETRIES_EXHAUSTED = "retries_exhausted", "Calls fail after every retry"
        CONNECTION_EXHAUSTED = "connection_exhausted", "The connection has to be renewed"
        HEALTH_FAILING = "health_failing", "Health checks fail"
        VERSION_FAILING = "version_failing", "This version fails more than others"
        GOLDEN_FAILING = "golden_failing", "The golden flow is not as accepted"
        TRIGGER_PAUSED = "trigger_paused", "The trigger was switched off"
        TRIGGER_SILENT = "trigger_silent", "Nothing comes in at the webhook"
        KEEPS_FAILING = "keeps_failing", "An action keeps failing"

    installation = models.ForeignKey(
        "registry.Installation", on_delete=models.PROTECT, db_index=False, related_name="issues"
    )
    connection = models.ForeignKey(
        "registry.Connection", null=True, on_delete=models.PROTECT, db_index=False, related_name="issues"
    )
    kind = models.CharField(max_length=24, choices=Kind)
    target = models.CharField(max_length=160)
    sentence = models.CharField(max_length=300)
    next_step = models.CharField(max_length=300)
    facts = models.JSONField(default=dict)
    owner = models.ForeignKey("core.User", null=True, on_delete=models.PROTECT, db_index=False, related_name="+")
    times = models.PositiveIntegerField(default=1)
    opened_at = models.DateTimeField(default=timezone.now)
    last_at = models.DateTimeField(default=timezone.now)
    closed_at = models.DateTimeField(null=True, blank=True)
    closed_by = models.ForeignKey("core.User", null=True, on_delete=models.PROTECT, db_index=False, related_name="+")
    closed_because = models.CharField(max_length=300, blank=True)

    objects: ClassVar = IssueQuerySet.as_manager()

    class Meta:
        ordering = ["-opened_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "installation", "kind", "target"],
                condition=Q(closed_at=None, connection=None),
                name="issue_once_while_open",
            ),
            models.UniqueConstraint(
                fields=["workspace", "connection", "kind", "target"],
                condition=Q(closed_at=None, connection__isnull=False),
                name="issue_once_by_connection",
            ),
        ]
        indexes = [
            models.Index(fields=["workspace", "-opened_at", "id"], name="issue_newest"),
            models.Index(fields=["workspace", "installation", "-opened_at"], name="issue_by_installation"),
        ]

    def __str__(self):
        return f"{self.get_kind_display()}: {self.subject}"

    def get_absolute_url(self):
        return reverse("sandbox:issue-detail", args=[self.workspace.slug, self.pk])

    @property
    def subject(self) -> str:
        """What it is about, understood by itself: "hubspot.create_task", or "HubSpot 1.3.1" of a version."""
        return f"{self.installation} {self.target}" if self.kind == self.Kind.VERSION_FAILING else self.target

    @property
    def is_open(self) -> bool:
        return self.closed_at is None
