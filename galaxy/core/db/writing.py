"""Writes whose statements are put together from the columns alone, for rows that every run writes.

Django's own say more than these (expressions, signals, what points at a row), and cost several times as much to write
down as PostgreSQL needs to do them. What is written together goes to the server as one statement, which a connection
that has seen it often enough keeps planned.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from itertools import groupby
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connections, router
from django.db.models import (
    AutoField,
    BigAutoField,
    BigIntegerField,
    BooleanField,
    CharField,
    DateField,
    DateTimeField,
    Field,
    FloatField,
    ForeignKey,
    IntegerField,
    JSONField,
    Model,
    PositiveIntegerField,
    TextField,
    UUIDField,
)
from psycopg.types.json import Jsonb
from psycopg.types.numeric import Int4, Int8

from galaxy.core.db.backend.base import kept_cursor

_AS_IT_IS: dict[type[Field], type] = {
    CharField: str,
    TextField: str,
    UUIDField: UUID,
    BooleanField: bool,
    FloatField: float,
    DateTimeField: datetime,
}
_BY_WORD: dict[type[Field], dict[type, Any]] = {  # as Django's own backend says each to the driver
    PositiveIntegerField: {int: Int4},
    IntegerField: {int: Int4},
    BigIntegerField: {int: Int8},
    JSONField: {dict: Jsonb, list: Jsonb},
}


class _Column(NamedTuple):
    """A field, and what Django need not be asked each time: how values of which types go (None: as they are, a moment
    only with its time zone), and whether the field has a say in what a new row writes (the moment of its making, for
    one)."""

    field: Field
    name: str
    ways: dict[type, Any]
    sets_itself: bool

    def prepared(self, value: Any, connection: Any) -> Any:
        if value is None:
            return None
        kind = type(value)
        if kind in self.ways:
            way = self.ways[kind]
            if way is not None:
                return way(value)
            if kind is not datetime or value.tzinfo is not None:
                return value
        return self.field.get_db_prep_save(value, connection)


@dataclass(frozen=True)
class Insertion:
    """Rows that are put together as ``statements`` already, since they are tied by what the database gives them.

    Each is a name and an INSERT, which may read by their names what those before it return. The names stand once in
    whatever is written together; ``params`` are the values of all.
    """

    statements: tuple[tuple[str, str], ...]
    params: list[Any]


def insert(*rows: Model | Insertion, or_update: tuple[list[str], list[str]] | None = None) -> None:
    """Write ``rows``, in this order, as ``save(force_insert=True)`` does, in one round trip.

    ``or_update`` names fields that are unique together, and those that are set instead where a row has their values
    already. For models without signals, whose rows bring their own keys; what the database makes itself is not read
    back. Triggers do not see the rows of another model that go in with theirs. Without rows nothing is written.
    """
    if not rows:
        return
    statements, params = _insertions(rows)
    model = _model_of(rows)
    if or_update:
        statements = [(name, one + _instead(model, *or_update)) for name, one in statements]
    _written(model, _together(statements), params)
    _note_written(rows)


def _model_of(rows: Sequence[Model | Insertion]) -> type[Model]:
    return next(type(row) for row in rows if isinstance(row, Model))


def _insertions(rows: Sequence[Model | Insertion]) -> tuple[list[tuple[str, str]], list[Any]]:
    """Named statements, one for each run of rows of one model, and the values of all."""
    statements: list[tuple[str, str]] = []
    params: list[Any] = []
    connection = None
    for model, group in groupby(rows, type):
        together: list[Any] = list(group)
        if model is Insertion:
            for one in together:
                statements += one.statements
                params += one.params
            continue
        columns, places = columns_of(model)
        statement = f"INSERT INTO {columns} VALUES {', '.join([places] * len(together))}"
        statements.append((f"other_{len(statements)}", statement))
        connection = connection or connections[router.db_for_write(model)]  # one statement has one
        for row in together:
            params += _values(row, connection)
    return statements, params


def _note_written(rows: Sequence[Model | Insertion]) -> None:
    alias = ""
    for row in rows:
        if isinstance(row, Model):
            alias = alias or router.db_for_write(type(row))
            row._state.adding, row._state.db = False, alias


def _instead(model: type[Model], unique: list[str], names: list[str]) -> str:
    key = ", ".join(f'"{_columns(model)[name].field.column}"' for name in unique)
    columns = (_columns(model)[name].field.column for name in names)
    changes = ", ".join(f'"{column}" = EXCLUDED."{column}"' for column in columns)
    return f" ON CONFLICT ({key}) DO UPDATE SET {changes}"


def _together(statements: list[tuple[str, str]]) -> str:
    *others, (_, last) = statements
    if not others:
        return last
    return f"WITH {', '.join(f'{name} AS ({one})' for name, one in others)} {last}"


def update(
    model: type[Model],
    where: dict[str, Any],
    changes: dict[str, Any],
    *,
    deleting: tuple[type[Model], dict[str, Any]] | None = None,
    inserting: Sequence[Model | Insertion] = (),
) -> int:
    """Set ``changes`` where the columns equal ``where``; returns how many rows that were. Both map fields to values.

    In the same round trip, and whether or not there are such rows: ``deleting``, a model and where its rows go, as by
    ``delete``; ``inserting``, rows that are written as by ``insert``. So whoever finds that there were none rolls back.
    """
    statements, params = _insertions(inserting)
    if deleting:
        statements.append(("deleted", _deletion(*deleting)))
        params += _prepared(*deleting)
    terms = _terms(model, changes, ", "), _terms(model, where, " AND ")
    statements.append(("", f'UPDATE "{model._meta.db_table}" SET {terms[0]} WHERE {terms[1]}'))
    values = [*params, *_prepared(model, changes), *_prepared(model, where)]
    count = _written(model, _together(statements), values)
    _note_written(inserting)
    return count


def delete(model: type[Model], where: dict[str, Any]) -> int:
    """Delete rows at which nothing points, as ``update`` finds them; returns how many there were."""
    return _written(model, _deletion(model, where), _prepared(model, where))


def _deletion(model: type[Model], where: dict[str, Any]) -> str:
    return f'DELETE FROM "{model._meta.db_table}" WHERE {_terms(model, where, " AND ")}'


def _terms(model: type[Model], values: dict[str, Any], between: str) -> str:
    return between.join(f'"{_columns(model)[name].field.column}" = %s' for name in values)


def _prepared(model: type[Model], values: dict[str, Any]) -> list[Any]:
    connection, columns = connections[router.db_for_write(model)], _columns(model)
    return [columns[name].prepared(value, connection) for name, value in values.items()]


def _written(model: type[Model], statement: str, params: list[Any]) -> int:
    with kept_cursor(connections[router.db_for_write(model)]) as cursor:
        cursor.execute(statement, params)
        return cursor.rowcount


@lru_cache
def columns_of(model: type[Model]) -> tuple[str, str]:
    """What an INSERT says of a model: ``"table" ("column", …)`` and ``(%s, …)``."""
    columns = ", ".join(f'"{column.field.column}"' for column in _filled(model))
    return f'"{model._meta.db_table}" ({columns})', f"({', '.join(['%s'] * len(_filled(model)))})"


def values_of(row: Model) -> list[Any]:
    """The values of ``row`` as the database takes them, in the order of ``columns_of``."""
    return _values(row, connections[router.db_for_write(type(row))])


def _values(row: Model, connection: Any) -> list[Any]:
    own, values = vars(row), []
    for column in _filled(type(row)):
        if column.sets_itself:
            value = column.field.pre_save(row, add=True)
        else:
            value = own[column.name] if column.name in own else getattr(row, column.name)
        values.append(column.prepared(value, connection))
    return values


@lru_cache
def _filled(model: type[Model]) -> list[_Column]:
    """The columns that a new row fills in; the others are the database's own."""
    own = (column for column in _columns(model).values() if not isinstance(column.field, AutoField | BigAutoField))
    return [column for column in own if not column.field.generated]


@lru_cache
def _columns(model: type[Model]) -> dict[str, _Column]:
    """By the name of the field."""
    return {field.name: _column(field) for field in model._meta.local_concrete_fields}


def _column(field: Field) -> _Column:
    kind = type(field.target_field if isinstance(field, ForeignKey) else field)
    ways = {_AS_IT_IS[kind]: None} if kind in _AS_IT_IS else _BY_WORD.get(kind, {})
    if isinstance(field, JSONField) and field.encoder:
        ways = {}
    sets_itself = type(field).pre_save is not Field.pre_save
    if isinstance(field, DateField):
        sets_itself = field.auto_now or field.auto_now_add
    return _Column(field, field.attname, ways, sets_itself)
