"""Mail about an account: plain text in our words, with what a person needs to judge it."""

import re
from datetime import datetime, timedelta

import pytest
from django.contrib.auth.tokens import PasswordResetTokenGenerator
from django.core import mail
from django.urls import reverse

from tests.factories import PASSWORD

FOREIGN = re.compile(r"Hello from|Thank you for using|username is|security precautions|testserver!", re.IGNORECASE)


@pytest.fixture(autouse=True)
def unhurried(settings):
    settings.ACCOUNT_RATE_LIMITS = False


def only_mail(to: str):
    [message] = mail.outbox
    assert message.to == [to]
    assert message.subject.startswith("[Galaxy] ")
    assert message.body.startswith("Hello,\n\n")
    assert not FOREIGN.search(message.body)
    assert message.alternatives == []
    return message


@pytest.mark.asvs("6.3.8")
def test_a_reset_link_works_once_and_a_stranger_is_told_nothing_in_the_page(client, member):
    url = reverse("account_reset_password")
    known = client.post(url, {"email": member.email}, follow=True).content
    message = only_mail(member.email)
    link = re.search(r"http://testserver(/\S+)", message.body)[1]
    form = client.get(link, follow=True)
    new = {"password1": "another good battery", "password2": "another good battery"}
    assert client.post(form.redirect_chain[-1][0], new).status_code == 302
    assert "no longer works" in client.get(link, follow=True).content.decode()

    mail.outbox.clear()
    unknown = client.post(url, {"email": "nobody@example.test"}, follow=True).content
    assert "There is no account with it" in only_mail("nobody@example.test").body
    strip = re.compile(rb'csrfmiddlewaretoken" value="[^"]+"|X-CSRFToken": "[^"]+"')
    assert strip.sub(b"", known) == strip.sub(b"", unknown)


@pytest.mark.asvs("6.4.1")
def test_a_reset_link_is_good_for_an_hour(client, member, monkeypatch):
    """Whoever reads the mailbox later finds nothing that opens."""
    client.post(reverse("account_reset_password"), {"email": member.email})
    link = re.search(r"http://testserver(/\S+)", only_mail(member.email).body)[1]
    sent = datetime.now()
    monkeypatch.setattr(PasswordResetTokenGenerator, "_now", lambda self: sent + timedelta(minutes=59))
    assert "no longer works" not in client.get(link, follow=True).content.decode()
    monkeypatch.setattr(PasswordResetTokenGenerator, "_now", lambda self: sent + timedelta(minutes=61))
    assert "no longer works" in client.get(link, follow=True).content.decode()


@pytest.mark.asvs("6.3.7")
def test_a_new_password_is_told_to_its_person_with_place_and_time(client, member):
    client.post(reverse("account_login"), {"login": member.email, "password": PASSWORD})
    form = {"oldpassword": PASSWORD, "password1": "another good battery", "password2": "another good battery"}
    client.post(reverse("account_change_password"), form, headers={"User-Agent": "Firefox <b>"})
    message = only_mail(member.email)
    assert "From: 127.0.0.1\nWith: Firefox <b>\n" in message.body
    assert re.search(r"When: \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", message.body)
    assert PASSWORD not in message.body


def test_a_new_address_is_confirmed_by_its_own_mail(client, member):
    client.post(reverse("account_login"), {"login": member.email, "password": PASSWORD})
    client.post(reverse("account_reauthenticate"), {"password": PASSWORD})
    client.post(reverse("account_email"), {"email": "new@example.test", "action_add": ""})
    message = only_mail("new@example.test")
    link = re.search(r"http://testserver(/\S+)", message.body)[1]
    assert not member.emailaddress_set.get(email="new@example.test").verified
    client.post(link)
    assert member.emailaddress_set.get(email="new@example.test").verified
