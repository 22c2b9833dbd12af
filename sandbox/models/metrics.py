"""What is counted of runs that are over: roll-ups by hour and day, what is not counted yet, and what calls cost."""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils import timezone

from galaxy.core.models import WorkspaceModel, WorkspaceQuerySet


class RollUpQuerySet(WorkspaceQuerySet):
    def within(self, period: str, since, until):
        """Those of ``period`` that begin in [since, until)."""
        return self.filter(period=period, start__gte=since, start__lt=until)


class RollUp(WorkspaceModel):
    """All runs of one target, at one version of one installation, that ended within an hour or a day (UTC).

    ``calls`` are ``good`` + ``bad`` + ``callers``; what each means is told in docs/observability.md, by the rule of the
    objective (docs/health.md). ``errors`` and ``mistakes`` are {category: number} of the bad and of the callers'
    ("cancelled" for what was called off). ``retries``: tries beyond the first. ``held_back``: refused since a breaker
    was open; ``over_budget``: refused by a budget of this workspace; ``pool_busy``: the sandbox had no free place to
    the last; ``turns``: how often its turn had not come. ``latency``, ``queue`` and ``approval`` are sketches
    (sandbox.metrics.sketch) of good and bad calls, of times in the queue and of waits for a yes; the percentiles are
    those of ``latency``. ``cost`` is {money: {currency: decimal as text}, units: {unit: decimal as text}}. Without
    installation: the "other" of a workspace with too many targets.
    """

    class Period(models.TextChoices):
        HOUR = "hour", "Hour"
        DAY = "day", "Day"

    period = models.CharField(max_length=4, choices=Period)
    start = models.DateTimeField()
    installation = models.ForeignKey(
        "registry.Installation", null=True, on_delete=models.PROTECT, db_index=False, related_name="+"
    )
    version = models.ForeignKey(
        "registry.Version", null=True, on_delete=models.PROTECT, db_index=False, related_name="+"
    )
    kind = models.CharField(max_length=10, blank=True)
    target = models.CharField(max_length=160, blank=True)
    is_simulated = models.BooleanField()
    calls = models.PositiveBigIntegerField(default=0)
    good = models.PositiveBigIntegerField(default=0)
    bad = models.PositiveBigIntegerField(default=0)
    callers = models.PositiveBigIntegerField(default=0)
    unknown = models.PositiveBigIntegerField(default=0)
    retries = models.PositiveBigIntegerField(default=0)
    held_back = models.PositiveBigIntegerField(default=0)
    over_budget = models.PositiveBigIntegerField(default=0)
    pool_busy = models.PositiveBigIntegerField(default=0)
    turns = models.PositiveBigIntegerField(default=0)
    errors = models.JSONField(default=dict)
    mistakes = models.JSONField(default=dict)
    cost = models.JSONField(default=dict)
    latency = models.BinaryField(default=b"")
    queue = models.BinaryField(default=b"")
    approval = models.BinaryField(default=b"")
    p50_ms = models.FloatField(null=True)
    p95_ms = models.FloatField(null=True)

    objects: ClassVar = RollUpQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "period", "target", "installation", "version", "is_simulated", "start"],
                name="rollup_once",
            ),
            models.UniqueConstraint(
                fields=["workspace", "period", "is_simulated", "start"],
                condition=Q(installation=None),
                name="rollup_other_once",
            ),
        ]
        indexes = [models.Index(fields=["workspace", "period", "start"], name="rollup_within")]

    def __str__(self):
        return f"{self.target or 'other'}, {self.period} of {self.start:%Y-%m-%d %H:%M}"


class Uncounted(models.Model):
    """A run that ended and is in no roll-up yet; written by a trigger with the run itself, gone once it is counted.

    ``was`` is how it had ended before, where it was settled since: {state, error_category, error_code, status,
    finished_at}; None where it ended once.
    """

    run_id = models.UUIDField(primary_key=True)
    workspace = models.ForeignKey("core.Workspace", on_delete=models.PROTECT, db_index=False, related_name="+")
    noted_at = models.DateTimeField(default=timezone.now)
    was = models.JSONField(null=True)

    objects = WorkspaceQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["workspace", "noted_at"], name="uncounted_oldest")]

    def __str__(self):
        return f"Uncounted {self.run_id}"


class Charge(WorkspaceModel):
    """What one live call cost by what its manifest declares: the ledger behind every figure of cost.

    ``root_run_id`` is the pack run that asked for it, or the run itself. ``units`` of ``unit`` (call, token, record) at
    the declared price come to ``amount`` of ``currency`` ("" where the manifest names none).
    """

    run_id = models.UUIDField()
    root_run_id = models.UUIDField()
    installation = models.ForeignKey(
        "registry.Installation", on_delete=models.PROTECT, db_index=False, related_name="+"
    )
    version = models.ForeignKey("registry.Version", on_delete=models.PROTECT, db_index=False, related_name="+")
    target = models.CharField(max_length=160)
    unit = models.CharField(max_length=8)
    units = models.DecimalField(max_digits=20, decimal_places=4)
    currency = models.CharField(max_length=3, blank=True)
    amount = models.DecimalField(max_digits=20, decimal_places=8)
    charged_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "run_id"], name="charge_once")]
        indexes = [
            models.Index(fields=["workspace", "charged_at"], name="charge_newest"),
            models.Index(fields=["workspace", "root_run_id"], name="charge_of_root"),
        ]

    def __str__(self):
        return f"{self.amount} {self.currency} for {self.target}"


class Unsent(models.Model):
    """A run whose spans are to be sent on by OTLP; gone once the collector took them."""

    run_id = models.UUIDField(primary_key=True)
    workspace = models.ForeignKey("core.Workspace", on_delete=models.PROTECT, db_index=False, related_name="+")
    noted_at = models.DateTimeField(default=timezone.now)

    objects = WorkspaceQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["workspace", "noted_at"], name="unsent_oldest")]

    def __str__(self):
        return f"Unsent {self.run_id}"
