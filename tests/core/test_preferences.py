"""What a person likes, on a page of its own and kept with the account."""

from datetime import UTC, datetime

import pytest
from django.template import Context, Template
from django.test import Client
from django.utils import timezone

from galaxy.core.forms import time_zones
from galaxy.core.notifications.mailing import mailed_kinds
from galaxy.core.ui.words import relative
from tests.factories import PASSWORD

URL = "/preferences/"


def test_the_page_shows_what_is_stored_and_saves_it(client_of, member):
    client = client_of(member)
    page = client.get(URL).content.decode()
    assert page.count("<h1") == 1
    form = {"theme": "dark", "density": "compact", "letters": "off", "time_zone": "Asia/Kolkata", "next": URL}
    assert client.post(URL, form)["Location"] == URL
    member.refresh_from_db()
    assert (member.theme, member.density, member.letters, member.time_zone) == (
        "dark",
        "compact",
        "off",
        "Asia/Kolkata",
    )
    page = client.get(URL).content.decode()
    assert '<option value="Asia/Kolkata" selected>' in page
    assert 'data-letters="off"' in page.partition("<head>")[0]


def test_a_field_that_is_not_sent_stays(client_of, member):
    member.theme, member.letters = "dark", "off"
    member.save()
    client_of(member).post(URL, {"density": "compact"})
    member.refresh_from_db()
    assert (member.theme, member.density, member.letters, member.time_zone) == ("dark", "compact", "off", "UTC")


@pytest.mark.parametrize(
    "wrong",
    [{"theme": "pink"}, {"letters": "no"}, {"time_zone": "Mars/Olympus"}, {"time_zone": "../../etc/passwd"}],
)
def test_what_is_not_on_offer_changes_nothing(client_of, member, wrong):
    response = client_of(member).post(URL, {"density": "compact"} | wrong)
    member.refresh_from_db()
    assert (response.status_code, member.density, member.time_zone) == (422, "", "UTC")


def test_the_kinds_that_come_by_mail_are_chosen_and_kept(client_of, member):
    client = client_of(member)
    page = client.get(URL).content.decode()
    assert 'value="now" selected' in _select(page, "approval_asked")  # what the kind says
    assert 'value="off" selected' in _select(page, "run_failed")
    client.post(URL, {"mail_run_failed": "digest", "mail_approval_asked": "off"})
    member.refresh_from_db()
    assert "run_failed" in mailed_kinds(member)
    assert "approval_asked" not in mailed_kinds(member)
    client.post(URL, {"density": "compact"})  # sent from elsewhere, without the choices
    member.refresh_from_db()
    assert member.mail_choices == {"run_failed": "digest", "approval_asked": False}
    page = client.get(URL).content.decode()
    assert 'value="digest" selected' in _select(page, "run_failed")
    assert client.post(URL, {"mail_run_failed": "by pigeon"}).status_code == 422


def test_what_cannot_be_switched_off_says_why(client_of, member):
    page = client_of(member).get(URL).content.decode()
    assert 'name="mail_break_glass_opened"' not in page
    assert "Owners are always told when staff open their workspace" in page
    client_of(member).post(URL, {"mail_break_glass_opened": "off"})
    member.refresh_from_db()
    assert member.mail_choices == {}


def test_hours_of_the_digest_and_of_quiet_are_kept_together(client_of, member):
    client = client_of(member)
    hours = {"digest_every": "weekly", "digest_day": "4", "digest_hour": "17", "quiet_from": "22", "quiet_until": "7"}
    client.post(URL, hours)
    member.refresh_from_db()
    assert (member.digest_every, member.digest_day, member.digest_hour) == ("weekly", 4, 17)
    assert (member.quiet_from, member.quiet_until) == (22, 7)
    refused = client.post(URL, {"quiet_from": "22", "quiet_until": ""})
    assert refused.status_code == 422
    assert "when they end" in refused.content.decode()
    client.post(URL, {"quiet_from": "", "quiet_until": ""})
    member.refresh_from_db()
    assert (member.quiet_from, member.quiet_until) == (None, None)
    assert client.post(URL, {"digest_hour": "24"}).status_code == 422


def _select(page, kind):
    return page.partition(f'name="mail_{kind}"')[2].partition("</select>")[0]


def test_nobody_is_sent_elsewhere(client_of, member):
    response = client_of(member).post(URL, {"theme": "dark", "next": "https://evil.example/"})
    assert response["Location"] == "/"


def test_exact_times_are_shown_in_the_readers_zone_and_kept_in_utc():
    moment = datetime(2026, 11, 25, 20, 0, 5, tzinfo=UTC)
    draw = Template("{% load ui %}{% time moment exact=True %}").render
    with timezone.override("Asia/Kolkata"):
        html = draw(Context({"moment": moment}))
    assert ">2026-11-26 01:30:05 IST</time>" in html
    assert 'datetime="2026-11-25T20:00:05Z"' in html
    assert ">2026-11-25 20:00:05 UTC</time>" in draw(Context({"moment": moment}))


def test_a_day_long_past_is_the_readers_day():
    moment = datetime(2026, 1, 31, 20, 0, tzinfo=UTC)
    with timezone.override("Asia/Kolkata"):
        assert relative(moment, now=datetime(2026, 11, 25, tzinfo=UTC)) == "1 Feb 2026"
    assert relative(moment, now=datetime(2026, 11, 25, tzinfo=UTC)) == "31 Jan 2026"


def test_the_zone_of_the_person_holds_for_their_request_alone(member, admin, settings):
    settings.ACCOUNT_RATE_LIMITS = False
    member.time_zone = "Asia/Tokyo"
    member.save()
    for person, zone in ((member, " JST"), (admin, " UTC")):
        client = Client()
        client.post("/account/login/", {"login": person.email, "password": PASSWORD})
        assert zone in client.get("/account/sessions/").content.decode()


def test_every_zone_on_offer_exists():
    assert {"UTC", "Europe/Berlin", "America/New_York"} <= time_zones()
    for name in time_zones():
        with timezone.override(name):
            assert timezone.localtime()
