"""The verbs of submissions: submit and withdraw for authors; take, give back and decide for reviewers.

Each locks the row, follows machine.py, and writes its step and an event into the trail of both workspaces within one
transaction. News goes out with it (news.py).
"""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils import timezone

from galaxy.core.errors import Invalid
from galaxy.core.models import AuditEvent, User, Workspace
from galaxy.core.permissions import require
from galaxy.core.scope import scope_with
from marketplace.desk import MAY_REVIEW
from marketplace.submissions import news
from marketplace.submissions.errors import NotNow, NotTheReviewer, OwnWork, ReasonNeeded, StillOpen
from marketplace.submissions.facing import Order, publishers_for, ready
from marketplace.submissions.machine import MOVES, SUBMIT, both_sides, locked, make_move, write_step
from marketplace.submissions.models import Submission, SubmissionFile
from marketplace.submissions.proof import prove_soon
from marketplace.workshop.drafts import MAY_WRITE, begin_with_files, files_of, remove_draft
from marketplace.workshop.models import Draft
from registry.publishers.team import is_of_team

MOST_CHARACTERS, MOST_SUPPORT, MOST_FIX = 4000, 200, 300
_HANDS = ("draft.created", "draft.imported", "draft.saved", "draft.file_put", "draft.file_taken")


@transaction.atomic
def submit(draft: Draft, *, order: Order, actor: User, now: datetime | None = None) -> Submission:
    """Hand in the draft as it is saved now, with its files, for the catalogue that ``order`` names.

    Raises NotGranted, NoDesk, NotReady (with findings), StillOpen, or what a version of that name and number refuses:
    NameTaken or AlreadyPublished.
    """
    require(actor, MAY_WRITE, draft.workspace)
    kept = Draft.objects.filter(workspace=draft.workspace_id).select_related("workspace", "created_by", "updated_by")
    draft = kept.select_for_update(of=("self",)).get(pk=draft.pk)
    _check_order(draft.workspace, order, actor)
    prepared = ready(draft.workspace, draft.text, files_of(draft), order)
    manifest, files = prepared.manifest, prepared.files
    desk = order.desk
    here = Submission.objects.in_workspace(draft.workspace).at_desk(desk.pk).filter(slug=manifest.id)
    if (waiting := here.open().first()) is not None:
        raise StillOpen(f"{waiting} is {waiting.get_state_display().lower()} already.")
    before = here.order_by("-submitted_at", "-id").first()
    row = Submission(
        workspace=draft.workspace,
        desk=desk,
        workspace_name=draft.workspace.name[:80],
        draft=draft,
        before=before,
        kind=manifest.kind,
        slug=manifest.id,
        name=manifest.name[:80],
        number=manifest.version or "",
        publisher=order.publisher,
        owner=order.owner,
        security_fix=order.security_fix,
        text=draft.text,
        manifest=manifest.canonical,
        manifest_digest=manifest.digest,
        digest=prepared.digest,
        findings=[finding.as_dict() for finding in prepared.findings],
        changes=order.changes,
        support=order.support,
        author_ids=_authors(draft, order, actor),
        submitted_by=actor,
        submitted_at=now or timezone.now(),
    )
    with scope_with(desk.pk):
        try:
            with transaction.atomic():
                row.save(force_insert=True)
        except IntegrityError as error:
            raise StillOpen(f"{row} was submitted a moment ago.") from error
        SubmissionFile.objects.bulk_create(
            SubmissionFile(
                workspace=row.workspace,
                desk=desk,
                submission=row,
                path=path,
                content=content,
                sha256=hashlib.sha256(content).hexdigest(),
            )
            for path, content in files.items()
        )
        with both_sides(row) as sides:
            facts = {"publisher": row.publisher, "catalogue": "public" if row.is_public else "private"}
            write_step(row, SUBMIT, actor=actor, sides=sides, before="", note="", now=row.submitted_at, facts=facts)
            news.tell_reviewers(row, sides.desk, by=actor)
            prove_soon(row)
    return row


@transaction.atomic
def hand_in(workspace: Workspace, *, text: str, files: Mapping[str, bytes], order: Order, actor: User) -> Submission:
    """Submit what somebody has in files of their own: it becomes a draft that is put away once it is handed in.

    Raises what ``submit`` does, or what a draft refuses of a text and its files.
    """
    draft = begin_with_files(workspace, text=text, files=files, actor=actor)
    row = submit(draft, order=order, actor=actor)
    remove_draft(draft, actor=actor)
    return row


@transaction.atomic
def withdraw(submission: Submission, *, actor: User, now: datetime | None = None) -> Submission:
    """Take it back while it is open: nothing of it is published. Raises NotGranted or NotNow."""
    require(actor, MAY_WRITE, submission.workspace)
    with both_sides(submission) as sides:
        row = locked(submission, MOVES["withdraw"])
        reviewer, now = row.reviewer, now or timezone.now()
        make_move(row, MOVES["withdraw"], actor=actor, sides=sides, now=now, closed_at=now)
        news.settle(row, sides.desk)
        if reviewer is not None:
            news.tell_reviewer(row, sides.desk, reviewer, "submission_withdrawn", by=actor)
    return row


@transaction.atomic
def take(submission: Submission, *, desk: Workspace, actor: User, now: datetime | None = None) -> Submission:
    """Begin to review it: others see that it is being looked at. Raises NotGranted, OwnWork or NotNow."""
    require(actor, MAY_REVIEW, desk)
    with both_sides(submission) as sides:
        row = locked(submission, MOVES["take"])
        check_no_author(row, actor)
        now = now or timezone.now()
        make_move(row, MOVES["take"], actor=actor, sides=sides, now=now, reviewer=actor, taken_at=now)
        news.settle(row, sides.desk)
        news.tell_authors(row, sides.origin, "submission_taken", by=actor)
    return row


