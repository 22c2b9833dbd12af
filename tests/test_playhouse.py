"""Tests that share the cast do not share what they do with it."""

import pytest
from django.db import connection

from galaxy.core.models import AuditEvent, Membership, Notification, User, Workspace
from tests import asking
from tests.playhouse import Playhouse, staged

for_real = pytest.mark.django_db(transaction=True, databases=["default", "owner"])
met, lost, made, left = (
    [],
    [],
    [],
    [],
)  # by the tests of this file, one after the other: pytest-django has real transactions come last


@pytest.fixture(autouse=True, scope="module")
def own_word(tmp_path_factory):
    """What the processes beside this one ask for is not heard here, where the tests count how often things are made."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(asking, "_word", lambda: tmp_path_factory.getbasetemp() / "asked-for-quiet")
        yield


@pytest.fixture
@staged
def news(workspace, admin):
    made.append("news")
    return Notification.objects.create(workspace=workspace, person=admin, kind="made_up", target_id=workspace.pk)


@pytest.fixture
@staged
def more_news(workspace, news):
    made.append("more")
    beside = {"person": news.person, "target_id": news.target_id, "kind": f"{news.kind}_too"}
    return [news, Notification.objects.create(workspace=workspace, **beside)]


@pytest.mark.parametrize("turn", ["one", "another", "a third"])
def test_each_finds_the_cast_as_it_was_made(turn, cast, workspace, member):
    events = AuditEvent.objects.count()
    assert (User.objects.get(pk=member.pk).name, Membership.objects.count()) == (member.name, 6)
    assert member.name != "Changed" and events == 7
    member.name = "Changed"
    member.save()
    Membership.objects.filter(user=member).delete()
    Workspace.objects.filter(pk=workspace.pk).update(policy_version=9)
    met.append(workspace.pk)


@pytest.mark.parametrize("turn", ["one", "another"])
def test_what_is_staged_is_made_once_and_met_as_it_was_made(turn, workspace, more_news):
    first, second = more_news
    assert first.workspace is workspace and Notification.objects.count() == 2
    assert made.count("more") == 1
    first.kind = "changed"
    first.save()
    second.delete()


def test_others_do_not_meet_it(workspace):
    assert not Notification.objects.exists()


def test_part_of_it_is_made_for_who_asks_for_a_part(workspace, news):
    assert [one.pk for one in Notification.objects.all()] == [news.pk]


def test_it_is_made_for_one_test_where_it_is_asked_for_late(workspace, request):
    assert not Notification.objects.exists()
    found = request.getfixturevalue("news")
    assert Notification.objects.get() == found


def test_without_it_there_is_nobody(db):
    assert not User.objects.exists()


def test_it_is_made_anew_afterwards(workspace):
    assert workspace.pk not in met
    met.append(workspace.pk)


@pytest.mark.parametrize("turn", ["one", "another"])
def test_it_is_made_anew_where_another_process_asks_for_quiet(turn, workspace):
    assert workspace.pk not in left
    left.append(workspace.pk)
    asking.for_quiet()


@for_real
def test_what_is_staged_is_made_for_real_as_well(workspace, news):
    assert Playhouse.current is None and Notification.objects.get() == news


@for_real
def test_real_transactions_begin_with_nothing():
    assert not connection.in_atomic_block and not User.objects.exists()


@for_real
def test_it_is_made_for_real_where_transactions_are(workspace):
    assert not connection.in_atomic_block and Workspace.objects.filter(pk=workspace.pk).exists()
    Workspace.objects.filter(pk=workspace.pk).update(policy_version=9)
    connection.close()
    assert Workspace.objects.get(pk=workspace.pk).policy_version == 9


@pytest.mark.parametrize("turn", ["one", "another"])
def test_a_lost_connection_is_a_loss_of_one_test(turn, workspace):
    assert Workspace.objects.filter(pk=workspace.pk).exists() and workspace.pk not in lost
    lost.append(workspace.pk)
    connection.close()
