"""The upgrade preview: a workspace’s own recorded calls on the version it has and on another, stored with its digest.

``content`` is {from, to: {number, digest}, installation, actions: [{action, calls, same, findings: [{kind, text, count,
fields, runs}]}], walls, impact: [...], packs: [{id, name, why}], drill, moved: {action: {renames, fills, is_proven}},
confirmed, replays_at_most}. It names every pack; what people read of it is ``content_for``.
"""

from collections import defaultdict
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction

from galaxy.core import audit
from galaxy.core.audit import Actor
from galaxy.core.models import User
from policies.bound import digest_of
from registry.dependants import PACK, unseen
from registry.manifests import Manifest
from registry.models import Installation, Version
from registry.pack_fits import WHY_UNSEEN, stopped_by
from registry.services import verified_manifest
from sandbox.models import UpgradeReport
from sandbox.upgrades.calls import Recorded, asked_anew, recorded_calls
from sandbox.upgrades.comparing import SAME, Finding, compare
from sandbox.upgrades.drill import Drill, drill
from sandbox.upgrades.impact import Impact, impacts_of, packs_seen
from sandbox.upgrades.python import Code, is_python, with_python
from sandbox.upgrades.renames import Moved, declared
from sandbox.upgrades.replaying import Watch, replay

KINDS = ("differs", "fails", "asks", "new_host", "slower", "unknown")
MOST_RUNS = 3  # named for one finding


@dataclass(frozen=True)
class Looked:
    """What a replay came to, before it is kept. ``counts`` are of calls, by KINDS and with "calls" and "same"."""

    content: dict[str, Any]
    counts: dict[str, int]
    back: Drill


def preview(
    installation: Installation,
    version: Version,
    *,
    actor: User | None = None,
    confirmed: dict[str, Moved] | None = None,
) -> UpgradeReport:
    """Replay what was recorded here on ``version`` and keep what came of it. Nothing is reached, nothing changes.

    As ``look`` and ``keep``. Raises NotReplayed.
    """
    return keep(installation, version, look(installation, version, confirmed=confirmed), actor=actor)


def look(
    installation: Installation,
    version: Version,
    *,
    confirmed: dict[str, Moved] | None = None,
    watch: Watch | None = None,
) -> Looked:
    """Replay what was recorded here on ``version``. Nothing is reached, nothing changes, nothing is stored.

    ``confirmed`` is what a person said of inputs, by action: {renames: {old: new}, fills: {name: value}}. Who looks may
    see the installation: the caller answers for that. Raises NotReplayed, or what ``watch`` does, which is told how
    many of the calls are replayed.
    """
    before, after = verified_manifest(installation.pin.digest), verified_manifest(version.digest)
    moved = _moved(before, after, confirmed or {})
    calls = recorded_calls(installation, before)
    walls, answers = _answers(installation, version, before, after, [one.order for one in calls], moved, watch)
    findings = _findings(installation, version, before, after, calls, answers, moved)
    back = drill(installation, version, answers)
    content = {
        "installation": str(installation.pk),
        "from": {"number": installation.pin.version.number, "digest": installation.pin.digest},
        "to": {"number": version.number, "digest": version.digest},
        "replays_at_most": settings.UPGRADE_REPLAYS,
        "walls": walls,
        "actions": _actions(calls, findings),
        "impact": [one.as_json() for one in impacts_of(installation, [version])[0]],
        "packs": [
            {"id": str(one.pack.pk), "name": str(one.pack), "why": one.why}
            for one in stopped_by(installation, version, moved)
        ],
        "drill": back.as_json(),
        "moved": {
            action: how | {"is_proven": _is_proven(action, calls, findings)} for action, how in sorted(moved.items())
        },
        "confirmed": bool(confirmed),
    }
    kinds = [{one.kind for one in findings[str(call.record.run_id)]} for call in calls]
    counts = {kind: sum(kind in one for one in kinds) for kind in KINDS}
    counts |= {"calls": len(calls), "same": sum(not one for one in kinds)}
    return Looked(content, counts, back)


@transaction.atomic
def keep(installation: Installation, version: Version, looked: Looked, *, actor: User | None) -> UpgradeReport:
    """Store what a replay came to. Audited."""
    report = UpgradeReport.objects.create(
        workspace=installation.workspace,
        installation=installation,
        version=version,
        from_digest=looked.content["from"]["digest"],
        digest=digest_of(looked.content),
        content=looked.content,
        is_way_back=looked.back.is_way_back,
        one_way=list(looked.back.one_way),
        made_by=actor,
        **looked.counts,
    )
    facts = {"version": version.digest, "report": report.digest, "calls": report.calls, "same": report.same}
    audit.record("upgrade.previewed", actor=Actor.of(actor), target=installation, after=facts)
    return report


