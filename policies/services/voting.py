"""Deciding: one word of one person at a time, until enough different people of every stage have said yes, or one no.

The approval's row is locked first, and everything is then read anew: the time, the digest, who the reviewer is. So a
grant that was revoked, a version that was rolled back or an end that came while a page was open is felt by the vote.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction

from galaxy.core import audit
from galaxy.core.audit import Actor
from galaxy.core.errors import DomainError, Invalid
from galaxy.core.models import User, Workspace
from galaxy.core.permissions import NotGranted, forget_grants, why_not
from galaxy.core.second_factor import KINDS, has_second_factor
from policies import notifications
from policies.clock import database_now
from policies.errors import AlreadyVoted, NotAsked, SecondFactorNeeded, SelfApproval
from policies.models import Approval, ApprovalStage, Vote
from policies.risk import Risk, risk_of
from policies.rules.asks import APPROVERS
from policies.services.requesting import announce, is_simulated, why_undecidable
from policies.services.standing import Seat, Standing, name_of, names_of, standing_of, why_not_yours, word_of

Status = Approval.Status
MANY = 200  # decided by one form


@transaction.atomic
def decide_approval(
    approval: Approval,
    *,
    reviewer: User,
    decision: str,
    note: str = "",
    digest: str,
    factor: str = "",
) -> Approval:
    """Say yes or no to a waiting approval, and write it to the audit trail.

    ``decision`` is ``approved`` or ``rejected``; ``note`` is plain text the requester reads, needed to reject and for a
    yes at high risk; ``digest`` is what the reviewer's form showed; ``factor`` the second factor that they showed
    lately (recent_proof.recent_factor), needed for a yes where the approval says so: a no is never made harder.

    One no ends it. A yes is counted with those of others who still may answer; once every stage has as many as it
    needs, the approval is approved. Returns it as stored; ``approval_decided`` follows the commit that decides it.
    Raises NotGranted, NotAsked, SelfApproval, AlreadyVoted, Invalid, SecondFactorNeeded, Changed, ApprovalExpired or
    AlreadyDecided.
    """
    note = note.strip()
    _check_choice(decision)
    locked, stages, seat, now = _admitted(approval, reviewer, digest)
    votes = Vote.objects.in_workspace(locked.workspace).filter(approval=locked)
    said = list(votes.select_related("reviewer", "on_behalf_of", "stage").order_by("voted_at"))
    if mine := word_of(reviewer, said):
        who = "You have" if mine.reviewer == reviewer else f"In your place {mine.reviewer} has"
        raise AlreadyVoted(f"{who} said yes to this already; now others are asked.")
    _check_note(locked, decision, note)
    shown = _checked_factor(locked, reviewer, decision, factor)
    vote = Vote(
        workspace=locked.workspace,
        approval=locked,
        stage=seat.stage,
        reviewer=reviewer,
        on_behalf_of=seat.giver,
        requested_by_id=locked.requested_by_id,
        version_author_id=locked.version_author_id,
        choice=decision,
        factor=shown,
        reason=note,
        digest=digest,
        voted_at=now,
    )
    try:
        with transaction.atomic():
            _take(vote, seat, stages, said)
    except IntegrityError:
        # The database looks at the time once more. What ended while this was written is refused as though it had
        # ended before; whatever else it does not take is a defect.
        if _admitted(approval, reviewer, digest)[2].giver == seat.giver:
            raise
        sentence = f"You answered in place of {seat.giver} until a moment ago, so nothing was decided."
        raise NotAsked(sentence, "Reload and look at it again.") from None
    approval.refresh_from_db()
    return approval


@dataclass(frozen=True)
class Result:
    """What became of one of many: ``why`` is the refusal, "" where the word was taken."""

    id: UUID
    approval: Approval | None
    why: str = ""

    @property
    def is_done(self) -> bool:
        return not self.why


def decide_many(
    workspace: Workspace,
    items: Sequence[tuple[UUID, str]],
    *,
    reviewer: User,
    decision: str,
    note: str = "",
    factor: str = "",
) -> list[Result]:
    """Say the same to several requests of one shape, each (id, digest as it was shown), and each for itself.

    What changed meanwhile is returned with the reason, and holds up none of the others. Raises Invalid where they are
    not alike, too many, or where the form itself cannot be taken; SecondFactorNeeded before anything is decided.
    """
    _check_choice(decision)
    wanted = dict(items)
    if len(wanted) > MANY:
        raise Invalid(f"At most {MANY} are decided at once.", {"ids": f"Choose {MANY} or fewer."})
    rows = Approval.objects.in_workspace(workspace).visible_to(reviewer, within=workspace)
    found = {row.pk: row for row in rows.filter(pk__in=wanted).select_related("workspace")}
    shapes = {(row.subject_kind, row.shape or row.pk) for row in found.values()}
    if len(shapes) > 1:
        raise Invalid("These are not of one kind, so each is decided by itself.", {"ids": "Choose requests alike."})
    for row in found.values():
        _check_note(row, decision, note.strip())
    if careful := next((row for row in found.values() if row.needs_second_factor), None):
        _checked_factor(careful, reviewer, decision, factor)
    results = []
    for id, digest in wanted.items():
        approval = found.get(id)
        if approval is None:
            results.append(Result(id, None, "There is no such request here."))
            continue
        try:
            decide_approval(approval, reviewer=reviewer, decision=decision, note=note, digest=digest, factor=factor)
            results.append(Result(id, approval))
        except (DomainError, PermissionDenied) as refusal:
            results.append(Result(id, approval, str(refusal)))
    return results


def _admitted(approval: Approval, reviewer: User, digest: str) -> tuple[Approval, list[ApprovalStage], Seat, datetime]:
    """The request under its lock, its stages, where the reviewer sits, and the moment of all three.

    Raises NotGranted, NotAsked, SelfApproval, Changed, ApprovalExpired or AlreadyDecided.
    """
    locked = _locked(approval)
    forget_grants()
    now = database_now()
    stages = list(locked.stages.order_by("position"))
    stage = next((one for one in stages if one.is_open), stages[-1])
    standing = standing_of(reviewer, locked.workspace, now)
    if refusal := why_not_yours(locked, reviewer):
        raise SelfApproval(refusal)
    seat = _seat(locked, stage, standing)
    if locked.status != Status.PENDING or locked.expires_at <= now or locked.digest != digest:
        approval.refresh_from_db()
        raise why_undecidable(locked, digest)
    return locked, stages, seat, now


def _locked(approval: Approval) -> Approval:
    rows = Approval.objects.in_workspace(approval.workspace).select_for_update(of=("self",))
    return rows.select_related("workspace", "requested_by", "agent").get(pk=approval.pk)


def _seat(approval: Approval, stage: ApprovalStage, standing: Standing) -> Seat:
    """Where the reviewer sits. Raises NotGranted or NotAsked where the stage asks others."""
    seat = standing.seat(approval, stage)
    if seat:
        return seat
    if APPROVERS in stage.reviewers:
        denied = why_not(standing.user, "core.decide_approval", approval.workspace)
        if denied:
            raise NotGranted(denied)
    raise NotAsked(f"This is for {names_of(stage)} to decide.")


def _check_choice(decision: str) -> None:
    if decision not in Vote.Choice.values:
        raise Invalid("Choose to approve or to reject.", {"decision": "Choose to approve or to reject."})


def _check_note(approval: Approval, decision: str, note: str) -> None:
    if note or (decision == Vote.Choice.APPROVE and risk_of(approval) != Risk.HIGH):
        return
    said = "A rejection" if decision == Vote.Choice.REJECT else "A yes to a live delete, or to many records,"
    raise Invalid(f"{said} needs a reason.", {"note": "Say why, for whoever asked and for whoever reads this later."})


def _checked_factor(approval: Approval, reviewer: User, decision: str, factor: str) -> str:
    """The second factor that this word rests on, "" where none is needed. Raises SecondFactorNeeded."""
    if decision == Vote.Choice.REJECT or not approval.needs_second_factor:
        return ""
    has_one = has_second_factor(reviewer)
    if factor not in KINDS or not has_one:
        raise SecondFactorNeeded(f"Approve “{approval.summary}”", has_one=has_one)
    return factor


def _take(vote: Vote, seat: Seat, stages: list[ApprovalStage], said: list[Vote]) -> None:
    """Write the vote, after those that were ``said`` before, and what comes of it."""
    vote.save(force_insert=True)
    if vote.choice == Vote.Choice.REJECT:
        _decide(vote.approval, seat, vote, Status.REJECTED)
    else:
        _count(vote.approval, stages, [*said, vote], seat)


def _count(approval: Approval, stages: list[ApprovalStage], votes: list[Vote], seat: Seat) -> None:
    """After a yes, the last of ``votes``: which stages have enough that still count; the first that has not is open
    now. Raises NotAsked where the last one itself does not, since its reviewer was removed at this very moment."""
    vote = votes[-1]
    counted = [one for one in votes if _counts(one, approval, vote.voted_at)]
    if vote not in counted:
        raise NotAsked(f"This is for {names_of(seat.stage)} to decide.")
    yes = Counter(one.stage_id for one in counted)
    short = next((stage for stage in stages if yes[stage.pk] < stage.needed), None)
    if short is None:
        _decide(approval, seat, vote, Status.APPROVED)
        return
    opened = _open(stages, short, vote.voted_at)
    missing = short.needed - yes[short.pk]
    audit.record(
        "approval.voted",
        actor=Actor.of(vote.reviewer),
        target=approval,
        simulated=is_simulated(approval),
        digest=approval.digest,
        choice=vote.choice,
        reason=vote.reason,
        stage=seat.stage.position,
        missing=missing,
        **_facts(seat, approval),
    )
    notifications.tell_of_vote(approval, vote.reviewer, missing, name_of(short.reviewers[0], approval.workspace_id))
    if opened:
        notifications.ask(approval, short)


def _counts(vote: Vote, approval: Approval, now: datetime) -> bool:
    """Whether a yes still holds: whoever said it is here, whoever's place it was has that still, and neither came
    closer to the matter since. That a delegation ended since takes nothing back: it held when the word was said."""
    place = vote.on_behalf_of or vote.reviewer
    standings = {one: standing_of(one, approval.workspace, now) for one in (place, vote.reviewer)}
    is_here = all(standing.refs and not why_not_yours(approval, one) for one, standing in standings.items())
    return is_here and bool(vote.stage and standings[place].own(approval, vote.stage))


def _open(stages: list[ApprovalStage], short: ApprovalStage, now: datetime) -> bool:
    """Close the stages before ``short``, and open it; True where it was not open yet, or not any more."""
    for stage in stages:
        if stage.position < short.position and stage.done_at is None:
            stage.done_at = now
            stage.save(update_fields=["done_at"])
    is_news = short.opened_at is None or short.done_at is not None
    if is_news:
        short.opened_at, short.done_at = short.opened_at or now, None
        short.save(update_fields=["opened_at", "done_at"])
    return is_news


def _decide(approval: Approval, seat: Seat, vote: Vote, status: str) -> None:
    """The vote that decides it."""
    approval.stages.filter(done_at=None, opened_at__isnull=False).update(done_at=vote.voted_at)
    approval.status, approval.decided_at = status, vote.voted_at
    approval.save(update_fields=["status", "decided_at"])
    facts = _facts(seat, approval)
    announce(approval, f"approval.{status}", Actor.of(vote.reviewer), digest=vote.digest, reason=vote.reason, **facts)
    notifications.tell_outcome(approval, by=vote.reviewer, note=vote.reason)


def _facts(seat: Seat, approval: Approval) -> dict[str, Any]:
    """What the trail says of a vote beyond who and what: whose place it was, and that a second factor was shown."""
    said: dict[str, Any] = {"as": seat.ref}
    if seat.giver:
        said["on_behalf_of"] = seat.giver
    if approval.needs_second_factor:
        said["second_factor"] = True
    return said
