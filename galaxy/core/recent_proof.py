"""Proof, given within the last minutes, that whoever sits there is who signed in: asked for before dangerous acts.

Signing in is such proof, and so is confirming a password, a code or a passkey on allauth's pages; how long it holds is
ACCOUNT_REAUTHENTICATION_TIMEOUT. What was about to be sent waits in the session, so that nothing typed is lost, and is
never sent by itself: the person sees what they were about to do and goes on, or does not.
"""

import time
from dataclasses import dataclass

from allauth.account import app_settings
from allauth.account.adapter import get_adapter
from allauth.account.internal.flows.login import get_authentication_records
from allauth.mfa.models import Authenticator
from django.shortcuts import redirect, resolve_url
from django_htmx.http import HttpResponseClientRedirect

from galaxy.core.http import page_of_form
from galaxy.core.second_factor import KINDS
from galaxy.core.sessions import BEGAN

KEPT = "galaxy_kept_act"  # in the session
KEPT_S = 15 * 60
KEPT_BYTES = 65_536  # a form of ours is far smaller; a larger one is typed again
OF_SIGNING_IN = {
    "account_email",
    "account_set_password",
    "mfa_activate_totp",
    "mfa_add_webauthn",
    "mfa_generate_recovery_codes",
}
BY_CODE, BY_KEY = "mfa_reauthenticate", "mfa_reauthenticate:webauthn"  # allauth's names for its pages
CSRF_FIELD = "csrfmiddlewaretoken"


class ProofNeeded(Exception):
    """The proof is too old for ``act``, a sentence such as "Remove Ada from Meridian".

    With ``factor`` a password will not do: a second factor has to be shown.
    """

    def __init__(self, act: str, *, factor: bool = False):
        super().__init__(act)
        self.act = act
        self.factor = factor


@dataclass(frozen=True)
class KeptAct:
    """A form that waits for proof: where it goes, where it stood, and (name, value) of each field."""

    act: str
    path: str
    back: str
    fields: list[tuple[str, str]]
    by_factor: bool = False


def require_recent_proof(request, act: str) -> None:
    """Raise ProofNeeded unless this very session proved who it is; a page calls it just before the act.

    The person is then asked, and comes back to ``act`` with the fields they sent. Not for forms that carry a secret:
    the session would keep it.
    """
    if not has_recent_proof(request):
        raise ProofNeeded(act)
    forget_kept(request)


def require_recent_factor(request, act: str) -> str:
    """The same for what asks for a second factor each time; returns which one was shown, ``totp`` or ``webauthn``."""
    factor = recent_factor(request)
    if not factor:
        raise ProofNeeded(act, factor=True)
    forget_kept(request)
    return factor


def forget_kept(request) -> None:
    """What was kept for this address is being done now, and is not offered again."""
    kept = request.session.get(KEPT)
    if kept and kept["path"] == request.get_full_path():
        del request.session[KEPT]


def recent_factor(request) -> str:
    """The second factor this person showed in this session within the last minutes, when signing in or since.

    A recovery code is no factor of its own: it helps somebody in who lost theirs.
    """
    shown = [
        record
        for record in get_authentication_records(request, request.user)
        if record.get("type") in KINDS and _is_recent(record["at"])
    ]
    return str(shown[-1]["type"]) if shown else ""


def has_recent_proof(request) -> bool:
    """Signed in, or confirmed again, by this person in this session within the last minutes."""
    confirmed = [
        record["at"] for record in get_authentication_records(request, request.user) if record.get("reauthenticated")
    ]
    return _is_recent(max([*confirmed, request.session.get(BEGAN, 0)]))


def kept_act(request) -> KeptAct | None:
    """What this person was about to do in this session, for some minutes."""
    kept = request.session.get(KEPT)
    if not kept or kept["user"] != str(request.user.pk) or time.time() - kept["at"] > KEPT_S:
        return None
    fields = [(name, value) for name, value in kept["fields"]]
    return KeptAct(kept["act"], kept["path"], kept["back"], fields, kept.get("by_factor", False))


class RecentProofMiddleware:
    """Keeps the form that came too late, and leads to the page that asks who is there."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        return self.get_response(request)

    def process_view(self, request, view, args, kwargs):
        """allauth lets an account that has neither password nor second factor pass; here it signs in anew."""
        if request.resolver_match.view_name not in OF_SIGNING_IN or not request.user.is_authenticated:
            return None
        if ways_of(request.user) or has_recent_proof(request):
            return None
        return _ask(request, "Change how you sign in")

    def process_exception(self, request, error):
        return _ask(request, error.act, error.factor) if isinstance(error, ProofNeeded) else None


def ways_of(user, *, by_factor: bool = False) -> list[dict]:
    """How this person can prove it here: list of {id, description, url}; none for whom only their company signs in,
    and none by a second factor for whom has none."""
    ways = get_adapter().get_reauthentication_methods(user)
    if not by_factor:
        return ways
    kinds = set(Authenticator.objects.filter(user=user, type__in=KINDS).values_list("type", flat=True))
    mine = {BY_CODE: Authenticator.Type.TOTP in kinds, BY_KEY: Authenticator.Type.WEBAUTHN in kinds}
    return [way for way in ways if mine.get(way["id"])]


def _is_recent(at: float) -> bool:
    return time.time() - at < app_settings.REAUTHENTICATION_TIMEOUT


def _ask(request, act: str, by_factor: bool = False):
    """Keep what was sent, and lead to the page that asks who is there."""
    fields = [[name, value] for name, values in request.POST.lists() for value in values if name != CSRF_FIELD]
    is_kept = request.method == "POST" and sum(len(name) + len(value) for name, value in fields) <= KEPT_BYTES
    request.session[KEPT] = {
        "user": str(request.user.pk),
        "act": act,
        "path": request.get_full_path() if is_kept else "",
        "back": page_of_form(request) if request.method == "POST" else request.get_full_path(),
        "fields": fields if is_kept else [],
        "by_factor": by_factor,
        "at": int(time.time()),
    }
    return HttpResponseClientRedirect(resolve_url("core:proof")) if request.htmx else redirect("core:proof")
