"""Runs: one execution each, the truth about it, and what it left behind (spans, call records, outcomes)."""

import uuid
from typing import ClassVar

from django.db import models
from django.db.models import Q, Value
from django.urls import reverse
from django.utils import timezone

from galaxy.core.models import WorkspaceModel, WorkspaceQuerySet
from galaxy.core.permissions import granted
from policies.models import Approval
from sandbox.models.counting import COUNTS_AS, Counts


class Category(models.TextChoices):
    """The closed list of ways in which a run fails; sentences and next steps stand in sandbox.errors."""

    AUTH_ERROR = "auth_error", "Authentication"
    RATE_LIMIT = "rate_limit", "Rate limit"
    QUOTA = "quota", "Quota"
    NOT_FOUND = "not_found", "Not found"
    VALIDATION = "validation", "Validation"
    TOOL_ERROR = "tool_error", "Tool error"
    TRANSIENT = "transient", "Transient"
    POLICY_BLOCK = "policy_block", "Blocked by policy"


class RunQuerySet(WorkspaceQuerySet):
    def visible_to(self, user):
        """Runs of workspaces where ``user`` may see every run, and the runs they started themselves."""
        return self.filter(granted(user, "view_run", self.model, self.known_workspace) | Q(requested_by=user))

    def top_level(self):
        """Runs that somebody asked for: steps of a pack are shown on the pack's page, checks on their connection's, and
        what was tried for an approver on the request's."""
        return self.filter(parent=None, is_check=False, rehearses=None)

    def counted(self):
        """Live calls that are over, as an objective looks at them (``counts_as``)."""
        return self.filter(counts_as__in=Counts.values)


