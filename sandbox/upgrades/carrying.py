"""Giving inputs that were written for an older version to the one that is held: as a report proved it."""

from typing import Any

from galaxy.core import audit
from galaxy.core.models import User
from registry.manifests import Manifest
from registry.models import Installation, Version
from registry.services import Resolved
from sandbox.models import InputMigration, UpgradeReport
from sandbox.transforms.classes import Classes
from sandbox.upgrades.report import latest
from sandbox.upgrades.safety import is_settled


def carry_over(installation: Installation, before: Manifest, after: Manifest, actor: User) -> None:
    """Along with a move: keep how inputs are carried over, as far as its report proved it or a person said so.

    Registered with registry.moves, and so within the transaction of the move.
    """
    proven = installation.pin.report
    report = proven and UpgradeReport.objects.filter(workspace=installation.workspace_id, pk=proven).first()
    if not report:
        return
    settled = {one: how for one, how in report.content["moved"].items() if is_settled(how, report.content)}
    for action, how in settled.items():
        InputMigration.objects.update_or_create(
            workspace=installation.workspace,
            installation=installation,
            version=report.version,
            action=action,
            defaults={"renames": how["renames"], "fills": how["fills"], "report": report, "made_by": actor},
        )
    if settled:
        audit.record(
            "installation.inputs_carried_over",
            actor=actor,
            target=installation,
            after={"report": report.digest, "actions": sorted(settled)},
        )


def carried_by_move(installation: Installation, version: Version) -> dict[str, Any]:
    """By action, how inputs would be carried over if ``installation`` moved to ``version`` now; registered with
    registry.moves."""
    report = latest(installation, version)
    moved = report.content["moved"] if report else {}
    return {one: how for one, how in moved.items() if report and is_settled(how, report.content)}


def renames_for(found: Resolved, inputs: dict[str, Any]) -> tuple[dict[str, str], dict[str, Any]]:
    """New names of what ``inputs`` calls otherwise, {old: new}, and values for what they lack. Asks the database only
    where they do not fit what is held."""
    if not isinstance(inputs, dict):  # the gate says so, of whatever somebody sent
        return {}, {}
    schema = found.action.inputs if found.action else found.manifest.inputs
    known, required = schema.get("properties", {}), schema.get("required", ())
    lacking = [name for name in required if name not in inputs]
    unknown = [name for name in inputs if name not in known]
    if not (lacking or unknown):
        return {}, {}
    is_of_connector = found.manifest.kind == "connector" and found.action is not None
    rows = InputMigration.objects.filter(
        workspace=found.installation.workspace_id,
        installation=found.installation,
        action=found.action.id if is_of_connector and found.action else "",
    )
    names: dict[str, str] = {}
    fills: dict[str, Any] = {}
    for row in rows.order_by("made_at"):
        names = {old: row.renames.get(new, new) for old, new in names.items()} | row.renames
        fills |= row.fills
    renames = {old: names[old] for old in unknown if names.get(old) in known and names[old] not in inputs}
    given = {*inputs, *renames.values()}
    return renames, {name: fills[name] for name in lacking if name in fills and name not in given}


def carried_inputs(
    found: Resolved, inputs: dict[str, Any], carried: Classes | None = None
) -> tuple[dict[str, Any], Classes]:
    """``inputs`` as the version that is held takes them, with the data classes that they were ``carried`` in with."""
    renames, fills = renames_for(found, inputs)
    classes = carried or {}
    if not (renames or fills):
        return inputs, classes
    named = {renames.get(name, name): value for name, value in inputs.items()}
    return fills | named, {(renames.get(path[0], path[0]), *path[1:]): names for path, names in classes.items() if path}
