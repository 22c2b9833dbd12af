"""Facts about calls: how each action fared lately, and what the marketplace lists that does the same."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection
from django.db.models import Q

from marketplace.assistant.facts import Called, Figures, Offered
from marketplace.assistant.reading.installed import Installed
from marketplace.assistant.rules.running import is_failing
from marketplace.models import Listing
from registry.manifests import ActionSpec, Manifest, load
from registry.models import Installation, Kind
from sandbox.metrics.reading import figures_of
from sandbox.metrics.windows import window_of
from sandbox.models import Counts, Issue, Run

WINDOW = timedelta(days=7)
MOST_SETS = 10  # different sets of scopes for which other extensions are looked for
MOST_OFFERED = 50
# From the index run_counted alone. How long they took is read from roll-ups (sandbox.metrics).
_COUNTED = """
SELECT installation_id, target, count(*) FILTER (WHERE counts_as = 'good'), count(*) FILTER (WHERE counts_as = 'bad'),
    max(created_at) FILTER (WHERE counts_as = 'good'), max(created_at) FILTER (WHERE counts_as = 'bad'),
    mode() WITHIN GROUP (ORDER BY error_category) FILTER (WHERE counts_as = 'bad')
FROM sandbox_run
WHERE workspace_id = %s AND counts_as <> '' AND created_at > %s AND created_at <= %s
GROUP BY 1, 2
"""


def called(here: Installed, now: datetime) -> tuple[Called, ...]:
    """Every action that was called live within seven days, and every transform that ran live."""
    since = now - WINDOW
    rows, found = _asked(_COUNTED, here, since, now), []
    timed = {(one.installation, one.target): one for one in figures_of(here.workspace, window_of("7d", now))}
    failing = {(pk, target) for pk, target, good, bad, *_ in rows if bad and pk in here.by_id}
    newest, issues = _newest_failures(here, failing, since), _issues(here, failing)
    for pk, target, good, bad, good_at, bad_at, category in rows:
        installation = here.by_id.get(pk)
        if installation is None:
            continue
        spec = action_of(installation, target)
        found.append(
            Called(
                installation=here.named(installation),
                slug=installation.extension.slug,
                target=target,
                kind=installation.extension.kind,
                effect=spec.effect if spec else "",
                scopes=tuple(spec.scopes) if spec else (),
                figures=Figures(good, bad, last_bad=bad_at is not None and (good_at is None or bad_at > good_at)),
                p95_ms=_whole(timed[pk, target].p95_ms) if (pk, target) in timed else None,
                category=category or "",
                run=newest.get((pk, target)),
                issue=issues.get((pk, target)),
            )
        )
    for figures in timed.values():
        installation = here.by_id.get(figures.installation) if figures.installation else None
        if installation and figures.kind == Kind.TRANSFORM:
            named, slug, calls = here.named(installation), installation.extension.slug, Figures(figures.calls, 0)
            p95_ms = _whole(figures.p95_ms)
            found.append(Called(named, slug, figures.target, Kind.TRANSFORM.value, "read", (), calls, p95_ms))
    return tuple(sorted(found, key=lambda one: (one.target, str(one.installation.id))))


def offered(here: Installed, called: Iterable[Called]) -> tuple[Offered, ...]:
    """Actions of listed extensions that declare the scopes of an action that keeps failing; structured fields alone."""
    sets = {tuple(sorted(one.scopes)) for one in called if is_failing(one) and one.scopes}
    if not sets:
        return ()
    wanted = Q()
    for scopes in sorted(sets)[:MOST_SETS]:
        wanted |= Q(scopes__contains=list(scopes))
    rows = Listing.objects.open_to(here.workspace).filter(wanted, is_made_up=False)
    rows = rows.select_related("extension", "version").order_by("-runs", "pk")[:MOST_OFFERED]
    return tuple(offer for row in rows for offer in _offers(here, row, sets))


def _offers(here: Installed, row: Listing, sets: set[tuple[str, ...]]) -> Iterable[Offered]:
    slug, manifest = row.extension.slug, load(row.version.manifest)
    for name, spec in manifest.actions.items():
        if tuple(sorted(spec.scopes)) in sets:
            yield Offered(
                slug=slug,
                name=row.extension.name,
                target=_target(slug, manifest, name),
                kind=row.extension.kind,
                effect=spec.effect,
                scopes=tuple(spec.scopes),
                level=row.level,
                runs=row.runs,
                good=row.good,
                is_installed=slug in here.by_slug,
            )


def _whole(ms: float | None) -> int | None:
    return None if ms is None else round(ms)


def action_of(installation: Installation, target: str) -> ActionSpec | None:
    """The declared action that ``target`` calls, in the version in use; None where it has none of that name."""
    manifest = installation.pin.version.parsed
    slug = installation.extension.slug
    names = {_target(slug, manifest, name): spec for name, spec in manifest.actions.items()}
    return names.get(target)


def _target(slug: str, manifest: Manifest, name: str) -> str:
    return f"{slug}.{name}" if manifest.kind == Kind.CONNECTOR else slug


def _asked(sql: str, here: Installed, since: datetime, until: datetime) -> list[tuple]:
    with connection.cursor() as cursor:
        cursor.execute(sql, [here.workspace.pk, since, until])
        return cursor.fetchall()


Place = tuple[UUID, str]


def _newest_failures(here: Installed, places: set[Place], since: datetime) -> dict[Place, UUID]:
    if not places:
        return {}
    rows = Run.objects.in_workspace(here.workspace).filter(
        counts_as=Counts.BAD, created_at__gt=since, installation__in={pk for pk, _ in places}
    )
    newest = rows.order_by("installation_id", "target", "-created_at").distinct("installation_id", "target")
    return {(pk, target): run for pk, target, run in newest.values_list("installation_id", "target", "pk")}


def _issues(here: Installed, places: set[Place]) -> dict[Place, UUID]:
    """What is open about these actions, the newest of each."""
    if not places:
        return {}
    rows = Issue.objects.in_workspace(here.workspace).open().filter(installation__in={pk for pk, _ in places})
    found = rows.order_by("opened_at").values_list("installation_id", "target", "pk")
    return {(pk, target): issue for pk, target, issue in found}
