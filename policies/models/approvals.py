"""Approvals: a person's yes or no for one exact thing, in stages, by votes."""

from typing import Any, ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.urls import reverse
from django.utils import timezone

from galaxy.core.models import Membership, Token, Workspace, WorkspaceModel, WorkspaceQuerySet
from galaxy.core.permissions import granted
from policies.models.decisions import Decision


class ApprovalQuerySet(WorkspaceQuerySet):
    def visible_to(self, user, within=None):
        """Approvals that ``user`` may open: every one where they may see or decide them; else those that they asked
        for, that were handed to them, and that a stage asks them to answer, themselves or in another's place.

        ``within`` names the workspace where it is known; without it each that ``user`` is in is looked at in turn.
        """
        from policies.services.standing import may_see  # what somebody is takes services of delegations and groups

        within = within or self.known_workspace
        if within is not None:
            return self.filter(may_see(user, within))
        found = granted(user, "view_approval", self.model) | granted(user, "decide_approval", self.model)
        for workspace in Workspace.objects.filter(pk__in=Membership.objects.filter(user=user).values("workspace")):
            found |= may_see(user, workspace)
        return self.filter(found)

    def waiting(self):
        """Undecided and not past their expiry by the database's clock: what nobody swept still means no."""
        return self.filter(status=Approval.Status.PENDING, expires_at__gt=Now())


