"""Machines of a workspace: agents, the tokens that open the API, and the answers kept for repeated requests."""

from datetime import timedelta
from typing import ClassVar

from django.contrib.auth.models import Group
from django.db import models
from django.db.models import F, Q
from django.urls import reverse
from django.utils import timezone

from galaxy.core.models.base import WorkspaceModel, WorkspaceQuerySet

LONGEST_TOKEN = timedelta(days=366)


class Agent(WorkspaceModel):
    """A principal that is no person. Whatever it does, it does for its owner and never beyond what they may.

    ``scopes`` are the canonical scopes (crm.tasks.write) that its calls may use; ``group`` carries its grants on
    single objects; ``calls_per_day`` counts from midnight UTC. Changes go through galaxy.core.agents.
    """

    name = models.CharField(max_length=80)
    purpose = models.CharField(max_length=500)
    owner = models.ForeignKey("core.User", on_delete=models.PROTECT, db_index=False, related_name="+")
    group = models.OneToOneField(Group, on_delete=models.PROTECT, related_name="agent")
    scopes = models.JSONField(default=list)
    calls_per_day = models.PositiveIntegerField()
    created_by = models.ForeignKey("core.User", on_delete=models.PROTECT, db_index=False, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)
    ends_at = models.DateTimeField()
    suspended_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["workspace", "name"], name="agent_name_once")]

    def __str__(self):
        return self.name

    def get_absolute_url(self):
        return reverse("agents:agent-detail", args=[self.workspace.slug, self.pk])

    @property
    def is_over(self) -> bool:
        return self.ended_at is not None or self.ends_at <= timezone.now()

    @property
    def state(self) -> str:
        """ended, suspended or active, by the agent's own row; its owner may still stand in the way."""
        if self.is_over:
            return "ended"
        return "suspended" if self.suspended_at else "active"

    def get_state_display(self) -> str:
        return self.state.capitalize()


class TokenQuerySet(WorkspaceQuerySet):
    def live(self):
        return self.filter(revoked_at=None, expires_at__gt=timezone.now())


class Token(WorkspaceModel):
    """A key to the API in one workspace, of a person or of an agent. Only its hash is kept.

    ``digest`` is the hex SHA-256 of the whole token, which holds 256 random bits, so that a slow hash would add
    nothing; ``prefix`` is its beginning, by which people tell tokens apart. ``permissions`` are names of
    galaxy.core.tokens.API_PERMISSIONS. ``last_used_at`` is coarse (galaxy.core.tokens.USE_SEEN_EVERY).
    """

    name = models.CharField(max_length=80)
    prefix = models.CharField(max_length=12)
    digest = models.CharField(max_length=64, unique=True)
    permissions = models.JSONField(default=list)
    user = models.ForeignKey(
        "core.User", null=True, blank=True, on_delete=models.PROTECT, db_index=False, related_name="+"
    )
    agent = models.ForeignKey(
        Agent, null=True, blank=True, on_delete=models.PROTECT, db_index=False, related_name="tokens"
    )
    created_by = models.ForeignKey("core.User", on_delete=models.PROTECT, db_index=False, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar = TokenQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.CheckConstraint(
                name="token_of_person_or_agent",
                condition=Q(user__isnull=False, agent=None) | Q(user=None, agent__isnull=False),
            ),
            models.CheckConstraint(
                name="token_expires_within_a_year", condition=Q(expires_at__lte=F("created_at") + LONGEST_TOKEN)
            ),
        ]
        indexes = [
            models.Index(fields=["workspace", "user"], name="token_of_person"),
            models.Index(fields=["workspace", "agent"], name="token_of_agent"),
        ]

    def __str__(self):
        return self.name

    @property
    def state(self) -> str:
        if self.revoked_at:
            return "revoked"
        return "expired" if self.expires_at <= timezone.now() else "active"

    def get_state_display(self) -> str:
        return self.state.capitalize()


class KeptAnswer(WorkspaceModel):
    """What a POST of the API was answered, so that the same ``Idempotency-Key`` answers the same again.

    ``principal`` names whose key it is (a token's agent or person), so that nobody meets a stranger's answer.
    ``request_digest`` is the hex SHA-256 over method, address and body. Written in the transaction of the act.
    """

    principal = models.CharField(max_length=48)
    key = models.CharField(max_length=255)
    request_digest = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField(default=0)
    body = models.JSONField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "principal", "key"], name="keptanswer_once")]
        indexes = [models.Index(fields=["workspace", "created_at"], name="keptanswer_oldest")]

    def __str__(self):
        return self.key
