"""Who may answer a request: by right, by a group, a role or their name, or in the place of somebody who is away.

``standing_of`` says what somebody is; a stage asks them where it names that. Read anew under the lock of each vote.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Case, Exists, F, OuterRef, Q, QuerySet, Value, When
from django.db.models.functions import Now

from galaxy.core.db.prepared import prepared
from galaxy.core.models import Membership, Role, RoleGroup, Token, User, Workspace
from galaxy.core.permissions import can, granted, granted_on_rows, remembered
from policies.models import Approval, ApprovalStage, ApproverGroup, ApproverGroupMember, Delegation, Vote
from policies.rules.asks import APPROVERS
from policies.services.delegations import delegated_to
from registry.models import Installation

OPEN: dict[str, Any] = {"opened_at__isnull": False, "done_at": None}  # of a stage: answered now


@dataclass(frozen=True)
class Seat:
    """By what somebody answers a stage: the reference they are meant by, and ``giver``, whose place they take."""

    stage: ApprovalStage
    ref: str
    giver: User | None = None

    @property
    def sentence(self) -> str:
        """Why this person may decide, for the page."""
        place = f", in place of {self.giver}" if self.giver else ""
        return f"You may decide this as {name_of(self.ref, self.stage.workspace_id)}{place}."


@dataclass(frozen=True)
class Standing:
    """What somebody is in one workspace at one moment, as stages name it: ``approvers``, ``role:…``, ``group:…``,
    ``person:…``. ``installations`` are those about which they are an approver by a grant on them alone."""

    user: User
    refs: frozenset[str]
    installations: frozenset[UUID] = frozenset()
    lent: tuple["Lent", ...] = ()

    def seat(self, approval: Approval, stage: ApprovalStage) -> Seat | None:
        """Their own seat at ``stage``, or else one lent to them by somebody who could answer themselves and did not."""
        if ref := self.own(approval, stage):
            return Seat(stage, ref)
        for loan in self.lent:
            lender = loan.standing.user
            ref = loan.standing.own(approval, stage) if loan.is_about(approval) else ""
            if ref and not word_of(lender, approval.all_votes) and not why_not_yours(approval, lender):
                return Seat(stage, ref, lender)
        return None

    def own(self, approval: Approval, stage: ApprovalStage) -> str:
        """By which reference ``stage`` asks them themselves; "" where it does not."""
        ref = next((ref for ref in stage.reviewers if ref in self.refs), "")
        if not ref and APPROVERS in stage.reviewers and approval.installation_id in self.installations:
            return APPROVERS
        return ref

    def answers(self) -> Q:
        """``seat`` for lists: a filter for the approvals that it gives one for, at the stage that is open."""
        found = _at_open_stage(self._own_stages())
        for loan in self.lent:
            found |= _at_open_stage(loan.stages()) & ~too_close(loan.standing.user) & ~spoke(loan.standing.user)
        return found

    def is_named(self) -> Q:
        """A filter for the approvals of which any stage names them, open or not, or somebody whose place they take."""
        found = self._own_stages()
        for loan in self.lent:
            found |= loan.stages()
        return Q(pk__in=ApprovalStage.objects.filter(found).values("approval"))

    def _own_stages(self) -> Q:
        found = Q(reviewers__overlap=sorted(self.refs)) if self.refs else Q(pk__in=[])
        if self.installations:
            found |= Q(reviewers__contains=[APPROVERS], approval__installation__in=self.installations)
        return found


@dataclass(frozen=True)
class Lent:
    """Somebody's own standing, handed over for now; about one installation, or about everything where it is None."""

    standing: Standing
    installation_id: UUID | None

    def is_about(self, approval: Approval) -> bool:
        return self.installation_id in (None, approval.installation_id)

    def stages(self) -> Q:
        """``is_about`` and what the lender is, for lists: a filter for stages."""
        found = self.standing._own_stages()
        return found & Q(approval__installation=self.installation_id) if self.installation_id else found


