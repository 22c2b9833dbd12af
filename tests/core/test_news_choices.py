"""What people choose: at once, in a digest or not, quiet hours, muted objects, and leaving mails by their header."""

from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest
from django.core import mail
from django.utils import timezone

from galaxy.core.models import Mute, NewsSettings, Notification
from galaxy.core.notifications import mailing, notify
from galaxy.core.notifications.choosing import choices_of, choose_in, next_at
from galaxy.core.notifications.kinds import kinds
from galaxy.core.notifications.mailing import mail_digest, mail_notifications, people_with_digests
from galaxy.core.notifications.unsubscribing import path_for, read

KIND = "agent_suspended"
TUESDAY = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)


@pytest.fixture
def at(monkeypatch):
    """``at(moment)``: what the mails go by."""
    return lambda moment: monkeypatch.setattr(mailing.timezone, "now", lambda: moment)


def tell(workspace, person, kind=KIND):
    notify(workspace, [person], kind, workspace)
    return Notification.objects.get(person=person, kind=kind)


def like(person, **choices):
    for name, value in choices.items():
        setattr(person, name, value)
    person.save()


# --- Hours -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("zone", "day", "hour", "expected"),
    [
        ("UTC", None, 8, datetime(2026, 11, 25, 8, tzinfo=UTC)),
        ("UTC", None, 10, datetime(2026, 11, 24, 10, tzinfo=UTC)),
        ("Asia/Kolkata", None, 8, datetime(2026, 11, 25, 2, 30, tzinfo=UTC)),
        ("America/New_York", None, 8, datetime(2026, 11, 24, 13, tzinfo=UTC)),
        ("UTC", 0, 8, datetime(2026, 11, 30, 8, tzinfo=UTC)),
        ("UTC", 1, 9, datetime(2026, 12, 1, 9, tzinfo=UTC)),
    ],
)
def test_the_next_hour_is_of_ones_own_day(member, zone, day, hour, expected):
    member.time_zone = zone
    assert next_at(member, TUESDAY, hour, day) == expected


def test_hours_that_the_clocks_skip_or_repeat_come_once(member):
    member.time_zone = "Europe/Berlin"
    spring = next_at(member, datetime(2026, 3, 29, 0, 30, tzinfo=UTC), 2)  # 02:00 is not there on that day
    assert spring == datetime(2026, 3, 29, 1, tzinfo=UTC)
    autumn = next_at(member, datetime(2026, 10, 24, 23, 0, tzinfo=UTC), 2)
    assert autumn == datetime(2026, 10, 25, 0, tzinfo=UTC)
    assert next_at(member, autumn, 2) == datetime(2026, 10, 26, 1, tzinfo=UTC)


@pytest.mark.parametrize(("now", "is_quiet"), [(21, False), (22, True), (3, True), (6, True), (7, False), (12, False)])
def test_quiet_hours_go_over_midnight(workspace, member, now, is_quiet):
    like(member, quiet_from=22, quiet_until=7)
    until = choices_of(member, workspace).quiet_until(TUESDAY.replace(hour=now))
    assert (until is not None) == is_quiet
    if until:
        assert until.hour == 7


# --- Mail ------------------------------------------------------------------------------------------------------


def test_what_is_for_the_digest_waits_for_its_hour_and_is_one_mail(workspace, member, at):
    like(member, mail_choices={KIND: "digest"}, digest_hour=8)
    row = tell(workspace, member)
    assert mail_notifications(workspace, KIND, workspace.pk) == 0
    assert mail_digest(workspace, member) == 0
    row.refresh_from_db()
    assert row.mail_at == choices_of(member, workspace).next_digest(timezone.now())
    assert people_with_digests() == []
    at(row.mail_at + timedelta(minutes=1))
    assert mail_digest(workspace, member) == 1
    assert mail_digest(workspace, member) == 0
    assert mail.outbox[0].subject == "1 piece of news, in Meridian"


def test_news_in_quiet_hours_waits_for_their_end(workspace, member, at):
    like(member, quiet_from=22, quiet_until=7)
    row = tell(workspace, member)
    night = row.occurred_at.replace(hour=23, minute=0)
    Notification.objects.filter(pk=row.pk).update(occurred_at=night, mail_at=night)
    at(night)
    assert mail_notifications(workspace, KIND, workspace.pk) == 0
    assert mail_digest(workspace, member) == 0
    row.refresh_from_db()
    assert row.mail_at == (night + timedelta(hours=8)).replace(minute=0, second=0, microsecond=0)
    at(row.mail_at)
    assert mail_digest(workspace, member) == 1


def test_where_nobody_heard_the_bell_the_next_round_sends_it(workspace, member):
    tell(workspace, member)
    assert people_with_digests() == [(workspace.pk, member.pk)]
    assert mail_digest(workspace, member) == 1
    assert mail_notifications(workspace, KIND, workspace.pk) == 0  # a task that comes late sends nothing twice
    assert len(mail.outbox) == 1


