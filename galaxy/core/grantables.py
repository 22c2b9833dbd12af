"""What can be granted one by one: each app says at start-up which of its models, so that a lower floor can show it."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.apps import apps
from django.db.models import Model

from galaxy.core.models import User, Workspace, WorkspaceModel
from galaxy.core.permissions import LABELS, granted


@dataclass(frozen=True)
class Grantable:
    """A model (``registry.installation``) whose rows take grants. ``permissions`` maps codenames to words.

    ``filters`` narrow the rows to those still in use; ``viewing`` is the codename one needs to see a row; ``related``
    are the foreign keys that its name and address are read from.
    """

    kind: str
    noun: str
    permissions: dict[str, str]
    viewing: str
    filters: tuple[tuple[str, Any], ...] = ()
    related: tuple[str, ...] = ("workspace",)

    @property
    def model(self) -> type[Model]:
        return apps.get_model(self.kind)

    def perm(self, codename: str) -> str:
        return f"{self.model._meta.app_label}.{codename}"

    def rows(self, workspace: Workspace | UUID):
        return self.model._default_manager.filter(workspace=workspace, **dict(self.filters)).select_related(
            *self.related
        )

    def visible_rows(self, user: User, workspace: Workspace):
        return self.rows(workspace).filter(granted(user, self.viewing, self.model, workspace))


_grantables: dict[str, Grantable] = {}


def add_grantable(grantable: Grantable) -> None:
    _grantables[grantable.kind] = grantable


def grantables() -> list[Grantable]:
    return list(_grantables.values())


def find_grantable(obj: Model) -> Grantable:
    return _grantables[obj._meta.label_lower]


def find_target(user: User, workspace: Workspace, kind: str, id: UUID, perm: str) -> Workspace | WorkspaceModel | None:
    """The workspace or the object that ``perm`` can be held on, if ``user`` may see it; else None."""
    app_label, _, codename = perm.partition(".")
    if kind == Workspace._meta.label_lower:
        return workspace if id == workspace.pk and app_label == "core" and codename in LABELS else None
    grantable = _grantables.get(kind)
    if grantable is None or codename not in grantable.permissions or perm != grantable.perm(codename):
        return None
    return grantable.visible_rows(user, workspace).filter(pk=id).first()
