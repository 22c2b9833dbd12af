"""Acts that ask for a second factor each time: which proof will do, and what becomes of the form meanwhile."""

import time

import pytest
from allauth.account.internal.flows.login import (
    _AUTHENTICATION_METHODS_USER_SESSION_KEY,
    AUTHENTICATION_METHODS_SESSION_KEY,
)
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from django.test import RequestFactory
from django.urls import reverse

from galaxy.core.recent_proof import KEPT, ProofNeeded, kept_act, recent_factor, require_recent_factor
from tests.factories import PASSWORD

LONG_AGO_S = 3600


def seen(user, *records):
    """A request of a session in which ``user`` proved themselves so: (type or method, seconds ago)."""
    request = RequestFactory().post("/w/meridian/approvals/x/decision/", {"note": "Fine"})
    request.user, request.htmx = user, False
    request.session = {
        AUTHENTICATION_METHODS_SESSION_KEY: [
            {"method": "mfa", "type": kind, "at": time.time() - ago} for kind, ago in records
        ],
        _AUTHENTICATION_METHODS_USER_SESSION_KEY: str(user.pk),
    }
    return request


@pytest.mark.parametrize(
    ("records", "factor"),
    [
        ([], ""),
        ([("totp", 5)], "totp"),
        ([("totp", 50), ("webauthn", 5)], "webauthn"),
        ([("totp", LONG_AGO_S)], ""),
        ([("recovery_codes", 5)], ""),
        ([("password", 5)], ""),
    ],
)
def test_a_factor_counts_that_was_shown_lately(approver, records, factor):
    request = seen(approver, *records)
    assert recent_factor(request) == factor
    if factor:
        assert require_recent_factor(request, "Approve it") == factor
    else:
        with pytest.raises(ProofNeeded, match="Approve it") as refused:
            require_recent_factor(request, "Approve it")
        assert refused.value.factor


def keep(client, user, path):
    session = client.session
    session[KEPT] = {
        "user": str(user.pk),
        "act": "Approve it",
        "path": path,
        "back": "/w/meridian/approvals/",
        "fields": [["note", "Fine & <well>"]],
        "at": int(time.time()),
        "by_factor": True,
    }
    session.save()


def show_factor(client, user):
    session = client.session
    session[AUTHENTICATION_METHODS_SESSION_KEY] = [{"method": "mfa", "type": "totp", "at": time.time()}]
    session[_AUTHENTICATION_METHODS_USER_SESSION_KEY] = str(user.pk)
    session.save()


@pytest.mark.asvs("7.5.3")
def test_a_password_will_not_do_and_without_a_factor_one_is_led_to_setting_one_up(client_of, approver):
    client = client_of(approver)  # who signed in just now, by a password
    keep(client, approver, "/somewhere/")
    page = client.get(reverse("core:proof")).content.decode()
    assert "A second factor is needed" in page and reverse("mfa_index") in page
    assert "Go on" not in page


def test_the_pages_of_second_factors_lead_back_to_what_waits(client_of, approver):
    client = client_of(approver)
    back = f'href="{reverse("core:proof")}"'
    assert back not in client.get(reverse("mfa_index")).content.decode(), "nothing waits"
    keep(client, approver, "/somewhere/")
    assert "Approve it</b> waits for you" in client.get(reverse("mfa_index")).content.decode()
    Authenticator.objects.create(user=approver, type=Authenticator.Type.TOTP, data={"secret": "x"})
    RecoveryCodes.activate(approver)
    client.post(reverse("account_reauthenticate"), {"password": PASSWORD})
    for page in ("mfa_view_recovery_codes", "mfa_list_webauthn"):  # where one comes out who has set up one or the other
        assert back in client.get(reverse(page)).content.decode(), page


def test_who_has_an_app_is_asked_for_its_code(client_of, approver):
    Authenticator.objects.create(user=approver, type=Authenticator.Type.TOTP, data={"secret": "x"})
    client = client_of(approver)
    keep(client, approver, "/somewhere/")
    asked = client.get(reverse("core:proof"))
    assert asked["Location"].startswith(reverse("mfa_reauthenticate"))


def test_once_it_is_shown_the_form_comes_back_as_it_was(client_of, approver):
    client = client_of(approver)
    keep(client, approver, "/account/preferences/")
    show_factor(client, approver)
    page = client.get(reverse("core:proof")).content.decode()
    assert "Approve it?" in page and "Fine &amp; &lt;well&gt;" in page


def test_what_was_kept_is_forgotten_when_it_is_done(approver):
    request = seen(approver, ("totp", 5))
    request.session[KEPT] = {"path": request.get_full_path(), "user": str(approver.pk), "at": time.time()}
    require_recent_factor(request, "Approve it")
    assert kept_act(request) is None
