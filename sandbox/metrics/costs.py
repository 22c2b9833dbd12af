"""What a live call cost, by the ``cost`` that its manifest declares."""

from collections.abc import Iterable
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any
from uuid import UUID

from registry.manifests import Manifest
from registry.manifests.functions import EvaluationFailed, evaluate
from registry.models import Version
from sandbox.metrics.ended import Ended, Ending
from sandbox.models import Charge, Run

CALL, RECORD = "call", "record"


def charges_for(workspace_id: UUID, runs: Iterable[Ended]) -> list[Charge]:
    """The charges of those of ``runs`` that cost something, not stored yet.

    Only live calls that took effect are charged: what succeeded, and what nobody knows of (``unknown``). A number of
    units that cannot be told, since the expression fails or finds none, is no charge.
    """
    priced = [(run, cost) for run in runs if is_charged(run, run.ending) and (cost := cost_of(run))]
    if not priced:
        return []
    rows = Run.objects.filter(workspace=workspace_id, pk__in=[run.run_id for run, _ in priced])
    values = {
        pk: {"inputs": inputs, "outputs": outputs}
        for pk, inputs, outputs in rows.values_list("pk", "inputs", "outputs")
    }
    found = []
    for run, cost in priced:
        units = units_of(cost, values.get(run.run_id, {}))
        if not units or run.key.installation is None or run.key.version is None:
            continue
        found.append(
            Charge(
                workspace_id=workspace_id,
                run_id=run.run_id,
                root_run_id=run.root_run_id,
                installation_id=run.key.installation,
                version_id=run.key.version,
                target=run.key.target,
                unit=cost["unit"],
                units=units,
                currency=cost.get("currency", ""),
                amount=units * Decimal(str(cost["amount"])),
                charged_at=run.ending.finished_at,
            )
        )
    return found


def is_charged(run: Ended, ending: Ending) -> bool:
    return not run.key.is_simulated and run.key.kind == "action" and ending.state in {"succeeded", "unknown"}


def cost_of(run: Ended) -> dict[str, Any] | None:
    """``cost`` of the called action, with ``records``, the list that bulk counts, beside it; None where none is
    declared."""
    costs = _costs(run.key.version) if run.key.version else {}
    return costs.get(run.key.target) or costs.get(run.key.target.partition(".")[2])


def units_of(cost: dict[str, Any], values: dict[str, Any]) -> Decimal | None:
    """How many units a call of these inputs and outputs used, None where that cannot be told."""
    if "count" in cost:
        try:
            found = evaluate(cost["count"], values)
        except EvaluationFailed:
            return None
    elif cost["unit"] == CALL:
        found = 1
    else:
        listed = (values.get("inputs") or {}).get(cost.get("records", ""))
        found = len(listed) if cost["unit"] == RECORD and isinstance(listed, list) else None
    return _positive(found)


def _positive(found: Any) -> Decimal | None:
    if isinstance(found, bool) or not isinstance(found, int | float):
        return None
    try:
        number = Decimal(str(found))
    except InvalidOperation:
        return None
    return round(number, 4) if number.is_finite() and 0 < number < 10**12 else None


@lru_cache(maxsize=512)
def _costs(version_id: UUID) -> dict[str, dict[str, Any]]:
    """By action; a version never changes."""
    stored = Version.objects.filter(pk=version_id).values_list("manifest", flat=True).first()
    if stored is None:
        return {}
    found = {}
    for name, action in Manifest(stored, "").actions.items():
        if cost := action.raw.get("cost"):
            found[name] = cost | ({"records": action.bulk["field"]} if action.bulk else {})
    return found
