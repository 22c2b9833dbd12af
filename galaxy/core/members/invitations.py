"""Letting people in: an invitation by mail, its link of which only the hash is kept, and what becomes of it."""

import hashlib
import secrets
from datetime import timedelta
from uuid import UUID

from allauth.account.models import EmailAddress
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from galaxy.core import audit, mail
from galaxy.core.accounts import create_account, plain_address
from galaxy.core.errors import Conflict, DomainError
from galaxy.core.members.limits import AboveYou, check_may_give
from galaxy.core.members.people import lock
from galaxy.core.members.workspaces import add_member
from galaxy.core.models import AuditEvent, Invitation, Membership, RoleGroup, User, Workspace
from galaxy.core.notifications import notify
from galaxy.core.permissions import NotGranted, require
from galaxy.core.scope import workspace_scope

LASTS = timedelta(days=7)
MAILS_TO_ADDRESS = 5  # from one workspace within a day
MAILS_BY_PERSON = 60  # in one workspace within an hour


class AlreadyMember(Conflict):
    code = "already_member"
    next_step = "Their role is changed on their own page, under People."


class InvitationClosed(DomainError):
    """Used, withdrawn, out of time, or never there: the link opens nothing any more."""

    status = 410
    code = "invitation_closed"
    next_step = "Ask whoever invited you for a new one."


class TooManyInvitations(DomainError):
    status = 429
    code = "too_many_invitations"
    next_step = "Wait until tomorrow; the invitations that were sent still hold."


class AnotherAddress(DomainError):
    status = 403
    code = "another_address"
    next_step = "Sign in with the address it went to, or have another invitation sent to yours."


@transaction.atomic
def invite(workspace: Workspace, *, address: str, role: RoleGroup, actor: User) -> tuple[Invitation, str]:
    """An invitation of ``address`` into ``role``, open for seven days, and the token of its link.

    The token is returned once and stored nowhere. One that is open already for this address is replaced.
    Raises NotGranted, AboveYou, AlreadyMember or TooManyInvitations.
    """
    check_may_give(actor, role)
    lock(workspace)
    person = account_of(address)
    if person and Membership.objects.in_workspace(workspace).filter(user=person).exists():
        raise AlreadyMember(f"{person} is a member already.")
    _check_not_too_many(workspace, address, actor)
    now = timezone.now()
    Invitation.objects.in_workspace(workspace).open().filter(address__iexact=address).update(withdrawn_at=now)
    token = secrets.token_urlsafe(32)
    invitation = Invitation.objects.create(
        workspace=workspace,
        address=address,
        role_group=role,
        token_hash=_hash(token),
        invited_by=actor,
        invited_at=now,
        expires_at=now + LASTS,
    )
    audit.record("invitation.created", actor=actor, target=invitation, after={"address": address, "role": role.label})
    return invitation, token


@transaction.atomic
def renew_invitation(invitation: Invitation, *, actor: User) -> str:
    """A new link, good for seven days, in place of the old one; returns its token. The actor now stands for it.

    Raises NotGranted, AboveYou, InvitationClosed or TooManyInvitations.
    """
    invitation = _open(invitation)
    check_may_give(actor, _role_of(invitation))
    _check_not_too_many(invitation.workspace, invitation.address, actor)
    token = secrets.token_urlsafe(32)
    invitation.token_hash, invitation.invited_by = _hash(token), actor
    invitation.expires_at = timezone.now() + LASTS
    invitation.save(update_fields=["token_hash", "invited_by", "expires_at"])
    audit.record("invitation.renewed", actor=actor, target=invitation, after={"expires_at": invitation.expires_at})
    return token


@transaction.atomic
def withdraw_invitation(invitation: Invitation, *, actor: User) -> None:
    """Close an invitation that nobody has used. Raises NotGranted or InvitationClosed."""
    require(actor, "core.manage_member", invitation.workspace)
    invitation = _open(invitation)
    invitation.withdrawn_at = timezone.now()
    invitation.save(update_fields=["withdrawn_at"])
    audit.record("invitation.withdrawn", actor=actor, target=invitation, before={"address": invitation.address})


def mail_invitation(invitation: Invitation, *, link: str) -> bool:
    """Send the link, after the commit; True once the mail server took it."""
    return mail.send("invitation", invitation.address, {"invitation": invitation, "link": link})


