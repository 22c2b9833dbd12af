"""Rules of a workspace, and every set of them that was ever in force."""

from typing import Any

from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from galaxy.core.models import WorkspaceModel
from policies.models.decisions import Effect

RULE_PARTS = ("title", "effect", "who", "what", "when", "ask", "obligations")


class Rule(WorkspaceModel):
    """One rule, in the closed vocabulary of policies.rules.vocabulary, which reads ``who``, ``what``, ``when``,
    ``ask`` and ``obligations``. ``number`` is its name for people and never given twice in a workspace.

    What holds is not this row but the set of rules that was saved with it (``RuleSet``): a rule that ended stays here.
    """

    number = models.PositiveIntegerField()
    title = models.CharField(max_length=80)
    effect = models.CharField(max_length=16, choices=Effect)
    who = models.JSONField(default=dict, blank=True)
    what = models.JSONField(default=dict, blank=True)
    when = models.JSONField(default=dict, blank=True)
    ask = models.JSONField(default=dict, blank=True)
    obligations = models.JSONField(default=dict, blank=True)
    owner = models.ForeignKey("core.User", on_delete=models.PROTECT, db_index=False, related_name="+")
    reason = models.CharField(max_length=500)
    created_at = models.DateTimeField(default=timezone.now)
    changed_at = models.DateTimeField(default=timezone.now)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["number"]
        constraints = [models.UniqueConstraint(fields=["workspace", "number"], name="rule_number_once")]

    def __str__(self):
        return f"Rule {self.number}, {self.title}"

    @property
    def content(self) -> dict[str, Any]:
        """The rule as policies.rules.vocabulary reads it."""
        return {"id": str(self.pk), "number": self.number} | {name: getattr(self, name) for name in RULE_PARTS}

    def get_absolute_url(self):
        return reverse("policies:rule-detail", args=[self.workspace.slug, self.pk])


class RuleSet(WorkspaceModel):
    """All rules in force from one save to the next, whole and never changed. ``number`` is the policy's version.

    ``content`` is a list of rules as JSON, by number; ``digest`` the hex SHA-256 of its RFC 8785 form.
    """

    number = models.PositiveIntegerField()
    content = models.JSONField(default=list)
    digest = models.CharField(max_length=64)
    change = models.CharField(max_length=200, help_text="What was done, such as: Rule 4 changed.")
    reason = models.CharField(max_length=500, blank=True)
    author = models.ForeignKey("core.User", on_delete=models.PROTECT, db_index=False, related_name="+")
    restored_from = models.PositiveIntegerField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-number"]
        constraints = [
            models.UniqueConstraint(fields=["workspace", "number"], name="ruleset_number_once"),
            models.CheckConstraint(name="ruleset_number_from_one", condition=Q(number__gte=1)),
        ]

    def __str__(self):
        return f"Policy {self.number}"

    def get_absolute_url(self):
        return reverse("policies:ruleset-detail", args=[self.workspace.slug, self.number])
