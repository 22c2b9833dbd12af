"""Questions to the database that Django writes down once, and PostgreSQL plans once for each connection.

Building a queryset and writing it as SQL costs Django several times what PostgreSQL needs to answer it, and planning
it behind row-level security costs PostgreSQL more than the answer. What is asked for every run is written here once
for each process, as the queryset says it, and from then on only the values change::

    @prepared
    def roles_of(workspace: UUID, user: UUID) -> QuerySet[Membership, str]:
        return Membership.objects.filter(workspace=workspace, user=user).values_list("role", flat=True)

    roles_of(workspace=one.pk, user=other.pk)  # a list; roles_of.one(...) is the first of it, or None

The function is called once, with stand-ins for its arguments, which are of type UUID, str or datetime and are all
needed; so it must not look at them, and None is not among them. What comes back is as from the queryset itself: rows
with what ``select_related`` names, or values of ``values_list``. Prefetching is not for it.

Making the rows costs as much as asking, so that is written once as well: a row's columns are put where Django's own
``__init__`` puts them one by one.
"""

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import update_wrapper
from typing import Any, Generic, TypeVar
from uuid import UUID, uuid4

from django.db import connections
from django.db.models import Model, QuerySet
from django.db.models.base import ModelState
from django.db.models.query import FlatValuesListIterable, ModelIterable, ValuesListIterable
from django.db.models.sql.compiler import SQLCompiler
from django.db.transaction import TransactionManagementError

from galaxy.core.db.backend.base import kept_cursor
from galaxy.core.db.instances import must_be_plain

Row = TypeVar("Row")
Values = tuple[Any, ...]
_STAND_INS: dict[type, Callable[[], Any]] = {
    UUID: uuid4,
    str: lambda: uuid4().hex,
    datetime: lambda: datetime(2000, 1, 1, tzinfo=UTC) + timedelta(microseconds=uuid4().int % 10**15),
}


class Prepared(Generic[Row]):
    """Made by ``prepared``. Called with a value for each argument, by name; returns the list of rows."""

    def __init__(self, build: Callable[..., QuerySet[Any, Row]]):
        self._build = build
        self._written: Written | None = None
        update_wrapper(self, build)

    def __call__(self, **values: Any) -> list[Row]:
        written = self._written
        if written is None:
            kinds = {name: one.annotation for name, one in inspect.signature(self._build).parameters.items()}
            written = self._written = write(self._build, kinds)  # two threads may both write it, and write the same
        return written.rows(values)

    def one(self, **values: Any) -> Row | None:
        """The first row, or None. Unlike ``first`` of a queryset it does not sort, so ask by what is unique."""
        return next(iter(self(**values)), None)


def prepared(build: Callable[..., QuerySet[Any, Row]]) -> Prepared[Row]:
    return Prepared(build)


@dataclass(frozen=True)
class Written:
    """A statement, and how its rows are read. ``places`` maps a place among ``params`` to the name of the argument that
    belongs there; ``converters`` are Django's, by the column they are for."""

    alias: str
    locks: bool
    sql: str
    params: Values
    places: dict[int, str]
    names: frozenset[str]
    converters: dict[int, Any]
    read: Callable[[Iterable[Values]], list[Any]]

    def rows(self, values: dict[str, Any]) -> list[Any]:
        if values.keys() != self.names:
            raise TypeError(f"This takes {', '.join(sorted(self.names))}.")
        connection = connections[self.alias]
        if self.locks and connection.get_autocommit():
            raise TransactionManagementError("Rows are locked within a transaction only.")
        params = [values[self.places[at]] if at in self.places else one for at, one in enumerate(self.params)]
        with kept_cursor(connection) as cursor:
            cursor.execute(self.sql, params)
            found = cursor.fetchall()
        return self.read(self._converted(row, connection) for row in found)

    def _converted(self, row: Values, connection: Any) -> Values:
        if not self.converters:
            return row
        values = list(row)
        for at, (converters, expression) in self.converters.items():
            for convert in converters:
                values[at] = convert(values[at], expression, connection)
        return tuple(values)


@dataclass(frozen=True)
class _Part:
    """Which columns of a row are an instance of ``model``, and the ``parts`` that are related to it, each with what
    ties the two together, as Django says it."""

    model: type[Model]
    alias: str
    columns: slice
    names: tuple[str, ...]
    key: int
    annotations: dict[str, int]
    parts: list[tuple["_Part", Callable[[Any, Any], None], Callable[[Any, Any], None]]]

    def read(self, row: Values) -> Model | None:
        if row[self.key] is None:
            return None
        one = self.model.__new__(self.model)
        one._state = ModelState()
        one._state.adding, one._state.db = False, self.alias
        values = vars(one)
        values.update(zip(self.names, row[self.columns], strict=True))
        for name, at in self.annotations.items():
            values[name] = row[at]
        for part, tie, tie_back in self.parts:
            other = part.read(row)
            tie(one, other)
            if other is not None:
                tie_back(other, one)
        return one


def _part(compiler: SQLCompiler, info: dict[str, Any], alias: str, annotations: dict[str, int]) -> _Part:
    model, places = info["model"], info["select_fields"]
    columns = slice(places[0], places[-1] + 1)
    names = tuple(column.target.attname for column, *_ in compiler.select[columns])
    must_be_plain(model, names)
    if info.get("from_parent") or list(range(columns.start, columns.stop)) != list(places):
        raise TypeError(f"The columns of {model.__name__} are not in one place.")
    key = columns.start + names.index(model._meta.pk.attname)
    parts = [
        (_part(compiler, other, alias, {}), other["local_setter"], other["remote_setter"])
        for other in info.get("related_klass_infos", [])
    ]
    return _Part(model, alias, columns, names, key, annotations, parts)


def write(build: Callable[..., QuerySet[Any, Any]], kinds: dict[str, type]) -> Written:
    """What ``build`` asks, for arguments of these ``kinds``. Raises EmptyResultSet where nothing could be found."""
    stand_ins = {name: _STAND_INS[kind]() for name, kind in kinds.items()}
    queryset = build(**stand_ins)
    compiler = queryset.query.get_compiler(using=queryset.db)
    sql, params = compiler.as_sql()
    names = {value: name for name, value in stand_ins.items()}
    told = ((at, value) for at, value in enumerate(params) if isinstance(value, UUID | str | datetime))
    places = {at: names[value] for at, value in told if value in names}
    if set(places.values()) != kinds.keys():
        raise TypeError(f"{build.__qualname__} does not ask for {', '.join(kinds.keys() - set(places.values()))}.")
    columns = [column for column, *_ in compiler.select[: compiler.col_count]]
    return Written(
        alias=queryset.db,
        locks=queryset.query.select_for_update,
        sql=sql,
        params=tuple(params),
        places=places,
        names=frozenset(kinds),
        converters=compiler.get_converters(columns),
        read=_reader(queryset, compiler),
    )


def _reader(queryset: QuerySet[Any, Any], compiler: SQLCompiler) -> Callable[[Iterable[Values]], list[Any]]:
    rows: Any = queryset
    kind = rows._iterable_class
    if kind is ModelIterable and not rows._known_related_objects and not rows._prefetch_related_lookups:
        part = _part(compiler, compiler.klass_info, queryset.db, compiler.annotation_col_map or {})
        return lambda rows: [part.read(row) for row in rows]
    if kind is FlatValuesListIterable:
        return lambda rows: [row[0] for row in rows]
    if kind is ValuesListIterable:
        return list
    raise TypeError("Rows come as instances, as tuples or as single values, and without what is looked up afterwards.")