def standing_of(user: User, workspace: Workspace, at: datetime | None = None) -> Standing:
    """What ``user`` is here, of their own and by what is lent to them at ``at`` (now, by the database's clock).

    Nothing at all for whoever is no member, whatever names them still: they left, or were never here. Of now it is
    read once within a request; a vote names its moment, and so reads it anew.
    """
    if at is None:
        return remembered(("standing", user.pk, workspace.pk), lambda: _standing(user, workspace, None))
    return _standing(user, workspace, at)


def _standing(user: User, workspace: Workspace, at: datetime | None) -> Standing:
    own = _own_standing(user, workspace)
    if not own.refs:
        return own
    loans = delegated_to(user, workspace, at)
    lent = tuple(Lent(_own_standing(row.giver, workspace), row.installation_id) for row in loans)
    return Standing(user, own.refs, own.installations, lent)


def seat_of(approval: Approval, user: User) -> Seat | None:
    """The seat of ``user`` at the open stage; None where it does not ask them, or where none is open."""
    stage = open_stage(approval)
    return standing_of(user, approval.workspace).seat(approval, stage) if stage else None


def open_stage(approval: Approval) -> ApprovalStage | None:
    """The stage that is answered now."""
    return approval.stages.filter(**OPEN).order_by("position").first()


def why_not_yours(approval: Approval, reviewer: User) -> str:
    """The sentence that says why this reviewer is too close to the matter; empty where they are not."""
    if reviewer.pk == approval.requested_by_id:
        return "You asked for this, so someone else decides it."
    if reviewer.pk == approval.version_author_id:
        return "You published this version, so someone else decides it."
    if approval.agent is not None and approval.agent.owner_id == reviewer.pk:
        return "You own the agent that asked, so someone else decides it."
    if approval.agent_tokens.filter(created_by=reviewer).exists():
        return "You made a token of this agent, so the call could be yours, and someone else decides it."
    of = {"workspace": approval.workspace_id, "giver": approval.requested_by_id, "taker": reviewer.pk}
    if {None, approval.installation_id} & set(_stands_in(**of, since=approval.requested_at)):
        return f"You stand in for {approval.requested_by}, who asked for this, so someone else decides it."
    return ""


def too_close(user: User) -> Q:
    """``why_not_yours`` for lists: a filter for the approvals that ``user`` is too close to."""
    made = Token.objects.filter(workspace=OuterRef("workspace"), agent=OuterRef("agent"), created_by=user)
    stands_in = Delegation.objects.filter(
        held_since(OuterRef("requested_at")),
        Q(installation=None) | Q(installation=OuterRef("installation")),
        workspace=OuterRef("workspace"),
        giver=OuterRef("requested_by"),
        taker=user,
    )
    own = Q(requested_by=user) | Q(version_author=user) | Q(agent__owner=user)
    return own | _each(made) | _each(stands_in)


def spoke(user: User) -> Q:
    """A filter for the approvals on which ``user`` said a word, or another in their place: nobody says two."""
    said = Q(reviewer=user) | Q(on_behalf_of=user)
    return _each(Vote.objects.filter(said, workspace=OuterRef("workspace"), approval=OuterRef("pk")))


def word_of(user: User, votes: Iterable[Vote]) -> Vote | None:
    """The same for the votes of one approval: the word that is theirs."""
    return next((vote for vote in votes if user.pk in (vote.reviewer_id, vote.on_behalf_of_id)), None)


def stand_ins(approval: Approval) -> QuerySet[Delegation]:
    """Delegations of the requester that held at any time since the request: ending one makes nobody impartial."""
    return Delegation.objects.in_workspace(approval.workspace).filter(
        held_since(approval.requested_at), about(approval), giver=approval.requested_by_id
    )


@prepared
def _stands_in(workspace: UUID, giver: UUID, taker: UUID, since: datetime) -> QuerySet[Delegation, UUID | None]:
    """What is lent by ``giver`` to ``taker`` for, as ``stand_ins`` are: of everything, or of one installation."""
    rows = Delegation.objects.filter(held_since(since), workspace=workspace, giver=giver, taker=taker)
    return rows.values_list("installation", flat=True)


def held_since(moment: datetime | F) -> Q:
    """Delegations that have begun and were not over at ``moment``."""
    return Q(starts_at__lte=Now(), ends_at__gt=moment) & (Q(ended_at=None) | Q(ended_at__gt=moment))


