"""``python -m proof.chaos.judging FACTS.json``: what the database says, held against what driver and peer saw.

Run with a stack's ``operator_env`` once everything is settled. FACTS is {workspace, calls: [Call], effects: {key: n},
settled}. Prints a list of rows {what, count, bad}: ``bad`` is null for what is only told, else how many there are that
must not be.
"""

import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

POSTS = {"ledger.post", "ledger.pay"}
FINAL = ("succeeded", "failed", "unknown", "cancelled")


def row(what: str, count: object, bad: int | None = None, some: list | None = None) -> dict[str, Any]:
    return {"what": what, "count": count, "bad": bad, "some": [str(one) for one in (some or [])[:5]]}


def judge(facts: dict[str, Any]) -> list[dict[str, Any]]:
    from galaxy.core.members import scope_of
    from galaxy.core.models import User, Workspace
    from galaxy.core.scope import workspace_scope

    with scope_of(User.objects.get(email="owner@proof.example")):
        workspace = Workspace.objects.get(slug=facts["workspace"])
    with workspace_scope([workspace.pk]):
        return [*_runs(facts), *_approvals(facts), *_trail()]


def _real():
    from sandbox.models import Run

    return Run.objects.filter(rehearses=None, is_check=False).exclude(parent__rehearses__isnull=False)


def _runs(facts: dict[str, Any]) -> list[dict[str, Any]]:
    from sandbox.models import OutboxMessage, Run

    calls, effects = facts["calls"], Counter(facts["effects"])
    runs = list(_real().values("id", "parent", "state", "target", "kind", "mode", "inputs", "attempt", "error"))
    roots = [one for one in runs if one["parent"] is None]
    there = {str(one["id"]) for one in roots}
    accepted = [one for one in calls if one["run"]]
    lost = [one["key"] for one in accepted if one["run"] not in there]
    keys = Counter((one["inputs"] or {}).get("key") or (one["inputs"] or {}).get("name") for one in roots)
    doubled = [key for key, count in keys.items() if count > 1]
    unfinished = [(one["target"], one["state"]) for one in runs if one["state"] not in FINAL]
    states = Counter(one["state"] for one in runs)
    failures = Counter(_code(one) for one in runs if one["state"] == "failed")
    doubts = Counter(_code(one) for one in runs if one["state"] == "unknown" and one["kind"] == "action")
    live = [one for one in runs if one["mode"] == "live" and one["kind"] == "action"]
    liars, silent, unexplained, orphans = [], [], [], dict(effects)
    for one in live:
        key = one["inputs"]["key"]
        orphans.pop(key, None)
        if one["target"] in POSTS:
            if one["state"] == "succeeded" and not effects[key]:
                liars.append(key)
            if one["state"] in ("failed", "cancelled") and effects[key]:
                silent.append((key, one["error"]))
        elif one["state"] == "unknown":
            unexplained.append((one["target"], one["error"]))
    packs = [one for one in runs if one["kind"] == "pack" and one["state"] == "unknown"]
    doubtful = {one["parent"] for one in live if one["state"] == "unknown"}
    unexplained += [(one["target"], one["error"]) for one in packs if one["id"] not in doubtful]
    unreasoned = [
        (one["target"], one["state"]) for one in runs if one["state"] in ("failed", "unknown") and not one["error"]
    ]
    twice = [key for key, count in effects.items() if count > 1]
    return [
        row("calls accepted (201)", len(accepted)),
        row("calls refused for good, by status", dict(Counter(one["status"] for one in calls if not one["run"]))),
        row("accepted calls without a run", len(accepted), len(lost), lost),
        row("calls that became two runs", len(keys), len(doubled), doubled),
        row("runs by state, steps included", dict(states)),
        row("why runs failed", dict(failures)),
        row("why calls are unknown", dict(doubts)),
        row("runs that were taken over", sum(one["attempt"] > 1 for one in runs)),
        row("runs that never ended", len(runs), len(unfinished), unfinished),
        row("failed or unknown without a reason", len(runs), len(unreasoned), unreasoned),
        row("effects that arrived (POST)", sum(effects.values())),
        row("effects twice", len(effects), len(twice), twice),
        row("succeeded without their effect", states["succeeded"], len(liars), liars),
        row("failed or cancelled though it took effect", states["failed"] + states["cancelled"], len(silent), silent),
        row("effects that no run tells of", len(effects), len(orphans), list(orphans)),
        row("unknown, of what may be repeated", states["unknown"], len(unexplained), unexplained),
        row("leases that nobody gave back", 0, Run.objects.exclude(lease_until=None).count()),
        row("messages left in the outbox", 0, OutboxMessage.objects.count()),
    ]


def _code(run: dict[str, Any]) -> str:
    return (run["error"] or {}).get("error_code", "no reason")


def _approvals(facts: dict[str, Any]) -> list[dict[str, Any]]:
    from galaxy.core.models import AuditEvent
    from policies.models import Approval

    effects = facts["effects"]
    asked = Approval.objects.filter(simulated=False)
    pays = list(_real().filter(target="ledger.pay", mode="live").select_related("approval"))
    used = Counter(one.approval_id for one in pays if one.approval_id)
    shared = [one for one, count in used.items() if count > 1]
    consumed = Counter(AuditEvent.objects.filter(action="approval.consumed").values_list("target_id", flat=True))
    again = [one for one, count in consumed.items() if count > 1]
    without = [
        one.inputs["key"]
        for one in pays
        if effects.get(one.inputs["key"])
        and not (one.approval and one.approval.status == "approved" and one.approval.consumed_at)
    ]
    voted = Counter(AuditEvent.objects.filter(action="approval.approved").values_list("target_id", flat=True))
    twice = [one for one, count in voted.items() if count > 1]
    return [
        row("approvals by status", dict(Counter(asked.values_list("status", flat=True)))),
        row("approvals used for two runs", len(used), len(shared), shared),
        row("approvals consumed twice", len(consumed), len(again), again),
        row("approvals granted twice", len(voted), len(twice), twice),
        row("payments without a consumed yes", len(pays), len(without), without),
    ]


def _trail() -> list[dict[str, Any]]:
    from galaxy.core.models import AuditEvent

    runs = {str(pk): state for pk, state in _real().values_list("pk", "state")}
    ends = Counter(
        AuditEvent.objects.filter(action__in=[f"run.{state}" for state in FINAL]).values_list("target_id", flat=True)
    )
    asked = Counter(AuditEvent.objects.filter(action="run.requested").values_list("target_id", flat=True))
    without = [pk for pk, state in runs.items() if state in FINAL and ends[pk] != 1]
    unasked = [pk for pk in runs if asked[pk] != 1]
    loose = AuditEvent.objects.with_position().filter(position=None).count()
    return [
        row("events in the trail", AuditEvent.objects.count()),
        row("runs without exactly one event of their end", len(runs), len(without), without),
        row("runs without exactly one event of their beginning", len(runs), len(unasked), unasked),
        row("events that are not sealed", loose, loose),
    ]


def main(path: str) -> None:
    import django

    django.setup()
    print(json.dumps(judge(json.loads(Path(path).read_text(encoding="utf-8")))))


if __name__ == "__main__":
    main(*sys.argv[1:])
