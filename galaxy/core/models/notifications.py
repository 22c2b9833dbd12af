"""What people are told in the console, and perhaps by mail."""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils import timezone

from galaxy.core.models.base import WorkspaceModel, WorkspaceQuerySet


class NotificationQuerySet(WorkspaceQuerySet):
    def of(self, user):
        return self.filter(person=user)

    def unread(self):
        return self.filter(read_at=None)


class Notification(WorkspaceModel):
    """News for one person about one object: one row for each kind and object, which comes up again when it recurs.

    ``kind`` is a name that galaxy.core.notifications.kinds knows. The object is ``target_kind`` (the label of its
    model, ``policies.approval``) and ``target_id``; its name is looked up whenever the row is shown, so that nobody
    reads the name of what they may no longer see. ``by`` is the person who brought it about; ``note`` is plain text,
    shown only beside the object. ``later``: it can wait, and is mailed together with others like it. ``mail_at`` is
    when it is to be looked at for a mail (equal to ``occurred_at`` while nobody has), ``hook_at`` when for its
    person's webhook; null where nothing is to be sent any more.
    """

    person = models.ForeignKey("core.User", on_delete=models.PROTECT, db_index=False, related_name="+")
    kind = models.CharField(max_length=40)
    target_kind = models.CharField(max_length=60)
    target_id = models.UUIDField()
    by = models.ForeignKey(
        "core.User", null=True, blank=True, on_delete=models.PROTECT, db_index=False, related_name="+"
    )
    note = models.CharField(max_length=300, blank=True)
    occurred_at = models.DateTimeField(default=timezone.now)
    read_at = models.DateTimeField(null=True, blank=True)
    mailed_at = models.DateTimeField(null=True, blank=True)
    mail_at = models.DateTimeField(null=True, blank=True)
    hook_at = models.DateTimeField(null=True, blank=True)
    later = models.BooleanField(default=False)

    objects: ClassVar = NotificationQuerySet.as_manager()

    class Meta:
        ordering = ["-occurred_at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["workspace", "target_id", "kind", "person"], name="notification_once")
        ]
        indexes = [
            models.Index(fields=["workspace", "person", "-occurred_at", "-id"], name="notification_newest"),
            models.Index(fields=["workspace", "person"], condition=Q(read_at=None), name="notification_unread"),
            models.Index(
                fields=["workspace", "mail_at"], condition=Q(mail_at__isnull=False), name="notification_to_mail"
            ),
            models.Index(
                fields=["workspace", "person", "hook_at"],
                condition=Q(hook_at__isnull=False),
                name="notification_to_hook",
            ),
            models.Index(fields=["workspace", "read_at"], condition=Q(read_at__isnull=False), name="notification_read"),
        ]

    def __str__(self):
        return f"{self.kind} for {self.person}"
