"""What was handed in for a catalogue, its files, and every step it took."""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from galaxy.core.models import Workspace, WorkspaceModel, WorkspaceQuerySet
from marketplace.workshop.models import Draft
from registry.models import Kind, Publisher, Version


class State(models.TextChoices):
    SUBMITTED = "submitted", "Submitted"
    IN_REVIEW = "in_review", "In review"
    CHANGES_REQUESTED = "changes_requested", "Changes requested"
    APPROVED = "approved", "Approved"
    REJECTED = "rejected", "Rejected"
    WITHDRAWN = "withdrawn", "Withdrawn"


OPEN = (State.SUBMITTED, State.IN_REVIEW)
DECIDED = (State.CHANGES_REQUESTED, State.APPROVED, State.REJECTED)
REFUSED = (State.CHANGES_REQUESTED, State.REJECTED)


class SubmissionQuerySet(WorkspaceQuerySet):
    def at_desk(self, desk):
        """What is decided at this desk, whoever handed it in."""
        return self.filter(desk=desk)

    def open(self):
        return self.filter(state__in=OPEN)

    def not_by(self, user):
        """What ``user`` may review as far as authorship goes."""
        return self.exclude(author_ids__contains=[user.pk])


class Submission(WorkspaceModel):
    """One manifest with its files, exactly as handed in, and where it stands. What was handed in never changes.

    It belongs to two workspaces, and both see it: ``workspace`` wrote it, ``desk`` decides it (the marketplace's
    workspace for the public catalogue, ``workspace`` itself for its private one). ``text`` is the manifest as it was
    written, ``manifest`` its canonical form; ``digest`` is that of the version it would be. ``findings`` are those of
    that moment: a list of Finding.as_dict(). ``author_ids`` are all who had a hand in it, none of whom ever reviews
    it. ``reasons`` are those of the findings for which it was refused, ``reason`` is what a reviewer adds in words.
    ``attestations`` are codes of what the reviewer vouched for. ``owner`` publishes it, ``publisher`` is their name; in
    a private catalogue there is no owner.
    """

    desk = models.ForeignKey("core.Workspace", on_delete=models.PROTECT, db_index=False, related_name="+")
    workspace_name = models.CharField(max_length=80)  # the desk does not see the other's row
    draft = models.ForeignKey(Draft, null=True, on_delete=models.PROTECT, db_index=False, related_name="+")
    before = models.ForeignKey("self", null=True, on_delete=models.PROTECT, db_index=False, related_name="after")
    kind = models.CharField(max_length=12, choices=Kind)
    slug = models.CharField(max_length=80)
    name = models.CharField(max_length=80)
    number = models.CharField(max_length=64)
    publisher = models.CharField(max_length=80)
    owner = models.ForeignKey(Publisher, null=True, on_delete=models.PROTECT, db_index=False, related_name="+")
    text = models.TextField()
    manifest = models.JSONField()
    manifest_digest = models.CharField(max_length=64)
    digest = models.CharField(max_length=64)
    findings = models.JSONField(default=list)
    changes = models.TextField(blank=True)
    support = models.CharField(max_length=200, blank=True)
    security_fix = models.CharField(max_length=300, blank=True)
    author_ids = ArrayField(models.UUIDField())
    submitted_by = models.ForeignKey("core.User", on_delete=models.PROTECT, db_index=False, related_name="+")
    submitted_at = models.DateTimeField(default=timezone.now)

    state = models.CharField(max_length=20, choices=State, default=State.SUBMITTED)
    reviewer = models.ForeignKey(
        "core.User", null=True, blank=True, on_delete=models.PROTECT, db_index=False, related_name="+"
    )
    taken_at = models.DateTimeField(null=True, blank=True)
    decided_by = models.ForeignKey(
        "core.User", null=True, blank=True, on_delete=models.PROTECT, db_index=False, related_name="+"
    )
    closed_at = models.DateTimeField(null=True, blank=True)
    level = models.CharField(max_length=12, blank=True)  # a VerificationLevel, once it is approved
    attestations = models.JSONField(default=list)
    reason = models.TextField(blank=True)
    reasons = models.JSONField(default=list)
    version = models.ForeignKey(Version, null=True, on_delete=models.PROTECT, db_index=False, related_name="+")

    objects: ClassVar = SubmissionQuerySet.as_manager()

    class Meta:
        ordering = ["-submitted_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "desk", "slug"], condition=Q(state__in=OPEN), name="submission_one_open"
            ),
            models.UniqueConstraint(fields=["workspace", "before"], name="submission_followed_once"),
            models.CheckConstraint(
                name="submission_reviewer_iff_taken",
                condition=Q(reviewer=None, taken_at=None) | Q(reviewer__isnull=False, taken_at__isnull=False),
            ),
            models.CheckConstraint(
                name="submission_reviewer_by_state",
                condition=Q(state=State.SUBMITTED, reviewer=None)
                | Q(state__in=(State.IN_REVIEW, *DECIDED), reviewer__isnull=False)
                | Q(state=State.WITHDRAWN),
            ),
            models.CheckConstraint(
                name="submission_closed_iff_over",
                condition=Q(state__in=OPEN, closed_at=None) | (~Q(state__in=OPEN) & Q(closed_at__isnull=False)),
            ),
            models.CheckConstraint(
                name="submission_decided_by_reviewer",
                condition=Q(state__in=DECIDED, decided_by=models.F("reviewer"))
                | (~Q(state__in=DECIDED) & Q(decided_by=None)),
            ),
            models.CheckConstraint(
                name="submission_approved_iff_published",
                condition=(Q(state=State.APPROVED, version__isnull=False) & ~Q(level=""))
                | (~Q(state=State.APPROVED) & Q(version=None, level="")),
            ),
        ]
        indexes = [
            models.Index(fields=["workspace", "-submitted_at", "-id"], name="submission_newest"),
            models.Index(fields=["workspace", "desk", "slug", "-submitted_at"], name="submission_of_extension"),
            models.Index(fields=["desk", "state", "submitted_at", "id"], name="submission_in_line"),
            models.Index(fields=["desk", "-closed_at"], condition=Q(closed_at__isnull=False), name="submission_closed"),
        ]

    def __str__(self):
        return f"{self.name} {self.number}"

    @property
    def is_open(self) -> bool:
        return self.state in OPEN

    @property
    def is_refused(self) -> bool:
        return self.state in REFUSED

    @property
    def is_public(self) -> bool:
        """Whether it is for the catalogue of all workspaces."""
        return self.owner_id is not None

    @property
    def short_digest(self) -> str:
        return self.digest[:12]

    def url_in(self, workspace: Workspace) -> str:
        """Its page as its authors see it."""
        return reverse("submissions:submission-detail", args=[workspace.slug, self.pk])

    def review_url_in(self, desk: Workspace) -> str:
        return reverse("submissions:review-detail", args=[desk.slug, self.pk])


