"""Sessions: how long they last, when their key changes, and how a person ends those of lost devices.

The rows of allauth.usersessions say where a session is; the session itself lies in django_session, and without it the
cookie opens nothing.
"""

import hashlib
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

from allauth.account.internal.flows.login import AUTHENTICATION_METHODS_SESSION_KEY
from allauth.account.signals import password_changed, password_reset, password_set
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.signals import user_logged_in, user_logged_out
from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import QuerySet
from django.urls import reverse
from django.utils import timezone

from galaxy.core.accounts import record_everywhere
from galaxy.core.models import Membership, User

BEGAN, SEEN = "galaxy_began_at", "galaxy_seen_at"  # in the session, in whole seconds of Unix time
RIGHTS = "galaxy_rights"  # in the session: a digest of the roles that its person had at the last page
NOTED_EVERY_S = 60
WARNED_S = 10 * 60  # before the end; WCAG 2.2.1 asks for 20 seconds at least


class SessionLimitsMiddleware:
    """Ends a session that stood idle or grew old, whatever its cookie says, and changes its key when it gains rights.

    What a page asks for by itself (htmx's GETs: polling, counts; how long the session lasts) keeps nobody signed in.
    """

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        if not request.user.is_authenticated:
            return self.get_response(request)
        if sentence := _why_over(request.session):
            logout(request)
            messages.info(request, sentence)
            return self.get_response(request)
        if not (request.method == "GET" and (request.htmx or request.path == reverse("core:session-state"))):
            _note(request)
        before = request.session.get(AUTHENTICATION_METHODS_SESSION_KEY)
        response = self.get_response(request)
        if request.user.is_authenticated and request.session.get(AUTHENTICATION_METHODS_SESSION_KEY) != before:
            rotate(request)  # somebody proved again who they are, and may now do more
        return response


@dataclass(frozen=True)
class Ending:
    """When a session ends: ``in_s`` seconds from now, ``at`` as an aware datetime; whether staying moves it away."""

    in_s: int
    can_stay: bool
    warned_s: ClassVar[int] = WARNED_S

    @property
    def at(self):
        return timezone.now() + timedelta(seconds=self.in_s)

    @property
    def is_near(self) -> bool:
        return self.in_s <= WARNED_S


def ending_of(session) -> Ending:
    """The earlier of two ends: nothing happened for a while, or the session grew old whatever happened."""
    now = time.time()
    idle = session.get(SEEN, 0) + settings.GALAXY_SESSION_IDLE_S - now
    old = session.get(BEGAN, 0) + settings.SESSION_COOKIE_AGE - now
    return Ending(max(0, int(min(idle, old))), can_stay=idle < old)


def sessions_of(user: User) -> QuerySet[UserSession]:
    """The sessions of a person that still open something, last used first."""
    alive = Session.objects.filter(expire_date__gt=timezone.now()).values("session_key")
    return UserSession.objects.filter(user=user, session_key__in=alive).order_by("-last_seen_at")


@transaction.atomic
def end_sessions(user: User, *, sessions: QuerySet[UserSession]) -> int:
    """End some of a person's own sessions, audited; returns how many of them still opened something."""
    keys = list(sessions.filter(user=user).values_list("session_key", flat=True))
    count, _ = Session.objects.filter(session_key__in=keys).delete()
    UserSession.objects.filter(session_key__in=keys).delete()
    if count:
        record_everywhere("session.revoked", user, count=count)
    return count


def end_sessions_of(user: User) -> int:
    """End every session of ``user``, for whoever runs Galaxy; returns how many still opened something."""
    return end_sessions(user, sessions=UserSession.objects.filter(user=user))


def end_other_sessions(request, user: User) -> None:
    """End every session of ``user`` but this one, and tell them how many there were."""
    others = UserSession.objects.filter(user=user).exclude(session_key=request.session.session_key)
    if count := end_sessions(user, sessions=others):
        words = "other session was" if count == 1 else f"{count} other sessions were"
        messages.info(request, f"Your {words} ended.")


def rotate(request) -> None:
    """Give the session a new key: one that was seen before is worth nothing after."""
    old = request.session.session_key
    request.session.cycle_key()
    UserSession.objects.filter(session_key=old).update(session_key=request.session.session_key)


def follow_rights(request, memberships: Iterable[Membership]) -> None:
    """Give the session a new key where its person's roles are others than at its last page.

    Not while a page asks for something by itself: its neighbours on the way would come back to a key that is gone.
    """
    if request.htmx or request.method != "GET":
        return
    held = sorted(f"{one.workspace_id}:{one.custom_role_id or one.role}" for one in memberships)
    rights = hashlib.sha256("|".join(held).encode()).hexdigest()[:16]
    before = request.session.get(RIGHTS)
    if before == rights:
        return
    request.session[RIGHTS] = rights
    if before is not None:
        rotate(request)


def _why_over(session) -> str:
    """The sentence to a person whose session is over, or nothing."""
    now = time.time()
    began, seen = session.get(BEGAN, 0), session.get(SEEN, 0)
    if now - began > settings.SESSION_COOKIE_AGE:
        return "You signed in a while ago, so you were signed out. Sign in again."
    if now - seen > settings.GALAXY_SESSION_IDLE_S:
        return "Nothing happened here for a while, so you were signed out. Sign in again."
    return ""


def _note(request) -> None:
    """Note that somebody is there: at most once a minute, in the session and in the list the person sees.

    The row in that list is made by allauth when they sign in.
    """
    now = int(time.time())
    if now - request.session[SEEN] >= NOTED_EVERY_S:
        request.session[SEEN] = now
        UserSession.objects.create_from_request(request)


def _begin(sender, request, user, **kwargs) -> None:
    request.session[BEGAN] = request.session[SEEN] = int(time.time())


def _end_others(sender, request, user, **kwargs) -> None:
    """After a new password the other sessions are void; here they end, and leave the list as well."""
    end_other_sessions(request, user)


def _note_end(sender, request, user, **kwargs) -> None:
    request.signed_out = True  # for galaxy.core.middleware.HeadersMiddleware


def connect() -> None:
    user_logged_out.connect(_note_end, dispatch_uid="galaxy-session-ended")
    user_logged_in.connect(_begin, dispatch_uid="galaxy-session-began")
    for signal in (password_changed, password_reset, password_set):
        signal.connect(_end_others, dispatch_uid=f"galaxy-password-{id(signal)}")