class Approval(WorkspaceModel):
    """A request for a person's yes or no, bound by ``digest`` to exactly what was shown.

    The subject is (kind, id, digest): higher floors register their kinds (policies.subjects). ``facts`` are computed
    and redacted, for the screen: {what, where, records, data_classes, version, rule, undo, simulated, inputs}.
    Single use: ``consumed_at`` is set once, in the transaction that claims the run.

    ``bound`` holds the parts that ``digest`` is the SHA-256 of (RFC 8785): hashes and ids, never values, so that what
    changed can be named. ``shape`` is equal for requests that differ in their values alone, and stacks them.
    ``ladder`` is [{at, to, stage}]: from ``at`` on, ``to`` may answer a stage too. ``again`` is the request that this
    one takes the place of, ``narrowed_from`` the wider one a reviewer made it of, ``grant`` the Auto-Approve grant
    that answered in a person's stead.
    """

    class Status(models.TextChoices):
        PENDING = "pending", "Waiting"
        APPROVED = "approved", "Approved"
        REJECTED = "rejected", "Rejected"
        EXPIRED = "expired", "Expired"
        WITHDRAWN = "withdrawn", "Withdrawn"

    subject_kind = models.CharField(max_length=40)
    subject_id = models.UUIDField()
    digest = models.CharField(max_length=64)
    bound = models.JSONField(default=dict)
    shape = models.CharField(max_length=64, blank=True)
    installation = models.ForeignKey(
        "registry.Installation", null=True, blank=True, on_delete=models.PROTECT, db_index=False, related_name="+"
    )
    agent = models.ForeignKey(
        "core.Agent", null=True, blank=True, on_delete=models.PROTECT, db_index=False, related_name="+"
    )
    target = models.CharField(max_length=160, blank=True)
    effect = models.CharField(max_length=16, blank=True)
    records = models.PositiveIntegerField(null=True, blank=True)
    data_classes = ArrayField(models.CharField(max_length=40), default=list, blank=True)
    is_bulk = models.BooleanField(default=False)
    simulated = models.BooleanField(default=False)
    needs_second_factor = models.BooleanField(default=False)
    ladder = models.JSONField(default=list)
    assigned_to = models.ForeignKey(
        "core.User", null=True, blank=True, on_delete=models.PROTECT, db_index=False, related_name="+"
    )
    again = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, db_index=False, related_name="asked_again"
    )
    narrowed_from = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, db_index=False, related_name="narrowed"
    )
    grant = models.ForeignKey(
        "policies.AutoApproval", null=True, blank=True, on_delete=models.PROTECT, db_index=False, related_name="uses"
    )
    reminded_at = models.DateTimeField(null=True, blank=True)
    summary = models.CharField(max_length=200)
    facts = models.JSONField(default=dict)
    decision = models.ForeignKey(
        Decision, null=True, blank=True, on_delete=models.PROTECT, db_index=False, related_name="approvals"
    )
    requested_by = models.ForeignKey("core.User", on_delete=models.PROTECT, db_index=False, related_name="+")
    version_author = models.ForeignKey(
        "core.User", null=True, blank=True, on_delete=models.PROTECT, db_index=False, related_name="+"
    )
    requested_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    status = models.CharField(max_length=10, choices=Status, default=Status.PENDING)
    decided_at = models.DateTimeField(null=True, blank=True)
    consumed_at = models.DateTimeField(null=True, blank=True)

    stages: models.QuerySet["ApprovalStage"]
    votes: models.QuerySet["Vote"]
    objects: ClassVar = ApprovalQuerySet.as_manager()

    class Meta:
        ordering = ["requested_at"]
        constraints = [
            models.CheckConstraint(
                name="approval_decided_at_iff_decided",
                condition=Q(status="pending", decided_at=None) | ~Q(status="pending") & Q(decided_at__isnull=False),
            ),
            models.CheckConstraint(
                name="approval_consumed_only_if_approved",
                condition=Q(consumed_at=None) | Q(status="approved"),
            ),
            models.CheckConstraint(
                name="approval_decided_before_expiry",
                condition=~Q(status="approved") | Q(decided_at__lt=F("expires_at")),
            ),
            # What a vote points at, so that the database itself can compare the two people.
            models.UniqueConstraint(fields=["workspace", "id", "requested_by"], name="approval_with_requester"),
            models.UniqueConstraint(
                fields=["workspace", "subject_kind", "subject_id"],
                condition=Q(status="pending"),
                name="approval_one_waiting",
            ),
        ]
        indexes = [
            models.Index(fields=["workspace", "status", "requested_at"], name="approval_queue"),
            models.Index(fields=["workspace", "requested_by"], name="approval_by_requester"),
            models.Index(fields=["workspace", "expires_at"], condition=Q(status="pending"), name="approval_due"),
            models.Index(fields=["workspace", "-decided_at"], condition=~Q(status="pending"), name="approval_decided"),
            models.Index(fields=["workspace", "shape", "-requested_at"], name="approval_by_shape"),
            models.Index(fields=["workspace", "subject_kind", "subject_id"], name="approval_by_subject"),
            models.Index(
                fields=["workspace", "grant", "-decided_at"],
                condition=Q(grant__isnull=False),
                name="approval_by_grant",
            ),
        ]

    def __str__(self):
        return self.summary

    def get_absolute_url(self):
        return reverse("policies:approval-detail", args=[self.workspace.slug, self.pk])

    @property
    def is_pending(self) -> bool:
        return self.status == self.Status.PENDING and self.expires_at > timezone.now()

    @property
    def all_votes(self) -> list["Vote"]:
        """Its votes, the first first; as they were read along with it, where they were (policies.lines)."""
        read = self._along.get("all votes")
        return list(self.votes.select_related("reviewer", "on_behalf_of")) if read is None else read

    @property
    def all_stages(self) -> list["ApprovalStage"]:
        """Its stages in their order; as they were read along with it, where they were."""
        read = self._along.get("all stages")
        return list(self.stages.all()) if read is None else read

    def keep_along(self, votes: list["Vote"], stages: list["ApprovalStage"]) -> None:
        """Kept until it is read anew, as Django keeps what it prefetches."""
        self._along.update({"all votes": votes, "all stages": stages})

    @property
    def _along(self) -> dict[str, Any]:
        return vars(self).setdefault("_prefetched_objects_cache", {})

    @property
    def agent_tokens(self) -> models.QuerySet[Token]:
        """Every token of the agent that asked, if one did. Whoever made one saw its text, and could be who called;
        revoked or not, it may have been used."""
        agent_id = self.agent_id or self.facts.get("agent_id")
        tokens = Token.objects.in_workspace(self.workspace)
        return tokens.filter(agent=agent_id) if agent_id else tokens.none()