class Run(WorkspaceModel):
    """One execution of an action, transform or pack. The row is the truth, the broker only a doorbell.

    State machine: queued -> running -> succeeded | failed | unknown; waiting (for an approval, its own or that of a
    step, or for its connection) -> queued | failed; running -> waiting for a pack whose step waits or a call whose
    connection has to be renewed, running -> queued when a lease ran out; cancelled from queued or waiting; unknown ->
    succeeded | failed when a person settles it. ``requested_by`` answers for the run; ``agent`` or
    ``trigger`` is what acted in their name, if it was not they themselves. ``connection`` is the one a live run goes
    out by, fixed at its admission; ``by_fallback``: another endpoint than the first answered, ``last_endpoint``.
    ``attempt`` is the fencing token: it counts claims, and whoever writes must still hold the number it claimed;
    ``given_back`` counts the claims that were given back before anything was sent, since its turn had not come.
    ``inputs`` and ``outputs`` are redacted; the raw values lie in ``RunPayload`` until the run is over. ``is_check``:
    nobody wants its answer, only whether there is one; ``counts_as`` is what the call means to the objective of its
    connector (sandbox.models.counting).
    ``rehearses`` is the waiting run that this one tries in Sim Mode for whoever decides about it; ``instead_of`` the
    run whose place it takes, asked for again or made smaller by a reviewer. ``item`` counts the items of a loop from 1,
    0 for what is no loop; ``scenarios`` are the samples of single steps, by their ids, where they differ from
    ``scenario``. ``resumes`` is the failed run of a pack whose finished steps this one takes over, ``undoes`` the run
    that it takes back. ``obligations`` are what has to be done
    with the call, {redact: {class: mode}, rate: [{count, per, rule}]}, the strictest of every decision about it.
    """

    class State(models.TextChoices):
        QUEUED = "queued", "Queued"
        WAITING = "waiting", "Waiting"
        RUNNING = "running", "Running"
        SUCCEEDED = "succeeded", "Succeeded"
        FAILED = "failed", "Failed"
        UNKNOWN = "unknown", "Unknown"
        CANCELLED = "cancelled", "Cancelled"

    class Mode(models.TextChoices):
        SIMULATED = "simulated", "Simulated"
        LIVE = "live", "Live"
        PARTIAL = "partial", "Partly simulated"  # packs only: live where connected, simulated elsewhere

    class Scenario(models.TextChoices):
        """Which sample a simulated run answers with."""

        HAPPY = "happy", "Happy path"
        EMPTY = "empty", "Empty answer"
        AUTH = "401", "401, not authorised"
        RATE = "429", "429, then OK"
        SERVER = "5xx", "503, then OK"
        SLOW = "slow", "Slow answer"
        BULK = "partial", "Some of many refused"

    installation = models.ForeignKey(
        "registry.Installation", on_delete=models.PROTECT, db_index=False, related_name="+"
    )
    version = models.ForeignKey("registry.Version", on_delete=models.PROTECT, db_index=False, related_name="+")
    version_digest = models.CharField(max_length=64)
    kind = models.CharField(max_length=10)
    target = models.CharField(max_length=160, help_text="What was called: hubspot.create_task, lead.follow-up.")
    mode = models.CharField(max_length=10, choices=Mode)
    connection = models.ForeignKey(
        "registry.Connection", null=True, blank=True, on_delete=models.PROTECT, db_index=False, related_name="runs"
    )
    by_fallback = models.BooleanField(default=False)
    is_check = models.BooleanField(default=False, help_text="A trial of the connection's health.")
    counts_as = models.GeneratedField(
        expression=COUNTS_AS, output_field=models.CharField(max_length=8), db_persist=True
    )
    last_endpoint = models.CharField(max_length=300, blank=True)
    scenario = models.CharField(max_length=8, choices=Scenario, blank=True)
    scenarios = models.JSONField(default=dict, db_default=Value({}, models.JSONField()), blank=True)
    is_stepped = models.BooleanField(default=False, db_default=False, help_text="A pack that pauses after each step.")
    is_dry = models.BooleanField(default=False, db_default=False, help_text="Reads live, and simulates what writes.")
    state = models.CharField(max_length=10, choices=State, default=State.QUEUED)
    requested_by = models.ForeignKey("core.User", on_delete=models.PROTECT, db_index=False, related_name="+")
    agent = models.ForeignKey(
        "core.Agent", null=True, blank=True, on_delete=models.PROTECT, db_index=False, related_name="+"
    )
    trigger = models.ForeignKey(
        "sandbox.Trigger", null=True, blank=True, on_delete=models.PROTECT, db_index=False, related_name="runs"
    )
    chain = models.JSONField(default=list, help_text="Who asked through whom: list of {kind, id, label}.")
    parent = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, db_index=False, related_name="steps"
    )
    step_id = models.CharField(max_length=64, blank=True)
    item = models.PositiveIntegerField(default=0, db_default=0, help_text="Which item of a loop it is for, from 1.")
    idempotency_key = models.CharField(max_length=255, null=True, blank=True)  # noqa: DJ001 (NULL keeps it out of the constraint)
    input_digest = models.CharField(max_length=64)
    inputs = models.JSONField(default=dict)
    outputs = models.JSONField(null=True, blank=True)
    data_classes = models.JSONField(default=list)
    obligations = models.JSONField(default=dict)
    rehearses = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, db_index=False, related_name="rehearsals"
    )
    instead_of = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, db_index=False, related_name="replaced_by"
    )
    resumes = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, db_index=False, related_name="resumed_by"
    )
    undoes = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, db_index=False, related_name="undone_by"
    )
    decision = models.ForeignKey(
        "policies.Decision", null=True, blank=True, on_delete=models.PROTECT, db_index=False, related_name="+"
    )
    approval = models.ForeignKey(
        "policies.Approval", null=True, blank=True, on_delete=models.PROTECT, db_index=False, related_name="+"
    )
    seed = models.BigIntegerField()
    trace_id = models.CharField(max_length=32)
    trace_parent = models.CharField(
        max_length=16, blank=True, default="", db_default="", help_text="The caller's span, where it continues a trace."
    )
    attempt = models.PositiveIntegerField(default=0)
    given_back = models.PositiveIntegerField(default=0)
    lease_until = models.DateTimeField(null=True, blank=True)
    effect_started_at = models.DateTimeField(
        null=True, blank=True, help_text="When a request that may have an effect was last sent off."
    )
    error_category = models.CharField(max_length=16, choices=Category, blank=True)
    error = models.JSONField(
        null=True, blank=True, help_text="{error_code, status, attempts, last_endpoint, sentence, next_step, field}"
    )
    created_at = models.DateTimeField(default=timezone.now)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar = RunQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(fields=["workspace", "idempotency_key"], name="run_idempotency_key_once"),
            models.UniqueConstraint(
                fields=["workspace", "parent", "step_id", "item"],
                condition=Q(parent__isnull=False, undoes=None),
                name="run_step_once",
            ),
            # What is taken back at a time: of a pack by one run of it, and of a call by one that is not over or worked.
            models.UniqueConstraint(
                fields=["workspace", "undoes", "parent"],
                condition=Q(undoes__isnull=False, parent__isnull=False),
                name="run_undone_once_by_a_pack",
            ),
            models.UniqueConstraint(
                fields=["workspace", "undoes"],
                condition=Q(undoes__isnull=False, parent=None) & ~Q(state__in=["failed", "cancelled"]),
                name="run_undone_once",
            ),
            models.UniqueConstraint(
                fields=["workspace", "resumes"],
                # But for what never went on: called off before it began, or refused by policy.
                condition=Q(resumes__isnull=False) & ~Q(state="cancelled") & ~Q(state="failed", started_at=None),
                name="run_resumed_once",
            ),
            models.CheckConstraint(
                name="run_partial_is_a_pack", condition=~Q(mode="partial") | Q(kind="pack", parent=None)
            ),
            models.CheckConstraint(
                name="run_finished_at_iff_final",
                condition=Q(state__in=["succeeded", "failed", "unknown", "cancelled"], finished_at__isnull=False)
                | Q(state__in=["queued", "waiting", "running"], finished_at=None),
            ),
            models.CheckConstraint(
                name="run_lease_iff_running",
                condition=Q(state="running", lease_until__isnull=False) | ~Q(state="running") & Q(lease_until=None),
            ),
            models.CheckConstraint(
                name="run_failed_has_category", condition=~Q(state="failed") | ~Q(error_category="")
            ),
            models.UniqueConstraint(
                fields=["workspace", "connection"],
                condition=Q(is_check=True, state__in=["queued", "waiting", "running"]),
                name="run_one_check_at_a_time",
            ),
        ]
        indexes = [
            models.Index(fields=["workspace", "-created_at", "id"], name="run_newest"),
            # Small however many runs there were: what the reconciler looks through every few seconds.
            models.Index(
                fields=["workspace", "state", "lease_until"],
                condition=Q(state__in=["queued", "running"], parent=None),
                name="run_unfinished",
            ),
            models.Index(
                fields=["workspace", "approval"],
                condition=Q(state="waiting", approval__isnull=False),
                name="run_waiting",
            ),
            models.Index(
                fields=["workspace", "connection"],
                condition=Q(state="waiting", connection__isnull=False),
                name="run_held",
            ),
            models.Index(
                fields=["workspace", "rehearses"], condition=Q(rehearses__isnull=False), name="run_rehearsing"
            ),
            models.Index(
                fields=["workspace", "instead_of"], condition=Q(instead_of__isnull=False), name="run_replacing"
            ),
            models.Index(fields=["workspace", "installation", "-created_at"], name="run_by_installation"),
            models.Index(fields=["workspace", "requested_by", "-created_at"], name="run_by_requester"),
            models.Index(
                fields=["workspace", "agent", "-created_at"], condition=Q(agent__isnull=False), name="run_by_agent"
            ),
            models.Index(
                fields=["workspace", "trigger", "-created_at"],
                condition=Q(trigger__isnull=False),
                name="run_by_trigger",
            ),
            # Everything that a figure of health is made of, so that none of them reads the table itself.
            models.Index(
                fields=["workspace", "installation", "-created_at"],
                include=[
                    "connection",
                    "version",
                    "target",
                    "counts_as",
                    "error_category",
                    "started_at",
                    "finished_at",
                ],
                condition=~Q(counts_as=""),
                name="run_counted",
            ),
        ]

    def __str__(self):
        return self.target

    def get_absolute_url(self):
        return reverse("sandbox:run-detail", args=[self.workspace.slug, self.pk])

    @property
    def short_id(self) -> str:
        return f"r_{self.pk.hex[:8]}"

    @property
    def is_simulated(self) -> bool:
        """Whether any of it may be made up: everything that is not live through and through."""
        return self.mode != self.Mode.LIVE

    @property
    def is_partial(self) -> bool:
        return self.mode == self.Mode.PARTIAL

    @property
    def asked(self) -> Approval | None:
        """The request that it waits for, its own or that of the step it is at; None while nobody's yes is missing."""
        if self.state != self.State.WAITING:
            return None
        rows = Run.objects.filter(Q(pk=self.pk) | Q(parent=self), workspace=self.workspace_id, state=self.State.WAITING)
        waits = rows.exclude(approval=None).select_related("approval__workspace").first()
        return waits.approval if waits else None

    @property
    def is_final(self) -> bool:
        return self.state in {self.State.SUCCEEDED, self.State.FAILED, self.State.UNKNOWN, self.State.CANCELLED}


