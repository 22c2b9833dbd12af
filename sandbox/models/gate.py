"""What the gate remembers between calls: where writes went before, and how a call that waits for a yes was tried."""

from django.db import models
from django.utils import timezone

from galaxy.core.models import WorkspaceModel


class Destination(WorkspaceModel):
    """Somewhere that live writes of an installation arrived before: a host, or the domain of an address.

    ``digest`` is the keyed SHA-256 of its name (sandbox.destinations), hex: whether one is known can be told, and not
    which ones there are.
    """

    installation = models.ForeignKey(
        "registry.Installation", on_delete=models.PROTECT, db_index=False, related_name="+"
    )
    digest = models.CharField(max_length=64)
    first_seen_at = models.DateTimeField(default=timezone.now)
    last_seen_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "installation", "digest"], name="destination_once")]

    def __str__(self):
        return f"Destination {self.digest[:12]} of {self.installation_id}"


class Rehearsal(WorkspaceModel):
    """What a call that waits for ``approval`` would do, tried in Sim Mode by ``run``. All of it redacted.

    ``figures`` is a list of [label, words]; ``records`` a list of {name, changes: [[field, now, after]]}, with None
    where there is nothing. ``note`` says how it was tried, ``records_note`` why there is nothing to compare.
    ``has_failed``: the simulation itself did.
    """

    approval = models.ForeignKey("policies.Approval", on_delete=models.PROTECT, db_index=False, related_name="+")
    run = models.ForeignKey("sandbox.Run", on_delete=models.PROTECT, db_index=False, related_name="+")
    figures = models.JSONField(default=list)
    records = models.JSONField(default=list)
    note = models.CharField(max_length=300, blank=True)
    records_note = models.CharField(max_length=300, blank=True)
    has_failed = models.BooleanField(default=False)
    tried_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "approval"], name="rehearsal_once")]

    def __str__(self):
        return f"Rehearsal for {self.approval_id}"
