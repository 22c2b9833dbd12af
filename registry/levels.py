"""How far the marketplace vouches for an extension. The floor above knows, and says so here."""

from collections.abc import Callable
from uuid import UUID

from registry.models import Extension

UNVOUCHED = "community"
Reader = Callable[[UUID], str | None]
_readers: list[Reader] = []


def register(reader: Reader) -> None:
    """Say who knows the level of an extension by its id (None: it is not listed); once, when the app is ready."""
    if reader not in _readers:
        _readers.append(reader)


def level_of(extension: Extension) -> str:
    """community, verified or enterprise. What a workspace has for itself nobody else vouched for."""
    if extension.is_private:
        return UNVOUCHED
    return next(filter(None, (reader(extension.pk) for reader in _readers)), UNVOUCHED)
