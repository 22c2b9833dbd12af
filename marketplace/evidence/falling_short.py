"""A level is lost where a listed version falls short of what it asks, a week after its publisher was told (F93).

Nothing gives it back by itself: not better figures, only the desk's answer to an appeal, or the review of a version.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

import structlog
from django.db import transaction
from django.utils import timezone

from galaxy.core import audit
from galaxy.core.models import User, Workspace
from galaxy.core.notifications import notify
from galaxy.core.permissions import holders_of
from galaxy.core.scope import scope_with
from marketplace.desk import desk
from marketplace.evidence.ageing import lower
from marketplace.evidence.limits import SHORT, TOO_FEW, Kept, kept_to, limits_of, sums_of_week
from marketplace.evidence.rules import COMMUNITY, GRACE_DAYS, LEVELS, level_below
from marketplace.models import Listing, Shortfall

log = structlog.get_logger(__name__)
BATCH = 200
_ENDS = {TOO_FEW: Shortfall.End.TOO_FEW}


def watch_levels(*, now: datetime | None = None) -> int:
    """Look at every level above community by the figures of seven days: tell its publisher where it falls short, end
    what falls short no more, and lower what still does after ``GRACE_DAYS``. Returns how many were lowered. Safe to run
    at any time, twice as well."""
    now = now or timezone.now()
    lowered = 0
    _end_of_others(now)
    for listings in _batches():
        weeks = sums_of_week([one.version_id for one in listings], now)
        for listing in listings:
            try:
                kept = kept_to(limits_of(listing.level), listing.extension.kind, weeks[listing.version_id])
                lowered += _judge(listing, kept, now)
            except Exception:
                log.exception("sweep.failed", sweep="watch_levels", listing=str(listing.pk))
    return lowered


def publisher_people(listing: Listing) -> tuple[Workspace | None, list[User]]:
    """Whom news about a listing is for, and in which workspace they read it: the team of its publisher."""
    owner = listing.extension.owner
    if owner is None or owner.workspace is None:
        return None, []
    return owner.workspace, [member.user for member in owner.team.select_related("user")]


def _batches() -> Iterator[list[Listing]]:
    rows = Listing.objects.public().filter(is_made_up=False).exclude(level=COMMUNITY)
    rows = rows.select_related("extension__owner__workspace", "version__extension").defer("version__manifest")
    after = None
    while some := list((rows.filter(pk__gt=after) if after else rows).order_by("pk")[:BATCH]):
        yield some
        after = some[-1].pk


@transaction.atomic
def _judge(listing: Listing, kept: list[Kept], now: datetime) -> int:
    """One row locked, so that two sweeps at the same time tell and lower once."""
    if not Listing.objects.select_for_update().filter(pk=listing.pk, level=listing.level).exists():
        return 0
    rows = {row.rule: row for row in Shortfall.objects.filter(listing=listing, ended_at=None)}
    due: list[tuple[Shortfall, Kept]] = []
    for one in kept:
        row = rows.get(one.limit.code)
        if one.state == SHORT and row is None:
            _begin(listing, one, now)
        elif one.state == SHORT and row is not None and now - row.told_at >= timedelta(days=GRACE_DAYS):
            due.append((row, one))
        elif one.state != SHORT and row is not None:
            _finish(row, listing, _ENDS.get(one.state, Shortfall.End.BETTER), one.words, now)
    if not due:
        return 0
    worst = min((one for _, one in due), key=lambda one: LEVELS.index(one.limit.level))
    after = min((listing.level, level_below(worst.limit)), key=LEVELS.index)
    reason = f"{worst.words} {listing.level.capitalize()} asks: {worst.limit.about.lower()}"
    done = lower(listing, worst.limit, after, reason, now)
    for row, _ in due:
        _close(row, Shortfall.End.LOWERED, now)
    workspace, people = publisher_people(listing)
    if workspace is not None and done:
        with scope_with(workspace.pk):
            facts = {"extension": listing.extension.slug, "rule": worst.limit.code, "after": after}
            audit.record("level.lowered", actor=None, target=workspace, after=facts, reason=reason)
            note = f"{listing} is {after} now, before {listing.level}. {reason} You may ask to have it back."
            notify(workspace, people, "own_level_lowered", listing, note=note)
    return done


def _begin(listing: Listing, one: Kept, now: datetime) -> None:
    facts = {"extension": listing.extension.slug, "version": listing.version.number, "rule": one.limit.code}
    reason = f"{one.words} {listing.level.capitalize()} asks: {one.limit.about.lower()}"
    Shortfall.objects.create(
        listing=listing, version=listing.version, level=listing.level, rule=one.limit.code, reason=reason, told_at=now
    )
    workspace, people = publisher_people(listing)
    note = f"{listing}: {reason} If that is so in {GRACE_DAYS} days, its level is lowered."
    if workspace is not None:
        with scope_with(workspace.pk):
            audit.record("level.fell_short", actor=None, target=workspace, after=facts, reason=reason)
            notify(workspace, people, "level_short", listing, note=note)
    house = desk()
    if house is not None:
        with scope_with(house.pk):
            audit.record("level.fell_short", actor=None, target=house, after=facts, reason=reason)
            notify(house, holders_of(house, "review_submission"), "level_short", listing, note=note)


def _finish(row: Shortfall, listing: Listing, end: str, words: str, now: datetime) -> None:
    """It is over without a consequence, and its publisher hears of that too."""
    _close(row, end, now)
    workspace, people = publisher_people(listing)
    if workspace is None:
        return
    with scope_with(workspace.pk):
        facts = {"extension": listing.extension.slug, "rule": row.rule, "end": str(end)}
        audit.record("level.held", actor=None, target=workspace, after=facts, reason=words)
        notify(workspace, people, "level_holds", listing, note=f"{listing} keeps its level. {words}")


def _close(row: Shortfall, end: str, now: datetime) -> None:
    row.ended_at, row.end = now, end
    row.save(update_fields=["ended_at", "end"])


def _end_of_others(now: datetime) -> None:
    """What began for another version or level than stands there now is over: that one is judged by itself."""
    for row in Shortfall.objects.filter(ended_at=None).select_related("listing"):
        if (row.listing.version_id, row.listing.level) != (row.version_id, row.level):
            _close(row, Shortfall.End.OTHER, now)
