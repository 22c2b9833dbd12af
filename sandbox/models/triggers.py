"""Triggers: what starts calls by itself, what came in for them, and what they started."""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from galaxy.core.models import WorkspaceModel, WorkspaceQuerySet


class TriggerQuerySet(WorkspaceQuerySet):
    def kept(self):
        """Those that nobody deleted; the rows of the others stay for the trail."""
        return self.filter(removed_at=None)

    def on(self):
        return self.kept().exclude(enabled_at=None)


class Trigger(WorkspaceModel):
    """Starts a pack or an action of the workspace when something comes in (webhook) or when it is time (schedule).

    It calls as itself: ``scopes`` bound it, ``owner`` answers for what it does, and it holds what both hold. ``inputs``
    maps each input of ``target`` to a JMESPath over ``event``. ``installation`` is that of the target, ``made_from``
    the installed extension of kind trigger that gave the defaults. ``address`` is the public part of a webhook's
    address. ``debounce_key`` (JMESPath), ``quiet_ms`` and ``longest_ms`` make one run of many events; ``uses`` says
    which of them it gets. ``every_s`` is how often something usually comes: after twice that nothing is silence, told
    at ``quiet_at``, and ``poll_target`` is called meanwhile. ``next_at`` is when a schedule is due. Off while
    ``enabled_at`` is None; ``paused_because`` says why, ``paused_by`` is None where Galaxy did it after ``failures``
    in a row.
    """

    class Kind(models.TextChoices):
        WEBHOOK = "webhook", "Webhook"
        SCHEDULE = "schedule", "Schedule"

    class Signature(models.TextChoices):
        STANDARD = "standard_webhooks", "Standard Webhooks"
        HMAC = "hmac_sha256", "HMAC-SHA256 in one header"
        NONE = "none", "None: whoever knows the address"

    class Uses(models.TextChoices):
        LAST = "last", "The last event"
        FIRST = "first", "The first event"
        ALL = "all", "All of them, as a list"

    name = models.CharField(max_length=80)
    slug = models.SlugField(max_length=40, db_index=False)
    kind = models.CharField(max_length=10, choices=Kind)
    purpose = models.CharField(max_length=300, blank=True)
    owner = models.ForeignKey("core.User", on_delete=models.PROTECT, db_index=False, related_name="+")
    target = models.CharField(max_length=160)
    installation = models.ForeignKey(
        "registry.Installation", on_delete=models.PROTECT, db_index=False, related_name="+"
    )
    made_from = models.ForeignKey(
        "registry.Installation", null=True, blank=True, on_delete=models.PROTECT, db_index=False, related_name="+"
    )
    inputs = models.JSONField(default=dict)
    scopes = models.JSONField(default=list)
    simulates = models.BooleanField(default=False)
    sample = models.JSONField(default=dict, help_text="The body of an event to try it with.")
    classes = models.JSONField(default=dict, help_text="Data classes of its events' bodies: {dotted path: class}.")

    address = models.CharField(max_length=43, blank=True)
    signature = models.CharField(max_length=20, choices=Signature, blank=True)
    header = models.CharField(max_length=64, blank=True)
    per_minute = models.PositiveIntegerField(default=600)
    debounce_key = models.CharField(max_length=500, blank=True)
    quiet_ms = models.PositiveIntegerField(default=0)
    longest_ms = models.PositiveIntegerField(default=0)
    uses = models.CharField(max_length=8, choices=Uses, default=Uses.LAST)
    every_s = models.PositiveIntegerField(null=True, blank=True)
    poll_target = models.CharField(max_length=160, blank=True)
    quiet_at = models.DateTimeField(null=True, blank=True)
    silent_since = models.DateTimeField(null=True, blank=True)

    cron = models.CharField(max_length=100, blank=True)
    zone = models.CharField(max_length=64, blank=True)
    next_at = models.DateTimeField(null=True, blank=True)

    enabled_at = models.DateTimeField(null=True, blank=True)
    paused_because = models.CharField(max_length=300, blank=True)
    paused_by = models.ForeignKey(
        "core.User", null=True, blank=True, on_delete=models.PROTECT, db_index=False, related_name="+"
    )
    failures = models.PositiveIntegerField(default=0)
    last_event_at = models.DateTimeField(null=True, blank=True)
    created_by = models.ForeignKey("core.User", on_delete=models.PROTECT, db_index=False, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)
    removed_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar = TriggerQuerySet.as_manager()

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "slug"], condition=Q(removed_at=None), name="trigger_slug_once"
            ),
            models.UniqueConstraint(fields=["address"], condition=~Q(address=""), name="trigger_address_once"),
            models.CheckConstraint(
                name="trigger_webhook_has_address",
                condition=Q(kind="webhook", cron="") & ~Q(address="") | Q(kind="schedule", address="") & ~Q(cron=""),
            ),
            models.CheckConstraint(
                name="trigger_removed_is_off", condition=Q(removed_at=None) | Q(enabled_at=None, next_at=None)
            ),
        ]
        indexes = [
            models.Index(fields=["workspace", "name", "id"], name="trigger_by_name"),
            models.Index(fields=["workspace", "next_at"], condition=Q(next_at__isnull=False), name="trigger_due"),
            models.Index(fields=["workspace", "quiet_at"], condition=Q(quiet_at__isnull=False), name="trigger_quiet"),
        ]

    def __str__(self):
        return self.name

    def get_absolute_url(self):
        return reverse("sandbox:trigger-detail", args=[self.workspace.slug, self.pk])

    @property
    def is_on(self) -> bool:
        return self.enabled_at is not None and self.removed_at is None

    @property
    def is_webhook(self) -> bool:
        return self.kind == self.Kind.WEBHOOK

    @property
    def is_signed(self) -> bool:
        """Whether what starts it proved itself: time does, and so does whoever signs."""
        return not self.is_webhook or self.signature != self.Signature.NONE

    @property
    def state(self) -> str:
        """removed, off, silent or on."""
        if self.removed_at:
            return "removed"
        if not self.is_on:
            return "off"
        return "silent" if self.silent_since else "on"

    def get_state_display(self) -> str:
        return self.state.capitalize()


