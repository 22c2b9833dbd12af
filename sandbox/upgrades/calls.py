"""The recorded calls of an installation that are replayed, and who would be asked about them under another version."""

import copy
from dataclasses import dataclass, replace
from typing import Any

from django.conf import settings
from django.db.models import QuerySet

from galaxy.core.audit import Actor
from policies.engine import evaluate
from policies.models import Effect
from policies.services.decisions import snapshot_of
from registry.manifests import Manifest
from registry.models import Installation, Version
from registry.services import Resolved
from sandbox.models import CallRecord
from sandbox.services.calls import Call, numbers_of, question
from sandbox.upgrades.comparing import ASKS, FAILS, Finding
from sandbox.upgrades.renames import Moved, forward


@dataclass(frozen=True)
class Recorded:
    """One recorded call; ``action`` is its id, "" for a transform or pack as a whole."""

    record: CallRecord
    action: str

    @property
    def order(self) -> dict[str, Any]:
        """As the child process reads it."""
        run = self.record.run
        return {
            "id": str(run.pk),
            "action": self.action,
            "inputs": self.record.inputs if isinstance(self.record.inputs, dict) else {},
            "seed": run.seed,
            "now": run.created_at.isoformat(),
        }


def recorded_calls(installation: Installation, manifest: Manifest) -> list[Recorded]:
    """The last GALAXY_UPGRADE_REPLAYS calls of each action of ``manifest``, redacted as they were kept."""
    actions = list(manifest.actions) if manifest.kind == "connector" else [""]
    rows = _recorded(installation)
    rows = rows.select_related("run__requested_by", "run__agent", "run__parent").order_by("-called_at", "pk")
    found: list[Recorded] = []
    for action in actions:
        target = f"{manifest.id}.{action}" if action else manifest.id
        found += [Recorded(row, action) for row in rows.filter(action=target)[: settings.UPGRADE_REPLAYS]]
    return found


def has_recorded_calls(installation: Installation) -> bool:
    return _recorded(installation).exists()


def _recorded(installation: Installation) -> QuerySet[CallRecord]:
    return CallRecord.objects.in_workspace(installation.workspace).filter(
        run__installation=installation, run__is_check=False, run__rehearses=None
    )


def asked_anew(
    installation: Installation, version: Version, before: Manifest, after: Manifest, calls: list[Recorded],
    moved: dict[str, Moved],
) -> dict[str, Finding]:  # fmt: skip
    """By run, what the rules say otherwise of a call under ``version``: that a person is asked, or that it is refused.

    As if everything it asks for were agreed to, for that is what an upgrade asks.
    """
    snapshot = snapshot_of(installation.workspace)
    there = copy.copy(installation)
    there.scopes, there.hosts = list(after.scopes), list(after.hosts)
    sides = ((installation, installation.pin.version, before), (there, version, after))
    known: dict[Any, dict[str, Any]] = {}
    found: dict[str, Finding] = {}
    for one in calls:
        effects, reasons = [], []
        for number, (where, at, manifest) in enumerate(sides):
            call = _call_of(one, where, at, manifest, moved if number else {})
            if call is None:
                break
            run = one.record.run
            key = (number, one.action, run.requested_by_id, run.agent_id, call.mode, call.pack)
            if key not in known:
                known[key] = question(call)
            asked = known[key]
            context = replace(
                asked["context"],
                bulk_count=call.bulk_count,
                data_classes=tuple(call.data_classes),
                numbers=numbers_of(call),
            )
            answer = evaluate(snapshot, **asked | {"context": context})
            effects.append(answer.effect)
            reasons.append(answer.reasons[0].text if answer.reasons else "")
        if len(effects) == 2 and effects[0] == Effect.ALLOW and effects[1] != Effect.ALLOW:
            asks = effects[1] == Effect.REQUIRE_APPROVAL
            words = f"It waits for a person’s yes. {reasons[1]}" if asks else f"It is refused. {reasons[1]}"
            found[str(one.record.run_id)] = Finding(ASKS if asks else FAILS, words.strip())
    return found


def _call_of(
    one: Recorded, installation: Installation, version: Version, manifest: Manifest, moved: dict[str, Moved]
) -> Call | None:
    """The call as that version would get it; None where it has no such action."""
    run = one.record.run
    action = manifest.actions.get(one.action or manifest.id)
    if action is None and manifest.kind in ("connector", "action"):
        return None
    return Call(
        workspace=installation.workspace,
        user=run.requested_by,
        chain=Actor.from_list(run.chain),
        resolved=Resolved(run.target, installation, version, manifest, action),
        inputs=forward(one.order["inputs"], moved.get(one.action, {})),
        mode=run.mode,
        scenario=run.scenario,
        agent=run.agent,
        trigger=run.trigger,
        pack=run.parent.target if run.parent else "",
    )
