"""Invitations: mailed links that work once, for one address, for seven days, and only by a POST."""

import re
import threading
from datetime import UTC, datetime, timedelta

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.db import connections
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from galaxy.core.accounts import create_account
from galaxy.core.members import invitations
from galaxy.core.members.invitations import (
    MAILS_TO_ADDRESS,
    AlreadyMember,
    AnotherAddress,
    InvitationClosed,
    TooManyInvitations,
    accept_invitation,
    invite,
)
from galaxy.core.members.limits import AboveYou
from galaxy.core.members.people import change_role, remove_member
from galaxy.core.models import AuditEvent, Invitation, Membership, RoleGroup, User
from galaxy.core.permissions import NotGranted
from galaxy.core.scope import workspace_scope
from tests.factories import PASSWORD, make_user

ADDRESS = "new.person@example.test"
HOUR = timedelta(hours=1)


@pytest.fixture
def roles(workspace):
    return {role.role: role for role in RoleGroup.objects.all()}


@pytest.fixture
def invited(workspace, admin, roles):
    """(the invitation, the address behind its link)"""
    invitation, token = invite(workspace, address=ADDRESS, role=roles["creator"], actor=admin)
    return invitation, reverse("core:invitation-acceptance", args=[token])


def people_url(workspace, name, *args):
    return reverse(f"core:{name}", args=[workspace.slug, *args])


def test_an_invitation_is_mailed_and_its_link_is_kept_nowhere(client_of, workspace, admin, roles):
    sent = {"address": ADDRESS, "role": str(roles["creator"].pk)}
    answer = client_of(admin).post(people_url(workspace, "invitation-create"), sent)
    assert answer.status_code == 302
    [letter] = mail.outbox
    assert letter.to == [ADDRESS] and "\n" not in letter.subject and workspace.name in letter.subject
    path = re.search(r"http://testserver(/invitations/([\w-]+)/)", letter.body)
    html = letter.alternatives[0].content
    assert path[1] in html and "<h1>" in html and "style=" not in html
    invitation = Invitation.objects.get()
    assert path[2] not in str(invitation.__dict__) and len(path[2]) >= 43
    assert invitation.expires_at - invitation.invited_at == timedelta(days=7)
    event = AuditEvent.objects.get(action="invitation.created")
    assert event.actor_id == str(admin.pk)
    assert Client().get(path[1]).status_code == 200


def test_a_letter_says_its_end_in_utc_wherever_its_sender_is(client_of, workspace, admin, roles):
    admin.time_zone = "Asia/Tokyo"
    admin.save()
    sent = {"address": ADDRESS, "role": str(roles["creator"].pk)}
    client_of(admin).post(people_url(workspace, "invitation-create"), sent)
    [letter] = mail.outbox
    end = f"{Invitation.objects.get().expires_at:%-d %B %Y, %H:%M} UTC"
    assert end in letter.body
    assert end in letter.alternatives[0].content


@pytest.mark.asvs("1.3.11")
def test_names_in_a_letter_are_text_and_break_no_header(client_of, workspace, admin, roles):
    admin.name = "<b>Ada</b>\nBcc: everybody@example.test"
    admin.save()
    client_of(admin).post(
        people_url(workspace, "invitation-create"), {"address": ADDRESS, "role": str(roles["member"].pk)}
    )
    [letter] = mail.outbox
    assert "\n" not in letter.subject and letter.bcc == []
    assert "<b>Ada</b>" not in letter.alternatives[0].content and "&lt;b&gt;Ada" in letter.alternatives[0].content


def test_somebody_new_makes_an_account_and_is_in(invited, workspace, admin):
    invitation, link = invited
    client = Client()
    page = client.get(link).content.decode()
    assert ADDRESS in page and 'autocomplete="new-password"' in page
    answer = client.post(link, {"name": "Nell New", "password": "a long enough phrase"})
    assert (answer.status_code, answer["Location"]) == (302, workspace.get_absolute_url())
    person = User.objects.get(email=ADDRESS)
    assert EmailAddress.objects.get(user=person).verified
    assert Membership.objects.get(user=person).role == "creator"
    assert client.get(workspace.get_absolute_url()).status_code == 200, "signed in, in the workspace"
    invitation.refresh_from_db()
    assert invitation.accepted_by == person
    assert AuditEvent.objects.filter(action="invitation.accepted", actor_id=str(person.pk)).count() == 1


