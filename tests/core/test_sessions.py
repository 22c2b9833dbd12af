"""How long a session lasts, when its key changes, and how a person ends those of lost devices."""

import re
import time

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.signals import authenticator_added
from allauth.usersessions.models import UserSession
from django.contrib.messages.storage.fallback import FallbackStorage
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.test import Client, RequestFactory
from django.urls import reverse

from galaxy.core.members import add_member
from galaxy.core.members.people import change_role, remove_member
from galaxy.core.models import AuditEvent, Membership, RoleGroup
from galaxy.core.sessions import BEGAN, SEEN
from galaxy.core.ui.words import browser
from tests.core.test_second_factor import set_up
from tests.factories import PASSWORD

LIST = "/account/sessions/"
PAGE = "/preferences/"
DAY_S = 24 * 60 * 60


@pytest.fixture(autouse=True)
def unhurried(settings):
    settings.ACCOUNT_RATE_LIMITS = False


def sign_in(user, agent="Firefox") -> Client:
    client = Client(headers={"User-Agent": agent})
    assert client.post("/account/login/", {"login": user.email, "password": PASSWORD}).status_code == 302
    return client


def age(client, **seconds):
    session = client.session
    for key, value in seconds.items():
        session[key] = session[key] - value
    session.save()


def is_in(client) -> bool:
    return client.get(PAGE).status_code == 200


@pytest.mark.asvs("7.2.2", "7.2.4")
def test_signing_in_gives_a_new_key(member):
    client = Client()
    client.get("/account/login/")
    session = client.session
    session["chosen"] = "by somebody else"
    session.save()
    before = session.session_key
    client.cookies["galaxy"] = before
    client.post("/account/login/", {"login": member.email, "password": PASSWORD})
    assert client.session.session_key != before
    assert not Session.objects.filter(pk=before).exists()


@pytest.mark.asvs("7.3.1")
def test_a_session_that_stood_idle_is_over_and_says_so(member, settings):
    client = sign_in(member)
    key = client.session.session_key
    age(client, **{SEEN: settings.GALAXY_SESSION_IDLE_S - 5})
    assert is_in(client)
    age(client, **{SEEN: settings.GALAXY_SESSION_IDLE_S + 5})
    response = client.get(PAGE, follow=True)
    assert response.redirect_chain[-1][0].startswith("/account/login/")
    assert "Nothing happened here for a while" in response.content.decode()
    assert not Session.objects.filter(pk=key).exists()


@pytest.mark.asvs("7.3.2", "7.6.1")
def test_a_session_ends_after_a_week_however_busy_it_is(member):
    client = sign_in(member)
    age(client, **{BEGAN: 7 * DAY_S - 5})
    assert is_in(client)
    age(client, **{BEGAN: 10})
    assert not is_in(client)


@pytest.mark.asvs("7.2.1", "7.4.1")
def test_the_cookie_cannot_be_brought_back(member, settings):
    client = sign_in(member)
    cookie = client.cookies[settings.SESSION_COOKIE_NAME].value
    age(client, **{SEEN: settings.GALAXY_SESSION_IDLE_S + 5})
    assert not is_in(client)
    thief = Client()
    thief.cookies[settings.SESSION_COOKIE_NAME] = cookie
    assert not is_in(thief)


def test_a_session_without_its_beginning_is_over(member):
    client = sign_in(member)
    session = client.session
    del session[BEGAN]
    session.save()
    assert not is_in(client)


@pytest.mark.asvs("7.3.1")
def test_what_a_page_asks_for_by_itself_keeps_nobody_signed_in(member, settings):
    client = sign_in(member)
    age(client, **{SEEN: 600})
    seen = client.session[SEEN]
    client.get(PAGE, headers={"HX-Request": "true"})
    assert client.session[SEEN] == seen
    client.get(PAGE)
    assert client.session[SEEN] > seen + 500


@pytest.mark.asvs("7.2.4")
def test_proving_who_one_is_again_gives_a_new_key_and_keeps_the_row(member):
    client = sign_in(member)
    before = client.session.session_key
    assert client.post("/account/reauthenticate/", {"password": PASSWORD, "next": PAGE}).status_code == 302
    after = client.session.session_key
    assert after != before
    assert list(UserSession.objects.filter(user=member).values_list("session_key", flat=True)) == [after]
    assert not Session.objects.filter(pk=before).exists()


@pytest.mark.asvs("7.5.2")
def test_a_person_sees_their_sessions_and_nobody_elses(member, admin):
    sign_in(admin, "Chrome of somebody else")
    sign_in(member, "Safari on a lost phone")
    page = sign_in(member, "Firefox here").get(LIST).content.decode()
    assert "Safari on a lost phone" in page
    assert page.count("This one") == 1
    assert "somebody else" not in page


@pytest.mark.asvs("7.5.2")
def test_one_session_is_ended_at_once_and_audited(member, workspace):
    lost, here = sign_in(member, "Safari"), sign_in(member)
    row = UserSession.objects.get(session_key=lost.session.session_key)
    assert here.post(reverse("core:session-ending", args=[row.pk])).status_code == 302
    assert not is_in(lost)
    assert is_in(here)
    assert AuditEvent.objects.in_workspace(workspace).filter(action="session.revoked", actor_id=member.pk).count() == 1


