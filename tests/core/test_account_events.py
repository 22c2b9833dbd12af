"""What is kept of an account's changes and of sign-ins that failed."""

import re
import time

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.test import Client
from django.urls import reverse
from structlog.testing import capture_logs

from galaxy.core.models import AuditDetail, AuditEvent
from galaxy.core.ops.request_log import user_hash
from tests.core.test_second_factor import code_of, set_up
from tests.factories import PASSWORD

LOGIN = "/account/login/"
FURTHER = "further@example.test"


@pytest.fixture(autouse=True)
def unhurried(settings):
    """Rate limits are kept by address, and every test comes from the same one."""
    settings.ACCOUNT_RATE_LIMITS = False


@pytest.fixture
def client(member, workspace):
    """A browser in which the member has just signed in by password."""
    client = Client()
    client.post(LOGIN, {"login": member.email, "password": PASSWORD})
    return client


def actions(member) -> list[str]:
    found = AuditEvent.objects.filter(target_id=str(member.pk)).order_by("id").values_list("action", flat=True)
    return [action for action in found if action.startswith(("password.", "address."))]


@pytest.mark.asvs("16.3.1")
@pytest.mark.parametrize("known", [True, False])
def test_a_sign_in_that_failed_is_one_line_without_what_was_typed(member, workspace, known):
    typed = member.email.upper() if known else "nobody@example.test"
    with capture_logs() as lines:
        Client().post(LOGIN, {"login": typed, "password": "canary-5512-secret"})
    [line] = [line for line in lines if line["event"] == "sign_in.failed"]
    assert (line["log_level"], line["account"]) == ("warning", user_hash(typed.lower()))
    assert "canary" not in str(lines) and typed.lower() not in str(lines).lower()
    assert not AuditEvent.objects.filter(target_id=str(member.pk)).exists()


@pytest.mark.asvs("16.3.1")
def test_a_sign_in_stands_in_the_trail_with_what_was_shown(client, member):
    secret = set_up(client)
    other = Client()
    other.post(LOGIN, {"login": member.email, "password": PASSWORD})
    other.post(reverse("mfa_authenticate"), {"code": code_of(secret, time.time() + 30)})
    began = AuditEvent.objects.filter(target_id=str(member.pk), action="session.started").order_by("id")
    fields = AuditDetail.objects.in_bulk([event.pk for event in began])
    assert [fields[event.pk].fields["data.ways"] for event in began] == ["password", "password, totp"]
    other.post(reverse("account_logout"))
    assert AuditEvent.objects.filter(target_id=str(member.pk), action="session.ended").count() == 1


def test_a_new_password_stands_in_the_trail(client, member):
    new = "another correct horse"
    sent = {"oldpassword": PASSWORD, "password1": new, "password2": new}
    assert client.post(reverse("account_change_password"), sent).status_code == 302
    assert actions(member) == ["password.changed"]


def test_a_password_that_was_reset_stands_in_the_trail(member, workspace):
    client = Client()
    client.post(reverse("account_reset_password"), {"email": member.email})
    link = re.search(r"/account/password/reset/key/\S+", mail.outbox[-1].body)[0]
    form = client.get(link)["Location"]
    new = "another correct horse"
    assert client.post(form, {"password1": new, "password2": new}).status_code == 302
    assert actions(member) == ["password.reset"]


@pytest.mark.asvs("6.3.7")
def test_every_change_of_an_address_stands_in_the_trail(client, member, django_capture_on_commit_callbacks):
    url = reverse("account_email")
    client.post(reverse("account_reauthenticate"), {"password": PASSWORD, "next": url})
    with django_capture_on_commit_callbacks(execute=True):  # the mail waits for the commit
        client.post(url, {"email": FURTHER, "action_add": ""})
    link = re.search(r"/account/confirm-email/\S+", mail.outbox[-1].body)[0]
    client.post(link)
    assert EmailAddress.objects.get(email=FURTHER).verified
    old = member.email
    client.post(url, {"email": FURTHER, "action_primary": ""})
    client.post(url, {"email": old, "action_remove": ""})
    assert actions(member) == ["address.added", "address.confirmed", "address.changed", "address.removed"]
    assert FURTHER not in str(list(AuditEvent.objects.values()))
