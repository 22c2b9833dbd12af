"""Questions that are written once answer as Django's own do; rows that go in together are as if saved one by one."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from django.contrib.auth.models import Permission
from django.db import IntegrityError, connection, transaction
from django.db.models import QuerySet
from django.db.models.functions import Length
from django.db.transaction import TransactionManagementError
from django.utils import timezone

from galaxy.core.db.backend.base import preparing_cursor
from galaxy.core.db.prepared import prepared
from galaxy.core.db.writing import delete, insert, update
from galaxy.core.models import Membership, User


@prepared
def memberships(workspace: UUID, role: str) -> QuerySet[Membership]:
    rows = Membership.objects.filter(workspace=workspace, role=role)
    return rows.select_related("user", "workspace").order_by("user__email")


def test_rows_are_those_of_the_queryset_with_what_is_related(workspace, cast, django_assert_num_queries):
    for role in ("owner", "member"):
        own = list(Membership.objects.filter(workspace=workspace, role=role).order_by("user__email"))
        with django_assert_num_queries(1):
            found = memberships(workspace=workspace.pk, role=role)
            assert [(row.user.email, row.workspace.slug) for row in found]
        assert found == own
        assert [vars(row)["joined_at"] for row in found] == [row.joined_at for row in own]


def test_one_is_none_where_there_is_none(workspace):
    assert memberships.one(workspace=workspace.pk, role="nobody") is None
    assert memberships.one(workspace=uuid4(), role="owner") is None


def test_columns_alone_come_as_values(workspace, owner):
    @prepared
    def roles(user: UUID) -> QuerySet[Membership, str]:
        return Membership.objects.filter(user=user).values_list("role", flat=True)

    assert roles(user=owner.pk) == ["owner"]


def test_what_is_counted_left_out_or_not_there_is_as_with_a_queryset(workspace, cast, django_assert_num_queries):
    def build(workspace: UUID) -> QuerySet[Membership]:
        rows = Membership.objects.filter(workspace=workspace).select_related("user", "custom_role")
        return rows.annotate(letters=Length("role")).defer("user__name").order_by("user__email")

    found, own = prepared(build)(workspace=workspace.pk), list(build(workspace.pk))
    with django_assert_num_queries(0):
        assert [(row, row.letters, row.custom_role) for row in found] == [(row, len(row.role), None) for row in own]
        assert [row.user.get_deferred_fields() for row in found] == [{"name"}] * len(own)
    assert [row.user.name for row in found] == [row.user.name for row in own]


def test_numbers_strung_together_are_an_argument(db):
    @prepared
    def codenames(ids: str) -> QuerySet[Permission, str]:
        return Permission.objects.filter(id__among=ids).order_by("pk").values_list("codename", flat=True)

    first, _, third = Permission.objects.order_by("pk")[:3]
    assert codenames(ids=f"{third.pk},{first.pk}") == [first.codename, third.codename]
    assert codenames(ids="") == []


def test_moments_and_keys_strung_together_are_arguments(workspace, owner, member):
    @prepared
    def joined(people: str, since: datetime) -> QuerySet[Membership, UUID]:
        rows = Membership.objects.filter(user__pk__among=people, joined_at__gte=since)
        return rows.order_by("user").values_list("user", flat=True)

    keys, long_ago = f"{owner.pk},{member.pk},{uuid4()}", datetime(2001, 1, 1, tzinfo=UTC)
    assert joined(people=keys, since=long_ago) == sorted([owner.pk, member.pk])
    assert joined(people=keys, since=timezone.now() + timedelta(days=1)) == []
    assert joined(people="", since=long_ago) == []


@pytest.mark.parametrize("rows", [Membership.objects.values("role"), Membership.objects.prefetch_related("user")])
def test_rows_of_another_kind_are_refused_when_they_are_written(rows, workspace):
    @prepared
    def asked(workspace: UUID) -> QuerySet:
        return rows.filter(pk=workspace)

    with pytest.raises(TypeError, match="as instances, as tuples or as single values"):
        asked(workspace=workspace.pk)


def test_a_model_that_makes_its_rows_itself_is_refused(workspace, monkeypatch):
    monkeypatch.setattr(Membership, "from_db", classmethod(lambda cls, *args: None))
    with pytest.raises(TypeError, match="Membership is made in a way of its own"):
        prepared(memberships.__wrapped__)(workspace=workspace.pk, role="owner")


def test_a_percent_sign_in_a_statement_stays_one(workspace):
    with preparing_cursor(connection) as cursor:
        cursor.execute("SELECT %s || '%%s' || %s", ["a", "b"])
        assert cursor.fetchone() == ("a%sb",)


def test_every_argument_is_asked_for_and_given(workspace):
    @prepared
    def careless(workspace: UUID, role: str) -> QuerySet[Membership]:
        return Membership.objects.filter(workspace=workspace)

    with pytest.raises(TypeError, match="does not ask for role"):
        careless(workspace=workspace.pk, role="owner")
    with pytest.raises(TypeError, match="takes role, workspace"):
        memberships(workspace=workspace.pk)


def test_rows_are_locked_within_a_transaction_only(owner, monkeypatch):
    @prepared
    def locked(user: UUID) -> QuerySet[User]:
        return User.objects.select_for_update().filter(pk=user)

    assert locked(user=owner.pk) == [owner]
    monkeypatch.setattr(connection, "get_autocommit", lambda: True)
    with pytest.raises(TransactionManagementError):
        locked(user=owner.pk)


def test_the_scope_holds_for_what_was_written_in_another(workspace, other_workspace, owner):
    from galaxy.core.scope import workspace_scope

    assert memberships(workspace=workspace.pk, role="owner")
    with workspace_scope([other_workspace.pk]):
        assert memberships(workspace=workspace.pk, role="owner") == []


def test_rows_go_in_together_or_not_at_all(workspace, member, django_assert_num_queries):
    stranger = User(email="new@example.test", name="New")
    new = Membership(workspace=workspace, user=stranger, role="member")
    with pytest.raises(IntegrityError), transaction.atomic():
        insert(stranger, new, Membership(workspace=workspace, user=member, role="owner"))
    with django_assert_num_queries(1):
        insert(stranger, new)
    found = Membership.objects.get(pk=new.pk)
    assert (found.role, found.user) == ("member", stranger)
    assert (new._state.adding, new._state.db) == (False, connection.alias)


def test_changes_and_deletions_meet_what_they_name_and_tell_how_many(workspace, owner, member):
    mine = {"workspace": workspace.pk, "user": member.pk}
    assert update(Membership, mine | {"role": "owner"}, {"role": "auditor"}) == 0
    assert update(Membership, mine, {"role": "auditor"}) == 1
    assert [row.role for row in Membership.objects.filter(user__in=[owner, member]).order_by("role")] == [
        "auditor",
        "owner",
    ]
    assert (delete(Membership, mine), delete(Membership, mine)) == (1, 0)


def test_a_row_that_is_there_already_is_changed_where_that_was_said(workspace, member):
    there = Membership.objects.get(workspace=workspace, user=member)
    again = Membership(pk=there.pk, workspace=workspace, user=member, role="auditor", joined_at=there.joined_at)
    insert(again, or_update=(["id"], ["role"]))
    assert Membership.objects.get(workspace=workspace, user=member).role == "auditor"


def test_rows_go_beside_a_change_in_its_round_trip(workspace, owner, member, django_assert_num_queries):
    mine = {"workspace": workspace.pk, "user": member.pk}
    with django_assert_num_queries(1):
        won = update(Membership, {"user": owner.pk}, {"role": "auditor"}, deleting=(Membership, mine))
    assert won == 1
    assert list(Membership.objects.filter(user__in=[owner, member]).values_list("role", flat=True)) == ["auditor"]


def test_the_server_keeps_what_it_was_asked_often(workspace, owner, member):
    mine = {"workspace": workspace.pk, "user": member.pk}
    for _ in range(connection.connection.prepare_threshold + 1):
        assert memberships(workspace=workspace.pk, role="owner")
        update(Membership, mine, {"role": "auditor"}, deleting=(Membership, {"user": uuid4()}))
    with connection.cursor() as cursor:
        cursor.execute("SELECT statement FROM pg_prepared_statements")
        kept = [statement for (statement,) in cursor]
    assert any(statement.startswith('SELECT "core_membership"."id"') for statement in kept)
    assert any(statement.startswith("WITH deleted AS (DELETE") for statement in kept)