@pytest.mark.asvs("7.5.2")
def test_all_other_sessions_are_ended_and_this_one_stays(member):
    lost = [sign_in(member, f"Phone {number}") for number in range(3)]
    here = sign_in(member)
    assert "3 other sessions are over." in here.post(reverse("core:session-endings"), follow=True).content.decode()
    assert [is_in(client) for client in lost] == [False] * 3
    assert is_in(here)


@pytest.mark.asvs("7.5.2")
@pytest.mark.parametrize("act", ["one", "all"])
def test_who_signed_in_long_ago_proves_who_they_are_before_they_end_any(member, act):
    """Else whoever found a browser open would put its person out everywhere else."""
    other, here = sign_in(member, "Safari"), sign_in(member)
    row = UserSession.objects.get(session_key=other.session.session_key)
    age(here, **{BEGAN: 3600})
    url = reverse("core:session-ending", args=[row.pk]) if act == "one" else reverse("core:session-endings")
    assert here.post(url)["Location"] == reverse("core:proof")
    assert is_in(other)
    here.post("/account/reauthenticate/", {"password": PASSWORD, "next": LIST})
    assert here.post(url)["Location"] == LIST
    assert not is_in(other) and is_in(here)


def test_nobody_ends_the_session_of_another(member, admin):
    theirs = sign_in(admin)
    row = UserSession.objects.get(session_key=theirs.session.session_key)
    assert sign_in(member).post(reverse("core:session-ending", args=[row.pk])).status_code == 404
    assert is_in(theirs)


@pytest.mark.asvs("7.4.3")
def test_a_new_password_ends_every_other_session(member):
    other, here = sign_in(member, "Safari"), sign_in(member)
    new = "another good battery"
    form = {"oldpassword": PASSWORD, "password1": new, "password2": new}
    changed = here.post(reverse("account_change_password"), form, follow=True)
    assert "Your other session was ended." in changed.content.decode()
    assert is_in(here)
    assert not is_in(other)
    assert UserSession.objects.filter(user=member).count() == 1


@pytest.mark.asvs("7.4.3")
@pytest.mark.django_db(transaction=True, databases=["default", "owner"])  # allauth tells of it after the commit
def test_the_first_second_factor_ends_every_other_session(member, workspace):
    """They were begun by the password alone."""
    others, here = [sign_in(member, "Safari"), sign_in(member, "Edge")], sign_in(member)
    set_up(here)
    assert "Your 2 other sessions were ended." in here.get(PAGE).content.decode()
    assert not any(is_in(other) for other in others)
    assert list(UserSession.objects.filter(user=member).values_list("session_key", flat=True)) == [
        here.session.session_key
    ]
    event = AuditEvent.objects.in_workspace(workspace).get(action="session.revoked")
    assert event.actor_id == str(member.pk)


def test_a_further_second_factor_and_new_codes_end_no_session(member):
    """Whoever is in by then came in with the first."""
    other = sign_in(member)
    Authenticator.objects.create(user=member, type=Authenticator.Type.WEBAUTHN, data={})
    codes = Authenticator.objects.create(user=member, type=Authenticator.Type.RECOVERY_CODES, data={})
    here = RequestFactory().post("/")
    here.user, here.session = member, SessionStore()
    here.session.create()
    here._messages = FallbackStorage(here)
    app = Authenticator.objects.create(user=member, type=Authenticator.Type.TOTP, data={})
    for added in (app, codes):
        authenticator_added.send(sender=Authenticator, request=here, user=member, authenticator=added)
    assert is_in(other)
    assert [str(message) for message in here._messages] == []


@pytest.mark.asvs("7.4.2")
def test_a_person_switched_off_is_out_at_the_next_request(member):
    client = sign_in(member)
    assert is_in(client)
    member.is_active = False
    member.save()
    assert not is_in(client)
    response = Client().post("/account/login/", {"login": member.email, "password": PASSWORD})
    assert response["Location"] == reverse("account_inactive")


def test_reading_the_list_writes_nothing_but_the_sign_of_life(member):
    client = sign_in(member)
    client.get(LIST)
    before = list(UserSession.objects.order_by("pk").values())
    time.sleep(0.01)
    client.get(LIST)
    assert list(UserSession.objects.order_by("pk").values()) == before


# --- Before and after the end ----------------------------------------------------------------------------------

STATE, STAY = "/account/session/", "/account/session/extension/"
JSON = {"Accept": "application/json"}


def test_asking_how_long_is_left_keeps_nobody_signed_in(member, settings):
    client = sign_in(member)
    age(client, **{SEEN: settings.GALAXY_SESSION_IDLE_S - 300})
    seen = client.session[SEEN]
    state = client.get(STATE, headers=JSON).json()
    assert 290 <= state["ends_in_s"] <= 300 and state["can_stay"] and state["person"] == str(member.pk)
    assert client.session[SEEN] == seen
    age(client, **{SEEN: 301})
    assert client.get(STATE, headers=JSON).json() == {"ends_in_s": 0}