def about(approval: Approval) -> Q:
    """Delegations that reach this request: of everything, or of its installation."""
    return Q(installation=None) | Q(installation=approval.installation_id, installation__isnull=False)


def may_see(user: User, workspace: Workspace) -> Q:
    """A filter for the approvals of ``workspace`` that ``user`` may open: all, or those that are theirs or ask them."""
    for codename in ("view_approval", "decide_approval"):
        if can(user, f"core.{codename}", workspace):
            return Q(workspace=workspace)
    by_grant = granted(user, "view_approval", Approval, workspace) | granted(
        user, "decide_approval", Approval, workspace
    )
    theirs = Q(requested_by=user) | Q(assigned_to=user) | standing_of(user, workspace).is_named()
    return Q(workspace=workspace) & (theirs | by_grant)


def names_of(stage: ApprovalStage) -> str:
    """Whom a stage asks, in words: "one of Sales-Ops or an owner"."""
    return " or ".join(name_of(ref, stage.workspace_id) for ref in stage.reviewers)


def name_of(ref: str, workspace_id: UUID) -> str:
    """A reference in words: "one of Sales-Ops", "an owner", "an approver", "Ada Byron"."""
    kind, _, value = ref.partition(":")
    if kind == "group":
        group = ApproverGroup.objects.filter(workspace=workspace_id, pk=value).first()
        return f"one of {group}" if group else "one of a group that is no more"
    if kind == "role" and value in Role.values:
        label = Role(value).label.lower()
        return f"{'an' if label[0] in 'aeiou' else 'a'} {label}"
    if kind == "role":
        role = RoleGroup.objects.filter(workspace=workspace_id, pk=value).first()
        return f"somebody with the role {role}" if role else "somebody with a role that is no more"
    if kind == "person":
        return str(User.objects.filter(pk=value).first() or "somebody who is no more")
    return "an approver"


def _at_open_stage(which: Q) -> Q:
    """Whether the stage of an approval that is open is such a one."""
    return _each(ApprovalStage.objects.filter(which, workspace=OuterRef("workspace"), approval=OuterRef("pk"), **OPEN))


def _each(rows: QuerySet) -> Q:
    """Whether there are ``rows``, looked up approval by approval. PostgreSQL makes a join of a bare EXISTS, and where
    it has no statistics yet, one of everything with everything: 3,000 requests took seconds instead of 60 ms."""
    return Q(Case(When(Exists(rows), then=Value(True)), default=Value(False)))


def _own_standing(user: User, workspace: Workspace) -> Standing:
    found = _roles_and_groups.one(workspace=workspace.pk, user=user.pk)
    if found is None:
        return Standing(user, frozenset())
    role, own_role, in_groups = found
    refs = {f"person:{user.pk}", f"role:{role or own_role}", *(f"group:{group}" for group in in_groups)}
    if can(user, "core.decide_approval", workspace):
        return Standing(user, frozenset({*refs, APPROVERS}))
    return Standing(user, frozenset(refs), frozenset(_decided_one_by_one(workspace=workspace.pk, user=user.pk)))


@prepared
def _decided_one_by_one(workspace: UUID, user: UUID) -> QuerySet[Installation, UUID]:
    """The installations about which somebody who is no approver of the whole workspace is one, by a grant on them."""
    granted_here = granted_on_rows(user, "decide_approval", Installation)
    return Installation.objects.filter(granted_here, workspace=workspace).values_list("pk", flat=True)


@prepared
def _roles_and_groups(workspace: UUID, user: UUID) -> QuerySet[Membership, tuple[str, UUID | None, list[UUID]]]:
    """The role of a member who may sign in, their own kind of role, and the approver groups they are in."""
    theirs = ApproverGroupMember.objects.filter(workspace=OuterRef("workspace"), user=OuterRef("user"))
    groups = ArraySubquery(theirs.filter(group__ended_at=None).values("group"))
    member = Membership.objects.filter(workspace=workspace, user=user, user__is_active=True)
    return member.values_list("role", "custom_role", groups)