def test_an_address_in_capitals_is_the_same_address(workspace, admin, roles):
    """allauth compares small letters only: an account that kept the capitals could never sign in."""
    _, token = invite(workspace, address="New.Person@Example.TEST", role=roles["creator"], actor=admin)
    link = reverse("core:invitation-acceptance", args=[token])
    Client().post(link, {"name": "New Person", "password": PASSWORD})
    assert EmailAddress.objects.get(email=ADDRESS).verified and User.objects.filter(email=ADDRESS).exists()
    for typed in (ADDRESS, ADDRESS.upper()):
        client = Client()
        assert client.post("/account/login/", {"login": typed, "password": PASSWORD}).status_code == 302
        assert client.get(workspace.get_absolute_url()).status_code == 200
        client.get("/account/email/")
    assert EmailAddress.objects.filter(email__iexact=ADDRESS).count() == 1


@pytest.mark.django_db(transaction=True, databases=["default", "owner"])
def test_a_link_opened_twice_at_once_makes_one_account(cast):
    workspace, admin = cast["meridian"], cast["admin"]
    with workspace_scope([workspace.pk]):
        role = RoleGroup.objects.get(role="member")
        _, token = invite(workspace, address=ADDRESS, role=role, actor=admin)
    start, answers = threading.Barrier(2), []

    def join():
        try:
            client = Client(raise_request_exception=False)
            start.wait()
            sent = {"name": "New Person", "password": PASSWORD}
            answers.append(client.post(reverse("core:invitation-acceptance", args=[token]), sent).status_code)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=join) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers)[0] == 302 and sorted(answers)[1] in {409, 410}
    assert User.objects.filter(email=ADDRESS).count() == 1


def test_a_name_is_one_line_whatever_was_sent(invited):
    """It stands in mails to others, where a line of its own would be read as ours."""
    name = "Ada\r\n\r\nYour account is locked:\u2028\x1b[2J https://evil.example \u202etxt\u2066"
    Client().post(invited[1], {"name": name, "password": PASSWORD})
    assert User.objects.get(email=ADDRESS).name == "Ada Your account is locked: [2J https://evil.example txt"
    joined = "می\u200cخواهم"  # what writing needs, stays
    assert create_account("farsi@example.test", name=joined).name == joined


@pytest.mark.asvs("6.2.1", "6.2.4")
def test_a_weak_password_brings_the_form_back(invited):
    answer = Client().post(invited[1], {"name": "Nell", "password": "password"})
    assert answer.status_code == 422 and "at least 12 characters" in answer.content.decode()
    assert not User.objects.filter(email=ADDRESS).exists()


def test_the_person_invited_joins_with_the_account_they_have(client_of, invited, workspace):
    person = make_user("Had One", ADDRESS.upper())
    page = Client().get(invited[1]).content.decode()
    assert "Sign in and join" in page and 'type="password"' not in page
    assert Client().post(invited[1], {"name": "X", "password": "a long enough phrase"}).status_code == 409
    client = client_of(person)
    assert f"Join as {person.name}" in client.get(invited[1]).content.decode()
    assert client.post(invited[1]).status_code == 302
    assert Membership.objects.get(user=person).role == "creator"


def test_signed_in_as_somebody_else_it_is_refused_with_a_sentence(client_of, invited, stranger, workspace):
    for method in ("get", "post"):
        answer = getattr(client_of(stranger), method)(invited[1])
        body = answer.content.decode()
        assert answer.status_code == 403
        assert f"for {ADDRESS}" in body and stranger.email in body and "Sign out" in body
    assert Invitation.objects.get().accepted_at is None


def test_an_unconfirmed_address_proves_nothing(client_of, invited, stranger):
    EmailAddress.objects.create(user=stranger, email=ADDRESS, verified=False)
    assert client_of(stranger).post(invited[1]).status_code == 403


