"""The people whom a request asks, without those who are too close to it; and the requests that ask a person."""

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Now

from galaxy.core.models import Agent, Role, Token, User, Workspace
from galaxy.core.permissions import holders_of, holders_on
from policies.models import Approval, ApprovalQuerySet, ApprovalStage, ApproverGroupMember, Delegation, Vote
from policies.rules.asks import APPROVERS
from policies.services.standing import about, held_since, open_stage, stand_ins, standing_of, why_not_yours

__all__ = ["asked_of", "reviewers_at", "reviewers_of", "why_not_yours"]


def reviewers_of(approval: Approval) -> QuerySet[User, User]:
    """Who is asked now: everybody whom the open stage asks, who has not spoken and is not too close to the matter."""
    stage = open_stage(approval)
    return reviewers_at(approval, stage) if stage else User.objects.none()


def reviewers_at(approval: Approval, stage: ApprovalStage) -> QuerySet[User, User]:
    """The same for any stage, open or to come."""
    named = _named(approval, stage.reviewers)
    now_lent = Q(starts_at__lte=Now(), ends_at__gt=Now(), ended_at=None)
    lent = Delegation.objects.in_workspace(approval.workspace).filter(about(approval), now_lent, giver__in=named)
    lent = lent.exclude(giver=approval.requested_by_id)
    people = User.objects.filter(
        Q(pk__in=named.values("pk")) | Q(pk__in=lent.values("taker")),
        is_active=True,
        memberships__workspace=approval.workspace,
    )
    people = people.exclude(pk=approval.requested_by_id).exclude(pk__in=approval.agent_tokens.values("created_by"))
    people = people.exclude(pk__in=stand_ins(approval).values("taker"))
    people = people.exclude(pk__in=Vote.objects.filter(approval=approval).values("reviewer"))
    if approval.agent_id:
        people = people.exclude(pk__in=Agent.objects.filter(pk=approval.agent_id).values("owner"))
    return people.exclude(pk=approval.version_author_id) if approval.version_author_id else people


def asked_of(user: User, workspace: Workspace) -> ApprovalQuerySet:
    """What waits for this very person: an open stage asks them, they have not spoken and are not too close to it."""
    stages = ApprovalStage.objects.filter(standing_of(user, workspace).stages(), opened_at__isnull=False, done_at=None)
    made = Token.objects.in_workspace(workspace).filter(created_by=user, agent=OuterRef("agent"))
    stands_in = Delegation.objects.in_workspace(workspace).filter(
        held_since(OuterRef("requested_at")),
        Q(installation=None) | Q(installation=OuterRef("installation")),
        giver=OuterRef("requested_by"),
        taker=user,
    )
    waiting = Approval.objects.in_workspace(workspace).waiting()
    return (
        waiting.filter(Exists(stages.filter(workspace=workspace, approval=OuterRef("pk"))))
        .exclude(requested_by=user)
        .exclude(version_author=user)
        .exclude(agent__owner=user)
        .exclude(Exists(made))
        .exclude(Exists(stands_in))
        .exclude(Exists(Vote.objects.filter(workspace=workspace, approval=OuterRef("pk"), reviewer=user)))
    )


def _named(approval: Approval, refs: list[str]) -> QuerySet[User, User]:
    """The members whom ``refs`` mean by themselves."""
    meant = Q(pk__in=[])
    for ref in refs:
        kind, _, value = ref.partition(":")
        if kind == APPROVERS:
            meant |= Q(pk__in=holders_of(approval.workspace, "decide_approval").values("pk"))
            if approval.installation is not None:
                meant |= Q(pk__in=holders_on(approval.installation, "decide_approval").values("pk"))
        elif kind == "group":
            members = ApproverGroupMember.objects.in_workspace(approval.workspace).filter(group__ended_at=None)
            meant |= Q(pk__in=members.filter(group=value).values("user"))
        elif kind == "role":
            held = {"memberships__role" if value in Role.values else "memberships__custom_role": value}
            meant |= Q(memberships__workspace=approval.workspace, **held)
        elif kind == "person":
            meant |= Q(pk=value)
    return User.objects.filter(meant, memberships__workspace=approval.workspace, is_active=True)
