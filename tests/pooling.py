"""The live server's connections to the database, kept from one request to the next as production's pool keeps them.

A new one costs PostgreSQL more than most requests ask of it: it starts a process, which reads anew what tables and
walls there are. Only the threads of the live server share; every other thread of a test has a connection of its own,
which ends where the test says so.
"""

import threading
from collections import defaultdict

import psycopg
from psycopg.pq import TransactionStatus

from galaxy.core.db.backend.base import DatabaseWrapper

kept: defaultdict[str, list[psycopg.Connection]] = defaultdict(list)  # by the name of the database
_connect = DatabaseWrapper.get_new_connection
_end = DatabaseWrapper._close


def set_up() -> None:
    DatabaseWrapper.get_new_connection = _take
    DatabaseWrapper._close = _give_back


def close() -> None:
    """End what is kept, and keep nothing more."""
    DatabaseWrapper.get_new_connection = _connect
    DatabaseWrapper._close = _end
    for idle in kept.values():
        while idle:
            idle.pop().close()


def serves() -> bool:
    return "process_request_thread" in threading.current_thread().name


def _take(wrapper: DatabaseWrapper, params: dict) -> psycopg.Connection:
    while wrapper.alias == "default" and serves() and (idle := kept[params["dbname"]]):
        try:
            one = idle.pop()
        except IndexError:  # another thread was quicker
            break
        try:
            one.execute("")  # what a test cut off is no use
        except psycopg.OperationalError:
            one.close()
        else:
            wrapper.isolation_level = psycopg.IsolationLevel.READ_COMMITTED
            return one
    return _connect(wrapper, params)


def _give_back(wrapper: DatabaseWrapper) -> None:
    if wrapper.alias == "default" and serves() and _is_at_rest(one := wrapper.connection):
        wrapper._told = None
        kept[one.info.dbname].append(one)
    else:
        _end(wrapper)


def _is_at_rest(one: psycopg.Connection | None) -> bool:
    return one is not None and one.autocommit and one.info.transaction_status == TransactionStatus.IDLE
