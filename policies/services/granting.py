"""Making an Auto-Approve grant, agreeing to it as a second person, and what ends it from outside."""

from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.db.models import QuerySet

from galaxy.core import audit
from galaxy.core.audit import Actor
from galaxy.core.errors import Conflict, Invalid
from galaxy.core.models import Agent, User, Workspace
from galaxy.core.permissions import require
from galaxy.core.sweeps import apart
from policies.clock import database_now
from policies.models import Approval, AutoApproval
from policies.models.grants import LONGEST, LONGEST_FOR_DELETE
from policies.rules.asks import Ask
from policies.rules.scopes import matches, why_no_pattern
from policies.rules.vocabulary import digest_of
from policies.services.approvals import consume, request_approval, withdraw_requests
from policies.services.auto_approve import LOOKED_BACK, Ended, end_auto_approval, locked
from policies.subjects import Panels
from registry.manifests import ActionSpec, Manifest, scopes
from registry.models import Installation
from registry.services import verified_manifest

KIND = "auto_approval"  # of the approval by which a second person agrees
MOST_USES = 1_000
ENDED_AT_MOST = 500  # grants ended per sweep; the next one takes the rest


class GrantOver(Conflict):
    code = "auto_approval_ended"
    next_step = "Create another one: what has ended stays so."


@transaction.atomic
def create_auto_approval(
    workspace: Workspace,
    *,
    installation: Installation,
    scope: str,
    reason: str,
    budget: int,
    ends_at: datetime,
    actor: User,
    agent: Agent | None = None,
    most_records: int | None = None,
    error_percent: int = 20,
) -> AutoApproval:
    """A new grant, for the version that ``installation`` is pinned to now; its owner is who makes it.

    One that covers a delete or bulk waits for a second person first. ``most_records`` None: no bulk. Raises NotGranted
    (it takes managing rules and deciding, both), or Invalid with a sentence for each field that does not do.
    """
    require(actor, "core.manage_rule", workspace)
    require(actor, "core.decide_approval", installation)
    row = Installation.objects.active().select_for_update(of=("self",)).filter(pk=installation.pk).first()
    if row is None:
        raise Invalid("It was removed.", {"installation": "Choose something that is installed."})
    digest = row.pin.digest
    grant = AutoApproval(
        workspace=workspace,
        installation=row,
        scope=scope.strip(),
        agent=agent,
        owner=actor,
        reason=reason.strip(),
        budget=budget,
        most_records=most_records,
        error_percent=error_percent,
        version_digest=digest,
        starts_at=database_now(),
        ends_at=ends_at,
    )
    grant.covers_delete = _reaches_delete(grant.scope, verified_manifest(digest))
    if problems := _problems(grant):
        raise Invalid(next(iter(problems.values())), problems)
    grant.save(force_insert=True)
    audit.record("auto_approval.created", actor=actor, target=grant, after=_facts(grant), reason=grant.reason)
    if grant.needs_second_person:
        _ask_second_person(grant)
    return grant


@transaction.atomic
def revoke_auto_approval(grant: AutoApproval, *, actor: User, reason: str = "") -> AutoApproval:
    """End a grant; the next request waits for a person again. Raises NotGranted or GrantOver."""
    require(actor, "core.manage_rule", grant.workspace)
    row = locked(grant)
    if row.ended_at:
        raise GrantOver("It has ended already.")
    _end_here(row, Ended.REVOKED, actor=actor, note=reason.strip())
    return row


def confirmation_decided(approval: Approval) -> None:
    """A second person said yes or no to a grant, or nobody did in time. Safe to call twice."""
    with transaction.atomic():
        grant = AutoApproval.objects.select_for_update(of=("self",)).select_related("workspace", "owner")
        row = grant.filter(workspace=approval.workspace, pk=approval.subject_id).first()
        if row is None or row.ended_at or row.confirmed_by_id:
            return
        vote = approval.votes.select_related("reviewer").order_by("-voted_at").first()
        if approval.status == Approval.Status.APPROVED and vote:
            consume(approval, digest=digest_of(_bound(row)), actor=Actor.of(vote.reviewer))
            row.confirmed_by = vote.reviewer
            row.save(update_fields=["confirmed_by"])
            audit.record("auto_approval.confirmed", actor=vote.reviewer, target=row, after={"owner": row.owner})
        elif approval.status != Approval.Status.PENDING:
            why = f"{vote.reviewer}: {vote.reason}" if vote else approval.get_status_display()
            _end_here(row, Ended.DECLINED, actor=vote.reviewer if vote else None, note=why)


