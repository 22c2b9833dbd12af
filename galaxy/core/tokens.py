"""Tokens: keys to the API, shown once, kept as a hash, and looked at anew with every request."""

import hashlib
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from galaxy.core import audit
from galaxy.core.agents import AgentOver, grants_of, why_barred
from galaxy.core.audit import Actor
from galaxy.core.db.prepared import prepared
from galaxy.core.errors import Conflict, DomainError, Invalid
from galaxy.core.members.limits import AboveYou
from galaxy.core.models import Agent, Membership, Token, User, Workspace
from galaxy.core.permissions import can, label_of, require
from galaxy.core.scope import narrow

PREFIX = "gxy_"
SHOWN = 10  # characters of a token that are kept to tell it by, of which 36 random bits at most
LONGEST_DAYS = 365
MOST_LIVE = 20  # of one person in a workspace, or of one agent: each has a rate of its own
USE_SEEN_EVERY = timedelta(hours=1)

API_PERMISSIONS = {
    "listings.read": "Browse the marketplace",
    "installations.read": "See installed extensions",
    "installations.write": "Install and remove extensions",
    "bundles.read": "Export bundles, see what is in them and whom this Galaxy trusts",
    "bundles.write": "Hand in and import bundles",
    "drafts.read": "See drafts, their findings and their tests",
    "drafts.write": "Write, test and remove drafts",
    "submissions.read": "See submissions and where they stand",
    "submissions.write": "Submit extensions, and withdraw them",
    "publications.read": "See what is published, how it fares and how its versions end",
    "publications.write": "Deprecate and yank what is published",
    "publishers.read": "See your publishers, their keys and signatures",
    "publishers.write": "Keep keys of your publishers, and sign versions",
    "runs.read": "See runs",
    "runs.write": "Start and cancel runs",
    "triggers.read": "See triggers and what came in",
    "triggers.stop": "Switch triggers off",
    "issues.read": "See issues",
    "advice.read": "See what the Assistant advises",
    "advice.write": "Act on advice, put it off and dismiss it",
    "approvals.read": "See approval requests",
    "approvals.write": "Withdraw, remind of and repeat your own requests, and ask for changes",
    "rules.read": "See rules and their history",
    "rules.write": "Write rules",
    "decisions.read": "See decisions and their reasons",
    "secrets.read": "See which secrets there are, never their values",
    "audit.read": "Read the audit trail",
    "audit.export": "Export the audit trail, and fetch what was exported",
    "people.read": "See people, roles, grants and what was asked for",
    "agents.read": "See agents",
    "agents.suspend": "Suspend agents",
    "tokens.read": "See your own tokens",
    "tokens.revoke": "Revoke your own tokens",
}
# Deciding is no token's: a person does that, signed in. An agent never installs, and does not read about others.
AGENT_PERMISSIONS = (
    "listings.read",
    "installations.read",
    "runs.read",
    "runs.write",
    "approvals.read",
    "approvals.write",
    "decisions.read",
)


class TokenRefused(DomainError):
    """The token opens nothing; the sentence says why, to whoever holds it."""

    status = 401
    code = "token_refused"
    next_step = "Make a new token in the console, under Tokens, or on the agent's page."


class TooManyTokens(Conflict):
    code = "too_many_tokens"
    next_step = "Revoke one that nothing uses, then make this one."


class NotYourToken(DomainError):
    status = 403
    code = "not_your_token"
    next_step = "Only its person can revoke it; removing them from the workspace ends it too."


@dataclass(frozen=True)
class Caller:
    """Who asks, at the API: a person by session (``token`` None), a person by token, or an agent by token.

    For an agent ``person`` is its owner, whose rights bound its own.
    """

    person: User
    token: Token | None = None

    @property
    def agent(self) -> Agent | None:
        return self.token.agent if self.token else None

    @property
    def actor(self) -> Actor:
        return Actor.of_agent(self.agent) if self.agent else Actor.of(self.person)

    @property
    def key(self) -> str:
        """Names the principal, for budgets and kept answers."""
        return f"agent:{self.agent.pk}" if self.agent else f"person:{self.person.pk}"

    def has(self, permission: str) -> bool:
        """Whether the token opens ``permission``; a session opens everything, as the pages do."""
        if self.token is None:
            return True
        return permission in self.token.permissions and (self.agent is None or permission in AGENT_PERMISSIONS)


