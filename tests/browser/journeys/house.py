"""The matrix's scene, and what its people are shown no page of: for staff, for the desk, and for a publisher."""

import time
from datetime import timedelta
from importlib import import_module
from typing import Any

from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.http import SimpleCookie
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from galaxy.core.models import User
from galaxy.core.scope import scope_with
from marketplace.evidence.ageing import appeal
from marketplace.models import Lowering
from marketplace.services import list_extension
from registry.models import NameClaim
from registry.publishers.naming import make_publisher
from registry.services import install, move_pin
from registry.services.quarantining import quarantine
from registry.services.retiring import LEAST_DAYS, deprecate
from tests.factories import PASSWORD, make_desk, make_staff, make_user
from tests.matrix.routes import routes_of_their_own
from tests.matrix.scene import BACKEND
from tests.registry.samples import connector, publish

WHY = "Its API ends."
PROOF = "account_authentication_methods"  # where allauth's sessions say how somebody proved who they are, and who


def furnish(cast: dict[str, Any], things: dict[str, Any]) -> dict[str, Any]:
    """People by name beside the cast's, and objects beside the scene's. Meridian is in scope."""
    workspace, owner, creator = cast["meridian"], cast["owner"], cast["creator"]
    desk = make_desk()
    own = [publish(connector("own", number), things["publisher"]) for number in ("1.0.0", "1.1.0", "2.0.0")]
    here = install(workspace, own[0].extension, version=own[0], actor=owner)
    move_pin(here, version=own[1], actor=owner)
    listing = list_extension(own[2], level="verified", summary="Keeps things.")
    deprecate(own[0], ends_on=timezone.now().date() + timedelta(days=LEAST_DAYS + 1), reason=WHY, actor=creator)
    lowered = {"listing": listing, "before": "enterprise", "after": "verified", "reason": "Not proven for 37 days."}
    asked, open_ = (Lowering.objects.create(rule=rule, **lowered) for rule in ("contract-tests", "signature"))
    appeal(asked, plea="It was tested by hand.", workspace=workspace, actor=creator)
    theirs = make_publisher("Tidal Tools", workspace=cast["tidewater"])
    names = {"workspace": workspace, "workspace_name": workspace.name, "holder": cast["tidewater"]}
    with scope_with(desk.workspace.pk):
        out = quarantine(own[1], reach="installs", reason="It sends too much.", actor=desk.reviewer)
    secured = make_user("Secured")
    Authenticator.objects.filter(user=secured).delete()
    TOTP.activate(secured, generate_totp_secret())
    RecoveryCodes.activate(secured)
    return {
        "staff": make_staff(),
        "desk": desk.reviewer,
        "proven": creator,
        "secured": secured,
        "lowering": open_,
        "claim": NameClaim.objects.create(publisher=theirs, plea="It is our trade mark.", asked_by=owner, **names),
        "quarantine": out,
    }


# Pages that nobody of the matrix is shown, and who is.
BEYOND = {
    **dict.fromkeys(("core:system", "core:break-glass-list"), "staff"),
    **dict.fromkeys(
        ("retiring:publication-detail", "telemetry:telemetry-detail", "marketplace:lowering-appeal"), "creator"
    ),
    **dict.fromkeys(("retiring:deprecation", "retiring:deprecation-end", "retiring:yanking"), "creator"),
    "retiring:signature": "creator",
    **dict.fromkeys(("retiring:quarantine-create", "retiring:quarantine-end", "marketplace:appeal-list"), "desk"),
    **dict.fromkeys(("bundles:source-speaking", "bundles:source-revocation", "reviews:review-hiding"), "desk"),
    "registry:name-claim-detail": "owner",
    **dict.fromkeys(("mfa_activate_totp", "mfa_add_webauthn"), "proven"),
    **dict.fromkeys(("mfa_reauthenticate", "mfa_deactivate_totp"), "secured"),
    **dict.fromkeys(("mfa_view_recovery_codes", "mfa_generate_recovery_codes"), "secured"),
    "mfa_authenticate": "halfway",
}


def place(route: str, things: dict[str, Any], more: dict[str, Any]) -> str:
    """The address of such a page."""
    if BEYOND[route] == "staff" or ":" not in route:
        return reverse(route)
    slug = {"workspace": "marketplace" if BEYOND[route] == "desk" else "meridian"}
    named = {
        "marketplace:lowering-appeal": {"pk": more["lowering"].pk},
        "marketplace:appeal-list": {},
        "registry:name-claim-detail": {"pk": more["claim"].pk},
        "retiring:quarantine-end": {"pk": more["quarantine"].pk},
        "retiring:quarantine-create": {"slug": "own", "number": "2.0.0"},
        "retiring:publication-detail": {"slug": "own"},
        "telemetry:telemetry-detail": {"slug": "own"},
    }
    if route not in named and route.startswith("retiring:"):
        named[route] = {"slug": "own", "number": "1.0.0"}
    return reverse(
        route, kwargs=slug | (named[route] if route in named else routes_of_their_own("place", route, things))
    )


def cookies_of(person: str, people: dict[str, Any]) -> SimpleCookie:
    """Of a browser in which they are signed in: who is ``proven`` or ``secured`` showed a moment ago that it is them,
    and somebody ``halfway`` is asked for the second factor."""
    client = Client()
    if person == "halfway":
        client.post(reverse("account_login"), {"login": people["secured"].email, "password": PASSWORD})
        return client.cookies
    user: User = people[person]
    client.force_login(user, backend=BACKEND)
    listed = {"user": user, "ip": "127.0.0.1", "user_agent": "Sweep"}  # as a sign-in leaves it: both are read at once
    UserSession.objects.get_or_create(session_key=client.session.session_key, defaults=listed)
    if person in ("proven", "secured"):
        session = import_module(settings.SESSION_ENGINE).SessionStore(client.session.session_key)
        kind = {"method": "mfa", "type": "totp"} if person == "secured" else {"method": "password"}
        session[PROOF] = [{**kind, "at": time.time(), "reauthenticated": True}]
        session[f"{PROOF}_user"] = str(user.pk)
        session.save()
    return client.cookies
