"""Questions to the database that Django writes down once, and PostgreSQL plans once for each connection.

Building a queryset and writing it as SQL costs Django several times what PostgreSQL needs to answer it, and planning
it behind row-level security costs PostgreSQL more than the answer. What is asked for every run is written here once
for each process, as the queryset says it, and from then on only the values change::

    @prepared
    def roles_of(workspace: UUID, user: UUID) -> QuerySet[Membership, str]:
        return Membership.objects.filter(workspace=workspace, user=user).values_list("role", flat=True)

    roles_of(workspace=one.pk, user=other.pk)  # a list; roles_of.one(...) is the first of it, or None

The function is called once, with stand-ins for its arguments, which are of type UUID or str and are all needed; so it
must not look at them, and None is not among them. Rows come as from the queryset itself; prefetching is not for it.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import update_wrapper
from typing import Any, Generic, TypeVar
from uuid import UUID, uuid4

from django.db import connections
from django.db.models import QuerySet
from django.db.models.sql.compiler import SQLCompiler
from django.db.transaction import TransactionManagementError

from galaxy.core.db.backend.base import preparing_cursor

Row = TypeVar("Row")
_STAND_INS: dict[type, Callable[[], Any]] = {UUID: uuid4, str: lambda: uuid4().hex}


class Prepared(Generic[Row]):
    """Made by ``prepared``. Called with a value for each argument, by name; returns the list of rows."""

    def __init__(self, build: Callable[..., QuerySet[Any, Row]]):
        self._build = build
        self._written: _Written | None = None
        update_wrapper(self, build)

    def __call__(self, **values: Any) -> list[Row]:
        written = self._written
        if written is None:
            written = self._written = _write(self._build)  # two threads may both write it, and write the same
        return written.rows(values)

    def one(self, **values: Any) -> Row | None:
        """The first row, or None. Unlike ``first`` of a queryset it does not sort, so ask by what is unique."""
        return next(iter(self(**values)), None)


def prepared(build: Callable[..., QuerySet[Any, Row]]) -> Prepared[Row]:
    return Prepared(build)


class _Compiler(SQLCompiler):
    """One whose statement is written already."""

    statement: tuple[str, tuple[Any, ...]]
    converters: dict[int, Any]

    def as_sql(self, *args: Any, **options: Any) -> tuple[str, tuple[Any, ...]]:
        return self.statement

    def get_converters(self, expressions: Any) -> dict[int, Any]:
        return self.converters

    def execute_sql(self, *args: Any, **options: Any) -> Any:
        with preparing_cursor(self.connection) as cursor:
            cursor.execute(*self.statement)
            return [cursor.fetchall()]


@dataclass(frozen=True)
class _Asking:
    """As much of a queryset, and of its query, as the iterables of Django look at."""

    rows: QuerySet[Any, Any]
    compiler: SQLCompiler

    @property
    def query(self) -> "_Asking":
        return self

    def get_compiler(self, *args: Any, **options: Any) -> SQLCompiler:
        return self.compiler

    def __getattr__(self, name: str) -> Any:
        return getattr(self.rows, name)


@dataclass(frozen=True)
class _Written:
    """A statement, and what Django made of it while it wrote it. ``places`` maps a place among ``params`` to the name
    of the argument that belongs there."""

    queryset: QuerySet[Any, Any]
    made: dict[str, Any]
    sql: str
    params: tuple[Any, ...]
    places: dict[int, str]
    names: frozenset[str]

    def rows(self, values: dict[str, Any]) -> list[Any]:
        if values.keys() != self.names:
            raise TypeError(f"This takes {', '.join(sorted(self.names))}.")
        compiler = _Compiler.__new__(_Compiler)
        compiler.__dict__.update(self.made)
        compiler.connection = connections[self.queryset.db]
        if self.queryset.query.select_for_update and compiler.connection.get_autocommit():
            raise TransactionManagementError("Rows are locked within a transaction only.")
        compiler.statement = (
            self.sql,
            tuple(values[self.places[at]] if at in self.places else one for at, one in enumerate(self.params)),
        )
        iterable: Any = self.queryset._iterable_class
        return list(iterable(_Asking(self.queryset, compiler)))


def _write(build: Callable[..., QuerySet[Any, Any]]) -> _Written:
    kinds = {name: one.annotation for name, one in inspect.signature(build).parameters.items()}
    stand_ins = {name: _STAND_INS[kind]() for name, kind in kinds.items()}
    queryset = build(**stand_ins)
    compiler = queryset.query.get_compiler(using=queryset.db)
    sql, params = compiler.as_sql()
    names = {value: name for name, value in stand_ins.items()}
    places = {at: names[value] for at, value in enumerate(params) if isinstance(value, UUID | str) and value in names}
    if set(places.values()) != kinds.keys():
        raise TypeError(f"{build.__qualname__} does not ask for {', '.join(kinds.keys() - set(places.values()))}.")
    columns = [column for column, *_ in compiler.select[: compiler.col_count]]
    made = vars(compiler) | {"converters": compiler.get_converters(columns)}
    return _Written(queryset, made, sql, tuple(params), places, frozenset(kinds))