@pytest.mark.parametrize("alike", ["new.p\u00e9rson@example.test", "new.per\u017fon@example.test"])
def test_an_address_spelt_alike_is_another_one(invited, alike):
    """PostgreSQL takes a long s for an s; it is another mailbox."""
    with pytest.raises(AnotherAddress):
        accept_invitation(invited[0], user=create_account(alike, name="Alike"))


def test_a_confirmed_further_address_is_good_enough(client_of, invited, stranger, workspace):
    EmailAddress.objects.create(user=stranger, email=ADDRESS, verified=True)
    assert client_of(stranger).post(invited[1]).status_code == 302
    assert Membership.objects.filter(user=stranger, workspace=workspace).exists()


def test_reading_the_page_decides_nothing(invited):
    for _ in range(3):
        Client().get(invited[1])
        Client().head(invited[1])
    assert Invitation.objects.get().accepted_at is None and not User.objects.filter(email=ADDRESS).exists()


@pytest.mark.asvs("6.4.1")
@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"expires_at": timezone.now() - timedelta(minutes=1)}, "time to use this invitation is over"),
        ({"withdrawn_at": timezone.now()}, "was withdrawn"),
        ({"role_group": None}, "was withdrawn"),
    ],
)
def test_a_link_past_its_use_says_why(invited, change, sentence):
    Invitation.objects.update(**change)
    for method in ("get", "post"):
        answer = getattr(Client(), method)(invited[1], {"name": "N", "password": "a long enough phrase"})
        assert answer.status_code == 410 and sentence in answer.content.decode()
    assert not User.objects.filter(email=ADDRESS).exists()


@pytest.mark.asvs("6.4.1")
def test_a_link_used_twice_says_so(invited):
    Client().post(invited[1], {"name": "Nell", "password": "a long enough phrase"})
    second = Client().post(invited[1], {"name": "Mallory", "password": "a long enough phrase"})
    assert second.status_code == 410 and "used already" in second.content.decode()
    assert User.objects.filter(email=ADDRESS).count() == 1


@pytest.mark.parametrize("token", ["x", "0" * 43, "a'; DROP TABLE core_invitation; --", "%00", "é" * 300])
def test_a_made_up_link_opens_nothing(db, token):
    answer = Client().get(reverse("core:invitation-acceptance", args=[token]))
    assert answer.status_code == 410 and "opens no invitation" in answer.content.decode()


def test_sending_again_makes_a_new_link_and_ends_the_old(client_of, invited, workspace, admin):
    invitation, old = invited
    Invitation.objects.update(expires_at=timezone.now() - timedelta(days=1))
    assert client_of(admin).post(people_url(workspace, "invitation-mail", invitation.pk)).status_code == 302
    new = re.search(r"/invitations/[\w-]+/", mail.outbox[-1].body)[0]
    assert Client().get(old).status_code == 410
    assert Client().get(new).status_code == 200


def test_a_withdrawn_invitation_cannot_be_sent_again(client_of, invited, workspace, admin):
    invitation, link = invited
    assert client_of(admin).post(people_url(workspace, "invitation-withdrawal", invitation.pk)).status_code == 302
    assert Client().get(link).status_code == 410
    for name in ("invitation-mail", "invitation-withdrawal"):
        assert client_of(admin).post(people_url(workspace, name, invitation.pk)).status_code == 410
    assert mail.outbox == []


def test_one_address_has_one_open_invitation(workspace, admin, roles, invited):
    again, _ = invite(workspace, address=ADDRESS.upper(), role=roles["auditor"], actor=admin)
    assert list(Invitation.objects.open()) == [again]
    assert Client().get(invited[1]).status_code == 410


@pytest.mark.asvs("2.3.2", "2.4.1")
def test_an_address_is_mailed_five_times_a_day_however_it_is_spelt(client_of, workspace, owner, admin, roles):
    for number in range(MAILS_TO_ADDRESS):
        address = ADDRESS.upper() if number % 2 else ADDRESS
        sent = {"address": address, "role": str(roles["creator"].pk)}
        assert client_of(admin).post(people_url(workspace, "invitation-create"), sent).status_code == 302
    invitation = Invitation.objects.open().get()
    for person in (admin, owner):
        for answer in (
            client_of(person).post(people_url(workspace, "invitation-create"), sent),
            client_of(person).post(people_url(workspace, "invitation-mail", invitation.pk)),
        ):
            assert answer.status_code == 429
            assert "invite them again tomorrow" in answer.content.decode()
    assert len(mail.outbox) == MAILS_TO_ADDRESS
    assert Invitation.objects.open().get().token_hash == invitation.token_hash, "the latest link still works"
    invite(workspace, address="somebody.else@example.test", role=roles["creator"], actor=admin)


