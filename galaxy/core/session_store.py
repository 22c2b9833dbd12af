"""Sessions in the database, as Django keeps them, read together with the person whose they are.

The list of a person's sessions (allauth.usersessions) says whose a session is, so one statement brings both. It is
a guess and no authority: whom a session is for stands in the session itself, and only where that names the same person
is the row used (``person_at_hand``). Without an entry in that list both are read one after the other, as ever.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from allauth.account.auth_backends import AuthenticationBackend
from allauth.usersessions.models import UserSession
from django.contrib.auth import SESSION_KEY
from django.contrib.auth.middleware import AuthenticationMiddleware, get_user
from django.contrib.sessions.backends import db
from django.contrib.sessions.models import Session
from django.db.models import OuterRef, QuerySet, Subquery
from django.utils import timezone
from django.utils.functional import SimpleLazyObject

from galaxy.core.db.prepared import prepared
from galaxy.core.models import User

_at_hand: ContextVar[User | None] = ContextVar("galaxy_person_at_hand", default=None)


class SessionStore(db.SessionStore):
    """``person`` is whoever the list of sessions names for it, once it was loaded."""

    person: User | None = None

    def _get_session_from_db(self) -> Session | None:
        self.person = None
        key = self.session_key or ""
        found: Any = _with_person.one(key=key) if key else None
        if found is None or found.kept is None or found.until <= timezone.now():
            return super()._get_session_from_db()  # type: ignore[misc]  # in Django, missing from its stubs
        self.person = found.user
        return Session(session_key=key, session_data=found.kept, expire_date=found.until)


class PersonMiddleware(AuthenticationMiddleware):
    """Sets ``request.user`` as Django does, asking for the person once where the session brought them."""

    def process_request(self, request: Any) -> None:
        super().process_request(request)
        request.user = SimpleLazyObject(lambda: _user_of(request))


@contextmanager
def person_at_hand(person: User | None) -> Iterator[None]:
    """Within the block, whoever asks a backend for this very person need not ask the database."""
    token = _at_hand.set(person)
    try:
        yield
    finally:
        _at_hand.reset(token)


def connect() -> None:
    """Once, when the app is ready: the backend that signs people in looks at who is at hand first."""
    read = AuthenticationBackend.get_user
    if getattr(read, "looks_at_hand", False):
        return

    def get_user_at_hand(self: AuthenticationBackend, user_id: Any) -> Any:
        person = _at_hand.get()
        if person is not None and person.pk == user_id:
            return person if self.user_can_authenticate(person) else None
        return read(self, user_id)

    get_user_at_hand.looks_at_hand = True  # type: ignore[attr-defined]
    AuthenticationBackend.get_user = get_user_at_hand  # type: ignore[method-assign]


def _user_of(request: Any) -> Any:
    request.session.get(SESSION_KEY)  # loads it
    with person_at_hand(getattr(request.session, "person", None)):
        return get_user(request)


@prepared
def _with_person(key: str) -> QuerySet[UserSession]:
    session = Session.objects.filter(session_key=OuterRef("session_key"))
    rows = UserSession.objects.filter(session_key=key).select_related("user")
    return rows.annotate(kept=Subquery(session.values("session_data")), until=Subquery(session.values("expire_date")))