@transaction.atomic
def create_token(
    workspace: Workspace,
    *,
    name: str,
    permissions: Iterable[str],
    days: int,
    actor: User,
    agent: Agent | None = None,
) -> tuple[Token, str]:
    """A token of ``actor``, or of ``agent`` made by them, with the text that is never to be seen again.

    ``days`` is how long it lives, at most a year. Raises NotGranted, AgentOver, Invalid, TooManyTokens, or AboveYou
    where the agent holds what ``actor`` does not: they will see the text, and could use it.
    """
    if agent is not None:
        require(actor, "core.manage_agent", workspace)
        if agent.is_over:
            raise AgentOver(f"{agent} has ended, so a token would open nothing.")
        _check_holds(actor, agent)
    allowed = AGENT_PERMISSIONS if agent else API_PERMISSIONS
    wanted = sorted(set(permissions))
    if not wanted or not set(wanted) <= set(allowed):
        raise Invalid("A token opens something, and no more than it can.", {"permissions": "Choose from the list."})
    if not 1 <= days <= LONGEST_DAYS:
        raise Invalid("A token lives a year at most.", {"days": f"Choose from 1 to {LONGEST_DAYS} days."})
    theirs = Token.objects.in_workspace(workspace).filter(user=None if agent else actor, agent=agent)
    if theirs.live().count() >= MOST_LIVE:
        raise TooManyTokens(f"{agent or actor} has {MOST_LIVE} tokens that work. Revoke one first.")
    text = PREFIX + secrets.token_urlsafe(32)
    now = timezone.now()
    token = Token.objects.create(
        workspace=workspace,
        name=name,
        prefix=text[:SHOWN],
        digest=_digest(text),
        permissions=wanted,
        user=None if agent else actor,
        agent=agent,
        created_by=actor,
        created_at=now,
        expires_at=now + timedelta(days=days),
    )
    after = {"permissions": wanted, "expires_at": token.expires_at, "of": f"agent {agent}" if agent else actor}
    audit.record("token.created", actor=actor, target=token, after=after)
    return token, text


@transaction.atomic
def revoke_token(token: Token, *, actor: User) -> Token:
    """End a token at once; safe to call twice. One's own, or an agent's by whoever manages agents."""
    if token.agent_id:
        require(actor, "core.manage_agent", token.workspace)
    elif token.user_id != actor.pk:
        raise NotYourToken("This is somebody else's token.")
    won = Token.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=timezone.now())
    token.refresh_from_db()
    if won:
        audit.record("token.revoked", actor=actor, target=token, after={"state": "revoked"})
    return token


def caller_of(text: str) -> Caller:
    """Who holds this token, asked of the database anew; opens the row-level scope of its workspace.

    Raises TokenRefused for a token that is unknown, revoked or expired, and where its person left or its agent is
    barred. A stranger learns nothing from it: who does not hold the token hears that it is unknown.
    """
    workspace_id = _workspace_of(text)
    if workspace_id is None:
        raise TokenRefused("This token is not known.")
    narrow([workspace_id])
    token = _token_of.one(digest=_digest(text))
    if token is None:
        raise TokenRefused("This token is not known.")
    if token.state != "active":
        raise TokenRefused(f"This token is {token.state}.")
    person = token.agent.owner if token.agent else token.user
    if token.agent and (sentence := why_barred(token.agent)):
        raise TokenRefused(sentence, "An owner or admin of the workspace can change that on the agent's page.")
    if person is None or not _standing_of(workspace=token.workspace_id, user=person.pk):
        raise TokenRefused("Whose token this is has left the workspace.")
    _note_use(token)
    return Caller(person, token)


@prepared
def _token_of(digest: str) -> QuerySet[Token]:
    related = ("workspace", "user", "agent__owner", "agent__group", "agent__workspace")
    return Token.objects.select_related(*related).filter(digest=digest)


@prepared
def _standing_of(workspace: UUID, user: UUID) -> QuerySet[Membership, UUID]:
    members = Membership.objects.filter(workspace=workspace, user=user, user__is_active=True)
    return members.values_list("pk", flat=True)


def _check_holds(actor: User, agent: Agent) -> None:
    lacking = sorted({label_of(perm.partition(".")[2]) for obj, perm in grants_of(agent) if not can(actor, perm, obj)})
    if lacking:
        raise AboveYou(f"{agent} may do what you may not: {', '.join(f'“{words}”' for words in lacking)}.")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _workspace_of(text: str):
    """The workspace of a token, found across the walls by its hash alone (migration 0005)."""
    if not text.startswith(PREFIX) or not text.isascii() or len(text) > 80:
        return None
    with connection.cursor() as cursor:
        cursor.execute("SELECT core_workspace_of_token(%s)", [_digest(text)])
        return cursor.fetchone()[0]


def _note_use(token: Token) -> None:
    """Coarse, so that reading costs a write once an hour and the table tells no movements."""
    now = timezone.now()
    if token.last_used_at is None or token.last_used_at < now - USE_SEEN_EVERY:
        stale = Q(last_used_at=None) | Q(last_used_at__lt=now - USE_SEEN_EVERY)
        Token.objects.filter(stale, pk=token.pk).update(last_used_at=now)
