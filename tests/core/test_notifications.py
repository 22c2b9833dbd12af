"""News for people: who is told what, once, and never the name of what they may not see."""

import re
from datetime import timedelta

import pytest
from django.core import mail
from django.db import connection
from django.urls import reverse
from django.utils import timezone

from galaxy.core.members import add_member
from galaxy.core.members.asking import ask_for, decline_what_is_asked, mail_answered, mail_asked
from galaxy.core.members.grants import grant_on, revoke_on
from galaxy.core.members.invitations import invite, join_with_new_account
from galaxy.core.members.people import change_role, remove_member
from galaxy.core.members.roles import create_role
from galaxy.core.models import Membership, Notification, RoleGroup
from galaxy.core.notifications import notify
from galaxy.core.notifications.keeping import KEPT, delete_old_notifications
from galaxy.core.notifications.mailing import FRESH, mail_notifications
from galaxy.core.notifications.reading import SIZE
from galaxy.core.scope import workspace_scope
from tests.factories import make_user


@pytest.fixture
def told(workspace, owner, admin, member):
    """The owner and the member are told of the admin's membership, by the admin."""
    target = Membership.objects.get(workspace=workspace, user=admin)
    notify(workspace, [owner, member], "invitation_accepted", target, by=admin, note="Welcome")
    return target


def news_of(user):
    return Notification.objects.of(user)


def test_everybody_is_told_but_who_brought_it_about(workspace, owner, admin, member, told):
    assert notify(workspace, [admin], "invitation_accepted", told, by=admin) == 0
    row = news_of(member).get()
    assert (row.kind, row.target_kind, row.target_id, row.by, row.note, row.read_at) == (
        "invitation_accepted",
        "core.membership",
        told.pk,
        admin,
        "Welcome",
        None,
    )
    assert Notification.objects.count() == 2


def test_strangers_and_people_who_cannot_sign_in_are_not_told(workspace, owner, member, stranger, told):
    Notification.objects.all().delete()
    member.is_active = False
    member.save()
    assert notify(workspace, [stranger, member, owner], "invitation_accepted", told) == 1
    assert Notification.objects.get().person == owner


def test_the_same_news_again_is_one_row_that_comes_up_unread(workspace, member, told):
    row = news_of(member).get()
    news_of(member).update(read_at=timezone.now())
    notify(workspace, [member], "invitation_accepted", told, note="Once more")
    again = news_of(member).get()
    assert (again.pk, again.read_at, again.note, again.by) == (row.pk, None, "Once more", None)
    assert again.occurred_at > row.occurred_at


def test_news_that_is_told_once_stays_as_it_was(workspace, member, told):
    news_of(member).update(read_at=timezone.now())
    notify(workspace, [member], "invitation_accepted", told, again=False, note="Once more")
    row = news_of(member).get()
    assert row.read_at is not None
    assert row.note == "Welcome"


def test_a_kind_that_nobody_registered_is_a_mistake(workspace, member, told):
    with pytest.raises(KeyError):
        notify(workspace, [member], "invitation_acepted", told)


def test_many_people_take_as_many_queries_as_one(workspace, owner, admin, approver, told, django_assert_num_queries):
    with django_assert_num_queries(4):  # who is a member, the rows, and the savepoint around them
        notify(workspace, [owner, admin, approver], "invitation_accepted", told)


def test_the_wall_keeps_news_in_its_workspace(workspace, other_workspace, told):
    assert Notification.objects.count() == 2
    with workspace_scope([other_workspace.pk]), connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM core_notification")
        assert cursor.fetchone() == (0,)


# --- By mail ---------------------------------------------------------------------------------------------------


def test_mail_goes_to_those_who_chose_it_once(workspace, owner, member, told, settings):
    settings.GALAXY_URL = ""
    assert mail_notifications(workspace, "invitation_accepted", told.pk) == 0  # off unless chosen
    member.mail_choices = {"invitation_accepted": True}
    member.save()
    assert mail_notifications(workspace, "invitation_accepted", told.pk) == 1
    assert mail_notifications(workspace, "invitation_accepted", told.pk) == 0
    (message,) = mail.outbox
    assert message.to == [member.email]
    assert "Your invitation was accepted" in message.subject
    assert str(told.user) in message.body
    assert "Welcome" in message.body


def test_who_switched_a_kind_off_gets_none(workspace, owner, admin, member, told):
    owner.mail_choices = {"agent_suspended": False}
    owner.save()
    notify(workspace, [owner, member], "agent_suspended", workspace, note="Ticket 7")
    assert mail_notifications(workspace, "agent_suspended", workspace.pk) == 1
    assert mail.outbox[0].to == [member.email]


