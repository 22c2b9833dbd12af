"""Agents: making, changing, suspending and ending them, and what they may do: never more than their owner.

An agent holds grants of its own, through a group of its own, and each question about it is asked twice: may the
agent, and may its owner. Both must say yes, so an agent is no way round a missing grant.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID

from django.contrib.auth.models import Group
from django.db import IntegrityError, connection, transaction
from django.db.models import Model, Q, QuerySet
from django.db.models.functions import Cast
from django.utils import timezone
from guardian.models import GroupObjectPermission

from galaxy.core import audit
from galaxy.core.db.prepared import prepared
from galaxy.core.errors import Conflict, Invalid
from galaxy.core.models import Agent, InWorkspace, Membership, Token, User, Workspace
from galaxy.core.notifications import notify, take_back
from galaxy.core.permissions import can, grant, granted, holds, remembered, require, revoke
from galaxy.core.scope import workspace_scope

LONGEST_LIFE = timedelta(days=366)
ENDING = timedelta(days=3)  # how long before its end an agent's owner is told
TOLD_AT_MOST = 500  # agents per sweep; the next one takes the rest
MOST_CALLS_PER_DAY = 100_000


class AgentOver(Conflict):
    code = "agent_ended"
    next_step = "Create another agent: what has ended stays so."


class NameUsed(Conflict):
    code = "agent_name_taken"
    next_step = "Choose another name."


Grants = Iterable[tuple[InWorkspace, str]]  # (object, permission such as "registry.run_installation")


@transaction.atomic
def create_agent(
    workspace: Workspace,
    *,
    name: str,
    purpose: str,
    owner: User,
    scopes: Iterable[str],
    grants: Grants,
    calls_per_day: int,
    ends_at: datetime,
    actor: User,
) -> Agent:
    """A new agent with its grants, audited. ``owner`` is a member, who answers for it.

    Raises NotGranted, NameUsed, or Invalid (owner no member, end not within a year, a grant its maker lacks).
    """
    require(actor, "core.manage_agent", workspace)
    _check(workspace, owner, calls_per_day, ends_at)
    agent = Agent(
        workspace=workspace,
        name=name,
        purpose=purpose,
        owner=owner,
        scopes=sorted(set(scopes)),
        calls_per_day=calls_per_day,
        ends_at=ends_at,
        created_by=actor,
    )
    agent.group = Group.objects.create(name=f"{workspace.pk}:agent:{agent.pk}")
    _save(agent)
    audit.record("agent.created", actor=actor, target=agent, after=_facts(agent))
    _set_grants(agent, grants, actor)
    return agent


@transaction.atomic
def change_agent(
    agent: Agent,
    *,
    name: str,
    purpose: str,
    owner: User,
    scopes: Iterable[str],
    grants: Grants,
    calls_per_day: int,
    ends_at: datetime,
    actor: User,
) -> Agent:
    """Put an agent's facts and grants as given, audited with before and after. Raises what create_agent does."""
    require(actor, "core.manage_agent", agent.workspace)
    agent = _locked(agent)
    _check(agent.workspace, owner, calls_per_day, ends_at)
    before = _facts(agent)
    agent.name, agent.purpose, agent.owner = name, purpose, owner
    agent.scopes, agent.calls_per_day, agent.ends_at = sorted(set(scopes)), calls_per_day, ends_at
    _save(agent)
    after = _facts(agent)
    changed = {field for field in after if after[field] != before[field]}
    if changed:
        old, new = ({field: facts[field] for field in changed} for facts in (before, after))
        audit.record("agent.changed", actor=actor, target=agent, before=old, after=new)
    if changed & {"owner", "ends_at"}:
        take_back(agent.workspace, agent, "agent_ending")  # so that the new owner is told, or of the new end
    _set_grants(agent, grants, actor)
    return agent


@transaction.atomic
def suspend_agent(agent: Agent, *, actor: User | None, reason: str = "") -> Agent:
    """Stop an agent at once: its next request, and every run of its that waits, is refused. Safe to call twice."""
    if actor is not None:
        require(actor, "core.manage_agent", agent.workspace)
    agent = _locked(agent)
    if agent.suspended_at is None:
        agent.suspended_at = timezone.now()
        agent.save(update_fields=["suspended_at"])
        audit.record("agent.suspended", actor=actor, target=agent, after={"state": "suspended"}, reason=reason)
        notify(agent.workspace, [agent.owner], "agent_suspended", agent, by=actor, note=reason)
    return agent


