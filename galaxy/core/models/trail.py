"""The sealed tree over the trail: leaves, inner hashes, signed checkpoints, the keys that signed, and verifications.

``galaxy.core.audit.sequencer`` writes the tree; nothing of it is ever changed or deleted.
"""

from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from galaxy.core.models.base import WorkspaceModel, WorkspaceQuerySet


class XidField(models.Field):
    """PostgreSQL's ``xid8``: the number of a transaction, which never comes again in one cluster. An int here."""

    def db_type(self, connection):
        return "xid8"

    def get_internal_type(self):
        return "XidField"

    def from_db_value(self, value, expression, connection):
        return None if value is None else int(value)

    def get_prep_value(self, value):
        return None if value is None else str(value)


class AuditLeaf(models.Model):
    """The event at one position of a workspace's tree, counted from 0, and the hash of its leaf (32 bytes).

    ``epoch``, ``xid`` and ``event_id`` are what events are ordered by, kept here so that order needs no event. That
    there is such a workspace is held by the checkpoint and the events: asked of every leaf it costs more than the leaf.
    """

    pk = models.CompositePrimaryKey("workspace_id", "position")
    workspace = models.ForeignKey(
        "core.Workspace", on_delete=models.PROTECT, db_index=False, db_constraint=False, related_name="+"
    )
    position = models.BigIntegerField()
    event_id = models.BigIntegerField()
    epoch = models.IntegerField()
    xid = XidField()
    hash = models.BinaryField(max_length=32)

    objects = WorkspaceQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "event_id"], name="auditleaf_event_once"),
            models.CheckConstraint(name="auditleaf_position_counts", condition=Q(position__gte=0)),
        ]

    def __str__(self):
        return f"Leaf {self.position}"


class AuditNode(models.Model):
    """The hash of a complete subtree: over the leaves ``place * 2**level`` up to ``(place + 1) * 2**level``.

    Only every eighth level is kept (8, 16, …), as in tiles of 256: what lies between is hashed when it is asked for.
    """

    pk = models.CompositePrimaryKey("workspace_id", "level", "place")
    workspace = models.ForeignKey(
        "core.Workspace", on_delete=models.PROTECT, db_index=False, db_constraint=False, related_name="+"
    )
    level = models.SmallIntegerField()
    place = models.BigIntegerField()
    hash = models.BinaryField(max_length=32)

    objects = WorkspaceQuerySet.as_manager()

    def __str__(self):
        return f"Node {self.level}/{self.place}"


class AuditKey(models.Model):
    """A public key that checkpoints are signed with. Public, so there is no wall round it.

    ``note`` is the signed note that introduced it: the first key signs itself, each later one is signed by the one
    before as well (galaxy.core.audit.keys).
    """

    number = models.PositiveIntegerField(primary_key=True)
    key_id = models.CharField(max_length=12, unique=True)
    public = models.BinaryField(max_length=32)
    note = models.TextField()
    introduced_at = models.DateTimeField()

    class Meta:
        ordering = ["number"]

    def __str__(self):
        return self.key_id


class AuditCheckpoint(models.Model):
    """The signed head of a tree of ``size`` leaves. ``note`` is what was signed, and everything else stands in it."""

    pk = models.CompositePrimaryKey("workspace_id", "number")
    workspace = models.ForeignKey("core.Workspace", on_delete=models.PROTECT, db_index=False, related_name="+")
    number = models.BigIntegerField()
    size = models.BigIntegerField()
    root = models.BinaryField(max_length=32)
    key_id = models.CharField(max_length=12)
    note = models.TextField()
    signed_at = models.DateTimeField()

    objects = WorkspaceQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "size"], name="auditcheckpoint_size_once")]

    def __str__(self):
        return f"Checkpoint {self.number} over {self.size} events"


class AuditVerification(WorkspaceModel):
    """One verification of a workspace's trail that somebody asked for on its page.

    ``findings`` is what galaxy.core.audit.verifying found, a list of {kind, position, sentence}; ``report`` its counts.
    """

    class State(models.TextChoices):
        RUNNING = "running", "Running"
        INTACT = "intact", "Intact"
        BROKEN = "broken", "Not intact"
        FAILED = "failed", "Did not finish"

    state = models.CharField(max_length=8, choices=State, default=State.RUNNING)
    total = models.BigIntegerField(default=0)
    done = models.BigIntegerField(default=0)
    findings = models.JSONField(default=list)
    report = models.JSONField(default=dict)
    started_by = models.ForeignKey("core.User", on_delete=models.PROTECT, db_index=False, related_name="+")
    started_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-started_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["workspace"], condition=Q(state="running"), name="auditverification_one_at_a_time"
            ),
            models.CheckConstraint(
                name="auditverification_finished_iff_over",
                condition=Q(state="running", finished_at=None) | ~Q(state="running") & Q(finished_at__isnull=False),
            ),
        ]
        indexes = [models.Index(fields=["workspace", "-started_at"], name="auditverification_newest")]

    def __str__(self):
        return f"Verification of {self.started_at:%Y-%m-%d %H:%M}"

    def get_absolute_url(self):
        return reverse("core:audit-verification", args=[self.workspace.slug, self.pk])
