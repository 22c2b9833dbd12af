"""Installs, upgrades and wider scopes that wait for somebody's yes, and are made the moment it is given.

Whoever lacks the permission can ask, and so does whoever has it where a rule says require_approval; where one says
deny, nobody can. What was asked for is a ``Change``; the approval about it is bound to exactly what was shown. It is
worked out anew in the transaction that makes the change: where anything moved meanwhile, it is asked for once more and
the request says what changed.
"""

from collections.abc import Sequence
from typing import Any
from uuid import uuid4

from django.db import connection, transaction
from django.utils import timezone

from galaxy.core import audit
from galaxy.core.audit import Actor
from galaxy.core.errors import Conflict, DomainError, Invalid
from galaxy.core.members.people import lock
from galaxy.core.models import Agent, Membership, User, Workspace
from galaxy.core.notifications import notify
from galaxy.core.permissions import require
from galaxy.core.sweeps import apart
from policies.models import Approval, Change, Decision, Effect
from policies.proofs import proof_of, replayed
from policies.rules.asks import Ask
from policies.services import granting
from policies.services.approvals import ApprovalChanged, consume, digest_of, request_approval
from policies.services.change_facts import facts_of, summary_of
from policies.services.change_questions import Verdict, bound_parts, may, question, verdict_on
from policies.services.change_steps import carry_out, chain_of, shape_of, steps_of
from policies.services.decisions import decide
from registry.courses import Course
from registry.errors import ConsentNeeded
from registry.gates import INSTALL, UPGRADE, WIDEN, ReplayFirst, RuledOut, Step
from registry.models import Installation, Version
from registry.services.installing import install_step
from registry.services.moving import upgrade_step
from registry.services.widening import widen_step
from registry.updates.rollouts import check_rollout

KINDS = (INSTALL, UPGRADE, WIDEN)
SETTLED_AT_MOST = 200  # decided matters taken up per sweep; the next one takes the rest
State = Change.State


class NoNeedToAsk(Conflict):
    """Nothing stands in the way: it can be done right away."""

    code = "no_need_to_ask"
    next_step = "Go back and do it there."


class OverrideNeeded(Conflict):
    """The rollback drill fails, and whoever asks did not say that they want it all the same, and why."""

    code = "override_needed"
    next_step = "Open the page of the move, read why there is no way back, and say why it is wanted all the same."


class NotMember(DomainError):
    status = 403
    code = "not_member"
    next_step = "Only members ask for a change."


def ask_install(
    workspace: Workspace,
    version: Version,
    *,
    actor: User,
    agent: Agent | None = None,
    along: Sequence[Version] = (),
    reason: str = "",
) -> Change:
    """Ask for ``version`` to be installed, and before it ``along``, which it requires and the workspace lacks.

    ``agent`` is who asks for ``actor``, its owner: it does nothing alone, whatever they may. Raises NotMember,
    NotGranted (they do not even see the marketplace), RuledOut, or NoNeedToAsk.
    """
    steps = [install_step(workspace, one, actor) for one in (*along, version)]
    return _ask(steps, actor=actor, agent=agent, reason=reason)


def ask_upgrade(
    installation: Installation,
    version: Version,
    *,
    actor: User,
    agent: Agent | None = None,
    agreed: Sequence[str] = (),
    keeps: bool = False,
    override: bool = False,
    course: Course | None = None,
    reason: str = "",
) -> Change:
    """Ask for ``installation`` to be moved to ``version``. ``agreed`` names what is new, as its page showed it;
    ``keeps`` leaves new scopes off; ``course`` brings it in step by step, and is part of what is agreed to: another
    course is another request.

    The request is bound to what a replay of its recorded calls said: where there is no report yet, a worker is called
    and ReplayFirst raised, to ask again once that is over. Where the rollback drill fails, ``override`` says that it is
    wanted all the same, for the ``reason``; somebody else decides it in any case. Raises what ask_install does,
    ReplayFirst, ConsentNeeded or OverrideNeeded, and of a course what start_rollout does of the world as it is.
    """
    if course and keeps:
        raise Invalid("Step by step, new scopes cannot stay off.", {"keeps": "Leave one of the two."})
    step = upgrade_step(installation, version, actor, keeps=keeps, course=course)
    if keeps and (fixed := (*step.new_hosts, *step.weaker)):
        raise ConsentNeeded(f"{version} brings what cannot stay off: {', '.join(fixed)}.")
    _check_seen(step, agreed)
    _check_member(actor, step.workspace)
    if version.sort_key < installation.pin.version.sort_key and not reason.strip():
        raise Invalid("A rollback has a reason.", {"reason": "Say why."}, "Go back and say why.")
    if course:
        check_rollout(installation, version=version, course=course)
    proof = replayed(step, wants=True)
    overrides = bool(proof and proof.one_way)
    if proof and proof.one_way and not (override and reason.strip()):
        raise OverrideNeeded(f"There is no proven way back from {version}. {' '.join(proof.one_way)}")
    return _ask([step], actor=actor, agent=agent, reason=reason, keeps=keeps, override=overrides)


