"""What is decided about, read for many installations in a fixed number of queries."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery

from galaxy.core.db.prepared import prepared
from galaxy.core.models import User
from registry.compat import compare
from registry.levels import levels_of
from registry.manifests import Manifest, load
from registry.models import (
    Extension,
    Hold,
    Installation,
    Kind,
    PackPin,
    RollOut,
    SkippedWait,
    UpdateDefaults,
    UpdatePolicy,
    UpdateSettings,
    Version,
)
from registry.semver import satisfies
from registry.services.moving import widening_between
from registry.updates.bumps import bump_between, is_pre_release
from registry.updates.deciding import Release, Rules
from registry.updates.windows import Window

MOST_RELEASES = 12  # newer ones of one extension that are looked at; whoever is further behind goes in steps


@dataclass(frozen=True)
class Facts:
    """Of one installation: its rules, its newer releases (newest first), who answers for what they move, and the rows
    that say so."""

    rules: Rules
    releases: tuple[Release, ...]
    set_by: User | None
    own: UpdateSettings | None
    hold: Hold | None
    rollout: RollOut | None


def with_newer(installations: QuerySet[Installation]) -> QuerySet[Installation]:
    """Those of which there is a newer release that may be installed. A sort key ends with 1 where it is no
    pre-release."""
    newer = Version.objects.installable().filter(
        extension=OuterRef("extension"), sort_key__gt=OuterRef("pin__version__sort_key"), sort_key__endswith="1"
    )
    return installations.filter(Exists(newer))


def newer_versions(installation: Installation) -> Q:
    return Q(extension=installation.extension_id, sort_key__gt=installation.pin.version.sort_key)


def facts_of(installations: Sequence[Installation], now: datetime) -> dict[UUID, Facts]:
    """By id. They are active and of one workspace, read with ``workspace``, ``extension`` and ``pin__version``."""
    if not installations:
        return {}
    workspace = installations[0].workspace
    newer = _newer(installations)
    manifests = _manifests(
        {pk for one in installations if newer[one.pk] for pk in (one.pin.version_id, *(v.pk for v in newer[one.pk]))}
    )
    here = {"workspace": workspace.pk, "installations": ",".join(str(one.pk) for one in installations)}
    defaults = _defaults.one(workspace=workspace.pk)
    settings = {row.installation_id: row for row in _settings(**here)}
    holds = {row.installation_id: row for row in _holds(**here)}
    rolling = {row.installation_id: row for row in _rolling(**here)}
    skips = set(_skips(**here)) if any(version.security_fix for some in newer.values() for version in some) else set()
    levels = levels_of([one.extension for one in installations])
    needs = _needs(installations)
    found = {}
    for one in installations:
        own = settings.get(one.pk)
        level = "own" if one.extension.is_private else levels[one.extension_id]
        rules = _rules(one, defaults, own, level, holds.get(one.pk), rolling.get(one.pk), now)
        releases = tuple(
            _release(
                one,
                version,
                manifests[one.pin.version_id],
                manifests[version.pk],
                needs[one.extension.slug],
                (one.pk, version.pk) in skips,
            )
            for version in newer[one.pk]
        )
        chosen = own if own and own.policy else defaults
        by = chosen.set_by if chosen else None
        found[one.pk] = Facts(rules, releases, by, own, holds.get(one.pk), rolling.get(one.pk))
    return found


@prepared
def _defaults(workspace: UUID) -> QuerySet[UpdateDefaults]:
    return UpdateDefaults.objects.filter(workspace=workspace).select_related("set_by")


@prepared
def _settings(workspace: UUID, installations: str) -> QuerySet[UpdateSettings]:
    rows = UpdateSettings.objects.filter(workspace=workspace, installation__pk__among=installations)
    return rows.select_related("set_by")


@prepared
def _holds(workspace: UUID, installations: str) -> QuerySet[Hold]:
    return Hold.objects.filter(workspace=workspace, installation__pk__among=installations).select_related("held_by")


@prepared
def _rolling(workspace: UUID, installations: str) -> QuerySet[RollOut]:
    rows = RollOut.objects.open().filter(workspace=workspace, installation__pk__among=installations)
    return rows.select_related("workspace", "version")


@prepared
def _skips(workspace: UUID, installations: str) -> QuerySet[SkippedWait, tuple[UUID, UUID]]:
    """(installation, version) of the fixes that two people take without their wait."""
    rows = SkippedWait.objects.filter(workspace=workspace, installation__pk__among=installations)
    return rows.filter(agreed_at__isnull=False).values_list("installation_id", "version_id")


def effective_rules(
    defaults: UpdateDefaults | None, own: UpdateSettings | None, level: str
) -> tuple[UpdatePolicy, int, Window, bool]:
    """(policy, days of waiting, window, whether code is taken without its new scopes): each part is the installation's
    own where it says something, else the workspace's, else as if nobody had said anything."""
    base = defaults or UpdateDefaults()
    policy = UpdatePolicy(own.policy if own and own.policy else base.policy)
    days = own.waiting_days if own and own.waiting_days is not None else getattr(base, f"wait_{level}")
    window = Window(base.weekdays, base.opens_at, base.closes_at, base.time_zone)
    if own and own.weekdays is not None and own.opens_at is not None and own.closes_at is not None:
        window = Window(own.weekdays, own.opens_at, own.closes_at, own.time_zone)
    takes_code = own.takes_code if own and own.takes_code is not None else base.takes_code
    return policy, days, window, takes_code


