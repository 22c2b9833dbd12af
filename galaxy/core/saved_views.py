"""Views that people keep: the filters of a list under a name of theirs.

Nobody else sees them, so they are no matter of the audit trail, like the theme. What a view shows is asked for anew
each time: keeping one gives no right to see anything.
"""

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from galaxy.core.db.prepared import prepared
from galaxy.core.errors import Invalid
from galaxy.core.models import SavedView, User, Workspace

MOST = 20  # per person and list; past that nobody finds one again


@dataclass(frozen=True)
class KeptList:
    """A list of which views are kept: ``page`` names it among them, ``permission`` is what reading it takes.

    ``label`` and ``words`` are for people ("Audit trail", "the audit trail"), ``list_url`` and ``urls`` the URL names
    of the list and of its views' own addresses (without -list, -change, -removal). ``cleaned`` is what is kept of a
    query string; it raises Invalid where that cannot be used.
    """

    page: str
    permission: str
    label: str
    words: str
    list_url: str
    urls: str
    cleaned: Callable[[str, Workspace], str]

    @property
    def hint(self) -> str:
        return f"Filter {self.words}, then choose “Keep this view…”."

    @property
    def open(self) -> str:
        return f"Open {self.words}"


def views_of(user: User, workspace: Workspace, page: str) -> list[SavedView]:
    """The views that ``user`` keeps of one list, by name."""
    return _views(workspace=workspace.pk, user=user.pk, page=page)


@prepared
def _views(workspace: UUID, user: UUID, page: str) -> QuerySet[SavedView]:
    return SavedView.objects.filter(workspace=workspace, user=user, page=page)


def save_view(workspace: Workspace, *, user: User, page: str, name: str, query: str) -> SavedView:
    """Keep ``query`` (a query string) under ``name``. Raises Invalid where there are many, or one of that name."""
    name = _named(name)
    with transaction.atomic():
        kept = SavedView.objects.in_workspace(workspace).select_for_update().filter(user=user, page=page)
        if len(kept) >= MOST:
            raise Invalid(f"You keep {MOST} views of this list. Delete one first.", {"name": "Delete one first."})
        view = SavedView(workspace=workspace, user=user, page=page, name=name, query=query[:1000])
        return _stored(view)


def rename_view(view: SavedView, *, name: str) -> SavedView:
    """Raises Invalid where another view of this person has the name."""
    view.name = _named(name)
    return _stored(view)


def delete_view(view: SavedView) -> None:
    SavedView.objects.in_workspace(view.workspace).filter(pk=view.pk).delete()


def _named(name: str) -> str:
    name = " ".join(name.split())
    if not name or len(name) > 40:
        raise Invalid("Give it a name of at most 40 characters.", {"name": "Between 1 and 40 characters."})
    return name


def _stored(view: SavedView) -> SavedView:
    try:
        with transaction.atomic():
            view.save()
    except IntegrityError as error:
        raise Invalid("You have a view of that name.", {"name": "You have a view of that name."}) from error
    return view