@transaction.atomic
def resume_agent(agent: Agent, *, actor: User) -> Agent:
    """Let a suspended agent go on. Raises NotGranted, AgentOver, or Invalid while its owner is no member."""
    require(actor, "core.manage_agent", agent.workspace)
    agent = _locked(agent)
    _check_owner(agent.workspace, agent.owner)
    if agent.suspended_at is not None:
        agent.suspended_at = None
        agent.save(update_fields=["suspended_at"])
        audit.record("agent.resumed", actor=actor, target=agent, after={"state": "active"})
    return agent


@transaction.atomic
def end_agent(agent: Agent, *, actor: User) -> Agent:
    """End an agent for good: its tokens are revoked, its grants taken back, its row and its trail stay."""
    require(actor, "core.manage_agent", agent.workspace)
    agent = _locked(agent)
    agent.ended_at = timezone.now()
    agent.save(update_fields=["ended_at"])
    revoked = Token.objects.filter(agent=agent, revoked_at=None).update(revoked_at=agent.ended_at)
    audit.record("agent.ended", actor=actor, target=agent, after={"state": "ended"}, tokens_revoked=revoked)
    for obj, perm in grants_of(agent):
        _take(agent, obj, perm, actor)
    return agent


def person_left(workspace: Workspace, *, user: User, actor: User | None) -> None:
    """What ends with a membership: the tokens the person made are revoked and the agents they own suspended.

    Their own tokens and agents are dead without this too, since each use asks for the membership; this keeps them dead
    should they return. A token they made for somebody else's agent works for whoever saw its text, and they did.
    """
    for token in Token.objects.in_workspace(workspace).filter(created_by=user, revoked_at=None):
        token.revoked_at = timezone.now()
        token.save(update_fields=["revoked_at"])
        audit.record("token.revoked", actor=actor, target=token, after={"state": "revoked"}, reason="member removed")
    for agent in Agent.objects.in_workspace(workspace).filter(owner=user, ended_at=None, suspended_at=None):
        agent.suspended_at = timezone.now()
        agent.save(update_fields=["suspended_at"])
        audit.record("agent.suspended", actor=actor, target=agent, after={"state": "suspended"}, reason="owner left")
        maker = User.objects.filter(pk=agent.created_by_id)
        notify(workspace, maker, "agent_suspended", agent, by=actor, note="Its owner is no member any more.")


def tell_of_ending_agents() -> int:
    """Tell owners, once each, of agents that end within ``ENDING``, in every workspace; returns how many agents.

    Across the walls it reads ids alone, of those whose owner does not know yet; each is told within its own scope.
    """
    now = timezone.now()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT workspace_id, agent_id FROM core_agents_ending(%s, %s, %s)", [now, now + ENDING, TOLD_AT_MOST]
        )
        due = cursor.fetchall()
    for workspace_id, agent_id in due:
        with workspace_scope([workspace_id]):
            agent = Agent.objects.select_related("workspace", "owner").get(pk=agent_id)
            notify(agent.workspace, [agent.owner], "agent_ending", agent, again=False)
    return len(due)


def why_barred(agent: Agent) -> str:
    """The sentence that says why this agent may do nothing now; empty where it may act. ``agent`` is freshly read."""
    if agent.is_over:
        return f"{agent} has ended."
    if agent.suspended_at:
        return f"{agent} is suspended."
    is_member = Membership.objects.in_workspace(agent.workspace_id).filter(user=agent.owner_id, user__is_active=True)
    if not is_member.exists():
        return f"The owner of {agent} is not in this workspace any more."
    return ""


def agent_can(agent: Agent, perm: str, obj: InWorkspace) -> bool:
    """True where agent and owner both may: the agent by a grant on ``obj`` itself, the owner as ever."""
    return holds(agent.group, perm, obj) and can(agent.owner, perm, obj)


def granted_to(agent: Agent, codename: str, model: type[Model]) -> Q:
    """A filter for rows of ``model`` on which agent and owner both hold ``codename``."""
    rows = GroupObjectPermission.objects.filter(
        group=agent.group_id,
        permission__codename=codename,
        permission__content_type__app_label=model._meta.app_label,
        permission__content_type__model=model._meta.model_name,
    ).annotate(row=Cast("object_pk", model._meta.pk))
    return Q(pk__in=rows.values("row")) & granted(agent.owner, codename, model)


def grants_of(agent: Agent) -> list[tuple[InWorkspace, str]]:
    """What was granted to an agent: list of (object, permission), objects that are gone left out."""
    rows = GroupObjectPermission.objects.filter(group=agent.group_id).select_related("permission__content_type")
    found = []
    for row in rows.order_by("object_pk", "permission__codename"):
        kind = row.permission.content_type
        obj = kind.get_all_objects_for_this_type(pk=row.object_pk).first()
        if obj is not None:
            found.append((obj, f"{kind.app_label}.{row.permission.codename}"))
    return found


