"""Extensions and their immutable versions (those of all, and a workspace's own), and what a workspace has installed."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, ClassVar

from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from galaxy.core.models import WorkspaceModel, WorkspaceQuerySet
from galaxy.core.permissions import granted

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

    ``workspace`` is NULL for what the marketplace offers to all, else the one workspace that has it for itself.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    workspace = models.ForeignKey(
        "core.Workspace", null=True, blank=True, on_delete=models.PROTECT, db_index=False, related_name="+"
    )
    kind = models.CharField(max_length=10, choices=Kind)
    slug = models.CharField(max_length=80)
    name = models.CharField(max_length=80)
    publisher = models.CharField(max_length=80)
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


class VersionQuerySet(SharedQuerySet):
    def installable(self):
        """Versions that may be installed anew: published, neither deprecated nor yanked."""
        return self.filter(status=Version.Status.PUBLISHED)


class Version(models.Model):
    """One release, published once and never edited: a trigger refuses every change but that of its status.

    ``manifest`` is the canonical form, ``manifest_digest`` the SHA-256 of its RFC 8785 text, ``digest`` the SHA-256
    over manifest and files (hex, both). ``sort_key`` orders releases by SemVer precedence as text. ``workspace`` is
    that of its extension.
    """

    class Status(models.TextChoices):
        PUBLISHED = "published", "Published"
        DEPRECATED = "deprecated", "Deprecated"
        YANKED = "yanked", "Yanked"

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
    published_by = models.ForeignKey("core.User", null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    published_at = models.DateTimeField(default=timezone.now)

    objects = VersionQuerySet.as_manager()

    class Meta:
        ordering = ["-sort_key"]
        constraints = [
            models.UniqueConstraint(fields=["extension", "number"], name="version_number_once"),
            models.UniqueConstraint(fields=["digest"], condition=Q(workspace=None), name="version_digest_once_public"),
            models.UniqueConstraint(fields=["workspace", "digest"], name="version_digest_once_private"),
        ]
        indexes = [models.Index(fields=["digest"], name="version_by_digest")]

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


class InstallationQuerySet(WorkspaceQuerySet):
    def visible_to(self, user, within=None):
        """Installations of workspaces where ``user`` may see them, and those granted to them one by one."""
        return self.filter(granted(user, "view_installation", self.model, within))

    def active(self):
        return self.filter(removed_at=None)


class Installation(WorkspaceModel):
    """An extension in a workspace. Which version runs is its pin's to say.

    ``scopes`` are the canonical scopes that were consented to; ``hosts`` the egress hosts. ``removed_at`` ends it:
    the row stays, so that runs and events keep what they point at.
    """

    class UpdatePolicy(models.TextChoices):
        OFF = "off", "Only by hand"

    extension = models.ForeignKey(Extension, on_delete=models.PROTECT, db_index=False, related_name="installations")
    scopes = models.JSONField(default=list)
    hosts = models.JSONField(default=list)
    update_policy = models.CharField(max_length=8, choices=UpdatePolicy, default=UpdatePolicy.OFF)
    installed_by = models.ForeignKey("core.User", on_delete=models.PROTECT, db_index=False, related_name="+")
    installed_at = models.DateTimeField(default=timezone.now)
    removed_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar = InstallationQuerySet.as_manager()

    class Meta:
        ordering = ["extension__name"]
        permissions = [
            ("run_installation", "Run it where it reads"),
            ("write_installation", "Run it where it writes"),
            ("pin_installation", "Move and pin its version"),
            ("decide_approval", "Decide requests about it"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "extension"], condition=Q(removed_at=None), name="installation_once_while_active"
            )
        ]
        indexes = [
            models.Index(fields=["workspace", "extension"], name="installation_by_extension"),
            models.Index(fields=["workspace", "-installed_at", "-id"], name="installation_newest"),
        ]

    def __str__(self):
        return self.extension.name

    def get_absolute_url(self):
        return reverse("registry:installation-detail", args=[self.workspace.slug, self.pk])

    @property
    def is_active(self) -> bool:
        return self.removed_at is None


class Pin(WorkspaceModel):
    """The version an installation runs, by digest. One row per installation; what it was before is history."""

    installation = models.OneToOneField(Installation, on_delete=models.PROTECT, related_name="pin")
    version = models.ForeignKey(Version, on_delete=models.PROTECT, db_index=False, related_name="+")
    digest = models.CharField(max_length=64)
    reason = models.CharField(max_length=300, blank=True)
    pinned_by = models.ForeignKey("core.User", on_delete=models.PROTECT, db_index=False, related_name="+")
    pinned_at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes = [models.Index(fields=["workspace", "version"], name="pin_by_version")]

    def __str__(self):
        return f"{self.installation} at {self.version.number}"


class SecretUse(WorkspaceModel):
    """A secret of the workspace that an installation's Python may use, under the name that its code calls it by."""

    installation = models.ForeignKey(Installation, on_delete=models.PROTECT, db_index=False, related_name="secret_uses")
    secret = models.ForeignKey("core.Secret", on_delete=models.PROTECT, db_index=False, related_name="+")
    name = models.CharField(max_length=64)
    given_by = models.ForeignKey("core.User", on_delete=models.PROTECT, db_index=False, related_name="+")
    given_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["workspace", "installation", "name"], name="secretuse_name_once"),
        ]
        indexes = [models.Index(fields=["workspace", "secret"], name="secretuse_by_secret")]

    def __str__(self):
        return self.name


