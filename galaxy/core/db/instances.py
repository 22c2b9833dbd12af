"""Instances of models, made without asking Django about each field, which costs as much as many a statement does."""

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any, TypeVar

from django.db.models import ForeignKey, Model
from django.db.models.base import ModelState
from django.db.models.fields.related_descriptors import ForeignKeyDeferredAttribute
from django.db.models.query_utils import DeferredAttribute
from django.db.models.signals import post_init, pre_init

Row = TypeVar("Row", bound=Model)


def fresh(model: type[Row], /, *, tied: Mapping[str, Model | None] | None = None, **values: Any) -> Row:
    """As ``model(**values)``. The values are by column (``run_id``, not ``run``); what is left out gets its default.

    ``tied`` are rows that it points at by their keys, by field (``run``), which it then has at hand. What the database
    makes of the other columns is read when it is asked for.
    """
    constants, made_each_time = _defaults(model)
    one = model.__new__(model)
    one._state = ModelState()
    own = vars(one)
    own.update(constants)
    own.update(values)
    if tied:
        names = _keys(model)
        for name, other in tied.items():
            own[names[name]] = None if other is None else other.pk
        one._state.fields_cache.update(tied)
    for name, make in made_each_time:
        if name not in values:
            own[name] = make()
    if len(own) != len(constants) + len(made_each_time) + 1:  # and its state
        raise TypeError(f"{model.__name__} has columns of other names.")
    return one


@lru_cache
def _defaults(model: type[Model]) -> tuple[dict[str, Any], list[tuple[str, Callable[[], Any]]]]:
    fields = [field for field in model._meta.concrete_fields if not field.generated]
    must_be_plain(model, (field.attname for field in fields))
    if any(field.has_db_default() and not field.has_default() for field in fields):
        raise TypeError(f"The database has a say in the columns of {model.__name__}.")
    with_default = (field for field in fields if field.has_default() and callable(field.default))
    made_each_time = [(field.attname, field.default) for field in with_default]
    names = dict(made_each_time)
    return {field.attname: field.get_default() for field in fields if field.attname not in names}, made_each_time


@lru_cache
def _keys(model: type[Model]) -> dict[str, str]:
    """The columns of the fields that point at the key of another row."""
    pointing = (field for field in model._meta.concrete_fields if isinstance(field, ForeignKey))
    return {field.name: field.attname for field in pointing if field.target_field.primary_key}


def must_be_plain(model: type[Model], names: Iterable[str]) -> None:
    """Raises TypeError where more happens to a new instance of ``model`` than that its values are put into it."""
    ways = {name for one in model.__mro__[: model.__mro__.index(Model)] for name in vars(one)}
    own = ways & {"__new__", "__init__", "from_db"}
    heard = pre_init.has_listeners(model) or post_init.has_listeners(model)
    puts = {type(getattr(model, name)) for name in names}
    if own or heard or puts - {DeferredAttribute, ForeignKeyDeferredAttribute}:
        raise TypeError(f"{model.__name__} is made in a way of its own.")
