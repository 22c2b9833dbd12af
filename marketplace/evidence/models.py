"""Runs of contract tests, the evidence behind a level, what fell short of one, and levels that were lowered."""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils import timezone

from galaxy.core.models import WorkspaceModel
from registry.models import SharedQuerySet, Version


class TestRun(WorkspaceModel):
    """The contract tests of a draft, or of an installed version in its workspace, as somebody asked for them.

    ``digest`` names the bytes that are tested. ``account`` says by which account they ran, "" for none: replies are
    recorded. ``report`` is that of sandbox.contract_tests, {} while it runs.
    """

    __test__ = False  # pytest: its name begins like that of a test

    class State(models.TextChoices):
        QUEUED = "queued", "Waiting"
        RUNNING = "running", "Running"
        DONE = "done", "Done"

    draft = models.ForeignKey(
        "marketplace.Draft", null=True, blank=True, on_delete=models.CASCADE, db_index=False, related_name="+"
    )
    installation = models.ForeignKey(
        "registry.Installation", null=True, blank=True, on_delete=models.CASCADE, db_index=False, related_name="+"
    )
    digest = models.CharField(max_length=64)
    state = models.CharField(max_length=7, choices=State, default=State.QUEUED)
    done = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(default=0)
    report = models.JSONField(default=dict)
    asked_by = models.ForeignKey("core.User", on_delete=models.PROTECT, db_index=False, related_name="+")
    asked_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-asked_at"]
        constraints = [
            models.CheckConstraint(
                name="testrun_of_one_thing",
                condition=Q(draft=None, installation__isnull=False) | Q(draft__isnull=False, installation=None),
            ),
            models.CheckConstraint(
                name="testrun_finished_iff_done",
                condition=Q(state="done", finished_at__isnull=False) | ~Q(state="done") & Q(finished_at=None),
            ),
        ]
        indexes = [
            models.Index(fields=["workspace", "draft", "-asked_at"], name="testrun_of_draft"),
            models.Index(fields=["workspace", "installation", "-asked_at"], name="testrun_of_installation"),
        ]

    def __str__(self):
        return f"Tests of {self.digest[:12]}"

    @property
    def is_under_way(self) -> bool:
        return self.state != self.State.DONE

    @property
    def failures(self) -> list[dict]:
        return [one for one in self.report.get("results", ()) if one["status"] != "passed"]

    @property
    def has_passed(self) -> bool:
        return self.state == self.State.DONE and bool(self.report.get("results")) and not self.failures


class Evidence(models.Model):
    """That a rule of a level was looked at: for the bytes called ``digest``, whether published or only submitted.

    The newest row of a rule is the one that counts. ``workspace`` is NULL for what the marketplace looked at itself,
    which all may see; else the workspace whose administrator had the tests run there, which is its own.
    """

    id = models.BigAutoField(primary_key=True)
    workspace = models.ForeignKey(
        "core.Workspace", null=True, blank=True, on_delete=models.PROTECT, db_index=False, related_name="+"
    )
    digest = models.CharField(max_length=64)
    version = models.ForeignKey(
        Version, null=True, blank=True, on_delete=models.PROTECT, db_index=False, related_name="+"
    )
    rule = models.CharField(max_length=40)
    passed = models.BooleanField()
    note = models.CharField(max_length=300, blank=True)
    report = models.JSONField(default=dict)
    ran_at = models.DateTimeField(default=timezone.now)

    objects: ClassVar = SharedQuerySet.as_manager()

    class Meta:
        ordering = ["-ran_at", "-id"]
        indexes = [
            models.Index(fields=["digest", "rule", "-ran_at"], condition=Q(workspace=None), name="evidence_newest"),
            models.Index(fields=["workspace", "digest", "-ran_at"], name="evidence_of_workspace"),
        ]

    def __str__(self):
        return f"{self.rule} of {self.digest[:12]}"


