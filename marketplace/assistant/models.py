"""Advice as rows: what the assistant said, to whom it is shown, what came of it, and whether it helped."""

from datetime import datetime
from typing import Any, ClassVar

from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from galaxy.core.models import WorkspaceModel, WorkspaceQuerySet
from galaxy.core.permissions import can, granted_on_rows
from marketplace.assistant.drafts import INFO, URGENT, WARN, Ground, Step
from marketplace.assistant.words import Said
from registry.models import Connection, Installation

NEEDS = (
    "decide_approval",
    "manage_agent",
    "manage_connection",
    "manage_member",
    "manage_rule",
    "manage_trigger",
    "run_installation",
    "view_installation",
    "view_listing",
)
_ON_INSTALLATIONS = ("decide_approval", "run_installation", "view_installation")  # held on single ones too


class AdviceQuerySet(WorkspaceQuerySet):
    def visible_to(self, user, within):
        """Advice of ``within`` about what ``user`` may see, and that they may act on: by a permission on the workspace,
        on the extension itself, or because the connection is their own."""
        whole = [code for code in NEEDS if can(user, f"core.{code}", within)]
        may = Q(needs__in=whole) | Q(connection__owner=user)
        for code in _ON_INSTALLATIONS:
            if code not in whole:
                rows = Installation.objects.in_workspace(within).filter(granted_on_rows(user, code, Installation))
                may |= Q(needs=code, installation__in=rows)
        seen = Q(installation=None) | Q(installation__in=Installation.objects.visible_to(user, within))
        own = Q(connection=None) | Q(connection__in=Connection.objects.visible_to(user, within))
        return self.filter(may, seen, own, workspace=within)

    def open(self):
        """What nobody answered and what is still so, snoozed or not."""
        return self.filter(state=Advice.State.OPEN)

    def shown(self, now: datetime | None = None):
        """Open, and not put off to later."""
        now = now or timezone.now()
        return self.open().filter(Q(snoozed_until=None) | Q(snoozed_until__lte=now))


