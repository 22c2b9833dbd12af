"""The doors of single sign-on. Without a provider in the environment each of them is a 404.

Beginning is a POST with its CSRF token, so that no other site signs anybody in. The two callbacks are the GETs that
write: they are bound to the session that began by state and nonce, or by the id of the SAML request.
"""

import hashlib
import secrets
from collections.abc import Callable
from functools import wraps

import structlog
from allauth.account.utils import get_next_redirect_url
from allauth.core import ratelimit
from allauth.socialaccount.adapter import get_adapter
from allauth.socialaccount.helpers import complete_social_login
from allauth.socialaccount.internal import statekit
from allauth.socialaccount.models import SocialAccount, SocialLogin
from allauth.socialaccount.providers.base import AuthProcess
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.core.cache import cache
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_POST

from galaxy.core.sso import oidc, saml
from galaxy.core.sso.admission import admit
from galaxy.core.sso.configuration import OIDC, SAML, Provider
from galaxy.core.sso.identity import Identity, SignInRefused

log = structlog.get_logger("galaxy.sso")
HANDED_OVER_S = 120


def _door(kind: str) -> Callable:
    """A view ``view(request, provider)`` of the provider of this kind; a refusal is told as a page, and logged."""

    def decorate(view: Callable) -> Callable:
        @login_not_required
        @wraps(view)
        def door(request, *args, **kwargs):
            provider = next((one for one in settings.GALAXY_SSO if one.id == kind), None)
            if provider is None:
                raise Http404
            try:
                return view(request, provider)
            except SignInRefused as refusal:
                log.warning("sso.refused", provider=kind, reason=refusal.reason)
                return render(request, "socialaccount/refused.html", {"error": refusal}, status=refusal.status)

        return door

    return decorate


@_door(OIDC)
@require_POST
def oidc_sign_in(request, provider):
    if busy := _too_many(request):
        return busy
    kept, challenge = oidc.make_secrets()
    oidc.discovery(provider)  # whoever cannot be reached is told before anything is kept
    state = _remember(request, provider, **kept)
    redirect_uri = request.build_absolute_uri(reverse("core:oidc-callback"))
    url = oidc.begin(provider, redirect_uri=redirect_uri, state=state, nonce=kept["nonce"], challenge=challenge)
    return HttpResponseRedirect(url)


@_door(OIDC)
@require_GET
def oidc_callback(request, provider):
    kept = _recall(request, provider, request.GET.get("state", ""))
    code = oidc.check_answer(provider, request.GET.dict())
    redirect_uri = request.build_absolute_uri(reverse("core:oidc-callback"))
    identity = oidc.identify(provider, code=code, redirect_uri=redirect_uri, kept=kept)
    return _let_in(request, provider, identity, kept)


@_door(SAML)
@require_POST
def saml_sign_in(request, provider):
    if busy := _too_many(request):
        return busy
    url, request_id = saml.begin(provider, request)
    _remember(request, provider, state_id=request_id)
    return HttpResponseRedirect(url)


@csrf_exempt  # the provider's page posts the answer; its signature stands for it, and it opens nothing by itself
@_door(SAML)
@require_POST
def saml_acs(request, provider):
    """Takes the answer. The browser sends no session along with another site's POST, so it is picked up by a GET."""
    identity, request_id = saml.identify(provider, request)
    key = secrets.token_urlsafe(32)
    cache.set(_handed_over(key), identity.as_dict() | {"request_id": request_id}, HANDED_OVER_S)
    response = HttpResponseRedirect(reverse("core:saml-finish"))
    response.set_cookie(
        _cookie(),
        key,
        max_age=HANDED_OVER_S,
        path=reverse("core:saml-finish"),
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )
    return response


@_door(SAML)
@require_GET
def saml_finish(request, provider):
    key = _handed_over(request.COOKIES.get(_cookie(), ""))
    found = cache.get(key)
    cache.delete(key)
    if found is None:
        raise SignInRefused("nothing_to_finish", f"There is no answer of {provider.name} to go on with.")
    kept = _recall(request, provider, found.pop("request_id"))
    return _let_in(request, provider, Identity(**found), kept)


@_door(SAML)
@require_GET
def saml_metadata(request, provider):
    return HttpResponse(saml.metadata(provider, request), content_type="application/samlmetadata+xml")


def offers_providers(view: Callable) -> Callable:
    """Let the page's form lead to the providers: browsers hold form-action against the redirect as well."""

    @wraps(view)
    def offering(request, *args, **kwargs):
        response = view(request, *args, **kwargs)
        if settings.GALAXY_SSO:
            origins = {one.origin for one in settings.GALAXY_SSO} | set(settings.GALAXY_SSO_REDIRECT_ORIGINS)
            response._csp_update = {"form-action": sorted(origins)}
        return response

    return offering


def _let_in(request, provider: Provider, identity: Identity, kept: dict) -> HttpResponse:
    """Sign the person in by allauth, second factor included where the account has one."""
    account = admit(provider, identity, on_the_way_to=kept["next"] or "")
    login = SocialLogin(
        provider=get_adapter().get_provider(request, provider.id),
        account=SocialAccount(provider=account.provider, uid=account.uid, extra_data=identity.as_dict()),
    )
    login.state = {"process": AuthProcess.LOGIN, "next": kept["next"]}
    return complete_social_login(request, login)


def _remember(request, provider: Provider, *, state_id: str | None = None, **kept: str) -> str:
    """Keep in the session what the answer will be held against, and where the person wanted to go; returns its id."""
    path = get_next_redirect_url(request)  # an address of ours, or nothing
    return statekit.stash_state(request, provider_id=provider.id, state=kept | {"next": path}, state_id=state_id)


def _recall(request, provider: Provider, state_id: str) -> dict:
    """What this session kept under ``state_id``, once."""
    kept = statekit.unstash_state(request, state_id=state_id, provider_id=provider.id)
    if kept is None:
        raise SignInRefused(
            "unknown_state",
            "This sign-in was not begun in this browser, took longer than ten minutes, or is over already.",
        )
    return kept


def _too_many(request) -> HttpResponse | None:
    return ratelimit.consume_or_429(request, action="login")


def _handed_over(key: str) -> str:
    return f"galaxy:sso:handed-over:{hashlib.sha256(key.encode()).hexdigest()}"


def _cookie() -> str:
    return "__Secure-galaxy-saml" if settings.SESSION_COOKIE_SECURE else "galaxy-saml"