def ask_widen(
    installation: Installation,
    *,
    actor: User,
    agent: Agent | None = None,
    agreed: Sequence[str] = (),
    reason: str = "",
) -> Change:
    """Ask for what the pinned version asks for and was not given. Raises what ask_upgrade does, or NothingToAgree."""
    step = widen_step(installation, actor)
    _check_seen(step, agreed)
    return _ask([step], actor=actor, agent=agent, reason=reason)


def change_decided(approval: Approval) -> None:
    """Make the change that was approved, or put it down as refused. Safe to call twice."""
    change = _waiting(approval)
    if change is None:
        return
    if approval.status == Approval.Status.APPROVED:
        make_change(change)
    elif approval.status != Approval.Status.PENDING:
        with transaction.atomic():
            vote = approval.votes.filter(choice="rejected").first()
            said = vote.reason if vote else f"{approval.get_status_display()}."
            _close(_locked(change), State.REFUSED, said)


def make_change(change: Change) -> Change:
    """Do what was approved, in one transaction with the use of its approval; or say why not, or ask once more.

    What the world refuses (installed meanwhile, something required is missing) makes it fail, and who asked is told.
    """
    try:
        with transaction.atomic():
            row = _locked(change)
            if row.state != State.WAITING or row.approval is None:
                return row
            _check_member(row.asked_by, row.workspace)
            if row.approval.agent and row.approval.agent.is_over:
                raise Conflict(f"{row.approval.agent} has ended.")
            steps = steps_of(row)
            verdict = verdict_on(steps)
            if verdict.effect == Effect.DENY:
                raise RuledOut(verdict.reasons[0].text)
            _check_way_back(row, steps[-1])
            bound = bound_parts(steps, verdict, row.approval.agent)
            chain = chain_of(row)
            consume(row.approval, digest=digest_of(bound), bound=bound, actor=chain)
            carry_out(row, steps, chain)
            return _close(row, State.MADE)
    except ApprovalChanged:
        return _ask_once_more(change)
    except DomainError as error:
        with transaction.atomic():
            return _close(_locked(change), State.FAILED, str(error))


def ask_again(approval: Approval, actor: User) -> Approval:
    """Ask once more for a change that nobody made, as things stand now; its new request. Raises NoNeedToAsk or what
    asking did."""
    change = Change.objects.select_related("workspace", "version__extension", "installation", "asked_by").get(
        workspace=approval.workspace_id, pk=approval.subject_id
    )
    if change.state == State.MADE:
        raise NoNeedToAsk("It was done already.")
    again = _ask(
        steps_of(change),
        actor=actor,
        agent=approval.agent,
        reason=change.reason,
        keeps=change.keeps,
        override=change.override,
        again=approval,
    )
    assert again.approval is not None  # noqa: S101  (_ask sets it)
    return again.approval