class Lowering(models.Model):
    """A level that was lost because a rule was not proven any more, and what came of asking to have it back.

    Global: it has no wall, as the listing has none. The appeal is of the publisher's people: a reason, and the desk's
    answer.
    """

    class Answer(models.TextChoices):
        NONE = "", "Not asked"
        OPEN = "open", "Asked"
        UPHELD = "upheld", "Given back"
        REFUSED = "refused", "Refused"

    listing = models.ForeignKey("marketplace.Listing", on_delete=models.CASCADE, related_name="lowerings")
    before = models.CharField(max_length=12)
    after = models.CharField(max_length=12)
    rule = models.CharField(max_length=40)
    reason = models.CharField(max_length=300)
    lowered_at = models.DateTimeField(default=timezone.now)
    appeal = models.CharField(max_length=8, choices=Answer, default=Answer.NONE, blank=True)
    plea = models.CharField(max_length=1000, blank=True)
    asked_by = models.ForeignKey("core.User", null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    asked_at = models.DateTimeField(null=True, blank=True)
    answered_by = models.ForeignKey("core.User", null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    answered_at = models.DateTimeField(null=True, blank=True)
    answer_note = models.CharField(max_length=1000, blank=True)

    class Meta:
        ordering = ["-lowered_at"]
        constraints = [
            models.CheckConstraint(
                name="lowering_plea_iff_asked",
                condition=Q(appeal="", plea="", asked_by=None, asked_at=None)
                | ~Q(appeal="") & ~Q(plea="") & Q(asked_by__isnull=False, asked_at__isnull=False),
            ),
            models.CheckConstraint(
                name="lowering_answered_iff_decided",
                condition=Q(appeal__in=["", "open"], answered_at=None, answered_by=None)
                | Q(appeal__in=["upheld", "refused"], answered_at__isnull=False, answered_by__isnull=False)
                & ~Q(answer_note=""),
            ),
            models.CheckConstraint(
                name="lowering_answered_by_another",
                condition=Q(answered_by=None) | ~Q(answered_by=models.F("asked_by")),
            ),
            models.UniqueConstraint(
                fields=["listing"], condition=Q(appeal="open"), name="lowering_one_open_appeal_a_listing"
            ),
        ]

    def __str__(self):
        return f"{self.listing}: {self.before} to {self.after}"


class Shortfall(models.Model):
    """That a listed version fell short of what its level asks of it where it is used, and what came of that (F93).

    Global, like the listing. ``rule`` is a code of marketplace.evidence.limits; ``reason`` says the figures in words.
    Its publisher is told when it begins; the level is lowered if it still falls short a week later. What ended it:
    better figures, too few calls to tell, another version or level of the listing, or the level was lowered.
    """

    class End(models.TextChoices):
        NONE = "", "Falls short"
        BETTER = "better", "It keeps to it again"
        TOO_FEW = "too_few", "Too few calls to tell"
        OTHER = "other", "Another version or level stands there"
        LOWERED = "lowered", "The level was lowered"

    listing = models.ForeignKey("marketplace.Listing", on_delete=models.CASCADE, related_name="shortfalls")
    version = models.ForeignKey(Version, on_delete=models.PROTECT, related_name="+")
    level = models.CharField(max_length=12)
    rule = models.CharField(max_length=40)
    reason = models.CharField(max_length=300)
    told_at = models.DateTimeField(default=timezone.now)
    ended_at = models.DateTimeField(null=True, blank=True)
    end = models.CharField(max_length=8, choices=End, default=End.NONE, blank=True)

    class Meta:
        ordering = ["-told_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["listing", "rule"], condition=Q(ended_at=None), name="shortfall_one_open_a_rule"
            ),
            models.CheckConstraint(
                name="shortfall_ended_iff_said",
                condition=Q(ended_at=None, end="") | Q(ended_at__isnull=False) & ~Q(end=""),
            ),
        ]

    def __str__(self):
        return f"{self.listing}: {self.rule}"