class TriggerKey(WorkspaceModel):
    """A key that a webhook's sender signs with, sealed; opened in sandboxd and nowhere else.

    The place that is authenticated with it is the workspace, the trigger and ``number``. While two are in force either
    signs, until the older one ends.
    """

    trigger = models.ForeignKey(Trigger, on_delete=models.PROTECT, db_index=False, related_name="keys")
    number = models.PositiveIntegerField()
    key = models.ForeignKey("core.WorkspaceKey", on_delete=models.PROTECT, db_index=False, related_name="+")
    wrapped_key = models.BinaryField()
    ciphertext = models.BinaryField()
    created_at = models.DateTimeField(default=timezone.now)
    ends_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-number"]
        constraints = [models.UniqueConstraint(fields=["workspace", "trigger", "number"], name="triggerkey_once")]
        indexes = [models.Index(fields=["workspace", "key", "id"], name="triggerkey_by_key")]

    def __str__(self):
        return f"Key {self.number} of {self.trigger_id}"


class TriggerFiring(WorkspaceModel):
    """One start: of the event, or the ``merged`` events, that it waits for until ``due_at``; or of one time of a
    schedule (``scheduled_for``), with as many ``missed`` times before it as it makes up for.

    ``key`` is the SHA-256 of what its events have in common, "" where each starts a run of its own; one at a time waits
    for each key. ``longest_at`` is when it starts whatever still comes. ``events`` are those it will use, raw, until it
    starts: {body, headers?, id, at} each. ``sentence`` says why nothing started. ``is_settled``: the end of its run was
    counted.
    """

    class Why(models.TextChoices):
        EVENT = "event", "Event"
        SCHEDULE = "schedule", "Schedule"
        POLL = "poll", "Poll while it is silent"
        TRIAL = "trial", "Trial"

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        STARTED = "started", "Started"
        REFUSED = "refused", "Not started"

    trigger = models.ForeignKey(Trigger, on_delete=models.PROTECT, db_index=False, related_name="firings")
    why = models.CharField(max_length=10, choices=Why)
    state = models.CharField(max_length=8, choices=State, default=State.WAITING)
    key = models.CharField(max_length=64, blank=True)
    opened_at = models.DateTimeField(default=timezone.now)
    due_at = models.DateTimeField(default=timezone.now)
    longest_at = models.DateTimeField(null=True, blank=True)
    merged = models.PositiveIntegerField(default=1)
    events = models.JSONField(null=True, blank=True)
    scheduled_for = models.DateTimeField(null=True, blank=True)
    missed = models.PositiveIntegerField(default=0)
    run = models.ForeignKey(
        "sandbox.Run", null=True, blank=True, on_delete=models.PROTECT, db_index=False, related_name="firings"
    )
    sentence = models.CharField(max_length=300, blank=True)
    is_settled = models.BooleanField(default=False)
    fired_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-opened_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "trigger", "key"],
                condition=Q(state="waiting") & ~Q(key=""),
                name="firing_one_waits",
            ),
            models.UniqueConstraint(
                fields=["workspace", "trigger", "why", "scheduled_for"],
                condition=Q(scheduled_for__isnull=False),
                name="firing_time_once",
            ),
            models.CheckConstraint(
                name="firing_run_iff_started", condition=Q(state="started", run__isnull=False) | ~Q(state="started")
            ),
            models.CheckConstraint(name="firing_events_until_it_starts", condition=Q(state="waiting") | Q(events=None)),
        ]
        indexes = [
            models.Index(fields=["workspace", "trigger", "-opened_at"], name="firing_newest"),
            models.Index(fields=["workspace", "due_at"], condition=Q(state="waiting"), name="firing_due"),
            models.Index(
                fields=["workspace", "trigger"], condition=Q(state="started", is_settled=False), name="firing_unsettled"
            ),
            models.Index(fields=["workspace", "run"], condition=Q(run__isnull=False), name="firing_by_run"),
        ]

    def __str__(self):
        return f"{self.get_why_display()} of {self.trigger_id}"


