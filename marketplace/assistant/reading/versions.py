"""Facts about versions: newer ones with what a replay said, ending and withdrawn ones, and those that fail more."""

from collections import defaultdict
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Count

from marketplace.assistant.facts import Ending, Figures, Report, Target, Update, Withdrawn, Worse
from marketplace.assistant.reading.installed import Installed
from registry.models import Installation, Version
from registry.rollback.targets import last_good, why_never
from registry.updates.bumps import Bump
from registry.updates.deciding import Release
from registry.updates.planning import Plan, plans_of
from sandbox.health.versions import flags_of
from sandbox.models import Counts, Run, UpgradeReport

WINDOW = timedelta(days=14)  # of figures of this workspace
MOST_LOOKED_BACK = 10  # withdrawn ones whose history is read for a version to go back to
_BUMPS = {Bump.PATCH: "patch", Bump.MINOR: "minor", Bump.MAJOR: "major"}


def updates(here: Installed, now: datetime) -> tuple[Update, ...]:
    """The newest release of each that has one and is neither withdrawn nor ending: those have advice of their own."""
    rows = [one for one in here.with_newer if _is_sound(one.pin.version)]
    plans = plans_of(rows, now)
    newest = {pk: plan.newest for pk, plan in plans.items() if plan.newest}
    reports = _reports(here, rows, newest)
    return tuple(
        _update(here, one, plans[one.pk], newest[one.pk], reports.get(one.pk), now) for one in rows if one.pk in newest
    )


def endings(here: Installed) -> tuple[Ending, ...]:
    """Every deprecated version in use that has a last day."""
    rows = [one for one in here.rows if one.pin.version.is_deprecated and one.pin.version.ends_on]
    newer = _newest(here, rows)
    return tuple(
        Ending(
            here.named(one),
            one.pin.version.number,
            one.pin.version.ends_on,
            _target(one, _successor(one.pin.version) or newer.get(one.extension_id)),
            is_paused=one.paused_at is not None,
            packs=here.packs_using(one.extension.slug),
        )
        for one in rows
        if one.pin.version.ends_on
    )


def withdrawn(here: Installed, now: datetime) -> tuple[Withdrawn, ...]:
    """Versions in use that were yanked or are in quarantine, each with a newer release or one that it was held at."""
    rows = [one for one in here.rows if one.pin.version.is_yanked or one.pin.version.quarantine]
    newer = _newest(here, rows)
    found = []
    for at, one in enumerate(rows):
        to, is_back = newer.get(one.extension_id), False
        if to is None and at < MOST_LOOKED_BACK:
            to, is_back = last_good(one, now), True
        how = str(one.pin.version.quarantine) or "yanked"
        found.append(
            Withdrawn(here.named(one), one.pin.version.number, how, _target(one, to), is_back and to is not None)
        )
    return tuple(found)


def worse(here: Installed, now: datetime) -> tuple[Worse, ...]:
    """Versions in use beside the one before: as all workspaces together say, or by the calls of this one alone."""
    flags = flags_of([one.pin.version_id for one in here.rows])
    own = _own_figures(here, now)
    found = []
    for one in here.rows:
        if flag := flags.get(one.pin.version_id):
            figure = flag.figure
            if not why_never(flag.before, now):
                now_, before = Figures(figure.good, figure.bad), Figures(figure.before_good, figure.before_bad)
                found.append(_worse(here, one, flag.before, now_, before, is_own=False))
            continue
        if pair := own.get(one.pk):
            back, now_, before = pair
            if not why_never(back, now):
                found.append(_worse(here, one, back, now_, before, is_own=True))
    return tuple(found)


def _worse(
    here: Installed, one: Installation, back: Version, figures: Figures, before: Figures, *, is_own: bool
) -> Worse:
    target = Target(back.number, back.digest)
    return Worse(here.named(one), one.pin.version.number, target, figures, before, is_own)