@transaction.atomic
def version_moved(installation: Installation) -> int:
    """End the grants of an installation that were for another version than it is pinned to now, or for one that is
    gone; returns how many."""
    digest = installation.pin.digest if installation.is_active else ""
    rows = AutoApproval.objects.filter(workspace=installation.workspace_id, installation=installation, ended_at=None)
    note = "" if digest else "The extension was removed."
    return _end_all(rows.exclude(version_digest=digest), Ended.VERSION if digest else Ended.REVOKED, note=note)


@transaction.atomic
def owner_left(user: User, workspace: Workspace) -> int:
    """End the grants of somebody who is a member no more; returns how many."""
    rows = AutoApproval.objects.in_workspace(workspace).filter(owner=user, ended_at=None)
    return _end_all(rows, Ended.OWNER)


def end_due_auto_approvals(now: datetime | None = None) -> int:
    """End every grant whose time is over, in all workspaces; returns how many.

    Only tidies up: past its end a grant answers nothing, whether this ran or not.
    """
    now = now or database_now()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT workspace_id, auto_approval_id FROM policies_due_auto_approvals(%s, %s)", [now, ENDED_AT_MOST]
        )
        due = cursor.fetchall()
    ended = 0
    for workspace_id, pk in due:
        with apart("end_auto_approvals", workspace_id, grant=pk), transaction.atomic():
            rows = AutoApproval.objects.filter(workspace=workspace_id, pk=pk, ended_at=None, ends_at__lte=now)
            ended += _end_all(rows, Ended.TIME)
    return ended


def _reaches_delete(pattern: str, manifest: Manifest) -> bool:
    """Whether something that the pattern covers, at this version, deletes or destroys."""
    if why_no_pattern(pattern):
        return False
    if any(scopes.verb(scope) == "delete" and matches(pattern, scope) for scope in manifest.scopes):
        return True
    covered = (action for action in manifest.actions.values() if _covers(pattern, action))
    return any(action.effect == "delete" or action.destructive for action in covered)


def _problems(grant: AutoApproval) -> dict[str, str]:
    """A sentence for each field that does not do; {} where all do."""
    problems: dict[str, str] = {}
    if sentence := why_no_pattern(grant.scope):
        problems["scope"] = sentence
    elif not any(matches(grant.scope, scope) for scope in grant.installation.scopes):
        problems["scope"] = f"It covers none of the scopes that {grant.installation} was given."
    if not grant.reason:
        problems["reason"] = "Say why nobody needs to look each time."
    if not 1 <= grant.budget <= MOST_USES:
        problems["budget"] = f"Choose a number from 1 to {MOST_USES:,}."
    if grant.most_records is not None and grant.most_records < 2:
        problems["most_records"] = "Choose a number from 2 on, or leave it empty for no bulk."
    if not 0 <= grant.error_percent <= 99:
        problems["error_percent"] = "Choose a number from 0 to 99."
    if grant.agent and grant.agent.is_over:
        problems["agent"] = f"{grant.agent} has ended."
    longest = LONGEST_FOR_DELETE if grant.covers_delete else LONGEST
    if grant.ends_at <= grant.starts_at:
        problems["ends_on"] = "Choose a last day from today on."
    elif grant.ends_at > grant.starts_at + longest:
        what = "What covers a delete lasts" if grant.covers_delete else "It lasts"
        problems["ends_on"] = f"{what} {longest.days} days at most."
    return problems


