"""Writes whose statements are put together from the columns alone, for rows that every run writes.

Django's own say more than these (expressions, signals, what points at a row), and cost several times as much to write
down as PostgreSQL needs to do them. New rows of several models go to the server at once.
"""

from functools import lru_cache
from itertools import groupby
from typing import Any

from django.db import connections, router
from django.db.models import AutoField, BigAutoField, Field, Model


def insert(*rows: Model, or_update: tuple[list[str], list[str]] | None = None) -> None:
    """Write ``rows``, in this order, as ``save(force_insert=True)`` does, in one round trip.

    ``or_update`` names fields that are unique together, and those that are set instead where a row has their values
    already. For models without signals, whose rows bring their own keys; what the database makes itself is not read
    back.
    """
    connection = connections[router.db_for_write(type(rows[0]))]
    statements: list[str] = []
    params: list[Any] = []
    for model, group in groupby(rows, type):
        together = list(group)
        columns, places = columns_of(model)
        statement = f"INSERT INTO {columns} VALUES {', '.join([places] * len(together))}"
        statements.append(statement + (_instead(model, *or_update) if or_update else ""))
        params += (value for row in together for value in values_of(row))
    with connection.cursor() as cursor:
        cursor.execute("; ".join(statements), params)
    for row in rows:
        row._state.adding, row._state.db = False, connection.alias


def _instead(model: type[Model], unique: list[str], names: list[str]) -> str:
    key = ", ".join(f'"{_field(model, name).column}"' for name in unique)
    columns = (_field(model, name).column for name in names)
    changes = ", ".join(f'"{column}" = EXCLUDED."{column}"' for column in columns)
    return f" ON CONFLICT ({key}) DO UPDATE SET {changes}"


def update(model: type[Model], where: dict[str, Any], changes: dict[str, Any]) -> int:
    """Set ``changes`` where the columns equal ``where``; returns how many rows that were. Both map fields to values."""
    statement = f'UPDATE "{model._meta.db_table}" SET {_terms(model, changes, ", ")}'
    return _written(model, f"{statement} WHERE {_terms(model, where, ' AND ')}", changes, where)


def delete(model: type[Model], where: dict[str, Any]) -> int:
    """Delete rows at which nothing points, as ``update`` finds them; returns how many there were."""
    return _written(model, f'DELETE FROM "{model._meta.db_table}" WHERE {_terms(model, where, " AND ")}', where)


def _terms(model: type[Model], values: dict[str, Any], between: str) -> str:
    return between.join(f'"{_field(model, name).column}" = %s' for name in values)


def _field(model: type[Model], name: str) -> Field:
    field = model._meta.get_field(name)
    if not isinstance(field, Field):
        raise TypeError(f"{name} is no column of {model.__name__}.")
    return field


def _written(model: type[Model], statement: str, *maps: dict[str, Any]) -> int:
    connection = connections[router.db_for_write(model)]
    params = [_field(model, name).get_db_prep_save(value, connection) for one in maps for name, value in one.items()]
    with connection.cursor() as cursor:
        cursor.execute(statement, params)
        return cursor.rowcount


@lru_cache
def columns_of(model: type[Model]) -> tuple[str, str]:
    """What an INSERT says of a model: ``"table" ("column", …)`` and ``(%s, …)``."""
    columns = ", ".join(f'"{field.column}"' for field in _fields(model))
    return f'"{model._meta.db_table}" ({columns})', f"({', '.join(['%s'] * len(_fields(model)))})"


def values_of(row: Model) -> list[Any]:
    """The values of ``row`` as the database takes them, in the order of ``columns_of``."""
    connection = connections[router.db_for_write(type(row))]
    return [field.get_db_prep_save(field.pre_save(row, add=True), connection) for field in _fields(type(row))]


@lru_cache
def _fields(model: type[Model]) -> list[Field]:
    """The columns that a new row fills in; the others are the database's own."""
    return [
        field
        for field in model._meta.local_concrete_fields
        if not field.generated and not isinstance(field, AutoField | BigAutoField)
    ]
