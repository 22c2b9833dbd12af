"""How versions fare in all workspaces together, so that a bad release stands out (docs/health.md).

Counted by beat into a small table, not by a page. The counts come from a function of PostgreSQL that tells nothing of
what fewer than three workspaces called, and nothing of which they are.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils import timezone

from galaxy.core.db.prepared import prepared
from galaxy.core.scope import workspace_scope
from registry.models import Installation, Version
from sandbox.health.comparing import is_worse
from sandbox.health.objective import Tally, percent
from sandbox.issues import close_issues, open_issue
from sandbox.models import Issue, VersionFigure

WINDOW = timedelta(days=14)  # Share.words says so
FAILING = 2  # workspaces: of one alone it may be an account that ended, or somebody who wants the version to look bad
EVERY = ""  # the action of the figure for all actions together


class Count(NamedTuple):
    """What one version did with one action; ``failing`` workspaces of all saw a call of it fail."""

    tally: Tally
    workspaces: int
    failing: int


def count_versions(now: datetime | None = None) -> int:
    """Count the figures anew, flag versions, and open and close the issues of what is pinned to them; returns how many
    versions are flagged. Safe to run twice, and at the same time."""
    now = now or timezone.now()
    counts = _counts(now - WINDOW)
    versions = Version.objects.filter(pk__in=counts).defer("manifest").select_related("extension")
    figures = _figures(list(versions), counts, now)
    with transaction.atomic():
        VersionFigure.objects.bulk_create(
            figures,
            update_conflicts=True,
            unique_fields=["version", "action"],
            update_fields=[
                "good",
                "bad",
                "workspaces",
                "before",
                "before_good",
                "before_bad",
                "is_flagged",
                "counted_at",
            ],
        )
        VersionFigure.objects.filter(counted_at__lt=now).delete()
    flagged = flags_of({figure.version_id for figure in figures if figure.is_flagged})
    _tell(flagged)
    return len(flagged)


@dataclass(frozen=True)
class Share:
    """A figure as people read it."""

    figure: VersionFigure

    @property
    def calls(self) -> int:
        return self.figure.good + self.figure.bad

    @property
    def failed(self) -> str:
        return percent(self.figure.bad, self.calls)

    @property
    def words(self) -> str:
        return f"{self.failed} of {self.calls} calls in {self.figure.workspaces} workspaces failed within 14 days"


@dataclass(frozen=True)
class Flag(Share):
    """A version that fails more than ``before``, the one below it: its worst figure, and the step out of it."""

    before: Version

    @property
    def sentence(self) -> str:
        figure = self.figure
        what = figure.action or "All actions together"
        before = percent(figure.before_bad, figure.before_good + figure.before_bad)
        fails = f"{self.failed} of calls fail in {figure.version.number}"
        return f"{what}: {fails}, {before} in {self.before.number} before it."

    @property
    def next_step(self) -> str:
        return f"Pin back to {self.before.number} until a fixed version is out."


def flags_of(versions: Iterable[UUID]) -> dict[UUID, Flag]:
    """Those of ``versions`` (ids) that are flagged, by id; of several figures the one with the most failures."""
    rows = _flagged(versions=",".join(map(str, versions)))
    return {row.version_id: Flag(row, row.before) for row in rows if row.before}


def figures_of(versions: Iterable[UUID]) -> dict[UUID, list[Share]]:
    """What is known of ``versions`` across workspaces, by id: all actions together first, then the busiest."""
    found: dict[UUID, list[Share]] = defaultdict(list)
    for row in _known(versions=",".join(map(str, versions))):
        found[row.version_id].append(Share(row))
    return {pk: sorted(some, key=lambda one: (one.figure.action != EVERY, -one.calls)) for pk, some in found.items()}


@prepared
def _known(versions: str) -> QuerySet[VersionFigure]:
    return VersionFigure.objects.filter(version__pk__among=versions)


@prepared
def _flagged(versions: str) -> QuerySet[VersionFigure]:
    rows = VersionFigure.objects.flagged().filter(version__pk__among=versions).order_by("bad")
    return rows.select_related("version__extension", "before").defer("version__manifest", "before__manifest")


def _counts(since: datetime) -> dict[UUID, dict[str, Count]]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM sandbox_version_figures(%s)", [since])
        rows = cursor.fetchall()
    found: dict[UUID, dict[str, Count]] = defaultdict(dict)
    for version, action, good, bad, workspaces, failing in rows:
        found[version][action] = Count(Tally(good, bad), workspaces, failing)
    return found


def _figures(versions: list[Version], counts: dict[UUID, dict[str, Count]], now: datetime) -> list[VersionFigure]:
    """A figure for each version and action, compared with the next lower version of which something is known."""
    by_extension: dict[UUID, list[Version]] = defaultdict(list)
    for version in sorted(versions, key=lambda version: version.sort_key):
        by_extension[version.extension_id].append(version)
    figures = []
    for in_order in by_extension.values():
        for version, before in zip(in_order, [None, *in_order], strict=False):
            known = counts[before.pk] if before else {}
            figures += [
                _figure(version, action, count, before, known, now) for action, count in counts[version.pk].items()
            ]
    return figures


def _figure(
    version: Version, action: str, count: Count, before: Version | None, known: dict[str, Count], now: datetime
) -> VersionFigure:
    compared = known.get(action)
    return VersionFigure(
        version=version,
        action=action,
        good=count.tally.good,
        bad=count.tally.bad,
        workspaces=count.workspaces,
        before=before if compared else None,
        before_good=compared.tally.good if compared else 0,
        before_bad=compared.tally.bad if compared else 0,
        is_flagged=compared is not None and count.failing >= FAILING and is_worse(count.tally, compared.tally),
        counted_at=now,
    )


def _tell(flagged: dict[UUID, Flag]) -> None:
    """Open an issue for each installation that is pinned to what is flagged, and close those that are over."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT workspace_id FROM sandbox_workspaces_of_versions(%s::uuid[])", [list(flagged)])
        ids = [row[0] for row in cursor.fetchall()]
    for id in ids:
        with workspace_scope([id]):
            _close_over(id, flagged)
            _open_new(id, flagged)


def _close_over(workspace_id: UUID, flagged: dict[UUID, Flag]) -> None:
    rows = Issue.objects.in_workspace(workspace_id).open().filter(kind=Issue.Kind.VERSION_FAILING)
    for issue in rows.select_related("workspace", "installation__pin__version", "installation__workspace"):
        one = issue.installation
        version = one.pin.version if one.is_active else None
        if version is None or version.number != issue.target or version.pk not in flagged:
            because = (
                "Another version is held now." if version and version.number != issue.target else "It fails no more."
            )
            close_issues(one, Issue.Kind.VERSION_FAILING, because=because, target=issue.target)


def _open_new(workspace_id: UUID, flagged: dict[UUID, Flag]) -> None:
    """One issue for each version and installation: the same news again is no news."""
    told = Issue.objects.in_workspace(workspace_id).open().filter(kind=Issue.Kind.VERSION_FAILING)
    pinned = Installation.objects.in_workspace(workspace_id).active().filter(pin__version__in=list(flagged))
    rows = pinned.exclude(pk__in=told.values("installation"))
    for one in rows.select_related("workspace", "extension", "installed_by", "pin__version"):
        flag = flagged[one.pin.version_id]
        figure = flag.figure
        open_issue(
            one,
            Issue.Kind.VERSION_FAILING,
            target=one.pin.version.number,
            sentence=flag.sentence,
            next_step=flag.next_step,
            facts={"failed": figure.bad, "calls": flag.calls, "workspaces": figure.workspaces},
        )
