"""How far the marketplace vouches for an extension. The floor above knows, and says so here."""

from collections.abc import Callable, Collection
from typing import Any
from uuid import UUID

from django.db.models import CharField, Value

from registry.models import Extension

UNVOUCHED = "community"
Reader = Callable[[UUID], str | None]
ManyReader = Callable[[Collection[UUID]], dict[UUID, str]]
Expression = Callable[[Any], Any]
_readers: list[tuple[Reader, ManyReader]] = []
_expressions: list[Expression] = []


def register(reader: Reader, of_many: ManyReader, expression: Expression) -> None:
    """Say who knows the level of an extension by its id (None: it is not listed), those of many at once (without what
    is not listed), and how a query asks for it along with something else; once, when the app is ready."""
    if (reader, of_many) not in _readers:
        _readers.append((reader, of_many))
        _expressions.append(expression)


def level_of(extension: Extension) -> str:
    """community, verified or enterprise. What a workspace has for itself nobody else vouched for."""
    if extension.is_private:
        return UNVOUCHED
    return next(filter(None, (reader(extension.pk) for reader, _ in _readers)), UNVOUCHED)


def level_by(extension: Extension, listed: str | None) -> str:
    """As ``level_of``, where ``listed`` was read by ``listed_level`` along with something else."""
    return UNVOUCHED if extension.is_private else listed or UNVOUCHED


def listed_level(extension: Any) -> Any:
    """An expression of the level at which the extension of that id is listed; NULL where it is not."""
    return next((one(extension) for one in _expressions), Value(None, CharField()))


def levels_of(extensions: Collection[Extension]) -> dict[UUID, str]:
    """The same for many, by id, in one query."""
    found = {one.pk: UNVOUCHED for one in extensions}
    public = [one.pk for one in extensions if not one.is_private]
    for _, of_many in reversed(_readers if public else []):
        found |= of_many(public)
    return found