class ApprovalStage(WorkspaceModel):
    """One step of an approval: ``needed`` different people of ``reviewers`` have to say yes.

    ``reviewers`` are references, any of which will do: ``approvers`` (whoever may decide here), ``role:owner``,
    ``group:<id>``, ``person:<id>``; escalating adds to them, and nothing takes away. A stage is open from
    ``opened_at`` until ``done_at``; the next one opens then.
    """

    approval = models.ForeignKey(Approval, on_delete=models.PROTECT, db_index=False, related_name="stages")
    position = models.PositiveSmallIntegerField(default=0)
    reviewers = ArrayField(models.CharField(max_length=60))
    needed = models.PositiveSmallIntegerField(default=1)
    opened_at = models.DateTimeField(null=True, blank=True)
    done_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["workspace", "approval", "position"], name="approvalstage_once"),
            models.CheckConstraint(name="approvalstage_needs_somebody", condition=Q(needed__gte=1, needed__lte=9)),
        ]
        indexes = [
            models.Index(
                fields=["workspace", "approval"],
                condition=Q(opened_at__isnull=False, done_at=None),
                name="approvalstage_open",
            )
        ]

    def __str__(self):
        return f"{self.needed} of {', '.join(self.reviewers)}"

    @property
    def is_open(self) -> bool:
        """Whether it is answered now."""
        return self.opened_at is not None and self.done_at is None


class Vote(WorkspaceModel):
    """One reviewer's word on one approval. Written once.

    ``requested_by`` and ``version_author`` repeat the approval's, so that constraints can hold that neither votes.
    A composite foreign key (see the migration) keeps ``requested_by`` true. ``on_behalf_of`` is who delegated to the
    reviewer, where the vote rests on that, which migration 0008 looks at; ``factor`` the second factor that was shown
    (totp, webauthn), "" for none.
    """

    class Choice(models.TextChoices):
        APPROVE = "approved", "Approved"
        REJECT = "rejected", "Rejected"

    approval = models.ForeignKey(Approval, on_delete=models.PROTECT, db_index=False, related_name="votes")
    reviewer = models.ForeignKey("core.User", on_delete=models.PROTECT, db_index=False, related_name="+")
    requested_by = models.ForeignKey("core.User", on_delete=models.PROTECT, db_index=False, related_name="+")
    version_author = models.ForeignKey(
        "core.User", null=True, blank=True, on_delete=models.PROTECT, db_index=False, related_name="+"
    )
    stage = models.ForeignKey(
        ApprovalStage, null=True, blank=True, on_delete=models.PROTECT, db_index=False, related_name="votes"
    )
    on_behalf_of = models.ForeignKey(
        "core.User", null=True, blank=True, on_delete=models.PROTECT, db_index=False, related_name="+"
    )
    factor = models.CharField(max_length=12, blank=True)
    choice = models.CharField(max_length=8, choices=Choice)
    reason = models.TextField(blank=True, max_length=2000)
    digest = models.CharField(max_length=64, help_text="The approval's digest as the reviewer saw it.")
    voted_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["voted_at"]
        constraints = [
            models.UniqueConstraint(fields=["workspace", "approval", "reviewer"], name="vote_once"),
            models.CheckConstraint(name="vote_not_by_requester", condition=~Q(reviewer=F("requested_by"))),
            models.CheckConstraint(
                name="vote_not_by_author", condition=Q(version_author=None) | ~Q(reviewer=F("version_author"))
            ),
            models.CheckConstraint(
                name="vote_not_for_requester",
                condition=Q(on_behalf_of=None) | (~Q(on_behalf_of=F("requested_by")) & ~Q(on_behalf_of=F("reviewer"))),
            ),
            models.CheckConstraint(name="vote_rejected_has_reason", condition=~Q(choice="rejected") | ~Q(reason="")),
        ]

    def __str__(self):
        return f"{self.reviewer}: {self.get_choice_display().lower()}"