class RunPayload(WorkspaceModel):
    """The raw values of a run that is not over: {inputs, steps: {step id: outputs}}. Deleted with its last write.

    Of a pack it also says how far it has come (sandbox.packs.progress). ``keep_until`` is set where a run ended because
    nobody said yes, and where a pack failed with its steps: until then it can be asked for once more, or go on. Of a
    call that succeeded it is {undo: inputs} for a day, where what takes it back needs what is hidden by then.
    """

    run = models.OneToOneField(Run, on_delete=models.CASCADE, related_name="payload")
    data = models.JSONField(default=dict)
    keep_until = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["workspace", "keep_until"], condition=Q(keep_until__isnull=False), name="payload_kept")
        ]

    def __str__(self):
        return f"Payload of {self.run_id}"


class OutboxMessage(WorkspaceModel):
    """A doorbell for a run: written in the transaction that queues it, gone once a worker has claimed it.

    ``ring_at`` is when to ring (again): the broker may lose a message, so it is rung until somebody opens. ``rings``
    counts how often that was, up to where it makes no difference. ``because`` says why it is not rung before, where the
    run waits for its turn.
    """

    run = models.OneToOneField(Run, on_delete=models.CASCADE, related_name="doorbell")
    ring_at = models.DateTimeField(default=timezone.now)
    rings = models.PositiveSmallIntegerField(default=0, db_default=0)
    because = models.CharField(max_length=300, blank=True)

    class Meta:
        indexes = [models.Index(fields=["workspace", "ring_at"], name="outbox_due")]

    def __str__(self):
        return f"Doorbell of {self.run_id}"


