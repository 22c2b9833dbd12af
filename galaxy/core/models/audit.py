"""Rows of the audit trail. ``galaxy.core.audit.record`` is the only way in."""

from typing import ClassVar

from django.db import models
from django.db.models import OuterRef, Subquery
from django.db.models.expressions import RawSQL
from django.urls import reverse

from galaxy.core.models.base import WorkspaceQuerySet
from galaxy.core.models.trail import AuditLeaf, XidField


class AuditEventQuerySet(WorkspaceQuerySet):
    def in_order(self):
        """With ``epoch`` and ``xid``, the database's own columns: what the tree orders events by, and commits to."""
        return self.annotate(
            epoch=RawSQL("core_auditevent.epoch", [], output_field=models.IntegerField()),
            xid=RawSQL("core_auditevent.xid", [], output_field=XidField()),
        )

    def with_position(self):
        """With ``position``, where each stands in its workspace's sealed tree; None while it does not."""
        leaves = AuditLeaf.objects.filter(workspace=OuterRef("workspace"), event_id=OuterRef("pk"))
        return self.annotate(position=Subquery(leaves.values("position")[:1]))


class AuditEvent(models.Model):
    """One act: who did what to what, and commitments to every field of it. Never changed, never deleted.

    What a person reads (labels, before, after) and the salt lie in ``AuditDetail``, which retention may delete while
    the commitments stay. ``commitments`` maps a field's name to the hex SHA-256 described in galaxy.core.audit.
    The table is partitioned by month of ``occurred_at``; nothing points at it by foreign key. Two columns are the
    database's alone: ``epoch`` (raised at a restore) and ``xid`` (the writing transaction), by which a sequencer can
    order rows without losing late commits.
    """

    class ActorKind(models.TextChoices):
        PERSON = "person", "Person"
        AGENT = "agent", "Agent"
        SYSTEM = "system", "System"

    id = models.BigAutoField(primary_key=True)
    workspace = models.ForeignKey("core.Workspace", on_delete=models.PROTECT, db_index=False, related_name="+")
    occurred_at = models.DateTimeField()
    action = models.CharField(max_length=63)
    actor_kind = models.CharField(max_length=8, choices=ActorKind)
    actor_id = models.CharField(max_length=64)
    target_kind = models.CharField(max_length=40)
    target_id = models.CharField(max_length=64)
    request_id = models.CharField(max_length=64, blank=True)
    simulated = models.BooleanField(default=False)
    commitments = models.JSONField()
    # Of the database alone, read by ``in_order``, and of the tree, read by ``with_position``.
    epoch: int
    xid: int
    position: int | None

    objects: ClassVar = AuditEventQuerySet.as_manager()

    class Meta:
        db_table = "core_auditevent"

    def __str__(self):
        return f"{self.action} (event {self.pk})"

    def get_absolute_url(self):
        return reverse("core:audit-detail", args=[self.workspace.slug, self.pk])

    @property
    def subject(self) -> str:
        """The part of the action before the point: ``installation`` of ``installation.created``."""
        return self.action.partition(".")[0]


class AuditDetail(models.Model):
    """The readable part of an event: ``fields`` maps each committed field to its value; ``salt`` opens them.

    ``event_id`` is the event's id and no foreign key, since both tables are partitioned and only this one may shrink.
    """

    event_id = models.BigIntegerField(primary_key=True)
    workspace = models.ForeignKey("core.Workspace", on_delete=models.PROTECT, db_index=False, related_name="+")
    occurred_at = models.DateTimeField()
    actor_label = models.CharField(max_length=160)
    target_label = models.CharField(max_length=200)
    fields = models.JSONField()
    salt = models.BinaryField(max_length=32)

    objects = WorkspaceQuerySet.as_manager()

    class Meta:
        db_table = "core_auditdetail"

    def __str__(self):
        return f"Detail of event {self.event_id}"