class ConnectionQuerySet(WorkspaceQuerySet):
    def visible_to(self, user, within=None):
        """Shared connections of the installations that ``user`` may see, their own, and those of all for whoever
        manages connections."""
        theirs = Q(owner=None) | Q(owner=user) | granted(user, "manage_connection", self.model, within)
        return self.filter(theirs, installation__in=Installation.objects.visible_to(user, within))


class Connection(WorkspaceModel):
    """A way into one account at a third party. Unauthenticated means Sim Mode.

    ``owner`` is whose account it is; None: shared by the workspace. ``generation`` counts reconnects and rotations of
    its secret, and approvals bind to it; ``token_generation`` counts every token, refreshed ones too. ``host`` stands
    for {connection.host} of the manifest; ``settings`` holds what is typed in and is no secret (client_id, user name).
    ``scopes_granted`` are in the vendor's words. ``last_error`` says in a sentence what the last refresh failed of, and
    ``last_error_code`` in a word (sandbox.oauth.failures); no refresh begins before ``cooldown_until``.
    ``refresh_holder`` may refresh until ``refresh_lease_until``, and nobody else meanwhile. An exhausted one is not
    refreshed any more: it needs a person, and its runs wait.
    """

    class Status(models.TextChoices):
        UNAUTHENTICATED = "unauthenticated", "Not connected"
        AUTHENTICATED = "authenticated", "Connected"
        EXHAUSTED = "exhausted", "To be reconnected"

    installation = models.ForeignKey(Installation, on_delete=models.PROTECT, db_index=False, related_name="connections")
    name = models.CharField(max_length=80)
    owner = models.ForeignKey("core.User", null=True, blank=True, on_delete=models.PROTECT, db_index=False)
    account = models.CharField(max_length=200, blank=True)
    status = models.CharField(max_length=16, choices=Status, default=Status.UNAUTHENTICATED)
    host = models.CharField(max_length=253, blank=True)
    settings = models.JSONField(default=dict)
    scopes_granted = models.JSONField(default=list)
    generation = models.PositiveIntegerField(default=0)
    token_generation = models.PositiveIntegerField(default=0)
    connected_by = models.ForeignKey(
        "core.User", null=True, blank=True, on_delete=models.PROTECT, db_index=False, related_name="+"
    )
    connected_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    refreshed_at = models.DateTimeField(null=True, blank=True)
    next_refresh_at = models.DateTimeField(null=True, blank=True)
    refresh_failures = models.PositiveSmallIntegerField(default=0)
    cooldown_until = models.DateTimeField(null=True, blank=True)
    last_error = models.CharField(max_length=300, blank=True)
    last_error_code = models.CharField(max_length=40, blank=True)
    refresh_holder = models.UUIDField(null=True, blank=True)
    refresh_lease_until = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    objects: ClassVar = ConnectionQuerySet.as_manager()

    class Meta:
        ordering = ["created_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "installation"], condition=Q(owner=None), name="connection_one_shared"
            ),
            models.UniqueConstraint(
                fields=["workspace", "installation", "owner"],
                condition=Q(owner__isnull=False),
                name="connection_one_each",
            ),
            models.CheckConstraint(
                name="connection_lease_has_holder",
                condition=Q(refresh_holder=None, refresh_lease_until=None)
                | Q(refresh_holder__isnull=False, refresh_lease_until__isnull=False),
            ),
        ]
        indexes = [
            models.Index(
                fields=["workspace", "next_refresh_at"],
                condition=Q(next_refresh_at__isnull=False),
                name="connection_due",
            )
        ]

    def __str__(self):
        return self.name

    def get_absolute_url(self):
        return reverse("sandbox:connection-detail", args=[self.workspace.slug, self.pk])

    @property
    def label(self) -> str:
        """Whose account it is, in words; read with ``owner``."""
        whose = f"of {self.owner}" if self.owner else "shared by the workspace"
        return f"{self.account}, {whose}" if self.account else f"Account {whose}"

    @property
    def is_authenticated(self) -> bool:
        return self.status == self.Status.AUTHENTICATED