def _own_figures(here: Installed, now: datetime) -> dict[UUID, tuple[Version, Figures, Figures]]:
    """(version below, figures of the pinned one, figures of that) where both were called here lately."""
    rows = (
        Run.objects.in_workspace(here.workspace)
        .counted()
        .filter(created_at__gt=now - WINDOW, counts_as__in=[Counts.GOOD, Counts.BAD])
        .order_by()
        .values_list("installation_id", "version_id", "counts_as")
        .annotate(calls=Count("created_at"))
    )
    counts: dict[UUID, dict[UUID, dict[str, int]]] = defaultdict(lambda: defaultdict(dict))
    for installation, version, counts_as, calls in rows:
        counts[installation][version][counts_as] = calls
    several = {pk: some for pk, some in counts.items() if len(some) > 1 and pk in here.by_id}
    ids = {version for some in several.values() for version in some}
    versions = Version.objects.defer("manifest").select_related("extension").in_bulk(ids) if ids else {}
    found = {}
    for pk, some in several.items():
        pinned = here.by_id[pk].pin.version
        below = [versions[one] for one in some if one in versions and versions[one].sort_key < pinned.sort_key]
        if below and pinned.pk in some:
            back = max(below, key=lambda one: one.sort_key)
            found[pk] = (back, _figures(some[pinned.pk]), _figures(some[back.pk]))
    return found


def _figures(counts: dict[str, int]) -> Figures:
    return Figures(counts.get(Counts.GOOD, 0), counts.get(Counts.BAD, 0))


def _update(
    here: Installed, one: Installation, plan: Plan, release: Release, report: UpgradeReport | None, now: datetime
) -> Update:
    return Update(
        installation=here.named(one),
        number=one.pin.version.number,
        to=Target(release.number, release.version.digest, bool(release.wider or release.sends)),
        bump=_BUMPS.get(release.bump, ""),
        published_at=release.published_at,
        closes_hole=bool(release.security_fix),
        comes_by_itself=plan.goal is not None or plan.facts.rollout is not None,
        is_held=bool(plan.facts.hold and plan.facts.hold.holds(now)),
        is_hindered=bool(release.hindrance),
        report=_report(report) if report else None,
    )


def _report(row: UpgradeReport) -> Report:
    return Report(row.pk, row.calls, row.same, row.fails, row.asks, row.is_way_back)


def _reports(here: Installed, rows: list[Installation], newest: dict[UUID, Release]) -> dict[UUID, UpgradeReport]:
    """The newest report of each about its newest release, from where it is held now."""
    if not newest:
        return {}
    found = UpgradeReport.objects.in_workspace(here.workspace).filter(
        installation__in=newest, version__in=[one.version.pk for one in newest.values()]
    )
    pinned = {one.pk: one.pin.digest for one in rows}
    reports: dict[UUID, UpgradeReport] = {}
    for row in found.defer("content").order_by("made_at"):
        at = row.installation_id
        if row.from_digest == pinned[at] and row.version_id == newest[at].version.pk:
            reports[at] = row
    return reports


def _newest(here: Installed, rows: list[Installation]) -> dict[UUID, Version]:
    """The newest release of each extension that may be installed and is above the one in use, by extension."""
    if not rows:
        return {}
    held = {one.extension_id: one.pin.version.sort_key for one in rows}
    found = Version.objects.installable().filter(extension__in=held, sort_key__endswith="1").order_by("sort_key")
    return {one.extension_id: one for one in found if one.sort_key > held[one.extension_id]}


def _successor(version: Version) -> Version | None:
    to = version.successor
    return to if to and to.status == Version.Status.PUBLISHED and not to.quarantine else None


def _target(one: Installation, version: Version | None) -> Target | None:
    return Target(version.number, version.digest) if version else None


def _is_sound(version: Version) -> bool:
    return not (version.is_yanked or version.quarantine or version.is_deprecated)
