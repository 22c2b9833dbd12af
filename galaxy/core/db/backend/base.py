"""Django's PostgreSQL backend, which also tells the server session the row-level scope in force.

The setting is a session setting and not a local one: most views run in autocommit, where a local setting is gone at
once. So PgBouncer in transaction mode is out; psycopg's own pool serves. What the session was last told is remembered,
and forgotten whenever a rollback or a new connection may have undone it.
"""

from django.db.backends.postgresql import base
from psycopg.pq import TransactionStatus

from galaxy.core.scope import current_scope

_TELL = "SELECT set_config('galaxy.user', %s, false), set_config('galaxy.workspaces', %s, false)"
_UNDOES_SETTINGS = ("ROLLBACK", "ABORT", "RESET", "DISCARD")


class DatabaseWrapper(base.DatabaseWrapper):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._told = None
        self.execute_wrappers.append(self._tell)

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