class Span(models.Model):
    """A timed part of a run, in OpenTelemetry's words. Partitioned by month of ``started_at``; nothing points here.

    ``attributes`` hold names and numbers, never values of inputs or outputs.
    """

    class Status(models.TextChoices):
        OK = "ok", "OK"
        ERROR = "error", "Failed"
        WAITED = "waited", "Waited"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    workspace = models.ForeignKey("core.Workspace", on_delete=models.PROTECT, db_index=False, related_name="+")
    run_id = models.UUIDField()
    root_run_id = models.UUIDField()
    parent_id = models.UUIDField(null=True, blank=True)
    name = models.CharField(max_length=160)
    kind = models.CharField(max_length=16)
    attempt = models.PositiveIntegerField(default=0)
    started_at = models.DateTimeField()
    duration_ms = models.FloatField()
    status = models.CharField(max_length=8, choices=Status, default=Status.OK)
    attributes = models.JSONField(default=dict)

    objects = WorkspaceQuerySet.as_manager()

    class Meta:
        db_table = "sandbox_span"

    def __str__(self):
        return self.name


class CallRecord(WorkspaceModel):
    """One call through the gate, redacted: what replays, back-tests and fixtures are later made from."""

    run = models.OneToOneField(Run, on_delete=models.PROTECT, related_name="call_record")
    version_digest = models.CharField(max_length=64)
    action = models.CharField(max_length=160)
    mode = models.CharField(max_length=10, choices=Run.Mode)
    inputs = models.JSONField()
    outputs = models.JSONField(null=True, blank=True)
    exchanges = models.JSONField(default=list, help_text="list of {attempt, status, headers, duration_ms}")
    called_at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes = [models.Index(fields=["workspace", "action", "-called_at"], name="callrecord_by_action")]

    def __str__(self):
        return self.action