def find_invitation(token: str) -> Invitation:
    """The invitation that ``token`` opens, across the walls, for somebody who is in no workspace yet.

    Raises InvitationClosed for a token that opens nothing, or nothing any more; the sentence says which.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT workspace_id, invitation_id FROM core_find_invitation(%s)", [_hash(token)])
        row = cursor.fetchone()
    if row is None:
        raise InvitationClosed("This link opens no invitation. It may have been replaced by a newer one.")
    with workspace_scope([row[0]]):
        invitation = _of(row[1])
    _check_usable(invitation)
    return invitation


@transaction.atomic
def accept_invitation(invitation: Invitation, *, user: User) -> Membership:
    """Let ``user`` in. An invitation is used once, by its own address, while whoever sent it may still give the role.

    Raises InvitationClosed, AnotherAddress or AlreadyMember; then it stays as it was.
    """
    with workspace_scope([invitation.workspace_id], user.pk):
        lock(invitation.workspace)
        invitation = _of(invitation.pk)
        _check_usable(invitation)
        if not owns_address(user, invitation.address):
            raise AnotherAddress(f"This invitation is for {invitation.address}, and you are signed in as {user.email}.")
        if Membership.objects.in_workspace(invitation.workspace).filter(user=user).exists():
            raise AlreadyMember(f"You are in {invitation.workspace} already.")
        try:
            check_may_give(invitation.invited_by, _role_of(invitation))
        except (NotGranted, AboveYou) as error:
            raise InvitationClosed(f"{invitation.invited_by} can no longer invite you into this role.") from error
        invitation.accepted_at, invitation.accepted_by = timezone.now(), user
        invitation.save(update_fields=["accepted_at", "accepted_by"])
        audit.record("invitation.accepted", actor=user, target=invitation, after={"user": user})
        inviter = invitation.invited_by
        membership = add_member(invitation.workspace, user=user, role=_role_of(invitation), actor=inviter)
        notify(invitation.workspace, [inviter], "invitation_accepted", membership, by=user)
        return membership


@transaction.atomic
def join_with_new_account(invitation: Invitation, *, name: str, password: str) -> User:
    """Make an account for the invited address, confirmed by the link that was mailed to it, and let it in.

    Raises as ``accept_invitation`` does, and AlreadyMember's kin where the address has an account by now.
    """
    taken = Conflict(f"{invitation.address} has an account by now.", "Sign in with it and open the link again.")
    if account_of(invitation.address):
        raise taken
    try:
        user = create_account(invitation.address, name=name, password=password)
    except IntegrityError as error:  # the same form, sent a moment ago
        raise taken from error
    accept_invitation(invitation, user=user)
    return user


def account_of(address: str) -> User | None:
    """Whose account signs in with ``address``, as its own or as a further confirmed one."""
    address = plain_address(address)
    by_further = EmailAddress.objects.filter(email=address, verified=True).values("user")
    return User.objects.filter(email=address).first() or User.objects.filter(pk__in=by_further).first()


def owns_address(user: User, address: str) -> bool:
    """Only an address that was confirmed counts: an account may carry one that nobody has proved yet."""
    return EmailAddress.objects.filter(user=user, email=plain_address(address), verified=True).exists()


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _of(pk: UUID) -> Invitation:
    return Invitation.objects.select_related("workspace", "role_group__workspace", "invited_by").get(pk=pk)


def _role_of(invitation: Invitation) -> RoleGroup:
    if invitation.role_group is None:
        raise InvitationClosed("The role of this invitation is gone.")
    return invitation.role_group


def _open(invitation: Invitation) -> Invitation:
    lock(invitation.workspace)
    found = _of(invitation.pk)
    if found.accepted_at or found.withdrawn_at:
        raise InvitationClosed(f"The invitation of {found.address} is closed already.", "Reload the page.")
    return found


def _check_not_too_many(workspace: Workspace, address: str, actor: User) -> None:
    """Each event is one mail, so the trail counts them; the lock on the workspace lets one count at a time."""
    now = timezone.now()
    sent = AuditEvent.objects.in_workspace(workspace).filter(action__in=["invitation.created", "invitation.renewed"])
    theirs = Invitation.objects.in_workspace(workspace).filter(address__iexact=address)
    to_address = sent.filter(
        occurred_at__gt=now - timedelta(days=1), target_id__in=[str(pk) for pk in theirs.values_list("pk", flat=True)]
    )
    if to_address.count() >= MAILS_TO_ADDRESS:
        raise TooManyInvitations(
            f"{address} was sent {MAILS_TO_ADDRESS} invitations within a day.",
            "Ask them to look for the latest one, also among spam, or invite them again tomorrow.",
        )
    if sent.filter(occurred_at__gt=now - timedelta(hours=1), actor_id=str(actor.pk)).count() >= MAILS_BY_PERSON:
        raise TooManyInvitations(
            f"You sent {MAILS_BY_PERSON} invitations within an hour.",
            "Go on in an hour, or let another admin invite the rest.",
        )


def _check_usable(invitation: Invitation) -> None:
    if invitation.accepted_at:
        raise InvitationClosed(
            "This invitation was used already.", "If it was you, sign in; else ask whoever invited you for a new one."
        )
    if invitation.withdrawn_at or invitation.role_group is None:
        raise InvitationClosed("This invitation was withdrawn.")
    if invitation.is_expired:
        raise InvitationClosed("The time to use this invitation is over.")
