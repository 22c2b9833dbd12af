"""Whose account an identity opens. The one place that ties an identity to an account, or makes one for it.

1. The provider must vouch for the domain of the address, and the address must be confirmed, at every sign-in.
2. A tie that exists decides. An account has one identity of a provider at most: an address that the company gave to
   somebody else does not open the account of whoever had it before.
3. Else the identity is tied to the account that owns the address, if Galaxy itself has that confirmed.
4. Else an account is made, for whoever holds the link of an invitation of that address, or whose domain is in
   GALAXY_SSO_SIGNUP_DOMAINS. It is a member of nothing yet.
"""

import re
from functools import partial

from allauth.account.models import EmailAddress
from allauth.socialaccount.adapter import get_adapter
from allauth.socialaccount.models import SocialAccount
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction

from galaxy.core.accounts import create_account, plain_address, record_everywhere
from galaxy.core.members.invitations import InvitationClosed, find_invitation
from galaxy.core.models import User
from galaxy.core.sso.configuration import Provider
from galaxy.core.sso.identity import OPERATOR, Identity, SignInRefused

_INVITATION = re.compile(r"/invitations/(?P<token>[\w-]+)/")


def admit(provider: Provider, identity: Identity, *, on_the_way_to: str = "") -> SocialAccount:
    """The tie between ``identity`` and the account it opens, made where it may be made, and audited.

    ``on_the_way_to`` is the path the person asked for, perhaps that of an invitation. Raises SignInRefused.
    """
    _check_address(provider, identity)
    try:
        with transaction.atomic():
            return _tie(provider, identity, on_the_way_to)
    except IntegrityError as error:  # the same person in two browsers at once
        raise SignInRefused("raced", "You came in twice at the same moment, so this one was stopped.") from error


@transaction.atomic
def release(user: User) -> int:
    """Untie an account from its identities, audited; returns how many there were. They may be tied anew later."""
    ties = SocialAccount.objects.select_for_update().filter(user=user)
    names = list(ties.values_list("provider", flat=True))
    ties.delete()
    for name in names:
        record_everywhere("identity.unlinked", user, provider=name)
    return len(names)


def _check_address(provider: Provider, identity: Identity) -> None:
    if not identity.email:
        raise SignInRefused(
            "no_address",
            f"{provider.name} did not send your e-mail address, so Galaxy cannot tell who you are.",
            "Ask whoever runs it to send the address to Galaxy.",
        )
    if not _is_plain(identity.email):
        raise SignInRefused(
            "strange_address",
            f"{provider.name} sent something that is no e-mail address in plain letters.",
            "Ask whoever runs it to look at the address it has for you.",
        )
    if not provider.vouches_for(identity.email):
        raise SignInRefused(
            "foreign_domain",
            f"{provider.name} is not trusted to vouch for {identity.email}.",
            "Sign in there with your company address, or here with your password.",
        )
    is_confirmed = provider.trusts_email if identity.email_verified is None else identity.email_verified
    if not is_confirmed:
        raise SignInRefused(
            "unverified_address",
            f"{provider.name} does not say that {identity.email} is confirmed to be yours.",
            "Confirm your address there and try again, or sign in with your password.",
        )


def _is_plain(address: str) -> bool:
    """ASCII alone: PostgreSQL finds the account of "mike" for a "mıke" whose i has no dot, and other look-alikes."""
    try:
        validate_email(address)
    except ValidationError:
        return False
    return address.isascii()


def _tie(provider: Provider, identity: Identity, on_the_way_to: str) -> SocialAccount:
    tie = SocialAccount.objects.select_related("user").filter(provider=identity.provider, uid=identity.uid).first()
    if tie is not None:
        return tie
    user = _owner_of(identity.email)
    if user is not None:
        if SocialAccount.objects.filter(user=user, provider=identity.provider).exists():
            raise SignInRefused(
                "another_identity",
                f"The account of {identity.email} belongs to another person at {provider.name}.",
                "If it is yours, ask whoever runs Galaxy to release it (manage.py sso_release).",
            )
    elif _may_sign_up(identity, on_the_way_to):
        user = create_account(identity.email, name=identity.name or identity.email.partition("@")[0])
    else:
        raise SignInRefused(
            "not_invited",
            f"{identity.email} has no account here, and nobody has invited it.",
            "Ask an administrator of your workspace for an invitation, and open the link in the mail.",
        )
    tie = SocialAccount.objects.create(
        user=user, provider=identity.provider, uid=identity.uid, extra_data=identity.as_dict()
    )
    record_everywhere("identity.linked", user, provider=identity.provider)
    transaction.on_commit(partial(_mail, user, tie, provider))
    return tie


def _owner_of(address: str) -> User | None:
    """Who has proved to Galaxy that the address is theirs. Raises SignInRefused where an account merely carries it."""
    address = plain_address(address)
    known = EmailAddress.objects.select_related("user").filter(email=address, verified=True).first()
    if known is not None:
        return User.objects.select_for_update().get(pk=known.user_id)
    if User.objects.filter(email=address).exists():
        raise SignInRefused(
            "unconfirmed_account",
            f"An account carries {address}, and nobody has confirmed that here.",
            f"Sign in with the password and confirm the address. {OPERATOR}",
        )
    return None


def _may_sign_up(identity: Identity, on_the_way_to: str) -> bool:
    if identity.email.rpartition("@")[2].lower() in settings.GALAXY_SSO_SIGNUP_DOMAINS:
        return True
    link = _INVITATION.fullmatch(on_the_way_to)
    if link is None:
        return False
    try:
        return plain_address(find_invitation(link["token"]).address) == plain_address(identity.email)
    except InvitationClosed:
        return False


def _mail(user: User, tie: SocialAccount, provider: Provider) -> None:
    get_adapter().send_notification_mail(
        "socialaccount/email/account_connected", user, context={"account": tie, "provider": provider}
    )
