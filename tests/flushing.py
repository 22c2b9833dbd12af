"""Empty the tables after a test whose transactions were real, without Django's TRUNCATE of every one of them.

That makes new files for some eighty tables and three hundred indexes, however few rows there are: half a second. Here
rows are deleted where there are any. Walls and append-only triggers stand in the way of everybody but a superuser, so
a function of one does it; where there is none at hand, on a server that DATABASE_URL names, Django flushes as ever.
"""

import psycopg
from django.conf import settings
from django.core.management import call_command
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.test import TransactionTestCase
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict
from psycopg.pq import TransactionStatus

from galaxy.embedded import postgres
from galaxy.embedded.paths import Places

# What Django leaves or, after it has truncated all the rest, makes anew.
KEPT = ["django_content_type", "auth_permission", "django_migrations", "galaxy_partitioned", "core_home"]

# The locks are those of a TRUNCATE: whoever still writes, such as the last request to a live server, is waited for.
# As a replica the session fires no trigger, neither the append-only ones nor those of foreign keys. A schema of its
# own keeps the function away from what tests read of the database's own functions.
FUNCTION = """
CREATE SCHEMA flushing;
CREATE FUNCTION flushing.flush() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET session_replication_role = replica AS $$
DECLARE
    tables regclass[] := ARRAY(
        SELECT oid FROM pg_class
        WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relname <> ALL ({kept}) ORDER BY oid);
    one regclass;
BEGIN
    EXECUTE 'LOCK TABLE ' || array_to_string(tables, ', ') || ' IN ACCESS EXCLUSIVE MODE';
    FOREACH one IN ARRAY tables LOOP
        IF pg_relation_size(one) > 0 THEN EXECUTE 'DELETE FROM ' || one; END IF;
    END LOOP;
END $$;
GRANT USAGE ON SCHEMA flushing TO {owner};
"""
AS_NEW = "RESET ROLE; RESET ALL; UNLISTEN *; DISCARD TEMP; SELECT pg_advisory_unlock_all()"


def is_quick() -> bool:
    """Whether the tests' database lies on the embedded server, which lets its superuser in."""
    embedded = conninfo_to_dict(postgres.addresses(Places.of(settings.DATA_DIR))["database_owner_url"])
    return connections["owner"].get_connection_params().get("host") == embedded["host"]


def superuser() -> psycopg.Connection:
    place = connections["owner"].get_connection_params()
    return psycopg.connect(host=place["host"], dbname=place["dbname"], user="postgres")


def set_up() -> None:
    """Let the transactional tests of this process flush quickly where that can be; after the database was made."""
    if not is_quick():
        return
    owner = sql.Identifier(connections["owner"].settings_dict["USER"])
    with superuser() as connection:
        connection.execute(sql.SQL(FUNCTION).format(kept=sql.Literal(KEPT), owner=owner))
    TransactionTestCase._fixture_teardown = teardown
    TransactionTestCase._should_reload_connections = reload


def flush() -> None:
    with connections["owner"].cursor() as cursor:
        cursor.execute("SELECT flushing.flush()")


def empty() -> None:
    """The same on whichever server, for rows that were committed beside the tests of Django's classes."""
    if is_quick():
        flush()
    else:
        call_command("flush", database="owner", interactive=False, reset_sequences=False, verbosity=0)


def teardown(case: TransactionTestCase) -> None:
    """In the place of Django's, for the same tests: those that name the owner's connection."""
    if "owner" in case._databases_names(include_mirrors=False):
        flush()


def reload(case: TransactionTestCase) -> bool:
    """In the place of Django's, which ends all connections after such a test, as one may have been left in some state.

    A new one reads anew what tables, triggers and walls there are: the flush alone takes seven times as long on one. So
    those that are at rest are set back to how they began, and kept.
    """
    for one in connections.all(initialized_only=True):
        if one.connection is not None and not (_is_at_rest(one) and _is_set_back(one)):
            one.close()
    return False


def _is_at_rest(one: BaseDatabaseWrapper) -> bool:
    server = one.connection
    is_idle = not server.closed and server.info.transaction_status == TransactionStatus.IDLE
    return is_idle and server.autocommit and not one.in_atomic_block and not one.needs_rollback


def _is_set_back(one: BaseDatabaseWrapper) -> bool:
    try:
        one.connection.execute(AS_NEW)
    except psycopg.OperationalError:  # the test cut it off
        return False
    one._told = None  # the scope that the session was in
    return True
