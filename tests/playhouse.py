"""The cast, made once for the tests of a module that ask for it, in the place of once for each.

It is made in a transaction that never commits, and each test runs in a savepoint of its own: it finds the cast as it
was made, and nothing of what other tests did. A test without the cast, or whose transactions are real, finds no such
transaction; the next one that asks has the cast made anew, and so has one after another process asked for quiet.

What many tests of a module begin with beside the cast, such as an installed connector, is made once as well where its
fixture is ``staged``. It stands in a savepoint of its own below those of the tests, and falls as soon as a test comes
that asks for something else.
"""

import inspect
import pickle
from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any, ClassVar, TypeVar

import pytest
from django.db import connection, transaction

from galaxy.core.scope import workspace_scope
from tests import asking
from tests.factories import make_cast

Made = TypeVar("Made")
_MERIDIAN = "workspace"  # as fixtures call it


class Playhouse:
    """``open`` makes the cast and what is ``staged``, unless they stand; ``close`` undoes all. One stands at a time."""

    current: ClassVar["Playhouse | None"] = None

    def __init__(self) -> None:
        self._frames: list[transaction.Atomic] = []
        self._staged: tuple[Callable[..., Any], ...] = ()
        self._pickled = self._bare = b""
        self._met: dict[str, Any] | None = None
        self._asked = asking.last_asked()

    def open(self, staged: tuple[Callable[..., Any], ...] = ()) -> None:
        self._met = None
        if self._asked != (asked := asking.last_asked()):
            self._asked = asked
            self.close()
        if not self._pickled or connection.needs_rollback or connection.closed_in_transaction:
            self.close()
            self._enter()
            self._keep({"cast": make_cast()})
            self._bare = self._pickled
        if staged == self._staged:
            return
        if self._staged:
            self._leave()
        self._staged, self._pickled = (), self._bare
        if not staged:
            return
        self._enter()
        try:
            self._keep(self._stage(staged))
        except BaseException:
            self.close()
            raise
        self._staged = staged

    def close(self) -> None:
        while self._frames:
            self._leave()
        self._staged, self._pickled, self._met = (), b"", None
        Playhouse.current = None

    def cast(self) -> dict[str, Any]:
        """The people and workspaces, as one test may change them; made for it alone where the playhouse is closed."""
        return self._of_this_test()["cast"] if self._pickled else make_cast()

    def holds(self, make: Callable[..., Any]) -> bool:
        return make in self._staged

    def take(self, make: Callable[..., Made]) -> Made:
        """What ``make`` made, tied to the cast that this test met."""
        return self._of_this_test()[make.__name__]

    def _stage(self, staged: tuple[Callable[..., Any], ...]) -> dict[str, Any]:
        found = again(self._bare)
        with workspace_scope([found["cast"]["meridian"].pk]):
            for make in staged:
                asked = {name: _part(found, name) for name in inspect.signature(make).parameters}
                found[make.__name__] = make(**asked)
        return found

    def _of_this_test(self) -> dict[str, Any]:
        if self._met is None:
            self._met = again(self._pickled)
        return self._met

    def _keep(self, found: dict[str, Any]) -> None:
        self._pickled = pickle.dumps(found)
        connection.check_constraints()  # or each test would check those rows anew
        Playhouse.current = self

    def _enter(self) -> None:
        self._frames.append(transaction.atomic())
        self._frames[-1].__enter__()

    def _leave(self) -> None:
        connection.needs_rollback = True
        self._frames.pop().__exit__(None, None, None)


def staged(make: Callable[..., Made]) -> Callable[..., Made]:
    """For a fixture that makes rows from the cast alone: made once for the tests of a module, one after the other.

    Its arguments are ``workspace``, people by their role, and fixtures of the same module that are staged themselves;
    what it returns must pickle.
    """

    @wraps(make)
    def found(**asked: Any) -> Made:
        house = Playhouse.current
        return house.take(found) if house and house.holds(found) else make(**asked)

    found.is_staged = True  # type: ignore[attr-defined]
    return found


def staged_for(item: pytest.Item) -> tuple[Callable[..., Any], ...]:
    """The staged fixtures that a test asks for, each behind those it is made from."""
    found: dict[Callable[..., Any], None] = {}
    known = getattr(item, "_fixtureinfo", None)
    for name in known.names_closure if known else ():
        found |= dict.fromkeys(_needed(known, name))
    return tuple(found)


def _needed(known: Any, name: str) -> Iterator[Callable[..., Any]]:
    definitions = known.name2fixturedefs.get(name)
    function = definitions[-1].func if definitions else None
    if getattr(function, "is_staged", False):
        for part in inspect.signature(function).parameters:
            yield from _needed(known, part)
        yield function


def _part(found: dict[str, Any], name: str) -> Any:
    if name in found:
        return found[name]
    return found["cast"]["meridian" if name == _MERIDIAN else name]


def again(pickled: bytes) -> Any:
    """What a test may change of what many share: to read it anew takes a fifth of the time of a deep copy."""
    return pickle.loads(pickled)  # noqa: S301  (of our own making)


def is_transactional(request: pytest.FixtureRequest) -> bool:
    """Whether a test's transactions are real, by the mark or by what it asks for."""
    mark = request.node.get_closest_marker("django_db")
    asked = {"transactional_db", "live_server"} & set(request.fixturenames)
    return bool(asked or (mark and mark.kwargs.get("transaction")))
