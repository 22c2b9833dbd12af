"""Django's PostgreSQL backend, which also tells the server session the row-level scope in force.

The setting is a session setting and not a local one: most views run in autocommit, where a local setting is gone at
once. So PgBouncer in transaction mode is out; psycopg's own pool serves. What the session was last told is remembered,
and forgotten whenever a rollback or a new connection may have undone it.
"""

import re
from functools import lru_cache
from itertools import count
from typing import Any

import psycopg
from django.db.backends.postgresql import base, operations
from django.db.backends.utils import CursorWrapper
from psycopg.pq import TransactionStatus

from galaxy.core.scope import current_scope

_TELL = "SELECT set_config('galaxy.user', %s, false), set_config('galaxy.workspaces', %s, false)"
_UNDOES_SETTINGS = ("ROLLBACK", "ABORT", "RESET", "DISCARD")


class DatabaseOperations(operations.DatabaseOperations):
    def last_executed_query(self, cursor, sql, params):
        """The statement with its parameters in place, also where these went apart from it."""
        if isinstance(cursor, PreparingCursor):
            return self.compose_sql(sql, params)
        return super().last_executed_query(cursor, sql, params)


class DatabaseWrapper(base.DatabaseWrapper):
    ops_class = DatabaseOperations

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._told = None
        self._kept: KeptCursor | None = None
        self.execute_wrappers.append(self._tell)

    @property
    def queries_logged(self):
        """DEBUG alone keeps no list of past statements: nobody reads it here, and writing it costs as much as many a
        statement. What counts queries, as tests do, asks for it (``force_debug_cursor``)."""
        return self.force_debug_cursor

    def _tell(self, execute, sql, params, many, context):
        wanted = current_scope()
        if self._told != wanted and self.connection.info.transaction_status != TransactionStatus.INERROR:
            self._told = None
            with self.connection.cursor() as cursor:  # psycopg's own cursor: no wrappers, no query log
                cursor.execute(_TELL, wanted)
            self._told = wanted
        try:
            return execute(sql, params, many, context)
        finally:
            if str(sql).lstrip()[:8].upper().startswith(_UNDOES_SETTINGS):
                self._told = None

    def init_connection_state(self):
        self._told = None
        super().init_connection_state()

    def _rollback(self):
        self._told = None
        return super()._rollback()  # type: ignore[misc]  # in Django, missing from its stubs

    def _close(self):
        self._told = None
        return super()._close()  # type: ignore[misc]  # in Django, missing from its stubs


class PreparingCursor(base.CursorMixin, psycopg.RawCursor):
    """One whose statements the server parses and plans anew only until a connection has seen them often enough
    (``prepare_threshold``). Parameters go apart from the statement, and their types follow from it."""

    def execute(self, query, params=None, **options):
        return super().execute(_numbered(query), params, **options)


def preparing_cursor(connection: Any) -> Any:
    """A PreparingCursor, wrapped as Django's own are."""
    connection.ensure_connection()
    with connection.wrap_database_errors:
        return connection._prepare_cursor(PreparingCursor(connection.connection))


class KeptCursor(CursorWrapper):
    """One that is not closed when its block ends, since the next statement takes it again."""

    def __exit__(self, *_: object) -> None: ...


def kept_cursor(connection: Any) -> Any:
    """As ``preparing_cursor``, the same each time, which saves making one for every statement. For whoever takes all
    rows before somebody else asks anything."""
    if connection.queries_logged:
        return preparing_cursor(connection)
    connection.ensure_connection()
    connection.validate_thread_sharing()
    kept = connection._kept
    if kept is None or kept.cursor.connection is not connection.connection or kept.cursor.closed:
        with connection.wrap_database_errors:
            kept = connection._kept = KeptCursor(PreparingCursor(connection.connection), connection)
    return kept


@lru_cache(maxsize=1024)
def _numbered(statement: str) -> str:
    """With ``$1`` and so on for each ``%s``. psycopg itself keeps no statement of more than 4 KB that it wrote so."""
    numbers = count(1)
    return re.sub("%(?:s|%)", lambda found: "%" if found[0] == "%%" else f"${next(numbers)}", statement)