class Advice(WorkspaceModel):
    """One piece of advice: ``open -> dismissed | closed``. One open at a time of each rule, subject and ``key``.

    ``sentence``, ``reasons``, ``grounds`` and ``step`` are written by the rule (marketplace.assistant.drafts),
    and ``digest`` is over all of that. ``rephrased`` is the sentence in a model's words, "" where none was asked about
    the digest ``asked_digest``, or was not believed: ``not_believed`` says why not, in a word.
    ``needs`` is the codename of the permission to act on it. Acting (``acted_at``) ends nothing: it is closed once what
    it tells of is so no more. ``made`` is the id of the change that acting asked for, if it asked for one.
    ``measure`` is what it is judged by, {what, bad, of, target, done}, as it was when somebody acted; ``after`` is the
    same once ``judge_at`` has come.
    """

    class State(models.TextChoices):
        OPEN = "open", "Open"
        DISMISSED = "dismissed", "Dismissed"
        CLOSED = "closed", "No longer so"

    class Severity(models.IntegerChoices):
        INFO = INFO, "Worth knowing"
        WARN = WARN, "Needs a look"
        URGENT = URGENT, "Urgent"

    class Verdict(models.TextChoices):
        HELPED = "helped", "Helped"
        DID_NOT = "did_not", "Did not help"
        UNKNOWN = "unknown", "Cannot tell"

    LONGEST_REPHRASED = 400

    rule = models.CharField(max_length=32)
    key = models.CharField(max_length=200, blank=True)
    subject_kind = models.CharField(max_length=40)
    subject_id = models.UUIDField()
    installation = models.ForeignKey(
        Installation, null=True, blank=True, on_delete=models.PROTECT, db_index=False, related_name="+"
    )
    connection = models.ForeignKey(
        Connection, null=True, blank=True, on_delete=models.PROTECT, db_index=False, related_name="+"
    )
    needs = models.CharField(max_length=40)
    severity = models.PositiveSmallIntegerField(choices=Severity, default=Severity.INFO)
    sentence = models.JSONField()
    reasons = models.JSONField(default=list)
    grounds = models.JSONField(default=list)
    step = models.JSONField()
    digest = models.CharField(max_length=64)
    rephrased = models.CharField(max_length=LONGEST_REPHRASED, blank=True)
    asked_digest = models.CharField(max_length=64, blank=True)
    not_believed = models.CharField(max_length=12, blank=True)
    state = models.CharField(max_length=9, choices=State, default=State.OPEN)
    made_at = models.DateTimeField(default=timezone.now)
    renewed_at = models.DateTimeField(default=timezone.now)
    snoozed_until = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_by = models.ForeignKey(
        "core.User", null=True, blank=True, on_delete=models.PROTECT, db_index=False, related_name="+"
    )
    reason = models.CharField(max_length=300, blank=True)
    acted_at = models.DateTimeField(null=True, blank=True)
    acted_by = models.ForeignKey(
        "core.User", null=True, blank=True, on_delete=models.PROTECT, db_index=False, related_name="+"
    )
    made = models.UUIDField(null=True, blank=True)
    measure = models.JSONField(default=dict)
    after = models.JSONField(null=True, blank=True)
    judge_at = models.DateTimeField(null=True, blank=True)
    judged_at = models.DateTimeField(null=True, blank=True)
    verdict = models.CharField(max_length=8, choices=Verdict, blank=True)

    objects: ClassVar = AdviceQuerySet.as_manager()

    class Meta:
        ordering = ["-made_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "rule", "subject_kind", "subject_id", "key"],
                condition=Q(state="open"),
                name="advice_once_while_open",
            ),
            models.CheckConstraint(
                name="advice_ended_at_iff_over",
                condition=Q(state="open", ended_at=None) | ~Q(state="open") & Q(ended_at__isnull=False),
            ),
            models.CheckConstraint(
                name="advice_dismissed_by_somebody",
                condition=~Q(state__in=["acted", "dismissed"]) | Q(ended_by__isnull=False),
            ),
            models.CheckConstraint(
                name="advice_dismissed_with_reason", condition=~Q(state="dismissed") | ~Q(reason="")
            ),
            models.CheckConstraint(
                name="advice_judged_with_verdict",
                condition=Q(judged_at=None, verdict="") | Q(judged_at__isnull=False) & ~Q(verdict=""),
            ),
        ]
        indexes = [
            models.Index(fields=["workspace", "state", "-severity", "-made_at", "id"], name="advice_newest"),
            models.Index(fields=["workspace", "installation", "state"], name="advice_by_installation"),
            models.Index(fields=["workspace", "made"], condition=Q(made__isnull=False), name="advice_of_change"),
            models.Index(
                fields=["workspace", "judge_at"],
                condition=Q(judge_at__isnull=False, judged_at=None),
                name="advice_to_judge",
            ),
        ]

    def __str__(self):
        return str(Said.from_json(self.sentence))

    def get_absolute_url(self):
        return reverse("assistant:advice-detail", args=[self.workspace.slug, self.pk])

    @property
    def told(self) -> tuple[str, ...]:
        """The reasons, as sentences."""
        return tuple(str(Said.from_json(one)) for one in self.reasons)

    @property
    def rests_on(self) -> list[tuple[str, str]]:
        """[(fact, address of its rows or "")]"""
        found = [Ground.from_json(one) for one in self.grounds]
        return [(str(one.said), one.link.url(self.workspace.slug) if one.link else "") for one in found]

    @property
    def recommended(self) -> Step:
        return Step.from_json(self.step)

    @property
    def step_url(self) -> str:
        return self.recommended.link.url(self.workspace.slug)

    @property
    def tone(self) -> str:
        return {INFO: "info", WARN: "warn", URGENT: "bad"}[self.severity]

    @property
    def is_open(self) -> bool:
        return self.state == self.State.OPEN

    @property
    def is_snoozed(self) -> bool:
        return self.is_open and self.snoozed_until is not None and self.snoozed_until > timezone.now()

    def as_facts(self) -> dict[str, Any]:
        """What the trail keeps of it."""
        return {"rule": self.rule, "subject": f"{self.subject_kind} {self.subject_id}", "digest": self.digest}
