"""The ways into accounts at third parties, and what they prove themselves with, sealed."""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from galaxy.core.models import WorkspaceModel, WorkspaceQuerySet
from galaxy.core.permissions import granted
from registry.models.installations import Installation


class ConnectionQuerySet(WorkspaceQuerySet):
    def visible_to(self, user, within=None):
        """Shared connections of the installations that ``user`` may see, their own, and those of all for whoever
        manages connections."""
        within = within or self.known_workspace
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
