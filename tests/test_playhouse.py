"""Tests that share the cast do not share what they do with it."""

import pytest
from django.db import connection

from galaxy.core.models import AuditEvent, Membership, User, Workspace

for_real = pytest.mark.django_db(transaction=True, databases=["default", "owner"])
met, lost = [], []  # by the tests of this file, one after the other: pytest-django has real transactions come last


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


def test_without_it_there_is_nobody(db):
    assert not User.objects.exists()


def test_it_is_made_anew_afterwards(workspace):
    assert workspace.pk not in met
    met.append(workspace.pk)


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