def agents_on(obj: InWorkspace) -> list[tuple[Agent, str]]:
    """Who of the agents holds what on ``obj``: (agent, codename), by name; those that ended hold nothing."""
    return remembered(("agents on", obj._meta.label_lower, obj.pk), lambda: _agents_on(obj))


def _agents_on(obj: InWorkspace) -> list[tuple[Agent, str]]:
    app, model = obj._meta.app_label, str(obj._meta.model_name)
    rows = _grants_of_agents(workspace=obj.workspace.pk, app=app, model=model, pk=str(obj.pk))
    found = [(row.group.agent, row.permission.codename) for row in rows]
    return sorted(found, key=lambda one: (one[0].name.lower(), one[1]))


@prepared
def _grants_of_agents(workspace: UUID, app: str, model: str, pk: str) -> QuerySet[GroupObjectPermission]:
    rows = GroupObjectPermission.objects.filter(
        object_pk=pk, content_type__app_label=app, content_type__model=model, group__agent__ended_at=None
    ).filter(group__agent__workspace=workspace)
    return rows.select_related("permission", "group__agent__owner", "group__agent__workspace")


def why_holds(agent: Agent, perm: str, obj: InWorkspace) -> str:
    """Words on an agent's grant on ``obj``: whose agent it is, and what keeps the grant from opening anything."""
    whose = f"agent of {agent.owner}"
    if agent.state != "active":
        return f"{whose}, {'suspended' if agent.state == 'suspended' else 'ended'}"
    if not can(agent.owner, perm, obj):
        return f"{whose}, who may not"
    return whose


def _check(workspace: Workspace, owner: User, calls_per_day: int, ends_at: datetime) -> None:
    _check_owner(workspace, owner)
    now = timezone.now()
    if not now < ends_at <= now + LONGEST_LIFE:
        raise Invalid("An agent ends within a year.", {"ends_at": "Choose a day from tomorrow on, within a year."})
    if not 1 <= calls_per_day <= MOST_CALLS_PER_DAY:
        sentence = f"Choose a number from 1 to {MOST_CALLS_PER_DAY:,}."
        raise Invalid(f"The budget cannot be used. {sentence}", {"calls_per_day": sentence})


def _check_owner(workspace: Workspace, owner: User) -> None:
    members = Membership.objects.in_workspace(workspace).filter(user=owner, user__is_active=True)
    if not members.exists():
        raise Invalid("The owner of an agent is a member.", {"owner": "Choose somebody who is in this workspace."})


def _save(agent: Agent) -> None:
    try:
        with transaction.atomic():
            agent.save()
    except IntegrityError as error:
        raise NameUsed(f"There is an agent called {agent.name} already.") from error


def _locked(agent: Agent) -> Agent:
    """The row as it is now, held until the transaction ends. Raises AgentOver once it was ended."""
    row = Agent.objects.select_for_update(of=("self",)).select_related("workspace", "owner", "group").get(pk=agent.pk)
    if row.ended_at:
        raise AgentOver(f"{row} has ended.")
    return row


def _facts(agent: Agent) -> dict:
    return {
        "name": agent.name,
        "purpose": agent.purpose,
        "owner": agent.owner,
        "scopes": agent.scopes,
        "calls_per_day": agent.calls_per_day,
        "ends_at": agent.ends_at,
    }


def _set_grants(agent: Agent, grants: Grants, actor: User) -> None:
    """Give and take until the agent's grants are ``grants``; nobody gives what they do not hold."""
    wanted, held = set(grants), set(grants_of(agent))
    for obj, perm in sorted(wanted, key=str):  # what it keeps too: a wider scope or another owner may bring it to life
        if not can(actor, perm, obj):
            raise Invalid(f"You cannot give {perm} on {obj}: you do not hold it.", {"grants": "You do not hold this."})
    for obj, perm in sorted(wanted - held, key=str):
        grant(perm, agent.group, obj)
        audit.record("grant.created", actor=actor, target=obj, after={"permission": perm, "to": f"agent {agent}"})
    for obj, perm in sorted(held - wanted, key=str):
        _take(agent, obj, perm, actor)


def _take(agent: Agent, obj: InWorkspace, perm: str, actor: User) -> None:
    revoke(perm, agent.group, obj)
    audit.record("grant.revoked", actor=actor, target=obj, before={"permission": perm, "to": f"agent {agent}"})
