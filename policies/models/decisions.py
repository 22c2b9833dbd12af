"""Decisions: what the engine answered, with everything it was asked."""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from galaxy.core.models import Agent, WorkspaceModel, WorkspaceQuerySet
from galaxy.core.permissions import can


class Effect(models.TextChoices):
    """What a decision says, in the words of XACML, Cedar and OPA."""

    ALLOW = "allow", "Allowed"
    DENY = "deny", "Denied"
    REQUIRE_APPROVAL = "require_approval", "Needs approval"


class DecisionQuerySet(WorkspaceQuerySet):
    def visible_to(self, user, within):
        """Decisions of ``within`` that ``user`` may open: all for who may see every run, else those on their own acts
        and on those of their agents."""
        if can(user, "core.view_run", within):
            return self.filter(workspace=within)
        own = Q(input__principal__id=str(user.pk))
        agents = Agent.objects.in_workspace(within).filter(owner=user).values_list("pk", flat=True)
        own |= Q(input__principal__agent__in=[str(pk) for pk in agents])
        return self.filter(own, workspace=within)


class Decision(WorkspaceModel):
    """The engine's answer for one call, with the whole input it was given, so that it can be asked again.

    ``input`` is {principal, action, resource, context}; ``reasons`` a list of {code, text, passes_if, who};
    ``policy_version`` numbers the set of rules that answered (0: the defaults alone), ``rules`` those of them that
    spoke; ``ask`` is who would have to say yes (policies.rules.vocabulary.Ask), {} where nobody. ``subject_id`` is the
    run or change that was to be done: one that is asked about anew has several decisions.
    """

    subject_id = models.UUIDField(null=True, blank=True)
    effect = models.CharField(max_length=16, choices=Effect)
    action = models.CharField(max_length=160)
    input = models.JSONField()
    reasons = models.JSONField(default=list)
    obligations = models.JSONField(default=dict)
    ask = models.JSONField(default=dict)
    rules = models.JSONField(default=list)
    policy_version = models.PositiveIntegerField(default=0)
    decided_at = models.DateTimeField(default=timezone.now)

    objects: ClassVar = DecisionQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["workspace", "-decided_at"], name="decision_newest")]

    def __str__(self):
        return f"{self.get_effect_display()}: {self.action}"

    def get_absolute_url(self):
        return reverse("policies:decision-detail", args=[self.workspace.slug, self.pk])
