"""Instances made without Django's ``__init__`` are those that it would have made; entries are events like any other."""

from datetime import datetime
from uuid import uuid4

import pytest
from django.db import connection, models, transaction
from django.db.models.signals import post_init
from django.db.transaction import TransactionManagementError

from galaxy.core import audit
from galaxy.core.db.instances import _defaults, fresh
from galaxy.core.db.writing import _filled, insert, update, values_of
from galaxy.core.models import AuditDetail, AuditEvent, Membership, SavedView, User
from policies.models import Decision
from sandbox.models import CallRecord, OutboxMessage, Run, RunPayload, Span

MODELS = [AuditEvent, AuditDetail, CallRecord, Decision, OutboxMessage, Run, RunPayload, Span]


@pytest.mark.parametrize("model", MODELS)
def test_defaults_are_those_of_django(model):
    ours, theirs = fresh(model), model()
    for field in model._meta.concrete_fields:
        if field.generated:
            continue
        one, other = getattr(ours, field.attname), getattr(theirs, field.attname)
        if isinstance(other, datetime) or field.primary_key:  # of this moment, by chance
            assert type(one) is type(other), field.name
        else:
            assert one == other, field.name
    assert vars(ours).keys() == vars(theirs).keys()
    assert ours._state.adding is True and ours._state.db is None


def test_what_is_made_each_time_is_not_shared():
    fresh(Span).attributes["a"] = 1
    assert fresh(Span).attributes == {}
    assert fresh(Span).pk != fresh(Span).pk


def test_what_it_points_at_is_at_hand(workspace, django_assert_num_queries):
    parent = fresh(Run)
    ours = fresh(Run, tied={"workspace": workspace, "parent": parent, "agent": None}, target="a.b")
    theirs = Run(pk=ours.pk, workspace=workspace, parent=parent, agent=None, target="a.b", created_at=ours.created_at)
    assert (ours.workspace_id, ours.parent_id, ours.agent_id) == (workspace.pk, parent.pk, None)
    with django_assert_num_queries(0):
        assert (ours.workspace, ours.parent, ours.agent) == (workspace, parent, None)
    assert vars(ours) | {"_state": None} == vars(theirs) | {"_state": None}
    assert ours._state.fields_cache == theirs._state.fields_cache


@pytest.mark.parametrize("model", MODELS)
def test_values_go_to_the_database_as_django_says_them(model):
    row = fresh(model)
    for column in _filled(model):
        kind = column.field.get_internal_type()
        value = {"JSONField": {"a": [1]}, "BooleanField": True}.get(kind, getattr(row, column.name))
        setattr(row, column.name, 7 if "Integer" in kind else value)
    ours = values_of(row)
    fields = [column.field for column in _filled(model)]
    theirs = [field.get_db_prep_save(field.pre_save(row, add=True), connection) for field in fields]
    assert [type(one) for one in ours] == [type(other) for other in theirs]
    assert [getattr(one, "obj", one) for one in ours] == [getattr(other, "obj", other) for other in theirs]


def test_a_column_is_called_by_its_own_name():
    with pytest.raises(TypeError, match="Span has columns of other names"):
        fresh(Span, run=uuid4())


def test_a_model_whose_instances_somebody_waits_for_is_refused():
    def heard(**kwargs: object) -> None: ...

    post_init.connect(heard, sender=SavedView)
    try:
        with pytest.raises(TypeError, match="SavedView is made in a way of its own"):
            fresh(SavedView)
    finally:
        post_init.disconnect(heard, sender=SavedView)
        _defaults.cache_clear()


def test_columns_that_the_database_fills_are_refused():
    class Counted(models.Model):
        number = models.IntegerField(db_default=1)

        class Meta:
            app_label = "core"
            managed = False

    try:
        with pytest.raises(TypeError, match="The database has a say in the columns of Counted"):
            fresh(Counted)
    finally:
        del Counted._meta.apps.all_models["core"]["counted"]
        Counted._meta.apps.clear_cache()


def test_an_entry_goes_in_with_the_change_in_its_round_trip(workspace, owner, django_assert_num_queries):
    stranger = User(email="new@example.test", name="New")
    new = Membership(workspace=workspace, user=stranger, role="member")
    with transaction.atomic():
        recorded = audit.record("thing.noted", actor=owner, target=workspace, after={"role": "member"}, why="asked")
        entry = audit.entry("thing.made", actor=owner, target=workspace, after={"role": "member"}, why="asked")
        with django_assert_num_queries(1):
            insert(stranger, new, entry)
        other = audit.entry("thing.changed", actor=owner, target=workspace)
        with django_assert_num_queries(1):
            assert update(Membership, {"id": new.pk}, {"role": "auditor"}, inserting=[other]) == 1
    made = AuditEvent.objects.get(action="thing.made")
    assert AuditEvent.objects.filter(action="thing.changed").count() == 1
    details = {row.pk: AuditDetail.objects.get(pk=row.pk) for row in (recorded, made)}
    ours, theirs = (details[row.pk].fields for row in (made, recorded))
    assert {name for name in theirs if ours[name] != theirs[name]} == {"action", "occurred_at"}
    assert ours.keys() == theirs.keys() == made.commitments.keys()
    salt = bytes(details[made.pk].salt)
    assert made.commitments == {name: audit.commitment(salt, name, value) for name, value in ours.items()}
    assert (made.actor_kind, made.actor_id, details[made.pk].actor_label) == ("person", str(owner.pk), str(owner))


@pytest.mark.django_db(transaction=True, databases=["default", "owner"])
def test_an_entry_is_of_the_transaction_of_its_change(workspace, owner):
    assert not connection.in_atomic_block
    with pytest.raises(TransactionManagementError, match="must be recorded in the transaction of its change"):
        audit.entry("thing.made", actor=owner, target=workspace)