class SubmissionFile(WorkspaceModel):
    """One file as it was handed in: its bytes, and their SHA-256, which the database holds against them."""

    desk = models.ForeignKey("core.Workspace", on_delete=models.PROTECT, db_index=False, related_name="+")
    submission = models.ForeignKey(Submission, on_delete=models.PROTECT, db_index=False, related_name="files")
    path = models.CharField(max_length=200)
    content = models.BinaryField()
    sha256 = models.CharField(max_length=64)

    class Meta:
        ordering = ["path"]
        constraints = [
            models.UniqueConstraint(fields=["workspace", "submission", "path"], name="submissionfile_path_once")
        ]

    def __str__(self):
        return self.path


class SubmissionStep(WorkspaceModel):
    """One transition, written with it and never changed. ``move`` is a name of machine.MOVES."""

    desk = models.ForeignKey("core.Workspace", on_delete=models.PROTECT, db_index=False, related_name="+")
    submission = models.ForeignKey(Submission, on_delete=models.PROTECT, db_index=False, related_name="steps")
    move = models.CharField(max_length=16)
    from_state = models.CharField(max_length=20, choices=State, blank=True)
    to_state = models.CharField(max_length=20, choices=State)
    by = models.ForeignKey("core.User", on_delete=models.PROTECT, db_index=False, related_name="+")
    at = models.DateTimeField(default=timezone.now)
    note = models.TextField(blank=True)

    class Meta:
        ordering = ["at", "id"]
        indexes = [models.Index(fields=["workspace", "submission", "at"], name="submissionstep_of")]

    def __str__(self):
        return f"{self.submission}: {self.move}"
