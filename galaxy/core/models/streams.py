"""Where the audit trail is streamed to, and how far each stream has come."""

from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from galaxy.core.models.base import WorkspaceModel


class AuditSink(WorkspaceModel):
    """A system of the workspace's own that is sent every event, in the order of the sealed tree.

    ``address`` is an https URL for a webhook and ``host:port`` for syslog over TLS. ``cursor`` counts the leaves that
    were handed over: the next one sent is leaf number ``cursor``. ``actions`` narrows the stream to events whose name
    begins so ("" sends all). ``quiet_from`` is the leaf from which on there was nothing of that kind, which the next
    message will say; null where the last one reached up to the cursor. One worker at a time works on a sink, under a
    lease with a number: ``holder`` and ``lease_until``. Times are the database's.
    """

    class Kind(models.TextChoices):
        WEBHOOK = "webhook", "Signed webhook"
        SYSLOG = "syslog", "Syslog over TLS"

    name = models.CharField(max_length=60)
    kind = models.CharField(max_length=8, choices=Kind)
    address = models.CharField(max_length=500)
    actions = models.CharField(max_length=63, blank=True)
    cursor = models.BigIntegerField(default=0)
    quiet_from = models.BigIntegerField(null=True, blank=True)
    created_by = models.ForeignKey("core.User", on_delete=models.PROTECT, db_index=False, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)
    paused_at = models.DateTimeField(null=True, blank=True)
    removed_at = models.DateTimeField(null=True, blank=True)
    failures = models.PositiveIntegerField(default=0)
    failing_since = models.DateTimeField(null=True, blank=True)
    last_error = models.CharField(max_length=300, blank=True)
    next_at = models.DateTimeField(default=timezone.now)
    delivered_at = models.DateTimeField(null=True, blank=True)
    holder = models.UUIDField(null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "name"], condition=Q(removed_at=None), name="auditsink_name_once"
            ),
            models.CheckConstraint(name="auditsink_cursor_from_zero", condition=Q(cursor__gte=0)),
            models.CheckConstraint(
                name="auditsink_quiet_before_cursor",
                condition=Q(quiet_from=None) | Q(quiet_from__lt=models.F("cursor")),
            ),
        ]
        indexes = [
            models.Index(
                fields=["workspace", "next_at"], condition=Q(paused_at=None, removed_at=None), name="auditsink_due"
            )
        ]

    def __str__(self):
        return self.name

    def get_absolute_url(self):
        return reverse("core:sink-detail", args=[self.workspace.slug, self.pk])

    @property
    def state(self) -> str:
        """removed, paused, failing or active."""
        if self.removed_at:
            return "removed"
        if self.paused_at:
            return "paused"
        return "failing" if self.failing_since else "active"

    def get_state_display(self) -> str:
        return self.state.capitalize()


class AuditSinkKey(WorkspaceModel):
    """A key that signs what a webhook is sent, sealed; opened in sandboxd and nowhere else.

    The place that is authenticated with it is the workspace, the sink, ``number`` and the sink's host. While two are in
    force each message has two signatures, so that the receiver can change over when it suits them.
    """

    sink = models.ForeignKey(AuditSink, on_delete=models.PROTECT, db_index=False, related_name="keys")
    number = models.PositiveIntegerField()
    host = models.CharField(max_length=253)
    key = models.ForeignKey("core.WorkspaceKey", on_delete=models.PROTECT, db_index=False, related_name="+")
    wrapped_key = models.BinaryField()
    ciphertext = models.BinaryField()
    created_at = models.DateTimeField(default=timezone.now)
    ends_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-number"]
        constraints = [models.UniqueConstraint(fields=["workspace", "sink", "number"], name="auditsinkkey_once")]
        indexes = [models.Index(fields=["workspace", "key", "id"], name="auditsinkkey_by_key")]

    def __str__(self):
        return f"Key {self.number} of {self.sink_id}"
