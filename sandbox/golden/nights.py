"""Nights: which packs are played, playing one, keeping what came of it, and the issue where it is not as accepted."""

from datetime import date, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Count, Q
from django.utils import timezone

from galaxy.core import audit
from galaxy.core.db.leases import over
from galaxy.core.errors import Conflict, DomainError, Invalid
from galaxy.core.models import User, Workspace
from galaxy.core.permissions import require
from registry.models import Installation, Kind
from registry.services import verified_manifest
from sandbox.golden.asking import play_cases
from sandbox.golden.cases import cases_of, is_recorded
from sandbox.golden.comparing import Finding, compare
from sandbox.golden.deciding import decide
from sandbox.golden.playing import Case, Played
from sandbox.golden.versions import NEWEST, PINNED, Parts, newest_parts, numbers_of, pinned_parts
from sandbox.issues import close_issues, open_issue, owner_of
from sandbox.models import GoldenFlow, GoldenNight, Issue, Outcome

MAY_PLAY = "registry.run_installation"
MAY_ACCEPT = "core.install_extension"
SIDES = (PINNED, NEWEST)
OUTCOMES_OF = timedelta(days=28)
KEPT = 30  # nights of one flow
MOST_ATTEMPTS = 3
TOLD = 8  # findings that an issue names
State = GoldenNight.State


class NotMine(Exception):
    """Another worker took it over."""


# --- Which, and when ---------------------------------------------------------------------------------------------