class TriggerDelivery(WorkspaceModel):
    """What came in at a webhook and was taken: each id once. ``shown`` is its body redacted, until it is dropped.

    ``event_id`` is the sender's own (``webhook-id``), or the SHA-256 of the body where its signature covers no id.
    """

    trigger = models.ForeignKey(Trigger, on_delete=models.PROTECT, db_index=False, related_name="deliveries")
    firing = models.ForeignKey(TriggerFiring, on_delete=models.PROTECT, db_index=False, related_name="deliveries")
    event_id = models.CharField(max_length=255)
    received_at = models.DateTimeField(default=timezone.now)
    body_bytes = models.PositiveIntegerField()
    shown = models.JSONField(null=True, blank=True)
    was_merged = models.BooleanField(default=False)

    class Meta:
        ordering = ["-received_at"]
        constraints = [models.UniqueConstraint(fields=["workspace", "trigger", "event_id"], name="delivery_once")]
        indexes = [
            models.Index(fields=["workspace", "trigger", "-received_at", "id"], name="delivery_newest"),
            models.Index(fields=["workspace", "firing"], name="delivery_by_firing"),
        ]

    def __str__(self):
        return f"Delivery {self.event_id[:20]}"


class TriggerTally(WorkspaceModel):
    """What came in at a webhook within one hour, counted by what became of it. Everything is counted once, also what
    comes while it is off; nothing but the number is kept of what was not taken.
    """

    trigger = models.ForeignKey(Trigger, on_delete=models.PROTECT, db_index=False, related_name="tallies")
    hour = models.DateTimeField()
    accepted = models.PositiveIntegerField(default=0)
    merged = models.PositiveIntegerField(default=0)
    repeated = models.PositiveIntegerField(default=0)
    unsigned = models.PositiveIntegerField(default=0)
    late = models.PositiveIntegerField(default=0)
    over_budget = models.PositiveIntegerField(default=0)
    unreadable = models.PositiveIntegerField(default=0)
    too_large = models.PositiveIntegerField(default=0, db_default=0)
    switched_off = models.PositiveIntegerField(default=0, db_default=0)

    REFUSED: ClassVar = ("unsigned", "late", "over_budget", "unreadable", "too_large", "switched_off")
    COUNTED: ClassVar = ("accepted", "merged", "repeated", *REFUSED)

    class Meta:
        ordering = ["-hour"]
        constraints = [models.UniqueConstraint(fields=["workspace", "trigger", "hour"], name="tally_once")]

    def __str__(self):
        return f"{self.hour:%Y-%m-%d %H}:00"
