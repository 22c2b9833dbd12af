"""Drafts of a workspace, and the documents that it imports them from."""

from typing import ClassVar

from django.db import models
from django.urls import reverse
from django.utils import timezone

from galaxy.core.models import WorkspaceModel, WorkspaceQuerySet
from registry.models import Extension


class DraftQuerySet(WorkspaceQuerySet):
    def kept(self):
        return self.filter(removed_at=None)


class Draft(WorkspaceModel):
    """The text of a manifest while it is written. What is published of it is a version of ``extension``.

    ``name`` and ``slug`` are the text's own as far as it can be read; ``revision`` counts what was saved, text and
    files, so that two people who write at once notice. ``losses`` are those of the import it came from: list of
    {code, where, sentence}.
    """

    class State(models.TextChoices):
        BROKEN = "broken", "With errors"
        LACKING = "lacking", "Not complete"
        READY = "ready", "Ready"

    name = models.CharField(max_length=80)
    slug = models.CharField(max_length=100, blank=True)
    text = models.TextField(blank=True)
    state = models.CharField(max_length=8, choices=State)
    revision = models.PositiveIntegerField(default=1)
    losses = models.JSONField(default=list)
    extension = models.ForeignKey(
        Extension, null=True, blank=True, on_delete=models.PROTECT, db_index=False, related_name="+"
    )
    created_by = models.ForeignKey("core.User", on_delete=models.PROTECT, db_index=False, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)
    updated_by = models.ForeignKey("core.User", on_delete=models.PROTECT, db_index=False, related_name="+")
    updated_at = models.DateTimeField(default=timezone.now)
    removed_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar = DraftQuerySet.as_manager()

    class Meta:
        ordering = ["-updated_at"]
        indexes = [models.Index(fields=["workspace", "-updated_at", "-id"], name="draft_newest")]

    def __str__(self):
        return self.name

    def get_absolute_url(self):
        return reverse("workshop:draft-detail", args=[self.workspace.slug, self.pk])


class DraftFile(WorkspaceModel):
    """A file beside the text: code, a fixture, documentation."""

    draft = models.ForeignKey(Draft, on_delete=models.CASCADE, db_index=False, related_name="files")
    path = models.CharField(max_length=200)
    content = models.BinaryField()
    size_bytes = models.PositiveIntegerField()
    added_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["path"]
        constraints = [models.UniqueConstraint(fields=["workspace", "draft", "path"], name="draftfile_path_once")]

    def __str__(self):
        return self.path


class ApiDocument(WorkspaceModel):
    """An OpenAPI document that was handed in, kept while somebody chooses from it.

    ``problems`` are sentences on where it breaks its specification; ``losses`` those of the document as a whole.
    """

    title = models.CharField(max_length=80)
    specification = models.CharField(max_length=3)
    content = models.BinaryField()
    size_bytes = models.PositiveIntegerField()
    sha256 = models.CharField(max_length=64)
    problems = models.JSONField(default=list)
    losses = models.JSONField(default=list)
    uploaded_by = models.ForeignKey("core.User", on_delete=models.PROTECT, db_index=False, related_name="+")
    uploaded_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-uploaded_at"]
        indexes = [models.Index(fields=["workspace", "-uploaded_at", "-id"], name="apidocument_newest")]

    def __str__(self):
        return self.title

    def get_absolute_url(self):
        return reverse("workshop:document-detail", args=[self.workspace.slug, self.pk])

    @property
    def standard(self) -> str:
        """What it follows, by the name that it had then: Swagger 2.0, OpenAPI 3.0 or 3.1."""
        return f"{'Swagger' if self.specification == '2.0' else 'OpenAPI'} {self.specification}"


class ApiOperationQuerySet(WorkspaceQuerySet):
    def chosen(self):
        return self.filter(is_chosen=True)


class ApiOperation(WorkspaceModel):
    """One operation of a document, with whether it was chosen. ``effect`` (read, write, delete) is a guess."""

    document = models.ForeignKey(ApiDocument, on_delete=models.CASCADE, db_index=False, related_name="operations")
    position = models.PositiveIntegerField()
    method = models.CharField(max_length=6)
    path = models.CharField(max_length=400)
    identifier = models.CharField(max_length=100, blank=True)
    summary = models.CharField(max_length=200, blank=True)
    tags = models.JSONField(default=list)
    effect = models.CharField(max_length=6)
    is_bulk = models.BooleanField(default=False)
    is_deprecated = models.BooleanField(default=False)
    is_chosen = models.BooleanField(default=False)

    objects: ClassVar = ApiOperationQuerySet.as_manager()

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["workspace", "document", "position"], name="apioperation_position_once")
        ]

    def __str__(self):
        return self.key

    @property
    def key(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def needs_confirmation(self) -> bool:
        """Whether a person must say that it may be drafted: it deletes, or changes many at once."""
        return self.effect == "delete" or self.is_bulk