def workspaces_with_packs() -> list[UUID]:
    """Ids of the workspaces that have a pack installed, across the walls (see the migration golden_flows)."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT workspace_id FROM sandbox_workspaces_with_packs()")
        return [row[0] for row in cursor.fetchall()]


def top_packs(workspace: Workspace) -> list[Installation]:
    """Those that somebody marked, then those with the most counted outcomes of four weeks; GALAXY_GOLDEN_PACKS."""
    since = timezone.now() - OUTCOMES_OF
    rows = Installation.objects.in_workspace(workspace).active().filter(extension__kind=Kind.PACK)
    counted = Outcome.objects.in_workspace(workspace).filter(is_simulated=False, is_success=True, reached_at__gte=since)
    by_pack = dict(counted.order_by().values_list("run__installation").annotate(n=Count("pk")))
    marked = set(
        GoldenFlow.objects.in_workspace(workspace).filter(is_marked=True).values_list("installation", flat=True)
    )
    packs = list(rows.select_related("workspace", "extension", "pin__version", "installed_by"))
    packs.sort(key=lambda pack: (pack.pk not in marked, -by_pack.get(pack.pk, 0), pack.extension.slug))
    return packs[: settings.GALAXY_GOLDEN_PACKS]


def begin_nights(workspace: Workspace, night: date) -> int:
    """Have the top packs of ``workspace`` played for ``night``, each once however often this runs; returns how many are
    called for."""
    begun = 0
    for pack in top_packs(workspace):
        row, _ = GoldenNight.objects.get_or_create(workspace=workspace, flow=flow_of(pack), night=night)
        if row.is_under_way:
            begun += 1
            transaction.on_commit(partial(_ring, row.workspace_id, row.pk))
    return begun


def flow_of(pack: Installation) -> GoldenFlow:
    row, _ = GoldenFlow.objects.get_or_create(workspace=pack.workspace, installation=pack)
    return row


@transaction.atomic
def play_now(pack: Installation, *, actor: User) -> GoldenNight:
    """Have it played at once; one that is under way already is the answer too. Raises NotGranted, or Conflict where it
    is no pack."""
    require(actor, MAY_PLAY, pack)
    if pack.extension.kind != Kind.PACK:
        raise Conflict("Golden flows are of packs.")
    flow = flow_of(pack)
    GoldenFlow.objects.select_for_update().get(pk=flow.pk)
    unfinished = flow.nights.filter(state__in=GoldenNight.UNFINISHED)
    row = unfinished.first()
    if row is None:
        row = GoldenNight.objects.create(workspace=pack.workspace, flow=flow, asked_by=actor)
        audit.record("golden_flow.played", actor=actor, target=pack, simulated=True, after={"night": str(row.pk)})
    transaction.on_commit(partial(_ring, row.workspace_id, row.pk))
    return row


@transaction.atomic
def mark(pack: Installation, *, is_marked: bool, actor: User) -> GoldenFlow:
    """Whether it is among the first that are played. Audited. Raises NotGranted."""
    require(actor, MAY_ACCEPT, pack)
    flow = flow_of(pack)
    if flow.is_marked != is_marked:
        flow.is_marked = is_marked
        flow.save(update_fields=["is_marked"])
        audit.record("golden_flow.marked" if is_marked else "golden_flow.unmarked", actor=actor, target=pack)
    return flow


@transaction.atomic
def accept(night: GoldenNight, *, side: str, reason: str, actor: User) -> GoldenFlow:
    """Make what was played that night with the versions of ``side`` what later nights are held against. Audited.

    Raises NotGranted, Invalid without a reason, or Conflict where that night is not the last one or has nothing.
    """
    require(actor, MAY_ACCEPT, night.flow.installation)
    if not reason.strip():
        raise Invalid("Say why this is how it should be.", {"reason": "Write what changed, and why that is right."})
    flow = GoldenFlow.objects.select_for_update().get(pk=night.flow_id)
    latest = flow.nights.filter(state=State.DONE).first()
    if side not in night.sides or latest is None or latest.pk != night.pk:
        raise Conflict("It was played again since. Look at the latest night, and accept that one.")
    _record(flow, night.content["cases"], {side: night.sides[side]}, actor, reason.strip())
    return flow


# --- Playing -----------------------------------------------------------------------------------------------------


def play_night(night_id: UUID) -> GoldenNight:
    """Play it, and keep what came of it; safe to call at any time and twice. The workspace must be in scope.

    Nothing is reached: steps are answered by simulations in a process without sockets. What cannot be played fails the
    night with a sentence and says nothing about the pack.
    """
    row = _read(night_id)
    if not _claim(row):
        return _read(night_id)
    try:
        content, findings = _played(row)
        _finish(row, content, findings)
    except NotMine:
        pass
    except DomainError as error:
        _fail(row, str(error))
    except Exception:
        _mine(row).update(state=State.QUEUED, lease_until=None)
        raise
    return _read(night_id)


def _played(row: GoldenNight) -> tuple[dict[str, Any], dict[str, list[Finding]]]:
    pack = row.flow.installation
    if pack.removed_at is not None:
        raise Conflict("The pack was removed before it was played.")
    manifest = verified_manifest(pack.pin.digest)
    cases = _cases(row.flow, cases_of(pack, manifest, pack.pin.digest))
    if not cases:
        raise Conflict("It comes without a sample that fits what it takes, so there is nothing to play it on.")
    pinned = pinned_parts(pack, manifest)
    parts = {PINNED: pinned, NEWEST: newest_parts(pinned, manifest)}
    total = len(cases) * len(SIDES)
    content: dict[str, Any] = {"cases": cases, "sides": {}}
    findings: dict[str, list[Finding]] = {}
    for number, side in enumerate(SIDES):
        if side == NEWEST and numbers_of(parts[side]) == numbers_of(parts[PINNED]):
            content["sides"][side] = content["sides"][PINNED]
            findings[side] = []
            continue
        watch = partial(_note, row, number * len(cases), total)
        content["walls"], played = play_cases(pack.workspace_id, manifest, parts[side], cases, watch)
        decide(pack, manifest, parts[side], cases, played, owner_of(pack, None))
        if side == PINNED:
            cases, played = _telling(row.flow, cases, played)
            content["cases"] = cases
        findings[side] = _findings(row.flow, side, played)
        content["sides"][side] = _side(parts[side], played, findings[side])
    return content, findings


def _side(parts: Parts, played: list[Played], findings: list[Finding]) -> dict[str, Any]:
    return {"versions": numbers_of(parts), "played": played, "findings": [one.as_json() for one in findings]}


def _cases(flow: GoldenFlow, found: list[Case]) -> list[Case]:
    """Those of the accepted recording, so that it can be held against them, and what has come since."""
    kept: list[Case] = flow.recording.get("cases", [])
    known = {case["id"] for case in kept}
    fresh = [case for case in found if case["id"] not in known and not (kept and is_recorded(case["id"]))]
    return [*kept, *fresh]


def _telling(flow: GoldenFlow, cases: list[Case], played: list[Played]) -> tuple[list[Case], list[Played]]:
    """Without recorded calls that are new and do not come to their end: it is what hides their values that fails."""
    known = {case["id"] for case in flow.recording.get("cases", [])}
    silent = {finding.case for finding in compare([], played) if is_recorded(finding.case)} - known
    kept = [case for case in cases if case["id"] not in silent]
    return kept, [one for one in played if one["id"] not in silent]


def _findings(flow: GoldenFlow, side: str, played: list[Played]) -> list[Finding]:
    """Against what was accepted for these versions; pins that moved to what was accepted as newest are fine as well."""
    recording = flow.recording
    golden = recording.get(side) or recording.get(PINNED, [])
    found = compare(golden, played)
    if found and side == PINNED and recording.get(NEWEST):
        found = min(found, compare(recording[NEWEST], played), key=len)
    return found


@transaction.atomic
def _finish(row: GoldenNight, content: dict[str, Any], findings: dict[str, list[Finding]]) -> None:
    """Keep it, with the first recording where there was none and all is well; open or close the issue. Raises
    NotMine."""
    pack, flow = row.flow.installation, GoldenFlow.objects.select_for_update().get(pk=row.flow_id)
    counts = {side: len(findings[side]) for side in SIDES}
    is_first = not flow.recording and not any(counts.values())
    over = {"state": State.DONE, "finished_at": timezone.now(), "lease_until": None, "is_first": is_first}
    if not _mine(row).update(content=content, **counts, **over):
        raise NotMine
    if is_first:
        _record(flow, content["cases"], {PINNED: content["sides"][PINNED]}, None, "The first night.")
    if any(counts.values()):
        _tell(pack, content, findings)
    else:
        close_issues(pack, Issue.Kind.GOLDEN_FAILING, because="The flow does what was accepted of it again.")
    old = flow.nights.order_by("-asked_at").values_list("pk", flat=True)[KEPT:]
    GoldenNight.objects.in_workspace(pack.workspace).filter(pk__in=list(old)).exclude(
        state__in=GoldenNight.UNFINISHED
    ).delete()


def _tell(pack: Installation, content: dict[str, Any], findings: dict[str, list[Finding]]) -> None:
    """One issue about the pack, with the diff in words and without a value."""
    facts: dict[str, Any] = {f"with {side} versions": len(findings[side]) for side in SIDES}
    for side in SIDES:
        for number, one in enumerate(findings[side][:TOLD], 1):
            facts[f"{side} {number}"] = f"{one.case}: {one.text}"[:200]
    for slug, number in content["sides"][NEWEST]["versions"].items():
        pinned = content["sides"][PINNED]["versions"][slug]
        if pinned != number:
            facts[slug] = f"{pinned}, newest {number}"
    side = PINNED if findings[PINNED] else NEWEST
    first = findings[side][0]
    words = "With the newest versions it" if side == NEWEST else "It"
    open_issue(
        pack,
        Issue.Kind.GOLDEN_FAILING,
        target=pack.extension.slug,
        sentence=f"{words} does not do on samples what was accepted of it. {first.text}",
        next_step="Look at its golden flow: put it right, or accept what it does now with a reason.",
        facts=facts,
    )


def _record(
    flow: GoldenFlow, cases: list[Case], sides: dict[str, dict[str, Any]], actor: User | None, reason: str
) -> None:
    kept = {side: flow.recording[side] for side in SIDES if side in flow.recording}
    flow.recording = {"cases": cases} | kept | {side: one["played"] for side, one in sides.items()}
    flow.versions = flow.versions | {side: one["versions"] for side, one in sides.items()}
    if PINNED in sides:  # what is newest is held against this from now on
        flow.recording.pop(NEWEST, None)
        flow.versions.pop(NEWEST, None)
    elif PINNED not in flow.recording:
        flow.recording[PINNED] = flow.recording[NEWEST]
    flow.accepted_at, flow.accepted_by, flow.reason = timezone.now(), actor, reason[:300]
    flow.save(update_fields=["recording", "versions", "accepted_at", "accepted_by", "reason"])
    facts = {"sides": sorted(sides), "versions": {side: one["versions"] for side, one in sides.items()}}
    audit.record("golden_flow.accepted", actor=actor, target=flow.installation, after=facts, reason=reason)


# --- The row -----------------------------------------------------------------------------------------------------


def _read(night_id: UUID) -> GoldenNight:
    related = ("workspace", "flow__installation__extension", "flow__installation__pin__version")
    return GoldenNight.objects.select_related(
        *related, "flow__installation__workspace", "flow__installation__installed_by"
    ).get(pk=night_id)


def _claim(row: GoldenNight) -> bool:
    """Take it, where nobody holds it; another attempt counts up."""
    now = timezone.now()
    free = Q(state=State.QUEUED) | Q(state=State.PLAYING) & over("lease_until", now, _lease())
    own = GoldenNight.objects.in_workspace(row.workspace).filter(pk=row.pk).filter(free)
    if row.attempt >= MOST_ATTEMPTS:
        why = f"It did not finish in {MOST_ATTEMPTS} attempts. The log of the worker says why."
        own.update(state=State.FAILED, finished_at=now, lease_until=None, failure=why)
        return False
    attempt = row.attempt + 1
    if not own.filter(attempt=row.attempt).update(state=State.PLAYING, attempt=attempt, lease_until=now + _lease()):
        return False
    row.attempt, row.state = attempt, State.PLAYING
    return True


def _mine(row: GoldenNight):
    """The row while it is this attempt's to go on with."""
    own = GoldenNight.objects.in_workspace(row.workspace)
    return own.filter(pk=row.pk, attempt=row.attempt, state=State.PLAYING)


def _note(row: GoldenNight, before: int, total: int, done: int) -> None:
    """A sign of life, with how many cases are done. Raises NotMine."""
    if not _mine(row).update(done=before + done, total=total, lease_until=timezone.now() + _lease()):
        raise NotMine


def _fail(row: GoldenNight, why: str) -> None:
    _mine(row).update(state=State.FAILED, failure=why[:300], finished_at=timezone.now(), lease_until=None)


def _lease() -> timedelta:
    return timedelta(seconds=settings.GALAXY_RUN_LEASE_S)


def _ring(workspace_id: UUID, night_id: UUID) -> None:
    from sandbox.tasks import play_golden

    play_golden.apply_async(args=[str(workspace_id), str(night_id)], retry=False)
