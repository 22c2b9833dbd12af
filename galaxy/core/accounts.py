"""Accounts: by invitation only, and told to the audit trail of every workspace of the person."""

import re
import string
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.internal.flows.login import AUTHENTICATION_METHODS_SESSION_KEY
from allauth.account.models import EmailAddress
from django.db import transaction
from django.http import HttpRequest

from galaxy.core import audit
from galaxy.core.models import Membership, User
from galaxy.core.scope import workspace_scope

_SMALL = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)
# Controls, and what turns the direction of the text after it (UAX #9); joiners stay, since some writing needs them.
_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


@transaction.atomic
def create_account(email: str, *, name: str, password: str | None = None) -> User:
    """A person with a confirmed address. Without its own row allauth would write one when a page is merely read.

    The address is kept in small letters: allauth looks for nothing else.
    """
    user = User.objects.create_user(plain_address(email), password, name=one_line(name))
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    return user


def plain_address(address: str) -> str:
    """``address`` as accounts keep it and as it is looked for: A to Z made small, and nothing else.

    Other comparisons take letters for each other that are not: PostgreSQL's upper() a dotless i for an i and a long s
    for an s, Python's lower() the Kelvin sign for a k. Those are other people's mailboxes.
    """
    return address.translate(_SMALL)


def one_line(name: str) -> str:
    """``name`` without line breaks, control characters and changes of direction: it stands in mails and lists."""
    return " ".join("".join(sign for sign in " ".join(name.split()) if not _UNSEEN.match(sign)).split())


class AccountAdapter(DefaultAccountAdapter):
    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Nobody signs up alone: a workspace invites."""
        return False


def provider_of(session: Any) -> str:
    """The id of the single sign-on provider by which this session was begun; "" for a password or a passkey."""
    methods = session.get(AUTHENTICATION_METHODS_SESSION_KEY, [])
    return next((one["provider"] for one in methods if one["method"] == "socialaccount"), "")


def ways_of(session: Any) -> list[str]:
    """What was shown when the session was begun, such as ``password`` and ``totp``, in that order."""
    methods = session.get(AUTHENTICATION_METHODS_SESSION_KEY, [])
    return [str(one.get("type") or one["method"]) for one in methods]


def record_sign_in(user: User, request: HttpRequest, **kwargs: Any) -> None:
    provider = provider_of(request.session)
    shown = {"ways": ", ".join(ways_of(request.session))}
    record_everywhere("session.started", user, **shown, **({"provider": provider} if provider else {}))


def record_sign_out(user: User | None, **kwargs: Any) -> None:
    if user is not None:
        record_everywhere("session.ended", user)


@transaction.atomic
def record_everywhere(action: str, user: User, **data: Any) -> None:
    """Write what a person did to their own account into the trail of each of their workspaces."""
    with workspace_scope(user=user.pk):
        memberships = list(Membership.objects.filter(user=user).select_related("workspace"))
    with workspace_scope([m.workspace_id for m in memberships], user.pk):
        for membership in memberships:
            audit.record(action, actor=user, target=user, workspace=membership.workspace, **data)