def settle_decided() -> int:
    """Take up what was decided and not acted upon, since whoever decided it died before: changes, and grants that a
    second person agreed to. In all workspaces; returns how many."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT workspace_id, approval_id FROM policies_decided_matters(%s)", [SETTLED_AT_MOST])
        decided = cursor.fetchall()
    settled = 0
    for workspace_id, approval_id in decided:
        with apart("settle_decided", workspace_id, approval=approval_id):
            approval = Approval.objects.select_related("workspace").get(workspace=workspace_id, pk=approval_id)
            act_upon(approval)
            settled += 1
    return settled


def act_upon(approval: Approval) -> None:
    """What follows from a decision about a change or a grant; nothing where it is about something else."""
    if approval.subject_kind in KINDS:
        change_decided(approval)
    elif approval.subject_kind == granting.KIND:
        granting.confirmation_decided(approval)


def _ask(
    steps: list[Step],
    *,
    actor: User,
    agent: Agent | None,
    reason: str,
    keeps: bool = False,
    override: bool = False,
    again: Approval | None = None,
) -> Change:
    """The change that waits, and its request: the ones there are where they asked for just this before."""
    wanted = steps[-1]
    _check_member(actor, wanted.workspace)
    require(actor, "core.view_listing", wanted.workspace)
    verdict = verdict_on(steps)
    same, new_id = _same(steps, actor, agent, keeps), uuid4()
    subject_id = same.pk if same else new_id
    decision = decide(wanted.workspace, **question(wanted), subject_id=subject_id)  # kept whatever comes of it
    if verdict.effect == Effect.DENY:
        raise RuledOut(verdict.reasons[0].text, verdict.reasons[0].passes_if)
    if not override and verdict.effect == Effect.ALLOW and agent is None and all(may(step) for step in steps):
        raise NoNeedToAsk("You may do this yourself.")
    with transaction.atomic():
        lock(wanted.workspace)
        change = _same(steps, actor, agent, keeps) or Change.objects.create(
            pk=new_id,
            workspace=wanted.workspace,
            kind=wanted.act,
            extension=wanted.extension,
            installation=wanted.installation,
            keeps=keeps,
            override=override,
            reason=reason.strip(),
            asked_by=actor,
            **shape_of(steps),
        )
        change.approval = _request(change, steps, verdict, decision, agent, again=again)
        change.save(update_fields=["approval"])
    return change


def _request(
    change: Change,
    steps: list[Step],
    verdict: Verdict,
    decision: Decision | None,
    agent: Agent | None,
    *,
    again: Approval | None = None,
) -> Approval:
    wanted = steps[-1]
    return request_approval(
        change.workspace,
        subject_kind=change.kind,
        subject_id=change.pk,
        bound=bound_parts(steps, verdict, agent),
        summary=summary_of(change, steps),
        facts=facts_of(change, steps, verdict, agent, is_allowed=agent is None and may(wanted)),
        requested_by=change.asked_by,
        agent=agent,
        version_author=wanted.version.published_by,
        decision=decision,
        ask=verdict.ask or Ask(),
        installation=change.installation,
        target=wanted.extension.slug,
        effect=question(wanted)["action"].effect,
        data_classes=question(wanted)["context"].data_classes,
        shape=digest_of(
            {"kind": change.kind, "extension": str(change.extension_id)}
            | ({"course": wanted.course.as_json()} if wanted.course else {})
        ),
        again=again,
    )


def _same(steps: list[Step], actor: User, agent: Agent | None, keeps: bool) -> Change | None:
    """What this person asked for, or this agent of theirs, and waits for, where it is the same; the workspace is
    locked."""
    wanted = steps[-1]
    rows = Change.objects.in_workspace(wanted.workspace).filter(
        extension=wanted.extension, state=State.WAITING, kind=wanted.act, asked_by=actor, version=wanted.version
    )
    along = [step.version.digest for step in steps[:-1]]
    rows = rows.filter(keeps=keeps, along=along, approval__agent=agent)
    rows = rows.filter(course=wanted.course.as_json()) if wanted.course else rows.filter(course__isnull=True)
    return rows.select_related("workspace", "asked_by").first()


def _ask_once_more(change: Change) -> Change:
    """Something changed between the request and the yes: the same change, with a request that says what."""
    with transaction.atomic():
        row = _locked(change)
        if row.state != State.WAITING:
            return row
        steps = steps_of(row)
        verdict = verdict_on(steps)
        try:
            replayed(steps[-1], wants=True)  # so that the new request rests on a report of how things stand
        except ReplayFirst as error:
            return _close(row, State.FAILED, str(error)) if error.is_stuck else row  # else the sweep comes back to it
        decision = decide(row.workspace, **question(steps[-1]), subject_id=row.pk)
        shape = shape_of(steps)
        for name, value in shape.items():
            setattr(row, name, value)
        agent = row.approval.agent if row.approval else None
        row.approval = _request(row, steps, verdict, decision, agent, again=row.approval)
        row.save(update_fields=["approval", *shape])
        return row


def _check_way_back(change: Change, step: Step) -> None:
    """The way back may have gone since it was asked for: then somebody asks anew, knowing that. Raises Conflict."""
    proof = proof_of(step)
    if proof and proof.one_way and not change.override:
        raise Conflict(f"There is no proven way back from {step.version} any more. {' '.join(proof.one_way)}")


def _close(change: Change, state: str, error: str = "") -> Change:
    """End a locked change that waits: in the trail, and told to who asked. One that is over already stays as it is."""
    if change.state != State.WAITING:
        return change
    change.state, change.ended_at, change.error = state, timezone.now(), error[:500]
    change.save(update_fields=["state", "ended_at", "error", "installation"])
    facts: dict[str, Any] = {"error": error} if error else {}
    audit.record(
        f"change.{state}",
        actor=chain_of(change) if state == State.MADE else Actor.of(None),
        target=change,
        before={"state": State.WAITING, "version": change.from_digest},
        after={"state": state, "version": change.version.digest, "scopes": change.scopes, "hosts": change.hosts},
        **facts,
    )
    if state != State.REFUSED:  # whoever asked is told of a refusal by the decision itself
        notify(change.workspace, [change.asked_by], f"change_{state}", change, note=error)
    return change


def _waiting(approval: Approval) -> Change | None:
    """The change that this very request is about, if it still waits: a request that was replaced decides nothing."""
    rows = Change.objects.filter(workspace=approval.workspace_id, pk=approval.subject_id, approval=approval)
    return rows.filter(state=State.WAITING).first()


def _locked(change: Change) -> Change:
    related = ("workspace", "extension", "version__extension", "asked_by")
    asked = ("approval__workspace", "approval__agent__owner")
    rows = Change.objects.select_for_update(of=("self",)).select_related(*related, *asked)
    return rows.get(workspace=change.workspace_id, pk=change.pk)


def _check_seen(step: Step, agreed: Sequence[str]) -> None:
    new = {*step.new_scopes, *step.new_hosts, *step.weaker}
    if unseen := sorted(new - set(agreed)):
        raise ConsentNeeded(f"{step.version} asks for {', '.join(unseen)}, which you were not shown.")


def _check_member(actor: User, workspace: Workspace) -> None:
    """Whoever only looks in asks for nothing, and who left is done nothing for."""
    if not Membership.objects.in_workspace(workspace).filter(user=actor, user__is_active=True).exists():
        raise NotMember(f"{actor} is not a member of {workspace.name}.")