def test_staying_moves_the_idle_end_and_not_the_last_one(member, settings):
    client = sign_in(member)
    age(client, **{SEEN: settings.GALAXY_SESSION_IDLE_S - 300})
    assert client.post(STAY, headers=JSON).json()["ends_in_s"] > settings.GALAXY_SESSION_IDLE_S - 10
    age(client, **{BEGAN: 7 * DAY_S - 300})
    state = client.post(STAY, headers=JSON).json()
    assert state["ends_in_s"] <= 300 and not state["can_stay"]


def test_staying_is_a_form_too_and_leads_nowhere_else(member):
    client = sign_in(member)
    assert client.get(STAY).status_code == 405
    assert client.post(STAY, {"next": PAGE})["Location"] == PAGE
    assert client.post(STAY, {"next": "https://evil.example/"})["Location"] == "/"
    assert Client(enforce_csrf_checks=True, headers=JSON).post(STAY).status_code in {302, 403}


def test_every_page_knows_when_its_session_ends(member, settings):
    client = sign_in(member)
    page = client.get(PAGE).content.decode()
    left = int(re.search(r'data-ends-in-s="(\d+)"', page)[1])
    assert settings.GALAXY_SESSION_IDLE_S - 5 <= left <= settings.GALAXY_SESSION_IDLE_S
    assert "because you signed in long ago" not in page
    assert "session-warning" not in Client().get("/account/login/").content.decode()


def test_a_page_near_the_last_end_says_so_without_script(member):
    client = sign_in(member)
    age(client, **{BEGAN: 7 * DAY_S - 300})
    page = client.get(PAGE).content.decode()
    assert "banner-flat" in page and "because you signed in long ago" in page


def test_after_the_end_the_log_in_page_says_why_and_leads_back(member, settings):
    client = sign_in(member)
    age(client, **{SEEN: settings.GALAXY_SESSION_IDLE_S + 5})
    answer = client.get("/help/?from=here", follow=True)
    assert "so you were signed out" in answer.content.decode()
    [(login, _)] = answer.redirect_chain
    back = client.post(login, {"login": member.email, "password": PASSWORD, "next": "/help/?from=here"})
    assert login.endswith("next=/help/%3Ffrom%3Dhere") and back["Location"] == "/help/?from=here"


@pytest.mark.parametrize(
    ("referer", "back"),
    [
        ("http://testserver/w/meridian/settings/?a=b", "/w/meridian/settings/%3Fa%3Db"),
        ("http://evil.example/w/", "/"),
        ("http://testserver//evil.example/", "/"),
        ("", "/"),
    ],
)
def test_a_form_that_came_too_late_leads_back_to_its_page(member, settings, referer, back):
    """The address that takes the form cannot be read, so coming back there would be an error."""
    client = sign_in(member)
    age(client, **{SEEN: settings.GALAXY_SESSION_IDLE_S + 5})
    location = client.post(reverse("core:session-endings"), headers={"Referer": referer})["Location"]
    assert location == f"/account/login/?next={back}"


# --- A new key where rights change -----------------------------------------------------------------------------


def test_another_role_gives_a_new_key_at_the_next_page_and_once(member, owner, workspace):
    client = sign_in(member)
    client.get(PAGE)
    before = client.session.session_key
    client.get(PAGE)
    assert client.session.session_key == before
    change_role(Membership.objects.get(user=member), to=RoleGroup.objects.get(role="admin"), actor=owner)
    client.get(PAGE, headers={"HX-Request": "true"})
    assert client.session.session_key == before, "not in the middle of a page that polls"
    assert is_in(client)
    after = client.session.session_key
    assert after != before and not Session.objects.filter(pk=before).exists()
    assert list(UserSession.objects.filter(user=member).values_list("session_key", flat=True)) == [after]
    assert is_in(client) and client.session.session_key == after


def test_being_removed_and_invited_again_gives_one_too(member, owner, workspace):
    client = sign_in(member)
    client.get(PAGE)
    keys = [client.session.session_key]
    remove_member(Membership.objects.get(user=member), actor=owner)
    client.get(PAGE)
    keys.append(client.session.session_key)
    add_member(workspace, user=member, role="member", actor=owner)
    client.get(PAGE)
    keys.append(client.session.session_key)
    assert len(set(keys)) == 3


@pytest.mark.parametrize(
    ("agent", "words"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/150.0 Safari/537.36", "Chrome on Linux"),
        ("Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/150.0 Safari/537.36 Edg/150.0", "Edge on Windows"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) Version/19.0 Safari/604.1", "Safari on iPhone"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 15.0; rv:150.0) Gecko/20100101 Firefox/150.0", "Firefox on macOS"),
        ("<script>", "Unknown browser"),
        ("", "Unknown browser"),
    ],
)
def test_a_browser_is_named_as_people_say_it(agent, words):
    assert browser(agent) == words