def latest(installation: Installation, version: Version) -> UpgradeReport | None:
    """The newest report about moving it from where it is held now to ``version``."""
    rows = UpgradeReport.objects.in_workspace(installation.workspace).filter(installation=installation, version=version)
    return rows.filter(from_digest=installation.pin.digest).select_related("version__extension", "workspace").first()


def content_for(report: UpgradeReport, user: User) -> dict[str, Any]:
    """The content as ``user`` may read it: packs that they may not see are counted, as dependants are. Each of
    ``impact`` has its sentence."""
    impacts = [Impact.from_json(one) for one in report.content["impact"]]
    stopped = report.content["packs"]
    ids = {UUID(one["id"]) for one in stopped if "id" in one}
    seen = packs_seen(impacts, report.installation, user, ids)
    named = [{"name": one["name"], "why": one["why"]} for one in stopped if one.get("id") in seen]
    if hidden := len(stopped) - len(named):
        named.append({"name": unseen(PACK, hidden), "why": WHY_UNSEEN})
    return report.content | {"impact": [one.shown(seen) for one in impacts], "packs": named}


def _answers(
    installation: Installation, version: Version, before: Manifest, after: Manifest, orders: list[dict[str, Any]],
    moved: dict[str, Moved], watch: Watch | None,
) -> tuple[list[str], list[dict[str, Any]]]:  # fmt: skip
    """The walls and the answers of both versions to ``orders``. Code takes its time, so it alone is told of then."""
    sides = (
        Code(installation.workspace_id, before, installation.pin.digest),
        Code(installation.workspace_id, after, version.digest),
    )
    if not any(is_python(side.manifest) for side in sides):
        return replay(before, after, orders, moved, watch)
    stays = watch and (lambda _: watch(0))
    walls, answers = replay(before, after, orders, moved, stays)
    return walls, with_python(sides, orders, moved, answers, watch)


def _moved(before: Manifest, after: Manifest, confirmed: dict[str, Moved]) -> dict[str, Moved]:
    """How the inputs of each action are carried over: as declared, and as a person said."""
    found: dict[str, Moved] = {}
    for name, old in before.actions.items():
        new = after.actions.get(name)
        action = name if before.kind == "connector" else ""
        said = confirmed.get(action, {})
        renames = (declared(old, new) if new else {}) | said.get("renames", {})
        if renames or said.get("fills"):
            found[action] = {"renames": renames, "fills": said.get("fills", {})}
    return found


def _findings(
    installation: Installation, version: Version, before: Manifest, after: Manifest, calls: list[Recorded],
    answers: list[dict[str, Any]], moved: dict[str, Moved],
) -> dict[str, list[Finding]]:  # fmt: skip
    """What is not as it was, by run."""
    found = {one["id"]: compare(one["old"], one["new"]) for one in answers}
    for run, finding in asked_anew(installation, version, before, after, calls, moved).items():
        found[run].append(finding)
    return found


def _actions(calls: list[Recorded], findings: dict[str, list[Finding]]) -> list[dict[str, Any]]:
    """The findings of each action, equal ones counted once with a few of the runs they are of."""
    by_action: dict[str, list[Recorded]] = defaultdict(list)
    for one in calls:
        by_action[one.record.action].append(one)
    told = []
    for action, some in sorted(by_action.items()):
        same: dict[Finding, list[str]] = defaultdict(list)
        for one in some:
            for finding in findings[str(one.record.run_id)]:
                same[finding].append(str(one.record.run_id))
        unchanged = sum(not findings[str(one.record.run_id)] for one in some)
        told.append({
            "action": action,
            "calls": len(some),
            SAME: unchanged,
            "findings": [
                {
                    "kind": finding.kind, "text": finding.text, "fields": list(finding.fields), "count": len(runs),
                    "runs": sorted(runs)[:MOST_RUNS],
                }
                for finding, runs in sorted(same.items(), key=lambda pair: (-len(pair[1]), pair[0].kind, pair[0].text))
            ],
        })  # fmt: skip
    return told


def _is_proven(action: str, calls: list[Recorded], findings: dict[str, list[Finding]]) -> bool:
    """Whether every recorded call of ``action`` was answered the same, and there was one."""
    of_it = [findings[str(one.record.run_id)] for one in calls if one.action == action]
    return bool(of_it) and not any(of_it)