def _rolling_words(rolling: RollOut) -> str:
    if rolling.state == RollOut.State.STOPPED:
        return f"The roll-out of {rolling.version.number} was stopped, and waits for somebody to say how it goes on."
    return f"{rolling.version.number} is being rolled out."


def _rules(
    one: Installation,
    defaults: UpdateDefaults | None,
    own: UpdateSettings | None,
    level: str,
    hold: Hold | None,
    rolling: RollOut | None,
    now: datetime,
) -> Rules:
    policy, days, window, takes_code = effective_rules(defaults, own, level)
    return Rules(
        policy,
        days,
        window,
        takes_code,
        hold=f"Held by {hold.held_by}: “{hold.reason}”" if hold and hold.holds(now) else "",
        rolling_out=_rolling_words(rolling) if rolling else "",
        is_pre_release=is_pre_release(one.pin.version.number),
    )


def _release(
    one: Installation,
    version: Version,
    current: Manifest,
    manifest: Manifest,
    needs: list[str],
    skips: bool,
) -> Release:
    wider = widening_between(one.scopes, one.hosts, current, manifest)
    return Release(
        version=version,
        number=version.number,
        bump=bump_between(one.pin.version.number, version.number),
        published_at=version.published_at,
        wider=wider.words,
        sends=compare(current, manifest).sends,
        can_stay_off=bool(wider.scopes) and not wider.hosts and not wider.asks and runs_without(one, current, manifest),
        hindrance=_hindrance(version, needs),
        security_fix=version.security_fix,
        skips_wait=bool(skips and version.security_fix),
    )


def runs_without(one: Installation, current: Manifest, manifest: Manifest) -> bool:
    """Whether every action that may run now may run in ``manifest`` with the scopes that were agreed to: then new ones
    can stay off and nothing stops."""
    agreed = set(one.scopes)
    for name, action in current.actions.items():
        if set(action.scopes) <= agreed:
            after = manifest.actions.get(name)
            if after is None or not set(after.scopes) <= agreed:
                return False
    return True


def packs_that_stop(one: Installation, version: Version) -> str:
    """That packs here would not run with ``version``, in a sentence for whoever sees the installation: how many and
    what they take, and no name. "" where none is."""
    return _hindrance(version, _needs([one])[one.extension.slug])


def _hindrance(version: Version, needs: list[str]) -> str:
    """``needs`` are the ranges that packs take, one of each."""
    stopped = [wanted for wanted in needs if not satisfies(version.number, wanted)]
    if not stopped:
        return ""
    packs = "1 pack here takes" if len(stopped) == 1 else f"{len(stopped)} packs here take"
    return f"{packs} {', '.join(sorted(set(stopped)))} of it, and would not run."


def _newer(installations: Sequence[Installation]) -> dict[UUID, list[Version]]:
    """Newer releases that may be installed, newest first, by installation. No pre-releases: a sort key
    ends with 1 where it is none."""
    found: dict[UUID, list[Version]] = defaultdict(list)
    here = {one.extension_id: one for one in installations}
    if len(installations) == 1:
        only = installations[0]
        rows = _newer_than(extension=only.extension_id, sort_key=only.pin.version.sort_key)
    else:
        wanted = Q()
        for one in installations:
            wanted |= newer_versions(one)
        rows = list(_takeable().filter(wanted))
    for version in rows:
        one = here[version.extension_id]
        version.extension = one.extension
        some = found[one.pk]
        if len(some) < MOST_RELEASES:
            some.append(version)
    return found


@prepared
def _newer_than(extension: UUID, sort_key: str) -> QuerySet[Version]:
    return _takeable().filter(extension=extension, sort_key__gt=sort_key)


def _takeable() -> QuerySet[Version]:
    return Version.objects.installable().filter(sort_key__endswith="1").defer("manifest").order_by("-sort_key")


def _manifests(ids: set[UUID]) -> dict[UUID, Manifest]:
    rows = Version.objects.filter(pk__in=ids).values_list("pk", "manifest") if ids else ()
    return {pk: load(manifest) for pk, manifest in rows}


def _needs(installations: Sequence[Installation]) -> dict[str, list[str]]:
    """Which range of what packs here take, by slug, one of each. One that has a pin of its own takes what that says."""
    slugs = [one.extension.slug for one in installations]
    packs = _packs(workspace=installations[0].workspace_id)
    rows = [(pk, requires) for pk, requires in packs if requires and not requires.keys().isdisjoint(slugs)]
    found: dict[str, list[str]] = defaultdict(list)
    if not rows:
        return found
    own = set(
        PackPin.objects.in_workspace(installations[0].workspace)
        .filter(installation__in=installations)
        .values_list("pack_id", "installation__extension__slug")
    )
    for pk, requires in rows:
        for slug, wanted in requires.items():
            if (pk, slug) not in own:
                found[slug].append(wanted)
    return found


@prepared
def _packs(workspace: UUID) -> QuerySet[Installation, tuple[UUID, dict[str, str] | None]]:
    """Each with what it requires. Its kind is looked up row by row and not joined: see
    registry.services.installing.needed_by."""
    kind = Subquery(Extension.objects.filter(pk=OuterRef("extension")).values("kind"))
    packs = Installation.objects.filter(workspace=workspace).active().alias(kind=kind).filter(kind=Kind.PACK)
    return packs.values_list("pk", "pin__version__manifest__requires")