def test_a_workspace_may_be_other_than_the_account(workspace, member):
    choose_in(workspace, member, mails={KIND: "off", "run_failed": "now"}, hooks={})
    tell(workspace, member)
    assert mail_notifications(workspace, KIND, workspace.pk) == 0
    tell(workspace, member, "run_failed")
    assert mail_notifications(workspace, "run_failed", workspace.pk) == 1


def test_who_left_meanwhile_is_mailed_nothing(workspace, member):
    tell(workspace, member)
    member.memberships.all().delete()
    assert mail_digest(workspace, member) == 0


# --- Muting ----------------------------------------------------------------------------------------------------


def test_a_muted_object_is_silent_until_it_speaks_again(client_of, workspace, member):
    row = tell(workspace, member)
    client = client_of(member)
    url = f"/w/meridian/notifications/{row.pk}/muting/"
    assert client.post(url).status_code == 302
    row.refresh_from_db()
    assert row.read_at is not None
    assert mail_digest(workspace, member) == 0
    tell(workspace, member)
    row.refresh_from_db()
    assert row.read_at is not None
    assert row.mail_at is None
    page = client.get("/w/meridian/notifications/?show=all").content.decode()
    assert "Unmute" in page
    assert "Muted" in page
    partial = client.post(url, {"state": "on"}, headers={"HX-Request": "true"}).content.decode()
    assert "You hear of it again." in partial
    tell(workspace, member)
    row.refresh_from_db()
    assert row.read_at is None
    assert mail_notifications(workspace, KIND, workspace.pk) == 1


def test_what_must_be_heard_is_not_muted(client_of, workspace, owner):
    row = tell(workspace, owner, "break_glass_opened")
    response = client_of(owner).post(f"/w/meridian/notifications/{row.pk}/muting/")
    assert response.status_code == 409
    assert not Mute.objects.exists()


def test_the_settings_show_what_is_muted_and_let_it_speak(client_of, workspace, member, admin):
    row = tell(workspace, member)
    client = client_of(member)
    client.post(f"/w/meridian/notifications/{row.pk}/muting/")
    mute = Mute.objects.get()
    assert (
        workspace.name in client.get("/w/meridian/notifications/settings/").content.decode().partition('id="muted"')[2]
    )
    assert client_of(admin).post(f"/w/meridian/notifications/mutes/{mute.pk}/ending/").status_code == 404
    assert client.post(f"/w/meridian/notifications/mutes/{mute.pk}/ending/").status_code == 302
    assert not Mute.objects.exists()


# --- The page --------------------------------------------------------------------------------------------------


def test_the_page_keeps_what_is_other_and_no_more(client_of, workspace, member):
    client, url = client_of(member), "/w/meridian/notifications/settings/"
    page = client.get(url).content.decode()
    assert page.count('name="mail_') == sum(not kind.fixed for kind in kinds())
    assert 'name="hook_' not in page  # there is no webhook
    assert client.post(url, {"mail_run_failed": "now", f"mail_{KIND}": "", "digest": "on"}).status_code == 302
    row = NewsSettings.objects.get()
    assert (row.person, row.mail, row.hook, row.digest_off) == (member, {"run_failed": "now"}, {}, False)
    assert client.post(url, {"mail_run_failed": "loudly"}).status_code == 422


# --- Leaving by the header -------------------------------------------------------------------------------------


@pytest.fixture
def mailed(workspace, member, settings):
    settings.GALAXY_URL = "https://galaxy.example"
    tell(workspace, member)
    mail_notifications(workspace, KIND, workspace.pk)
    headers = mail.outbox[0].extra_headers
    assert headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    return urlsplit(headers["List-Unsubscribe"].strip("<>")).path


def test_the_get_shows_and_the_post_acts_without_signing_in(client, workspace, member, mailed):
    page = client.get(mailed).content.decode()
    assert "Stop these mails?" in page
    assert not NewsSettings.objects.exists()
    answer = client.post(mailed, {"List-Unsubscribe": "One-Click"})  # as a mail program sends it: no cookie, no form
    assert (answer.status_code, answer.content) == (200, b"Done.")
    assert NewsSettings.objects.get().mail == {KIND: "off"}
    assert client.post(mailed).status_code == 200
    assert "No more of these mails" in client.get(mailed).content.decode()
    tell(workspace, member)
    assert mail_notifications(workspace, KIND, workspace.pk) == 0


def test_a_digest_is_left_by_itself(client, workspace, member):
    client.post(path_for(member, workspace, ""))
    assert choices_of(member, workspace).digest_off
    notify(workspace, [member], KIND, workspace, later=True)
    assert mail_digest(workspace, member) == 0
    tell(workspace, member, "run_unknown")
    assert mail_digest(workspace, member) == 1  # what cannot wait still comes, by itself
    assert "It is not known" in mail.outbox[0].subject


def test_an_address_that_somebody_made_up_is_nobodys(client, workspace, member, mailed):
    forged = mailed.rstrip("/")[:-2] + "xx/"
    assert client.get(forged).status_code == 404
    assert client.post(forged).status_code == 404
    assert read("nothing") is None
    member.memberships.all().delete()
    assert client.get(mailed).status_code == 404
