"""What the pages about installations show, read in a fixed number of queries."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import F, QuerySet
from django.db.models.fields.json import KT

from galaxy.core.db.prepared import prepared
from galaxy.core.models import HistoryRow, User, Workspace
from registry.asks import Ask, asks_of, asks_of_steps
from registry.manifests import Manifest
from registry.models import Connection, Installation, Kind, Pin, Version
from registry.services.resolving import unconnected_slugs
from registry.standing import Standing, standings_of


@dataclass(frozen=True)
class Row:
    """An installation and how it runs for whoever reads: ``mode`` is simulated, connected or inside (it never leaves
    Galaxy), and ``standing`` is None for what never leaves."""

    installation: Installation
    mode: str
    standing: Standing | None


@dataclass(frozen=True)
class PinState:
    """A version an installation was pinned to, from ``since`` until ``until`` (None: still).

    ``came`` is how it came there: installed, moved or rolled_back. ``approval`` and ``report`` are ids of what the move
    rested on, "" where there is none.
    """

    version: Version
    since: datetime
    until: datetime | None
    by: User | None
    reason: str
    came: str = "installed"
    approval: str = ""
    report: str = ""


def installations_for(user: User, workspace: Workspace):
    """The active installations that ``user`` may see, with what a row of the list shows."""
    return (
        Installation.objects.in_workspace(workspace)
        .visible_to(user)
        .active()
        .select_related("extension", "installed_by", "pin__version", "workspace")
        .defer("pin__version__manifest")
        .annotate(requires=F("pin__version__manifest__requires"))
    )


def rows_of(installations: list[Any], user: User, workspace: Workspace) -> list[Row]:
    """The installations (of ``installations_for``) with their mode for ``user`` and how they stand."""
    standings = standings_of(installations)
    unconnected = unconnected_slugs(workspace, user)
    ids = ",".join(str(one.pk) for one in installations)
    reaching = set(_reaching(workspace=workspace.pk, installations=ids))
    return [
        Row(one, _mode(one, one.requires or {}, unconnected, one.pk in reaching), standings.get(one.pk))
        for one in installations
    ]


@prepared
def _reaching(workspace: UUID, installations: str) -> QuerySet[Connection, UUID]:
    rows = Connection.objects.filter(workspace=workspace, installation__pk__among=installations)
    return rows.values_list("installation_id", flat=True)


def mode_of(installation: Installation, user: User, connection: Connection | None) -> str:
    """As in ``Row``: by their own account where they have connected one. ``connection`` is their way out of it."""
    if installation.extension.kind == Kind.PACK:
        requires = installation.pin.version.parsed.requires
        return _mode(installation, requires, unconnected_slugs(installation.workspace, user), reaches_out=False)
    if connection is None:
        return "inside"
    return "simulated" if connection.status == Connection.Status.UNAUTHENTICATED else "connected"


def asks_here(workspace: Workspace, manifest: Manifest) -> list[Ask]:
    """What an installed version asks for; a pack asks for what its steps call, at the versions held here."""
    if not manifest.requires:
        return asks_of(manifest)
    required = required_here(workspace, manifest)
    return asks_of_steps(manifest, {slug: one.pin.version.parsed for slug, one in required.items()})


def required_here(workspace: Workspace, manifest: Manifest) -> dict[str, Installation]:
    """What ``workspace`` has installed of what a pack requires: {slug: installation}."""
    rows = Installation.objects.in_workspace(workspace).active().filter(extension__slug__in=manifest.requires)
    return {row.extension.slug: row for row in rows.select_related("workspace", "extension", "pin__version")}


def pin_rows(installation: Installation) -> QuerySet[Any]:
    """The states of its pin from history, newest first, with ``since`` when each began."""
    return _rows_of_pin(installation.workspace_id, str(installation.pk))


def _rows_of_pin(workspace: UUID, installation: str) -> QuerySet[Any]:
    rows = HistoryRow.objects.in_workspace(workspace).alias(held=KT("row__installation_id"))
    rows = rows.filter(kind=Pin._meta.db_table, held=installation)
    return rows.annotate(since=F("during__startswith")).order_by("-since")


def pin_states(installation: Installation) -> list[PinState]:
    """Every version the installation was ever pinned to, newest first, from history."""
    return states_of(_pin_rows(workspace=installation.workspace_id, installation=str(installation.pk)))


@prepared
def _pin_rows(workspace: UUID, installation: str) -> QuerySet[HistoryRow]:
    return _rows_of_pin(workspace, installation)


def states_of(found: Iterable[HistoryRow]) -> list[PinState]:
    """Of states of one pin (``pin_rows``), one after the other; the last of them counts as the first there was."""
    rows = list(found)
    versions = {str(one.pk): one for one in _versions(ids=",".join({row.row["version_id"] for row in rows}))}
    people = {str(one.pk): one for one in _people(ids=",".join({row.row["pinned_by_id"] for row in rows}))}
    held = [versions[row.row["version_id"]] for row in rows]
    return [
        PinState(
            version=version,
            since=row.during.lower,
            until=row.during.upper,
            by=people.get(str(row.row["pinned_by_id"])),
            reason=row.row["reason"],
            came=_came(before, version),
            approval=row.row.get("approval") or "",
            report=row.row.get("report") or "",
        )
        for row, version, before in zip(rows, held, [*held[1:], None], strict=False)
    ]


@prepared
def _versions(ids: str) -> QuerySet[Version]:
    return Version.objects.filter(pk__among=ids).select_related("extension")


@prepared
def _people(ids: str) -> QuerySet[User]:
    return User.objects.filter(pk__among=ids)


def _came(before: Version | None, version: Version) -> str:
    if before is None:
        return "installed"
    return "rolled_back" if version.sort_key < before.sort_key else "moved"


def _mode(installation: Installation, requires: dict, unconnected: set[str], reaches_out: bool) -> str:
    if installation.extension.kind == Kind.PACK:
        return "simulated" if any(slug in unconnected for slug in requires) else "connected"
    if installation.extension.slug in unconnected:
        return "simulated"
    return "connected" if reaches_out else "inside"
