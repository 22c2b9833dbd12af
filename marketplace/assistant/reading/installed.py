"""What is installed, read once for every reader of one look."""

from functools import cached_property
from uuid import UUID

from galaxy.core.models import Workspace
from marketplace.assistant.facts import Named
from registry.models import Connection, Installation, Kind, PackPin
from registry.updates.facts import with_newer

MOST = 1_000  # installations that are looked at; the oldest ones of more


class Installed:
    """The active installations of a workspace with their versions, and what several readers need of them."""

    def __init__(self, workspace: Workspace):
        self.workspace = workspace
        rows = Installation.objects.in_workspace(workspace).active()
        related = ("workspace", "extension", "pin__version__successor", "installed_by")
        self.rows = list(rows.select_related(*related).order_by("installed_at", "pk")[:MOST])
        for row in self.rows:
            row.pin.version.extension = row.extension  # the same row, which is here already
        self.by_id: dict[UUID, Installation] = {row.pk: row for row in self.rows}
        self.by_slug: dict[str, Installation] = {row.extension.slug: row for row in self.rows}

    def named(self, row: Installation) -> Named:
        return Named(row.pk, row.extension.name)

    @property
    def packs(self) -> list[Installation]:
        return [row for row in self.rows if row.extension.kind == Kind.PACK]

    @cached_property
    def with_newer(self) -> list[Installation]:
        """Those of which there is a newer release that may be installed."""
        rows = Installation.objects.in_workspace(self.workspace).active()
        ids = set(with_newer(rows).values_list("pk", flat=True))
        return [row for row in self.rows if row.pk in ids]

    @cached_property
    def connections(self) -> list[Connection]:
        rows = Connection.objects.in_workspace(self.workspace).filter(installation__in=self.by_id)
        return list(rows.order_by("created_at"))

    @cached_property
    def numbers_of_packs(self) -> dict[tuple[UUID, str], str]:
        """The versions that packs hold for themselves: {(pack, slug): number}."""
        rows = PackPin.objects.in_workspace(self.workspace).filter(installation__removed_at=None)
        found = rows.values_list("pack_id", "installation__extension__slug", "version__number")
        return {(pack, slug): number for pack, slug, number in found}

    def packs_using(self, slug: str) -> int:
        return sum(slug in row.pin.version.manifest.get("requires", {}) for row in self.packs)