def prove_again(submission: Submission, *, desk: Workspace, actor: User) -> None:
    """Let a worker run its tests and checks once more. Raises NotGranted or NotNow."""
    require(actor, MAY_REVIEW, desk)
    if not submission.is_open or not submission.is_public:
        raise NotNow(f"{submission} is not waiting for a place in the marketplace, so nothing has to be proven.")
    prove_soon(submission)


@transaction.atomic
def release(submission: Submission, *, desk: Workspace, actor: User, now: datetime | None = None) -> Submission:
    """Give it back to the line, where it keeps its place. Any reviewer may, so that none is stuck with who is away.

    Raises NotGranted, OwnWork or NotNow.
    """
    require(actor, MAY_REVIEW, desk)
    with both_sides(submission) as sides:
        row = locked(submission, MOVES["release"])
        check_no_author(row, actor)
        held = row.reviewer
        note = "" if held == actor else f"{held} had it."
        make_move(row, MOVES["release"], actor=actor, sides=sides, note=note, now=now, reviewer=None, taken_at=None)
        if held is not None and held != actor:
            news.tell_reviewer(row, sides.desk, held, "submission_released", by=actor)
    return row


def request_changes(
    submission: Submission,
    *,
    desk: Workspace,
    actor: User,
    reason: str = "",
    findings: tuple[int, ...] = (),
    now: datetime | None = None,
) -> Submission:
    """Send it back with what has to change: ``findings`` are places in its list, ``reason`` the reviewer's own words.

    Raises NotGranted, OwnWork, NotNow, NotTheReviewer or ReasonNeeded.
    """
    return _refuse("request_changes", submission, desk, actor, reason, findings, now)


def reject(
    submission: Submission,
    *,
    desk: Workspace,
    actor: User,
    reason: str = "",
    findings: tuple[int, ...] = (),
    now: datetime | None = None,
) -> Submission:
    """Say no, with every reason. Raises as ``request_changes`` does."""
    return _refuse("reject", submission, desk, actor, reason, findings, now)


@transaction.atomic
def _refuse(
    name: str,
    submission: Submission,
    desk: Workspace,
    actor: User,
    reason: str,
    findings: tuple[int, ...],
    now: datetime | None,
) -> Submission:
    require(actor, MAY_REVIEW, desk)
    reason = reason.strip()
    if len(reason) > MOST_CHARACTERS:
        sentence = f"A reason has at most {MOST_CHARACTERS} characters."
        raise ReasonNeeded(sentence, {"reason": sentence})
    with both_sides(submission) as sides:
        row = locked(submission, MOVES[name])
        check_reviewer(row, actor)
        reasons = [row.findings[at] for at in sorted(set(findings)) if 0 <= at < len(row.findings)]
        if not reason and not reasons:
            sentence = "A no needs a reason that its authors can act on."
            raise ReasonNeeded(sentence, {"reason": sentence})
        now = now or timezone.now()
        make_move(
            row,
            MOVES[name],
            actor=actor,
            sides=sides,
            note=reason,
            now=now,
            facts={"codes": [one["code"] for one in reasons], "reason": reason},
            decided_by=actor,
            closed_at=now,
            reason=reason,
            reasons=reasons,
        )
        news.tell_authors(row, sides.origin, f"submission_{row.state}", by=actor, note=reason)
    return row


def check_no_author(row: Submission, actor: User) -> None:
    """Raises OwnWork for whoever had a hand in it, or is of its publisher's team by now."""
    if actor.pk in row.author_ids or (row.owner and is_of_team(actor, row.owner)):
        raise OwnWork(f"You had a hand in {row}, so you do not review it.")


def check_reviewer(row: Submission, actor: User) -> None:
    """Raises OwnWork, or NotTheReviewer unless ``actor`` took it."""
    check_no_author(row, actor)
    if row.reviewer_id != actor.pk:
        raise NotTheReviewer(f"{row.reviewer} reviews {row}.")


def _check_order(workspace: Workspace, order: Order, actor: User) -> None:
    """Raises Invalid for words that are too long, or a publisher that is not theirs."""
    fields = {}
    if order.owner and not publishers_for(actor, workspace).filter(pk=order.owner.pk).exists():
        fields["publisher"] = f"You are not of the team of {order.owner} in this workspace."
    if len(order.changes) > MOST_CHARACTERS:
        fields["changes"] = f"At most {MOST_CHARACTERS} characters."
    if len(order.support) > MOST_SUPPORT:
        fields["support"] = f"At most {MOST_SUPPORT} characters."
    if len(order.security_fix) > MOST_FIX:
        fields["security_fix"] = f"At most {MOST_FIX} characters."
    if fields:
        raise Invalid("It was not submitted.", fields, " ".join(fields.values()))


def _authors(draft: Draft, order: Order, actor: User) -> list[UUID]:
    """Everybody who had a hand in it, whom the trail knows, and the team that it is published by."""
    known = {actor.pk, draft.created_by_id, draft.updated_by_id}
    known |= set(order.owner.team.values_list("user", flat=True)) if order.owner else set()
    events = AuditEvent.objects.in_workspace(draft.workspace).filter(
        target_kind="draft", target_id=str(draft.pk), action__in=_HANDS, actor_kind="person"
    )
    ids = set(events.values_list("actor_id", flat=True).distinct())
    return sorted(known | set(User.objects.filter(pk__in=ids).values_list("pk", flat=True)))
