"""The people whom a request asks, without those who are too close to it; and the requests that ask a person."""

from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from galaxy.core.models import Agent, Role, User, Workspace
from galaxy.core.permissions import holders_of, holders_on
from policies.models import Approval, ApprovalQuerySet, ApprovalStage, ApproverGroupMember, Delegation, Vote
from policies.rules.asks import APPROVERS
from policies.services.standing import about, open_stage, spoke, stand_ins, standing_of, too_close, why_not_yours

__all__ = ["asked_of", "reviewers_at", "reviewers_of", "why_not_yours"]


def reviewers_of(approval: Approval) -> QuerySet[User, User]:
    """Who is asked now: everybody whom the open stage asks, who has not spoken and is not too close to the matter."""
    stage = open_stage(approval)
    return reviewers_at(approval, stage) if stage else User.objects.none()


def reviewers_at(approval: Approval, stage: ApprovalStage) -> QuerySet[User, User]:
    """The same for any stage, open or to come."""
    named = _named(approval, stage.reviewers)
    out = _too_close(approval) | _spoke(approval)
    now_lent = Q(starts_at__lte=Now(), ends_at__gt=Now(), ended_at=None)
    lent = Delegation.objects.in_workspace(approval.workspace).filter(about(approval), now_lent)
    lent = lent.filter(giver__in=named.exclude(out))
    people = User.objects.filter(
        Q(pk__in=named.values("pk")) | Q(pk__in=lent.values("taker")),
        is_active=True,
        memberships__workspace=approval.workspace,
    )
    return people.exclude(out)


def asked_of(user: User, workspace: Workspace) -> ApprovalQuerySet:
    """What waits for this very person: an open stage asks them, they have not spoken and are not too close to it."""
    asked = standing_of(user, workspace).answers()
    return Approval.objects.in_workspace(workspace).waiting().filter(asked, ~too_close(user), ~spoke(user))


def _too_close(approval: Approval) -> Q:
    """Those whom ``why_not_yours`` keeps from it."""
    close = Q(pk__in=[approval.requested_by_id, *filter(None, [approval.version_author_id])])
    close |= Q(pk__in=approval.agent_tokens.values("created_by")) | Q(pk__in=stand_ins(approval).values("taker"))
    if approval.agent_id:
        close |= Q(pk__in=Agent.objects.filter(pk=approval.agent_id).values("owner"))
    return close


def _spoke(approval: Approval) -> Q:
    """Those who said a word on it, or in whose place another did."""
    votes = Vote.objects.in_workspace(approval.workspace).filter(approval=approval)
    return Q(pk__in=votes.values("reviewer")) | Q(pk__in=votes.exclude(on_behalf_of=None).values("on_behalf_of"))


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
