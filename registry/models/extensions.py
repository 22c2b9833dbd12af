"""Extensions and their immutable versions: those of all, and what a workspace has for itself."""

from __future__ import annotations

import re
import uuid
from typing import TYPE_CHECKING, ClassVar

from django.db import models
from django.db.models import Q
from django.utils import timezone

from registry.semver import DRAFT

if TYPE_CHECKING:
    from registry.manifests import Manifest


class Kind(models.TextChoices):
    """What an extension is; each kind has a manifest of its own shape."""

    CONNECTOR = "connector", "Connector"
    ACTION = "action", "Action"
    TRANSFORM = "transform", "Transform"
    TRIGGER = "trigger", "Trigger"
    PACK = "pack", "Pack"


class SharedQuerySet(models.QuerySet):
    """Rows that are everybody's (``workspace`` is NULL), and rows that one workspace has for itself alone.

    These filters are the first wall, row-level security is the second.
    """

    def public(self):
        return self.filter(workspace=None)

    def open_to(self, workspace):
        """What ``workspace`` may see and install: the public ones and its own."""
        return self.filter(Q(workspace=None) | Q(workspace=workspace))


class Extension(models.Model):
    """Something that can be installed, named by its slug (``hubspot``, ``leads.clean``).

    ``workspace`` is NULL for what the marketplace offers to all, else the one workspace that has it for itself. Every
    public one has an ``owner``, whose name ``publisher`` repeats; what a workspace drafts for itself has none.
    ``is_shipped``: it came with Galaxy itself, by an operator's command.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    workspace = models.ForeignKey(
        "core.Workspace", null=True, blank=True, on_delete=models.PROTECT, db_index=False, related_name="+"
    )
    kind = models.CharField(max_length=10, choices=Kind)
    slug = models.CharField(max_length=80)
    name = models.CharField(max_length=80)
    publisher = models.CharField(max_length=80)
    owner = models.ForeignKey(
        "registry.Publisher", null=True, blank=True, on_delete=models.PROTECT, related_name="extensions"
    )
    is_shipped = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=timezone.now)

    objects: ClassVar = SharedQuerySet.as_manager()

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["slug"], condition=Q(workspace=None), name="extension_slug_once_public"),
            models.UniqueConstraint(fields=["workspace", "slug"], name="extension_slug_once_private"),
        ]
        # Calls are resolved by name alone, whether the extension is public or private.
        indexes = [models.Index(fields=["slug"], name="extension_by_slug")]

    def __str__(self):
        return self.name

    @property
    def is_private(self) -> bool:
        return self.workspace_id is not None


_DIGEST = re.compile("[0-9a-f]{64}", re.ASCII)


class VersionQuerySet(SharedQuerySet):
    def installable(self):
        """Versions that may be installed anew: published, neither deprecated nor yanked, and not in quarantine."""
        return self.filter(status=Version.Status.PUBLISHED, quarantine="")

    def of_digest(self, *texts: str):
        """Those of the digests that an address or a form names; none for a text that is no digest, which PostgreSQL
        may not even take as a text."""
        return self.filter(digest__in=[text for text in texts if _DIGEST.fullmatch(text)])


class Version(models.Model):
    """One release, published once and never edited: a trigger refuses every change but those of how it ends.

    ``manifest`` is the canonical form, ``manifest_digest`` the SHA-256 of its RFC 8785 text, ``digest`` the SHA-256
    over manifest and files (hex, both). ``sort_key`` orders releases by SemVer precedence as text. ``workspace`` is
    that of its extension.

    How it ends (registry.services.retiring): deprecated, with a last day ``ends_on`` at least 90 days later, a
    ``successor`` and a ``migration_note``; yanked, so that nobody installs it any more; in ``quarantine``, flagged (no
    new installations, calls as each workspace says) or stopped (nothing of it runs).
    """

    class Status(models.TextChoices):
        PUBLISHED = "published", "Published"
        DEPRECATED = "deprecated", "Deprecated"
        YANKED = "yanked", "Yanked"

    class Held(models.TextChoices):
        FREE = "", "Free"
        FLAGGED = "flagged", "In quarantine"
        STOPPED = "stopped", "Stopped"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    workspace = models.ForeignKey(
        "core.Workspace", null=True, blank=True, on_delete=models.PROTECT, db_index=False, related_name="+"
    )
    extension = models.ForeignKey(Extension, on_delete=models.PROTECT, related_name="versions")
    number = models.CharField(max_length=64)
    sort_key = models.CharField(max_length=160)
    manifest = models.JSONField()
    manifest_digest = models.CharField(max_length=64)
    digest = models.CharField(max_length=64)
    status = models.CharField(max_length=12, choices=Status, default=Status.PUBLISHED)
    changes = models.TextField(blank=True, help_text="What is new, in plain sentences.")
    security_fix = models.CharField(
        max_length=300, blank=True, help_text="Which hole it closes, where its publisher says that it closes one."
    )
    published_by = models.ForeignKey("core.User", null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    published_at = models.DateTimeField(default=timezone.now)
    deprecated_at = models.DateTimeField(null=True, blank=True)
    ends_on = models.DateField(null=True, blank=True)
    successor = models.ForeignKey("self", null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    retire_reason = models.CharField(max_length=500, blank=True)
    migration_note = models.TextField(max_length=4_000, blank=True)
    yanked_at = models.DateTimeField(null=True, blank=True)
    yank_reason = models.CharField(max_length=500, blank=True)
    quarantine = models.CharField(max_length=8, choices=Held, blank=True, default=Held.FREE)

    objects = VersionQuerySet.as_manager()

    class Meta:
        ordering = ["-sort_key"]
        constraints = [
            models.UniqueConstraint(fields=["extension", "number"], name="version_number_once"),
            models.UniqueConstraint(fields=["digest"], condition=Q(workspace=None), name="version_digest_once_public"),
            models.UniqueConstraint(fields=["workspace", "digest"], name="version_digest_once_private"),
        ]
        indexes = [
            models.Index(fields=["digest"], name="version_by_digest"),
            models.Index(fields=["published_at"], name="version_newest"),
            models.Index(fields=["ends_on"], condition=Q(ends_on__isnull=False), name="version_by_end"),
            models.Index(fields=["digest"], condition=~Q(quarantine=""), name="version_in_quarantine"),
        ]

    def __str__(self):
        return f"{self.extension} {self.number}"

    @property
    def parsed(self) -> Manifest:
        """The manifest as typed objects; parsed once per row object."""
        from registry.manifests import load  # models load before every app is ready; the reader needs none of that

        if not hasattr(self, "_parsed"):
            self._parsed = load(self.manifest)
        return self._parsed

    @property
    def is_draft(self) -> bool:
        """Whether its number is that of a draft, which a workspace tries out."""
        return DRAFT.search(self.number) is not None

    @property
    def is_deprecated(self) -> bool:
        return self.status == self.Status.DEPRECATED

    @property
    def is_yanked(self) -> bool:
        return self.status == self.Status.YANKED

    @property
    def short_digest(self) -> str:
        return self.digest[:12]


class VersionFile(models.Model):
    """One file of a version (code, fixtures, docs): its path within the version, its bytes and their SHA-256."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    workspace = models.ForeignKey(
        "core.Workspace", null=True, blank=True, on_delete=models.PROTECT, db_index=False, related_name="+"
    )
    version = models.ForeignKey(Version, on_delete=models.PROTECT, related_name="files")
    path = models.CharField(max_length=200)
    content = models.BinaryField()
    sha256 = models.CharField(max_length=64)

    class Meta:
        ordering = ["path"]
        constraints = [models.UniqueConstraint(fields=["version", "path"], name="versionfile_path_once")]

    def __str__(self):
        return self.path