@pytest.mark.parametrize("change", [{"read_at": timezone.now()}, {"occurred_at": timezone.now() - FRESH * 2}])
def test_what_was_read_or_is_old_is_not_mailed(workspace, member, told, change):
    member.mail_choices = {"invitation_accepted": True}
    member.save()
    news_of(member).update(**change)
    assert mail_notifications(workspace, "invitation_accepted", told.pk) == 0


def test_a_mail_does_not_name_what_its_reader_may_not_see(workspace, owner, member, told):
    notify(workspace, [member], "agent_suspended", told, note="A secret reason")  # no agent of theirs
    Notification.objects.filter(kind="agent_suspended").update(target_kind="core.agent")
    assert mail_notifications(workspace, "agent_suspended", told.pk) == 1
    assert "A secret reason" not in mail.outbox[0].body
    assert str(told.user) not in mail.outbox[0].body


# --- What is told ----------------------------------------------------------------------------------------------


def test_who_loses_a_permission_is_told_which(workspace, owner, member):
    grant_on(workspace, perm="core.view_run", actor=owner, user=member)
    revoke_on(workspace, perm="core.view_run", actor=owner, user=member)
    row = news_of(member).get()
    assert (row.kind, row.by, row.note) == ("grant_revoked", owner, "See every run")


def test_whoever_can_give_a_permission_is_told_that_it_is_asked_and_the_answer_comes_back(
    workspace, owner, admin, member
):
    asked = ask_for(workspace, perm="core.view_run", kind="core.workspace", id=workspace.pk, actor=member)
    assert {row.person for row in Notification.objects.filter(kind="permission_asked")} == {owner, admin}
    decline_what_is_asked(asked, actor=owner, reason="Ask your lead")
    assert not Notification.objects.filter(kind="permission_asked").unread().exists()
    row = news_of(member).get()
    assert (row.kind, row.by, row.note) == ("permission_answered", owner, "Declined: Ask your lead")


def test_who_wants_no_mail_about_permissions_gets_none(workspace, owner, admin, member):
    for person in (admin, member):
        person.mail_choices = {"permission_asked": False, "permission_answered": False}
        person.save()
    asked = ask_for(workspace, perm="core.view_run", kind="core.workspace", id=workspace.pk, actor=member)
    assert mail_asked(asked, link="https://galaxy.test/") == 1
    assert mail.outbox[0].to == [owner.email]
    assert mail_answered(asked, link="https://galaxy.test/") is False


def test_whoever_invited_somebody_hears_that_they_came(workspace, owner):
    role = RoleGroup.objects.in_workspace(workspace).get(role="member")
    invitation, _ = invite(workspace, address="new@example.test", role=role, actor=owner)
    person = join_with_new_account(invitation, name="Nell New", password="a long enough phrase")
    row = news_of(owner).get(kind="invitation_accepted")
    assert (row.by, row.target_id) == (person, Membership.objects.get(user=person).pk)


def test_who_leaves_takes_their_news_along(workspace, owner, member, told):
    remove_member(Membership.objects.get(user=member), actor=owner)
    assert not news_of(member).exists()


# --- Keeping ---------------------------------------------------------------------------------------------------


def test_read_news_goes_after_ninety_days_and_unread_stays(workspace, other_workspace, owner, member, told):
    long_ago = timezone.now() - KEPT - timedelta(minutes=1)
    news_of(member).update(read_at=long_ago, occurred_at=long_ago)
    news_of(owner).update(occurred_at=long_ago)
    notify(workspace, [member], "break_glass_opened", workspace)
    news_of(member).filter(kind="break_glass_opened").update(read_at=timezone.now())
    with workspace_scope():  # beat has none
        assert delete_old_notifications() == 1
        assert delete_old_notifications() == 0
    assert {(row.person, row.kind) for row in Notification.objects.all()} == {
        (owner, "invitation_accepted"),
        (member, "break_glass_opened"),
    }


# --- The page --------------------------------------------------------------------------------------------------


@pytest.fixture
def list_url(workspace):
    return reverse("core:notification-list", args=[workspace.slug])


def test_the_bell_counts_and_the_page_shows_what_is_unread(client_of, workspace, list_url, admin, member, told):
    page = client_of(member).get(list_url).content.decode()
    assert 'aria-label="Notifications, 1 unread"' in page
    assert "Your invitation was accepted" in page
    assert f'<a href="{told.get_absolute_url()}"' in page
    assert "Welcome" in page
    assert "Notifications, " not in client_of(admin).get(list_url).content.decode()


