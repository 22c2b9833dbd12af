"""What floor 0 ends after a restore: doors that were perhaps shut since the backup, and would be open again.

Leases of secrets need nothing: they last a minute at most, and only for a run that is at work.
"""

from datetime import timedelta
from typing import Any

from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.db import transaction
from django.utils import timezone

from galaxy.core import audit
from galaxy.core.agents import suspend_agent
from galaxy.core.models import Agent, BreakGlass, Invitation, Token, Workspace
from galaxy.core.signals import workspace_restored

BECAUSE = "A backup was restored."


@transaction.atomic
def close_all(workspace: Workspace, *, keep_tokens: bool = False) -> dict[str, int]:
    """End all of one workspace, in its scope, that somebody may have ended or used up since the backup was made.

    Returns how many of what. Higher floors do the same for theirs, in the same transaction.
    """
    done = {"agents": _suspend_agents(workspace)}
    if not keep_tokens:
        done["tokens"] = _revoke_tokens(workspace)
    done["invitations"] = _withdraw_invitations(workspace)
    done["looks of staff"] = _end_looks(workspace)
    for _, told in workspace_restored.send(sender=Workspace, workspace=workspace):
        if isinstance(told, dict):
            done |= told
    return done


@transaction.atomic
def end_sessions() -> int:
    """Everybody signs in again: whoever signed out, or was locked out, since the backup would be in again."""
    count, _ = Session.objects.all().delete()
    UserSession.objects.all().delete()
    return count


def _suspend_agents(workspace: Workspace) -> int:
    rows = Agent.objects.in_workspace(workspace).filter(ended_at=None, suspended_at=None, ends_at__gt=timezone.now())
    return len([suspend_agent(agent, actor=None, reason=BECAUSE) for agent in rows])


def _revoke_tokens(workspace: Workspace) -> int:
    count = 0
    for token in Token.objects.in_workspace(workspace).live():
        token.revoked_at = timezone.now()
        token.save(update_fields=["revoked_at"])
        _record("token.revoked", token, after={"state": "revoked"}, reason=BECAUSE)
        count += 1
    return count


def _withdraw_invitations(workspace: Workspace) -> int:
    count = 0
    for invitation in Invitation.objects.in_workspace(workspace).filter(accepted_at=None, withdrawn_at=None):
        invitation.withdrawn_at = timezone.now()
        invitation.save(update_fields=["withdrawn_at"])
        _record("invitation.withdrawn", invitation, before={"address": invitation.address}, reason=BECAUSE)
        count += 1
    return count


def _end_looks(workspace: Workspace) -> int:
    count = 0
    for look in BreakGlass.objects.in_workspace(workspace).open():
        look.ended_at = max(timezone.now(), look.started_at + timedelta(microseconds=1))
        look.save(update_fields=["ended_at"])
        _record("break_glass.expired", look, after={"ended_at": look.ended_at}, reason=BECAUSE)
        count += 1
    return count


def _record(action: str, target: Any, **data: Any) -> None:
    audit.record(action, actor=None, target=target, **data)