@pytest.mark.parametrize(("limit", "passed"), [("MAILS_TO_ADDRESS", timedelta(days=1)), ("MAILS_BY_PERSON", HOUR)])
def test_a_limit_is_over_with_its_time(workspace, admin, roles, monkeypatch, limit, passed):
    monkeypatch.setattr(invitations, limit, 1)
    invite(workspace, address=ADDRESS, role=roles["creator"], actor=admin)
    with pytest.raises(TooManyInvitations):
        invite(workspace, address=ADDRESS, role=roles["creator"], actor=admin)
    monkeypatch.setattr(timezone, "now", lambda: datetime.now(UTC) + passed)
    invite(workspace, address=ADDRESS, role=roles["creator"], actor=admin)


def test_a_person_sends_so_many_an_hour_and_another_goes_on(client_of, workspace, owner, admin, roles, monkeypatch):
    monkeypatch.setattr(invitations, "MAILS_BY_PERSON", 2)
    for number in range(2):
        invite(workspace, address=f"n{number}@example.test", role=roles["creator"], actor=admin)
    sent = {"address": ADDRESS, "role": str(roles["creator"].pk)}
    refused = client_of(admin).post(people_url(workspace, "invitation-create"), sent)
    assert refused.status_code == 429 and "Go on in an hour" in refused.content.decode()
    assert mail.outbox == []
    assert client_of(owner).post(people_url(workspace, "invitation-create"), sent).status_code == 302


def test_a_member_is_not_invited_again(workspace, admin, member, roles):
    with pytest.raises(AlreadyMember):
        invite(workspace, address=member.email.upper(), role=roles["auditor"], actor=admin)


def test_nobody_invites_into_more_than_they_hold(client_of, workspace, admin, creator, roles):
    with pytest.raises(AboveYou, match="Define roles"):
        invite(workspace, address=ADDRESS, role=roles["owner"], actor=admin)
    with pytest.raises(NotGranted):
        invite(workspace, address=ADDRESS, role=roles["member"], actor=creator)
    sent = {"address": ADDRESS, "role": str(roles["owner"].pk)}
    assert client_of(admin).post(people_url(workspace, "invitation-create"), sent).status_code == 422
    assert client_of(creator).post(people_url(workspace, "invitation-create"), sent).status_code == 403
    assert not Invitation.objects.exists()


def test_an_invitation_holds_no_longer_than_its_senders_power(workspace, owner, admin, roles, invited):
    change_role(Membership.objects.get(user=admin), to=roles["member"], actor=owner)
    person = make_user("Late", ADDRESS)
    with pytest.raises(InvitationClosed, match="can no longer invite"):
        accept_invitation(invited[0], user=person)


def test_a_removed_sender_takes_their_invitations_along(workspace, owner, admin, invited):
    remove_member(Membership.objects.get(user=admin), actor=owner)
    assert Client().get(invited[1]).status_code == 410


def test_services_refuse_another_address_too(invited, stranger):
    with pytest.raises(AnotherAddress):
        accept_invitation(invited[0], user=stranger)


def test_a_mail_that_cannot_be_sent_is_said_so(client_of, workspace, admin, roles, settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    sent = {"address": ADDRESS, "role": str(roles["member"].pk)}
    answer = client_of(admin).post(people_url(workspace, "invitation-create"), sent, follow=True)
    assert "could not be sent" in answer.content.decode()
    assert Invitation.objects.open().count() == 1


def test_another_workspace_neither_sees_nor_touches_it(client_of, workspace, other_workspace, stranger, invited):
    with workspace_scope([other_workspace.pk]):
        assert Invitation.objects.count() == 0
    client = client_of(stranger)
    for name in ("invitation-mail", "invitation-withdrawal"):
        assert client.post(people_url(other_workspace, name, invited[0].pk)).status_code == 404
