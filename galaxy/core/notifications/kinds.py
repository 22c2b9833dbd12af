"""What can be told. Each app says at start-up which kinds of news it has, and how its objects are found again."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from uuid import UUID

from galaxy.core.models import User, Workspace


@dataclass(frozen=True)
class Kind:
    """News of one kind: ``title`` is the line people read, ``label`` its name in filters and preferences.

    ``tone`` and ``icon`` are a badge's. ``by_mail`` says whether it goes out by mail to people who chose nothing;
    ``own_mail`` that the act itself sends a mail, with the same choice asked (``choosing.wants_mail``). ``fixed`` is a
    sentence on why nobody can switch it off, or mute it; "" for what people choose.
    """

    name: str
    title: str
    label: str
    icon: str
    tone: str = ""
    by_mail: bool = False
    own_mail: bool = False
    fixed: str = ""


@dataclass(frozen=True)
class Place:
    """An object as its reader may see it: a name, and the address of its page or "". ``is_simulated``: what happened to
    it happened in Sim Mode."""

    label: str
    url: str = ""
    is_simulated: bool = False


# For a reader, a workspace and ids of one model: the objects among them that the reader may see, by id.
Finder = Callable[[User, Workspace, Iterable[UUID]], dict[UUID, Place]]

_kinds: dict[str, Kind] = {}
_finders: dict[str, Finder] = {}


def add_kind(kind: Kind) -> None:
    _kinds[kind.name] = kind


def add_target(model: str, finder: Finder) -> None:
    """``model`` is a label such as ``policies.approval``; ``finder`` asks a fixed number of queries."""
    _finders[model] = finder


def kinds() -> list[Kind]:
    """Every kind there is, by its label."""
    return sorted(_kinds.values(), key=lambda kind: kind.label)


def kind_of(name: str) -> Kind:
    """The kind of that name; KeyError for one that nobody registered."""
    return _kinds[name]


def find(user: User, workspace: Workspace, targets: Iterable[tuple[str, UUID]]) -> dict[tuple[str, UUID], Place]:
    """What ``user`` may see now of ``targets`` (model and id), each model asked once."""
    by_model: dict[str, set[UUID]] = {}
    for model, id in targets:
        by_model.setdefault(model, set()).add(id)
    return {
        (model, id): place
        for model, ids in by_model.items()
        if model in _finders
        for id, place in _finders[model](user, workspace, ids).items()
    }
