"""Facts about work: what people answered, what waits for them, what packs lack, and packs that only ran simulated."""

from collections import defaultdict
from datetime import datetime, timedelta
from statistics import median
from typing import Any
from uuid import UUID

from django.db.models import Count, Min, Q

from marketplace.assistant.facts import Answered, Lacking, Named, Rehearsed, Started, Waiting
from marketplace.assistant.reading.installed import Installed
from marketplace.models import Listing
from policies.models import Approval, AutoApproval
from policies.models.approvals import Vote
from policies.rules.scopes import matches
from registry.models import Installation, Kind
from registry.semver import satisfies
from sandbox.models import Run, Trigger

WINDOW = timedelta(days=30)
EXPIRED_WITHIN = timedelta(days=7)
SOON = timedelta(hours=24)
MOST_VOTES = 5_000


def answered(here: Installed, now: datetime) -> tuple[Answered, ...]:
    """What people answered by hand within 30 days, by action, scope and person; without what a grant answers by now."""
    rows = (
        Vote.objects.filter(workspace=here.workspace, voted_at__gt=now - WINDOW, voted_at__lte=now)
        .filter(approval__subject_kind="run", approval__decision__isnull=False, approval__simulated=False)
        .select_related("approval__decision", "reviewer")
        .order_by("-voted_at")
    )
    groups: dict[tuple, list[Vote]] = defaultdict(list)
    for vote in rows[:MOST_VOTES]:
        approval = vote.approval
        scopes = _asked(approval).get("action", {}).get("scopes", ())
        if approval.installation_id in here.by_id and len(scopes) == 1:
            groups[approval.installation_id, approval.target, scopes[0], vote.reviewer_id].append(vote)
    granted = _granted(here, now) if groups else {}
    found = []
    for (pk, target, scope, _), votes in groups.items():
        if any(matches(pattern, scope) for pattern in granted.get(pk, ())):
            continue
        approvals = [vote.approval for vote in votes]
        yes = sum(vote.choice == Vote.Choice.APPROVE for vote in votes)
        waits = [(vote.voted_at - vote.approval.requested_at).total_seconds() for vote in votes]
        found.append(
            Answered(
                installation=here.named(here.by_id[pk]),
                target=target,
                scope=scope,
                person=Named(votes[0].reviewer.pk, votes[0].reviewer.name),
                yes=yes,
                no=len(votes) - yes,
                from_packs=sum(bool(_asked(one).get("context", {}).get("pack")) for one in approvals),
                waited=timedelta(seconds=median(waits)),
                deletes=any(one.effect == "delete" or _asked(one)["action"]["destructive"] for one in approvals),
                bulk=sum(one.is_bulk or (one.records or 0) > 1 for one in approvals),
            )
        )
    return tuple(sorted(found, key=lambda one: (-one.yes, one.target, one.scope, str(one.person.id))))


def waiting(here: Installed, now: datetime) -> tuple[Waiting, ...]:
    """The queue as it is now: at most one, none where nothing waits."""
    rows = Approval.objects.in_workspace(here.workspace)
    pending = rows.filter(status=Approval.Status.PENDING, expires_at__gt=now)
    told = pending.aggregate(
        count=Count("pk"), oldest=Min("requested_at"), expiring=Count("pk", filter=Q(expires_at__lte=now + SOON))
    )
    if not told["count"]:
        return ()
    held = Run.objects.in_workspace(here.workspace).filter(
        state=Run.State.WAITING, approval__in=pending, parent__isnull=False
    )
    expired = rows.filter(status=Approval.Status.EXPIRED, decided_at__gt=now - EXPIRED_WITHIN)
    packs = held.values("parent").distinct().count()
    return (Waiting(here.workspace.pk, told["count"], told["oldest"], packs, told["expiring"], expired.count()),)


def lacking(here: Installed) -> tuple[Lacking, ...]:
    """What installed packs require and do not find here, or find at a version that they do not take."""
    missing: list[tuple[Installation, str, str, Installation | None, str]] = []
    for pack in here.packs:
        for slug, wanted in pack.pin.version.parsed.requires.items():
            there = here.by_slug.get(slug)
            number = here.numbers_of_packs.get((pack.pk, slug)) or (there.pin.version.number if there else "")
            if there is None or not satisfies(number, wanted):
                missing.append((pack, slug, wanted, there, number))
    if not missing:
        return ()
    listed = Listing.objects.open_to(here.workspace).filter(extension__slug__in={one[1] for one in missing})
    slugs = set(listed.values_list("extension__slug", flat=True))
    return tuple(
        Lacking(here.named(pack), slug, wanted, number, slug in slugs, here.named(there) if there else None)
        for pack, slug, wanted, there, number in missing
    )


def rehearsed(here: Installed, now: datetime) -> tuple[Rehearsed, ...]:
    """Packs that ran within 30 days, with how many of the connectors that they call have an account."""
    packs = {pack.pk: pack for pack in here.packs}
    if not packs:
        return ()
    good, bad = Q(mode=Run.Mode.SIMULATED, state="succeeded"), Q(mode=Run.Mode.SIMULATED, state="failed")
    rows = Run.objects.in_workspace(here.workspace).filter(
        kind="pack", parent=None, rehearses=None, created_at__gt=now - WINDOW, installation__in=packs
    )
    counts: Any = rows.order_by().values_list("installation_id")
    counted = counts.annotate(
        good=Count("pk", filter=good), bad=Count("pk", filter=bad), live=Count("pk", filter=~Q(mode=Run.Mode.SIMULATED))
    )
    connected = {one.installation_id for one in here.connections if one.is_authenticated and one.owner_id is None}
    found = []
    for pk, well, badly, live in counted:
        calls = [here.by_slug[slug] for slug in packs[pk].pin.version.parsed.requires if slug in here.by_slug]
        connectors = [one for one in calls if one.extension.kind == Kind.CONNECTOR]
        apart = sum(one.pk not in connected for one in connectors)
        pack = packs[pk]
        found.append(Rehearsed(here.named(pack), pack.extension.slug, well, badly, live, len(connectors), apart))
    return tuple(sorted(found, key=lambda one: one.slug))


def started(here: Installed) -> tuple[Started, ...]:
    """Triggers that Galaxy switched off, and those that are silent."""
    paused = Q(enabled_at=None, paused_by=None, failures__gt=0) & ~Q(paused_because="")
    rows = Trigger.objects.in_workspace(here.workspace).kept().filter(paused | Q(silent_since__isnull=False))
    return tuple(
        Started(
            Named(row.pk, row.name),
            here.named(here.by_id[row.installation_id]),
            "silent" if row.silent_since else "paused",
            row.failures,
            row.silent_since,
        )
        for row in rows.order_by("name", "pk")
        if row.installation_id in here.by_id
    )


def _granted(here: Installed, now: datetime) -> dict[UUID, list[str]]:
    """Patterns of scopes that an Auto-Approve grant of each installation answers for."""
    found: dict[UUID, list[str]] = defaultdict(list)
    rows = AutoApproval.objects.in_workspace(here.workspace).filter(ended_at=None, ends_at__gt=now)
    for pk, scope in rows.values_list("installation_id", "scope"):
        found[pk].append(scope)
    return found


def _asked(approval: Approval) -> dict[str, Any]:
    return approval.decision.input if approval.decision else {}
