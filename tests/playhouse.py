"""The cast, made once for the tests of a module that ask for it, in the place of once for each.

It is made in a transaction that never commits, and each test runs in a savepoint of its own: it finds the cast as it
was made, and nothing of what other tests did. A test without the cast, or whose transactions are real, finds no such
transaction; the next one that asks has the cast made anew.
"""

import pickle
from typing import Any

import pytest
from django.db import connection, transaction

from tests.factories import make_cast


class Playhouse:
    """``open`` makes the cast, unless it stands; ``close`` undoes it."""

    def __init__(self) -> None:
        self._frame: transaction.Atomic | None = None
        self._cast = b""

    def open(self) -> None:
        if self._cast and not connection.needs_rollback and not connection.closed_in_transaction:
            return
        self.close()
        self._frame = transaction.atomic()
        self._frame.__enter__()
        self._cast = pickle.dumps(make_cast())
        connection.check_constraints()  # or each test would check those rows anew

    def close(self) -> None:
        if self._frame is None:
            return
        frame, self._frame, self._cast = self._frame, None, b""
        connection.needs_rollback = True
        frame.__exit__(None, None, None)

    def cast(self) -> dict[str, Any]:
        """The people and workspaces, as one test may change them; made for it alone where the playhouse is closed."""
        return again(self._cast) if self._cast else make_cast()


def again(pickled: bytes) -> Any:
    """What a test may change of what many share: to read it anew takes a fifth of the time of a deep copy."""
    return pickle.loads(pickled)  # noqa: S301  (of our own making)


def is_transactional(request: pytest.FixtureRequest) -> bool:
    """Whether a test's transactions are real, by the mark or by what it asks for."""
    mark = request.node.get_closest_marker("django_db")
    asked = {"transactional_db", "live_server"} & set(request.fixturenames)
    return bool(asked or (mark and mark.kwargs.get("transaction")))
