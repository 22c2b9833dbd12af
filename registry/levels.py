"""How far the marketplace vouches for an extension. The floor above knows, and says so here."""

from collections.abc import Callable, Collection
from uuid import UUID

from registry.models import Extension

UNVOUCHED = "community"
Reader = Callable[[UUID], str | None]
ManyReader = Callable[[Collection[UUID]], dict[UUID, str]]
_readers: list[tuple[Reader, ManyReader]] = []


def register(reader: Reader, of_many: ManyReader) -> None:
    """Say who knows the level of an extension by its id (None: it is not listed), and those of many at once (without
    what is not listed); once, when the app is ready."""
    if (reader, of_many) not in _readers:
        _readers.append((reader, of_many))


def level_of(extension: Extension) -> str:
    """community, verified or enterprise. What a workspace has for itself nobody else vouched for."""
    if extension.is_private:
        return UNVOUCHED
    return next(filter(None, (reader(extension.pk) for reader, _ in _readers)), UNVOUCHED)


def levels_of(extensions: Collection[Extension]) -> dict[UUID, str]:
    """The same for many, by id, in one query."""
    found = {one.pk: UNVOUCHED for one in extensions}
    public = [one.pk for one in extensions if not one.is_private]
    for _, of_many in reversed(_readers if public else []):
        found |= of_many(public)
    return found
