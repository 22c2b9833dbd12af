"""The second factor by code: setting it up, signing in with it, losing it, and workspaces that ask for it."""

import base64
import hashlib
import hmac
import re
import struct
import time

import pytest
from allauth.mfa.models import Authenticator
from django.core import mail
from django.test import Client
from django.urls import reverse

from galaxy.core.errors import Invalid
from galaxy.core.models import AuditEvent
from galaxy.core.permissions import NotGranted
from galaxy.core.second_factor import has_second_factor, require_second_factor
from tests.factories import PASSWORD

LOGIN, INDEX = "/account/login/", "/account/second-factor/"
RECOVERY_CODE = r"<code>([0-9a-z-]{29})</code>"


@pytest.fixture(autouse=True)
def unhurried(settings):
    """Rate limits are kept by address, and every test comes from the same one."""
    settings.ACCOUNT_RATE_LIMITS = False


def code_of(secret: str, at: float | None = None) -> str:
    """RFC 6238 with its defaults, written out here so that it does not agree with itself."""
    counter = struct.pack(">Q", int((time.time() if at is None else at) // 30))
    digest = hmac.new(base64.b32decode(secret + "=" * (-len(secret) % 8)), counter, hashlib.sha1).digest()
    offset = digest[-1] & 15
    number = struct.unpack(">I", digest[offset : offset + 4])[0] & 0x7FFFFFFF
    return f"{number % 1_000_000:06}"


def sign_in(user) -> Client:
    client = Client()
    client.post(LOGIN, {"login": user.email, "password": PASSWORD})
    return client


def set_up(client) -> str:
    """Set the app up; returns its secret."""
    url = reverse("mfa_activate_totp")
    assert client.post(reverse("account_reauthenticate"), {"password": PASSWORD, "next": url}).status_code == 302
    page = client.get(url).content.decode()
    secret = re.search(r'data-copy="([A-Z2-7]+)"', page)[1]
    assert client.post(url, {"code": code_of(secret)}).status_code == 302
    return secret


def test_the_oracle_agrees_with_the_rfc():
    secret = base64.b32encode(b"12345678901234567890").decode()
    assert [code_of(secret, at) for at in (59, 1111111109, 20000000000)] == ["287082", "081804", "353130"]


@pytest.mark.asvs("6.3.7")
@pytest.mark.django_db(transaction=True, databases=["default", "owner"])  # the mail waits for the commit
def test_setting_the_app_up_makes_recovery_codes_and_tells_trail_and_mail(member, workspace):
    client = sign_in(member)
    before = client.session.session_key
    set_up(client)
    assert client.session.session_key != before
    assert has_second_factor(member)
    page = client.get(reverse("mfa_view_recovery_codes")).content.decode()
    assert len(re.findall(RECOVERY_CODE, page)) == 10
    actions = AuditEvent.objects.in_workspace(workspace).filter(actor_id=member.pk).values_list("action", flat=True)
    assert list(actions).count("second_factor.added") == 2  # the app and the codes
    [message] = mail.outbox
    assert message.to == [member.email]
    assert "authenticator app" in message.body


@pytest.mark.asvs("6.3.3")
def test_the_password_alone_opens_nothing_then(member, workspace):
    secret = set_up(sign_in(member))
    client = Client()
    response = client.post(LOGIN, {"login": member.email, "password": PASSWORD})
    assert response["Location"] == reverse("mfa_authenticate")
    assert client.get(workspace.get_absolute_url()).status_code == 302
    wrong = client.post(reverse("mfa_authenticate"), {"code": "000000"})
    assert "Incorrect code" in wrong.content.decode()
    # The code that set it up is spent; the next one is within the tolerance.
    assert client.post(reverse("mfa_authenticate"), {"code": code_of(secret, time.time() + 30)}).status_code == 302
    assert client.get(workspace.get_absolute_url()).status_code == 200
    actions = AuditEvent.objects.in_workspace(workspace).values_list("action", flat=True)
    assert "second_factor.failed" in actions


@pytest.mark.asvs("6.4.3")
def test_a_new_password_by_mail_is_no_way_around_it(member, workspace):
    """Who reads somebody's mailbox has no second factor by that."""
    set_up(sign_in(member))
    client = Client()
    client.post(reverse("account_reset_password"), {"email": member.email})
    form = client.get(re.search(r"http://testserver(/\S+)", mail.outbox[-1].body)[1], follow=True)
    new = {"password1": "another good battery", "password2": "another good battery"}
    assert client.post(form.redirect_chain[-1][0], new).status_code == 302
    assert client.get(workspace.get_absolute_url()).status_code == 302, "setting it signs nobody in"
    answer = client.post(LOGIN, {"login": member.email, "password": new["password1"]})
    assert answer["Location"] == reverse("mfa_authenticate")
    assert client.get(workspace.get_absolute_url()).status_code == 302


@pytest.mark.asvs("6.5.1")
def test_a_code_works_once(member):
    secret = set_up(sign_in(member))
    code = code_of(secret, time.time() + 30)
    answers = []
    for _ in range(2):
        client = Client()
        client.post(LOGIN, {"login": member.email, "password": PASSWORD})
        answers.append(client.post(reverse("mfa_authenticate"), {"code": code}).status_code)
    assert answers == [302, 200]


@pytest.mark.asvs("6.5.1", "6.5.8")
def test_a_code_is_spent_for_as_long_as_it_would_be_taken(member, settings, monkeypatch):
    """With one step of tolerance a code is good for three; whoever looked over a shoulder has that long."""
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    secret = set_up(sign_in(member))
    app = Authenticator.objects.get(user=member, type=Authenticator.Type.TOTP).wrap()
    now = (time.time() // 30 + 10) * 30
    code = code_of(secret, now + 30)
    taken = []
    for later in (0, 31, 62, 89):
        monkeypatch.setattr(time, "time", lambda at=now + later: at)
        taken.append(app.validate_code(code))
    assert taken == [True, False, False, False]


@pytest.mark.asvs("6.5.1")
def test_a_recovery_code_works_once(member):
    client = sign_in(member)
    set_up(client)
    code = re.search(RECOVERY_CODE, client.get(reverse("mfa_view_recovery_codes")).content.decode())[1]
    answers = []
    for _ in range(2):
        client = Client()
        client.post(LOGIN, {"login": member.email, "password": PASSWORD})
        answers.append(client.post(reverse("mfa_authenticate"), {"code": code}).status_code)
    assert answers == [302, 200]


@pytest.mark.asvs("7.5.1", "7.5.3")
@pytest.mark.parametrize("name", ["mfa_activate_totp", "mfa_add_webauthn", "mfa_generate_recovery_codes"])
def test_what_is_dangerous_asks_who_is_there(client_of, member, name):
    """``client_of`` signs in without a password, as an old session would be."""
    client = client_of(member)
    for send in (client.get, client.post):
        response = send(reverse(name))
        assert response.status_code == 302
        assert response["Location"].startswith("/account/reauthenticate/")
    assert not Authenticator.objects.filter(user=member).exists()


@pytest.mark.asvs("7.5.1")
def test_an_address_is_not_changed_without_the_password(client_of, member):
    response = client_of(member).post(reverse("account_email"), {"email": "new@example.test", "action_add": ""})
    assert response["Location"].startswith("/account/reauthenticate/")
    assert member.emailaddress_set.count() == 1


def test_showing_the_codes_writes_nothing(member, workspace):
    client = sign_in(member)
    set_up(client)
    before = list(Authenticator.objects.order_by("pk").values())
    client.get(reverse("mfa_view_recovery_codes"))
    client.get(reverse("mfa_download_recovery_codes"))
    client.get(INDEX)
    assert list(Authenticator.objects.order_by("pk").values()) == before


# --- Workspaces that ask for it --------------------------------------------------------------------------------


def asked_for(workspace, owner):
    client = sign_in(owner)
    set_up(client)
    response = client.post(
        reverse("core:workspace-settings", args=[workspace.slug]), {"requires_second_factor": "true"}
    )
    assert response.status_code == 302
    workspace.refresh_from_db()
    assert workspace.requires_second_factor
    return client


@pytest.mark.asvs("6.3.3")
def test_members_without_one_set_it_up_before_they_see_the_workspace(owner, member, workspace):
    client = sign_in(member)
    assert client.get(workspace.get_absolute_url()).status_code == 200
    owners = asked_for(workspace, owner)
    response = client.get(workspace.get_absolute_url(), follow=True)
    assert response.redirect_chain == [(INDEX, 302)]
    assert "Meridian asks for a second factor." in response.content.decode()
    assert client.post(reverse("sandbox:run-create", args=["meridian"])).status_code == 302
    partial = client.get(workspace.get_absolute_url(), headers={"HX-Request": "true"})
    assert (partial["HX-Redirect"], partial.content) == (INDEX, b"")
    set_up(client)
    assert client.get(workspace.get_absolute_url()).status_code == 200
    assert owners.get(workspace.get_absolute_url()).status_code == 200
    event = AuditEvent.objects.in_workspace(workspace).get(action="workspace.changed")
    assert event.actor_id == str(owner.pk)


@pytest.mark.asvs("6.3.3")
def test_whoever_runs_galaxy_requires_it_of_everybody(owner, member, workspace, settings):
    """As the files of deploy/ do (tests/deploy)."""
    client = sign_in(member)
    page = sign_in(owner).get(reverse("core:workspace-settings", args=["meridian"])).content.decode()
    assert "Left to each person" in page
    settings.GALAXY_REQUIRE_SECOND_FACTOR = True
    assert client.get(workspace.get_absolute_url())["Location"] == INDEX
    assert client.get("/api/v1/workspaces/meridian/runs/").json()["code"] == "second_factor_missing"
    set_up(client)
    assert client.get(workspace.get_absolute_url()).status_code == 200
    owners = sign_in(owner)
    set_up(owners)
    page = owners.get(reverse("core:workspace-settings", args=["meridian"])).content.decode()
    assert "Required everywhere" in page and "Whoever runs Galaxy requires one" in page


@pytest.mark.asvs("6.3.4")
def test_the_api_is_no_way_around_it(owner, member, workspace):
    client = sign_in(member)
    url = "/api/v1/workspaces/meridian/runs/"
    assert client.get(url).status_code == 200
    asked_for(workspace, owner)
    refused = client.get(url)
    assert (refused.status_code, refused.json()["code"]) == (403, "second_factor_missing")
    set_up(client)
    assert client.get(url).status_code == 200


def test_recovery_codes_alone_are_no_second_factor(member):
    Authenticator.objects.create(user=member, type=Authenticator.Type.RECOVERY_CODES, data={})
    assert not has_second_factor(member)


def test_the_neighbour_is_not_asked(owner, member, workspace, other_workspace, stranger):
    asked_for(workspace, owner)
    assert sign_in(stranger).get(other_workspace.get_absolute_url()).status_code == 200


def test_nobody_locks_themselves_out(owner, workspace):
    with pytest.raises(Invalid, match="no second factor yourself"):
        require_second_factor(workspace, required=True, actor=owner)
    workspace.refresh_from_db()
    assert not workspace.requires_second_factor


@pytest.mark.parametrize("role", ["admin", "approver", "creator", "auditor", "member", "stranger"])
def test_only_an_owner_changes_it(cast, workspace, role):
    with pytest.raises(NotGranted):
        require_second_factor(workspace, required=False, actor=cast[role])


def test_who_lacks_one_is_the_owners_business(client_of, owner, admin, member, workspace):
    url = reverse("core:workspace-settings", args=[workspace.slug])
    page = client_of(owner).get(url).content.decode()
    assert "6 of 6 members have none yet" in page
    page = client_of(admin).get(url).content.decode()
    assert "none yet" not in page
    assert "aria-disabled" in page