class ConnectionCredential(WorkspaceModel):
    """What a connection proves itself with, sealed as one JSON object; opened in sandboxd and nowhere else.

    The place that is authenticated with it is the workspace, the connection's id, ``generation`` (its
    token_generation) and ``hosts``: the API's and those of the endpoints that give and revoke tokens. Written anew as a
    whole, and only over the generation before it.
    """

    connection = models.OneToOneField(Connection, on_delete=models.PROTECT, related_name="credential")
    generation = models.PositiveIntegerField()
    hosts = models.JSONField(default=list)
    key = models.ForeignKey("core.WorkspaceKey", on_delete=models.PROTECT, db_index=False, related_name="+")
    wrapped_key = models.BinaryField()
    ciphertext = models.BinaryField()

    class Meta:
        indexes = [models.Index(fields=["workspace", "key", "id"], name="connectioncredential_by_key")]

    def __str__(self):
        return f"Credential {self.generation} of {self.connection_id}"


class AppRegistration(WorkspaceModel):
    """The app by which a vendor knows an installation: its client id, and its secret, sealed (NULL where it has none).

    All connections of the installation sign in through it. ``version`` counts what was entered; with ``hosts``, those
    of the endpoints that take the secret, it is authenticated with it. Opened in sandboxd and nowhere else.
    """

    installation = models.OneToOneField(Installation, on_delete=models.PROTECT, related_name="app")
    client_id = models.CharField(max_length=300)
    version = models.PositiveIntegerField(default=1)
    hosts = models.JSONField(default=list)
    key = models.ForeignKey("core.WorkspaceKey", null=True, on_delete=models.PROTECT, db_index=False, related_name="+")
    wrapped_key = models.BinaryField(null=True)
    ciphertext = models.BinaryField(null=True)
    entered_by = models.ForeignKey("core.User", on_delete=models.PROTECT, db_index=False, related_name="+")
    entered_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="appregistration_sealed_whole",
                condition=Q(key=None, wrapped_key=None, ciphertext=None)
                | Q(key__isnull=False, wrapped_key__isnull=False, ciphertext__isnull=False),
            )
        ]
        indexes = [models.Index(fields=["workspace", "key", "id"], name="appregistration_by_key")]

    def __str__(self):
        return f"App {self.client_id} of {self.installation_id}"

    @property
    def has_secret(self) -> bool:
        return self.wrapped_key is not None
