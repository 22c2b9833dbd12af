"""How long a session lasts, when its key changes, and how a person ends those of lost devices."""

import time

import pytest
from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.test import Client
from django.urls import reverse

from galaxy.core.models import AuditEvent
from galaxy.core.sessions import BEGAN, SEEN
from galaxy.core.ui.words import browser
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


def test_a_session_ends_after_a_week_however_busy_it_is(member):
    client = sign_in(member)
    age(client, **{BEGAN: 7 * DAY_S - 5})
    assert is_in(client)
    age(client, **{BEGAN: 10})
    assert not is_in(client)


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


def test_what_a_page_asks_for_by_itself_keeps_nobody_signed_in(member, settings):
    client = sign_in(member)
    age(client, **{SEEN: 600})
    seen = client.session[SEEN]
    client.get(PAGE, headers={"HX-Request": "true"})
    assert client.session[SEEN] == seen
    client.get(PAGE)
    assert client.session[SEEN] > seen + 500


def test_proving_who_one_is_again_gives_a_new_key_and_keeps_the_row(member):
    client = sign_in(member)
    before = client.session.session_key
    assert client.post("/account/reauthenticate/", {"password": PASSWORD, "next": PAGE}).status_code == 302
    after = client.session.session_key
    assert after != before
    assert list(UserSession.objects.filter(user=member).values_list("session_key", flat=True)) == [after]
    assert not Session.objects.filter(pk=before).exists()


def test_a_person_sees_their_sessions_and_nobody_elses(member, admin):
    sign_in(admin, "Chrome of somebody else")
    sign_in(member, "Safari on a lost phone")
    page = sign_in(member, "Firefox here").get(LIST).content.decode()
    assert "Safari on a lost phone" in page
    assert page.count("This one") == 1
    assert "somebody else" not in page


def test_one_session_is_ended_at_once_and_audited(member, workspace):
    lost, here = sign_in(member, "Safari"), sign_in(member)
    row = UserSession.objects.get(session_key=lost.session.session_key)
    assert here.post(reverse("core:session-ending", args=[row.pk])).status_code == 302
    assert not is_in(lost)
    assert is_in(here)
    assert AuditEvent.objects.in_workspace(workspace).filter(action="session.revoked", actor_id=member.pk).count() == 1


def test_all_other_sessions_are_ended_and_this_one_stays(member):
    lost = [sign_in(member, f"Phone {number}") for number in range(3)]
    here = sign_in(member)
    assert "3 other sessions are over." in here.post(reverse("core:session-endings"), follow=True).content.decode()
    assert [is_in(client) for client in lost] == [False] * 3
    assert is_in(here)


def test_nobody_ends_the_session_of_another(member, admin):
    theirs = sign_in(admin)
    row = UserSession.objects.get(session_key=theirs.session.session_key)
    assert sign_in(member).post(reverse("core:session-ending", args=[row.pk])).status_code == 404
    assert is_in(theirs)


def test_a_new_password_ends_every_other_session(member):
    other, here = sign_in(member, "Safari"), sign_in(member)
    new = "another good battery"
    form = {"oldpassword": PASSWORD, "password1": new, "password2": new}
    assert here.post(reverse("account_change_password"), form).status_code == 302
    assert is_in(here)
    assert not is_in(other)
    assert UserSession.objects.filter(user=member).count() == 1


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