def _ask_second_person(grant: AutoApproval) -> None:
    request_approval(
        grant.workspace,
        subject_kind=KIND,
        subject_id=grant.pk,
        bound=_bound(grant),
        summary=f"Auto-Approve {grant.scope} of {grant.installation}, {grant.budget} times",
        facts={
            "what": f"Auto-Approve {grant.scope}",
            "where": str(grant.installation),
            "records": f"{grant.most_records} at most, of each request"
            if grant.most_records
            else "One of each request",
            "data_classes": _classes(grant),
            "payer": "Whoever pays for each call",
            "version": str(grant.installation.pin.version),
            "rule": [_why_second(grant)],
            "undo": "It can be revoked at any time; what it let through stays.",
            "simulated": False,
        },
        requested_by=grant.owner,
        ask=Ask(second_factor=True),
        installation=grant.installation,
        target=f"Auto-Approve {grant.scope}"[:160],
        effect="delete" if grant.covers_delete else "write",
        records=grant.most_records,
    )


def _why_second(grant: AutoApproval) -> str:
    what = "deletes" if grant.covers_delete else "changes many records at once"
    return f"What it lets through {what}, so a second person agrees to it, once, with their second factor."


def panels_of(approval: Approval, reader: User) -> Panels:
    """What the request of a second person shows of the grant: all its bounds."""
    rows = AutoApproval.objects.filter(workspace=approval.workspace_id, pk=approval.subject_id)
    grant = rows.select_related("owner", "agent").first()
    if grant is None:
        return Panels()
    return Panels(
        effect_note="It answers requests to come, so there is nothing to try yet. Each use will name it.",
        facts=(
            ("Their reason", grant.reason),
            ("Times", f"{grant.budget}, then people are asked again"),
            ("Until", f"{grant.ends_at:%d %B %Y, %H:%M} UTC"),
            ("Who may ask", str(grant.agent) if grant.agent else f"Anybody but {grant.owner}, and agents of others"),
            ("Errors", f"More than {grant.error_percent} % of its last {LOOKED_BACK} uses end it"),
        ),
    )


def _classes(grant: AutoApproval) -> list[str]:
    """The data classes of the actions that it covers."""
    actions = verified_manifest(grant.version_digest).actions.values()
    return sorted({name for action in actions if _covers(grant.scope, action) for name in action.classes})


def _covers(pattern: str, action: ActionSpec) -> bool:
    return bool(action.scopes) and all(matches(pattern, scope) for scope in action.scopes)


def _bound(grant: AutoApproval) -> dict[str, Any]:
    """What the second person says yes to: ids and numbers, no values."""
    return {
        "workspace": str(grant.workspace_id),
        "grant": str(grant.pk),
        "requester": str(grant.owner_id),
        "installation": str(grant.installation_id),
        "version": grant.version_digest,
        "scope": grant.scope,
        "agent": str(grant.agent_id) if grant.agent_id else None,
        "budget": grant.budget,
        "records": grant.most_records,
        "errors": grant.error_percent,
        "until": grant.ends_at.isoformat(),
    }


def _facts(grant: AutoApproval) -> dict[str, Any]:
    return {
        "installation": grant.installation,
        "scope": grant.scope,
        "agent": grant.agent,
        "budget": grant.budget,
        "most_records": grant.most_records,
        "error_percent": grant.error_percent,
        "version": grant.version_digest,
        "ends_at": grant.ends_at,
        "covers_delete": grant.covers_delete,
    }


def _end_all(rows: QuerySet[AutoApproval], because: Ended, *, note: str = "") -> int:
    found = list(rows.select_for_update(of=("self",)).select_related("workspace", "owner"))
    for grant in found:
        _end_here(grant, because, note=note)
    return len(found)


def _end_here(grant: AutoApproval, because: Ended, *, actor: User | None = None, note: str = "") -> None:
    """End it, and ask nobody any more to agree to it."""
    end_auto_approval(grant, because, actor=actor, note=note)
    withdraw_requests(grant.workspace, subject_kind=KIND, subject_ids=[grant.pk], actor=actor)