def test_what_one_may_no_longer_see_has_neither_name_nor_link(client_of, workspace, list_url, owner, member, told):
    blind = create_role(workspace, name="Blind", permissions={"view_listing"}, actor=owner)
    change_role(Membership.objects.get(user=member), to=blind, actor=owner)
    page = client_of(member).get(list_url).content.decode()
    assert "Your invitation was accepted" in page
    assert "you may not see it any more" in page
    assert told.get_absolute_url() not in page
    assert "Welcome" not in page


def test_names_are_escaped(client_of, workspace, list_url, admin, member, told):
    admin.name = "<img src=x>"
    admin.save()
    notify(workspace, [member], "invitation_accepted", told, by=admin, note="<b>bold</b>")
    page = client_of(member).get(list_url).content.decode()
    assert "<img src=x>" not in page
    assert "&lt;b&gt;bold&lt;/b&gt;" in page


def test_reading_one_takes_it_from_the_bell(client_of, as_htmx, workspace, list_url, member, told):
    row = news_of(member).get()
    url = reverse("core:notification-reading", args=[workspace.slug, row.pk])
    answer = as_htmx(member).post(url, {"state": "read"}).content.decode()
    assert f'id="news-{row.pk}"' in answer
    assert "Mark unread" in answer
    assert 'aria-label="Notifications" data-go="n" hx-swap-oob="true"' in answer
    assert news_of(member).get().read_at is not None
    client = client_of(member)
    assert client.post(url, {"state": "unread", "next": list_url + "?show=all"})["Location"] == list_url + "?show=all"
    assert news_of(member).get().read_at is None
    assert client.post(url, {"next": "https://evil.example/"})["Location"] == list_url


def test_nobody_marks_the_news_of_others(client_of, workspace, owner, member, told):
    row = news_of(owner).get()
    response = client_of(member).post(reverse("core:notification-reading", args=[workspace.slug, row.pk]))
    assert response.status_code == 404
    client_of(member).post(reverse("core:notification-readings", args=[workspace.slug]))
    assert news_of(owner).get().read_at is None
    assert news_of(member).get().read_at is not None


def test_the_filters_are_links(client_of, workspace, list_url, member, told):
    notify(workspace, [member], "break_glass_opened", workspace, note="Ticket 7")
    client = client_of(member)
    page = client.get(list_url, {"kind": "break_glass_opened"}).content.decode()
    assert "Ticket 7" in page
    assert "Welcome" not in page
    client.post(reverse("core:notification-readings", args=[workspace.slug]), {"kind": "break_glass_opened"})
    assert "Ticket 7" not in client.get(list_url).content.decode()
    assert "Ticket 7" in client.get(list_url, {"show": "all"}).content.decode()
    assert "Welcome" in client.get(list_url, {"kind": "made-up", "before": "x_y"}).content.decode()


def test_the_empty_page_says_so(client_of, list_url, member):
    assert "No notifications yet" in client_of(member).get(list_url).content.decode()


def test_pages_go_on_where_the_last_one_ended(client_of, workspace, list_url, member):
    people = [make_user("Guest") for _ in range(SIZE + 3)]
    for user in people:
        row = add_member(workspace, user=user, role="member", actor=member)
        notify(workspace, [member], "invitation_accepted", row)
    client = client_of(member)
    first = client.get(list_url)
    (older,) = re.findall(r'href="[^"]*(\?before=[^"]+)"', first.content.decode())
    second = client.get(list_url + older)
    shown = [len(re.findall(r'id="news-', page.content.decode())) for page in (first, second)]
    names = {user.name for user in people if user.name in (first.content + second.content).decode()}
    assert (shown, len(names)) == ([SIZE, 3], SIZE + 3)


def test_the_page_asks_a_fixed_number_of_queries(
    client_of, workspace, list_url, owner, member, told, django_assert_max_num_queries
):
    client = client_of(member)
    client.get(list_url)
    for _ in range(6):
        row = add_member(workspace, user=make_user("Guest"), role="member", actor=owner)
        notify(workspace, [member], "invitation_accepted", row, by=owner)
        notify(workspace, [member], "grant_revoked", row, by=owner)
    notify(workspace, [member], "break_glass_opened", workspace)
    with django_assert_max_num_queries(15):
        client.get(list_url)
