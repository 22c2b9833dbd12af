"""The quick flush leaves what Django's own leaves, and waits for the same transactions."""

import os

import pytest
from django.core.management import call_command
from django.db import OperationalError, connection, connections, transaction
from django.test import TransactionTestCase

from galaxy.core.models import AuditEvent
from galaxy.core.scope import workspace_scope
from tests import flushing
from tests.factories import make_staff

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "owner"])
TABLES = "SELECT oid::regclass::text FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'"
TYPES = "SELECT app_label, model FROM django_content_type ORDER BY 1, 2"
PERMISSIONS = (
    "SELECT app_label, model, codename, name FROM auth_permission p"
    " JOIN django_content_type t ON t.id = p.content_type_id ORDER BY 1, 2, 3"
)


@pytest.fixture
def quick():
    if os.environ.get("DATABASE_URL") and not flushing.is_quick():
        pytest.skip("No superuser of this server is at hand, so Django flushes.")


def rows(statement):
    with flushing.superuser() as connection:
        return connection.execute(statement).fetchall()


def held():
    """{table: number of rows}, partitions one by one, and what the tables that Django fills say."""
    counts = " UNION ALL ".join(f"SELECT '{name}', count(*) FROM {name}" for (name,) in rows(TABLES))
    return dict(rows(counts)), rows(TYPES), rows(PERMISSIONS)


def test_it_leaves_what_django_leaves(quick, cast):
    make_staff()
    before, *_ = held()
    flushing.flush()
    left = held()
    call_command("flush", verbosity=0, interactive=False, database="owner", reset_sequences=False)
    assert left == held()
    gone = {name for name, number in before.items() if number > left[0][name]}
    assert gone >= {"core_user", "core_historyrow", "account_emailaddress", "guardian_groupobjectpermission"}
    assert any(name.startswith("core_auditevent_") for name in gone)


def test_triggers_hold_again_afterwards(quick, cast):
    flushing.flush()
    with connections["owner"].cursor() as cursor:
        cursor.execute("SHOW session_replication_role")
        assert cursor.fetchone() == ("origin",)


def test_whoever_still_writes_is_waited_for(quick, cast):
    with workspace_scope([cast["meridian"].pk]), transaction.atomic():
        AuditEvent.objects.first()  # who has read may still write
        with connections["owner"].cursor() as cursor:
            cursor.execute("SET lock_timeout = '50ms'")
            with pytest.raises(OperationalError, match="lock timeout"):
                flushing.flush()
            cursor.execute("RESET lock_timeout")


def test_it_stands_in_for_djangos(quick):
    assert TransactionTestCase._fixture_teardown is flushing.teardown


met: list[int] = []  # the processes of PostgreSQL that tests were served by
lost: list[int] = []


@pytest.mark.parametrize("turn", ["one", "another"])
def test_a_connection_is_kept_and_is_as_a_new_one(quick, turn):
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid(), current_setting('lock_timeout'), to_regclass('pg_temp.left_here')")
        pid, timeout, left = cursor.fetchone()
        assert timeout != "50ms" and left is None
        cursor.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()")
        assert cursor.fetchone() == (0,)
        cursor.execute("SET lock_timeout = '50ms'")
        cursor.execute("SELECT pg_advisory_lock(4711)")
        cursor.execute("CREATE TEMPORARY TABLE left_here (number int)")
    met.append(pid)
    assert set(met) == {pid}


@pytest.mark.parametrize("turn", ["one", "another"])
def test_one_that_is_left_in_a_transaction_is_not_kept(quick, turn):
    connection.set_autocommit(False)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (pid,) = cursor.fetchone()
    assert pid not in lost
    lost.append(pid)
