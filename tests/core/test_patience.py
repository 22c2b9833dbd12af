"""Migrations beside people at work: they wait for nobody for long, and there is one at a time."""

import threading
from contextlib import closing

import pytest
from django.core.management import call_command
from django.db import OperationalError, connections, transaction

from galaxy.core.db.patience import alone, drop_unfinished, patiently

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "owner"])
TABLE = "core_workspace"
DEADLINE_S = 60


@pytest.fixture
def owner():
    return connections["owner"]


@pytest.fixture
def reader(owner):
    """Somebody with a long look at the table, in a transaction of their own."""
    with closing(owner.copy()) as other:
        other.set_autocommit(False)
        with other.cursor() as cursor:
            cursor.execute(f"SELECT count(*) FROM {TABLE}")
        yield other
        other.rollback()


def alter(owner):
    with transaction.atomic(using="owner"), owner.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {TABLE} SET (autovacuum_enabled = true)")
        cursor.execute(f"LOCK TABLE {TABLE} IN ACCESS EXCLUSIVE MODE")


def timeout_of(connection) -> str:
    with connection.cursor() as cursor:
        cursor.execute("SHOW lock_timeout")
        return cursor.fetchone()[0]


def test_a_table_in_use_is_tried_again_until_it_is_free(owner, reader):
    said = []

    def say(words):
        said.append(words)
        if len(said) == 2:
            reader.rollback()

    patiently(owner, lambda: alter(owner), say, waits_ms=100, pause_s=0.01)
    assert len(said) == 2 and "in use" in said[0]
    assert timeout_of(owner) == "0"


def test_a_table_that_nobody_lets_go_of_is_given_up(owner, reader):
    said = []
    with pytest.raises(OperationalError):
        patiently(owner, lambda: alter(owner), said.append, waits_ms=100, pause_s=0.01, tries=3)
    assert len(said) == 2
    assert timeout_of(owner) == "0"


def test_an_index_that_could_not_be_built_beside_others_at_work_is_built_anew(owner, reader):
    """Broken off it stays behind, unusable, and under the name that the next try wants."""
    said = []

    def build():
        with owner.cursor() as cursor:
            cursor.execute(f"CREATE INDEX CONCURRENTLY tried ON {TABLE} (name)")

    def say(words):
        said.append(words)
        with owner.cursor() as cursor:
            cursor.execute("SELECT indisvalid FROM pg_index WHERE indexrelid = 'tried'::regclass")
            assert cursor.fetchone() == (False,)
        reader.rollback()

    with reader.cursor() as cursor:
        cursor.execute(f"LOCK TABLE {TABLE} IN ROW EXCLUSIVE MODE")  # as whoever is writing holds it
    try:
        patiently(owner, build, say, waits_ms=100, pause_s=0.01)
        assert len(said) == 1 and drop_unfinished(owner) == []
        with owner.cursor() as cursor:
            cursor.execute("SELECT indisvalid FROM pg_index WHERE indexrelid = 'tried'::regclass")
            assert cursor.fetchone() == (True,)
    finally:
        with owner.cursor() as cursor:
            cursor.execute("DROP INDEX IF EXISTS tried")


def test_other_errors_are_not_tried_again(owner):
    said, tried = [], []

    def work():
        tried.append(1)
        raise OperationalError("the server went away")

    with pytest.raises(OperationalError, match="went away"):
        patiently(owner, work, said.append)
    assert (len(tried), said) == (1, [])


def test_the_second_migration_waits_for_the_first(owner):
    waits, inside, order = threading.Event(), threading.Event(), []

    def second():
        with closing(owner.copy()) as own, alone(own, lambda words: waits.set()):
            order.append("second")
            inside.set()

    with alone(owner, order.append):
        thread = threading.Thread(target=second)
        thread.start()
        assert waits.wait(DEADLINE_S) and not inside.is_set()
        order.append("first")
    thread.join(DEADLINE_S)
    assert order == ["first", "second"]


def test_migrating_what_is_migrated_changes_nothing_and_leaves_no_lock(owner, capsys):
    for _ in range(2):
        call_command("migrate", verbosity=0, interactive=False)
    assert capsys.readouterr().err == ""
    with alone(owner, pytest.fail):
        pass
