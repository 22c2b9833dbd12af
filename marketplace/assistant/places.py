"""Which page somebody is on: its address resolved to what it is about, as far as they may see that."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Q
from django.urls import Resolver404, resolve

from galaxy.core.models import User, Workspace
from galaxy.core.permissions import can
from galaxy.core.ui.words import relative
from marketplace.models import Listing
from policies.models import Approval, Change, Rule
from registry.models import Connection, Installation, Kind
from sandbox.models import Issue, Run

LONGEST_PATH = 500


@dataclass(frozen=True)
class Place:
    """``kind`` is run, installation, pack, approval, queue, listing, rule, change, connection or issue, "" for any
    other page. ``about`` is the row, ``title`` its name, ``installation`` the one it belongs to."""

    workspace: Workspace
    path: str
    kind: str = ""
    title: str = ""
    about: Any = None
    installation: Installation | None = None

    @property
    def advice(self) -> Q | None:
        """Which advice is about this very page; None where the page is about nothing of its own."""
        if self.kind == "connection":
            return Q(connection=self.about.pk)
        if self.kind == "queue":
            return Q(rule="queue_old")
        return Q(installation=self.installation.pk) if self.installation else None


def place_of(path: str, user: User, workspace: Workspace) -> Place:
    """What stands at ``path`` for ``user``; the first page where it is none of this workspace."""
    path = path.partition("?")[0].replace("\x00", "")[:LONGEST_PATH]
    home = workspace.get_absolute_url()
    if not path.startswith(home):
        return Place(workspace, home)
    try:
        match = resolve(path)
    except Resolver404:
        return Place(workspace, home)
    name, kwargs = match.view_name or "", match.kwargs
    for prefixes, find in _FINDERS:
        if name.startswith(prefixes) and (found := find(path, kwargs, user, workspace)):
            return found
    return (
        Place(workspace, path, "queue", "The approval queue")
        if name == "policies:approval-list"
        else Place(workspace, path)
    )


Finder = Callable[[str, dict[str, Any], User, Workspace], Place | None]


def _run(path: str, kwargs: dict[str, Any], user: User, workspace: Workspace) -> Place | None:
    related = ("workspace", "installation__extension", "installation__workspace", "installation__pin__version")
    rows = Run.objects.in_workspace(workspace).visible_to(user).select_related(*related, "connection", "agent")
    row = rows.filter(pk=kwargs.get("pk")).first() if kwargs.get("pk") else None
    return row and Place(workspace, path, "run", f"{row.target}, {relative(row.created_at)}", row, row.installation)


def installation_at(pk: Any, user: User, workspace: Workspace) -> Installation | None:
    rows = Installation.objects.in_workspace(workspace).active().visible_to(user, workspace)
    return rows.select_related("workspace", "extension", "pin__version").filter(pk=pk).first()


def _installation(path: str, kwargs: dict[str, Any], user: User, workspace: Workspace) -> Place | None:
    row = installation_at(kwargs["pk"], user, workspace) if isinstance(kwargs.get("pk"), UUID) else None
    if row is None:
        return None
    kind = "pack" if row.extension.kind == Kind.PACK else "installation"
    return Place(workspace, path, kind, row.extension.name, row, row)


def _approval(path: str, kwargs: dict[str, Any], user: User, workspace: Workspace) -> Place | None:
    rows = Approval.objects.in_workspace(workspace).visible_to(user, workspace)
    related = ("workspace", "installation__extension", "installation__workspace", "decision", "requested_by")
    row = rows.select_related(*related).filter(pk=kwargs.get("pk")).first() if kwargs.get("pk") else None
    if row is None:
        return None
    seen = installation_at(row.installation_id, user, workspace) if row.installation_id else None
    return Place(workspace, path, "approval", row.summary, row, seen)


def _listing(path: str, kwargs: dict[str, Any], user: User, workspace: Workspace) -> Place | None:
    rows = Listing.objects.open_to(workspace).select_related("extension", "version__extension")
    row = rows.filter(extension__slug=kwargs.get("slug", "")).first()
    if row is None:
        return None
    here = Installation.objects.in_workspace(workspace).active().visible_to(user, workspace)
    there = here.select_related("workspace", "extension", "pin__version").filter(extension=row.extension_id).first()
    return Place(workspace, path, "listing", row.extension.name, row, there)


def _rule(path: str, kwargs: dict[str, Any], user: User, workspace: Workspace) -> Place | None:
    if not kwargs.get("pk") or not can(user, "core.view_rule", workspace):
        return None
    row = Rule.objects.in_workspace(workspace).select_related("workspace").filter(pk=kwargs["pk"]).first()
    return row and Place(workspace, path, "rule", f"Rule {row.number}, {row.title}", row)


def _change(path: str, kwargs: dict[str, Any], user: User, workspace: Workspace) -> Place | None:
    related = ("workspace", "version__extension", "installation__extension", "approval__workspace")
    rows = Change.objects.in_workspace(workspace).visible_to(user).select_related(*related)
    row = rows.filter(pk=kwargs.get("pk")).first() if kwargs.get("pk") else None
    if row is None:
        return None
    seen = installation_at(row.installation_id, user, workspace) if row.installation_id else None
    return Place(workspace, path, "change", str(row), row, seen)


def _connection(path: str, kwargs: dict[str, Any], user: User, workspace: Workspace) -> Place | None:
    rows = Connection.objects.in_workspace(workspace).visible_to(user, workspace)
    related = ("workspace", "owner", "installation__extension", "installation__workspace", "installation__pin__version")
    row = rows.select_related(*related).filter(pk=kwargs.get("pk")).first() if kwargs.get("pk") else None
    return row and Place(workspace, path, "connection", row.name, row, row.installation)


def _issue(path: str, kwargs: dict[str, Any], user: User, workspace: Workspace) -> Place | None:
    rows = Issue.objects.in_workspace(workspace).visible_to(user, workspace)
    related = ("workspace", "owner", "installation__extension", "installation__workspace", "installation__pin__version")
    row = rows.select_related(*related).filter(pk=kwargs.get("pk")).first() if kwargs.get("pk") else None
    return row and Place(workspace, path, "issue", row.subject, row, row.installation)


_FINDERS: tuple[tuple[tuple[str, ...], Finder], ...] = (
    (("sandbox:run-",), _run),
    (("sandbox:issue-",), _issue),
    (("sandbox:connection-detail", "sandbox:connection-connect", "sandbox:connection-limits"), _connection),
    (
        (
            "registry:installation-",
            "registry:pin-change",
            "registry:rollback",
            "registry:update-settings",
            "registry:widening",
            "registry:roll-out-create",
            "sandbox:installation-health",
            "sandbox:upgrade-preview",
            "sandbox:connection-list",
            "marketplace:installation-tests",
        ),
        _installation,
    ),
    (("policies:approval-",), _approval),
    (("policies:rule-",), _rule),
    (("policies:change-",), _change),
    (("marketplace:listing-detail", "marketplace:listing-install"), _listing),
)