class ExecutionQuerySet(WorkspaceQuerySet):
    def last_of(self, run: Run) -> "Execution | None":
        """The last try of ``run``, with ``is_recorded``. The recording, which can be megabytes, is read when asked
        for."""
        rows = self.in_workspace(run.workspace).filter(run=run).order_by("-attempt", "-number")
        return rows.defer("recording").annotate(is_recorded=Q(recording__isnull=False)).first()


class Execution(WorkspaceModel):
    """What the sandbox says of one try of a run of Python: the walls that were up, the limits, what it asked for.

    ``walls`` is a list of {name, in_force, detail}, ``limits`` and ``measured`` are maps of numbers (ms, bytes),
    ``exchanges`` what the code asked of the network and what came of it (galaxy.core.egress), ``logs`` a list of
    {level, text}. ``seed``, ``clock``, ``artefact`` and ``recording`` make a replay give equal bytes; the recording is
    sealed, and goes after some weeks.
    """

    run = models.ForeignKey(Run, on_delete=models.PROTECT, db_index=False, related_name="executions")
    attempt = models.PositiveIntegerField(help_text="The claim under which it ran.")
    number = models.PositiveIntegerField(help_text="The try within that claim, from 1.")
    walls = models.JSONField()
    limits = models.JSONField()
    measured = models.JSONField()
    artefact = models.CharField(max_length=64)
    seed = models.BigIntegerField()
    clock = models.DateTimeField()
    error = models.JSONField(null=True, blank=True)
    logs = models.JSONField()
    lost_logs = models.PositiveIntegerField()
    exchanges = models.JSONField()
    output_digest = models.CharField(max_length=64, blank=True)
    recording = models.BinaryField(null=True)
    was_remembered = models.BooleanField(default=False)
    executed_at = models.DateTimeField(default=timezone.now)

    is_recorded: bool  # of ExecutionQuerySet.last_of
    objects: ClassVar = ExecutionQuerySet.as_manager()

    class Meta:
        ordering = ["attempt", "number"]
        constraints = [
            models.UniqueConstraint(fields=["workspace", "run", "attempt", "number"], name="execution_once"),
        ]
        indexes = [
            models.Index(
                fields=["workspace", "executed_at"],
                condition=Q(recording__isnull=False),
                name="execution_recorded",
            )
        ]

    def __str__(self):
        return f"Execution {self.attempt}.{self.number} of {self.run_id}"


class OutcomeQuerySet(WorkspaceQuerySet):
    def counting(self):
        """Those that make a week's figure (WSAO): reached by a live run, and not taken back since."""
        return self.filter(is_simulated=False, is_success=True, undone_at=None)


class Outcome(WorkspaceModel):
    """What a pack run was for, reached or not. Simulated ones are kept and never counted, nor is what was undone soon
    after (sandbox.undoing): ``undone_at`` says when."""

    run = models.OneToOneField(Run, on_delete=models.PROTECT, related_name="outcome")
    name = models.CharField(max_length=80)
    is_success = models.BooleanField()
    signal = models.CharField(max_length=24)
    is_simulated = models.BooleanField()
    reached_at = models.DateTimeField(default=timezone.now)
    undone_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar = OutcomeQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["workspace", "is_simulated", "-reached_at"], name="outcome_newest")]

    def __str__(self):
        return self.name
