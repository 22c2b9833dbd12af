"""Trying a call that waits for a yes: what it would do, in Sim Mode, and which records are how now.

A rehearsal is a simulated run of the same inputs, marked as one, that asks nobody and counts as nothing. The records
that the call would change are read by its manifest's word (``reads``), each by a run of its own through the gate, in
the mode of the call and with the rights of whoever asked for it, never more.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db import transaction

from galaxy.core.errors import DomainError
from registry.manifests.functions import EvaluationFailed, evaluate, evaluate_fields
from registry.services import connection_for, resolve
from sandbox.class_flow import joined, names_in
from sandbox.errors import RunError
from sandbox.models import Category, Rehearsal, Run, RunPayload
from sandbox.packs.steps import performed
from sandbox.redaction import redacted, stricter, workspace_key
from sandbox.services.admission import admit, refuse_unplain, validate_inputs
from sandbox.services.calls import Call
from sandbox.services.ending import end
from sandbox.services.stored import call_of, pack_of
from sandbox.services.taking import calling_pack, held_by, key_of
from sandbox.shown import shown_value
from sandbox.tracing import Tracer
from sandbox.transforms.classes import Classes, follow

MOST_RECORDS = 5  # looked at for one request
MOST_FIELDS = 40  # of one record
DEEPEST = 3  # names of which a field's own is made
Attempt = Callable[[Run, Call, Tracer, list[dict[str, Any]]], Any]
PerformStep = Callable[[UUID], Run | None]


@dataclass
class Compared:
    """What was found of the records. ``records`` is a list of {name, changes: [[field, now, after]]}; the counts are
    of records that would change, of those that are so already and of those that are not there, and of new fields."""

    records: list[dict[str, Any]] = field(default_factory=list)
    changed: int = 0
    same: int = 0
    missing: int = 0
    new_fields: int = 0
    note: str = ""


def perform_rehearsal(run: Run, tracer: Tracer, attempt: Attempt, perform_step: PerformStep) -> None:
    """Try the call that ``run`` rehearses, look at its records, and keep what came of it beside the request."""
    call = call_of(run)
    exchanges: list[dict[str, Any]] = []
    outputs: Any = None
    failed: RunError | None = None
    try:
        outputs = attempt(run, call, tracer, exchanges)
    except RunError as error:
        failed = error
    compared = _compared(run, call, perform_step)
    modes, key = run.obligations.get("redact"), workspace_key(run.workspace_id)
    schema = call.action.outputs if call.action else {}
    safe = redacted(outputs, schema, modes=modes, key=key)
    with transaction.atomic():
        end(run, outputs=safe, error=failed, tracer=tracer, exchanges=exchanges)
        _keep(run, call, compared, failed)


def _keep(run: Run, call: Call, compared: Compared, failed: RunError | None) -> None:
    """Only the newest trial of what still waits is worth keeping."""
    waiting = Run.objects.select_related("approval").get(rehearsals=run)
    newest = waiting.rehearsals.filter(parent=None).order_by("-created_at").first()
    if waiting.approval is None or waiting.state != Run.State.WAITING or newest != run:
        return
    note = "Simulated with the same inputs by the extension’s own handler. Nothing was reached, and nothing counts."
    if failed:
        note = f"The simulation failed. {failed.sentence}"
    Rehearsal.objects.update_or_create(
        workspace=run.workspace,
        approval=waiting.approval,
        defaults={
            "run": run,
            "figures": _figures(call, compared, failed),
            "records": compared.records,
            "note": note[:300],
            "records_note": compared.note[:300],
            "has_failed": failed is not None,
        },
    )


def _figures(call: Call, compared: Compared, failed: RunError | None) -> list[list[str]]:
    """Pairs of label and words. What was not looked at is counted as the call names it."""
    total = _total(call)
    looked_at = compared.changed + compared.same + compared.missing
    figures: list[list[str]] = []
    if failed:
        figures.append(["Refused", str(total)])
    elif looked_at:
        left = max(total - looked_at, 0)
        unseen = f", and up to {left:,} more that were not looked at" if left else ""
        figures.append(["Would change", f"{compared.changed:,}{unseen}"])
        figures.append(["Already so", f"{compared.same:,}"])
        figures.append(["Refused", f"{compared.missing:,}"])
        figures.append(["New fields", f"{compared.new_fields:,}"])
    else:
        figures.append(["Would change", f"{total:,}"])
    if cost := _cost(call, total):
        figures.append(["Estimated cost", cost])
    return figures


def _total(call: Call) -> int:
    return call.bulk_count if call.bulk_count is not None else 1


def _cost(call: Call, total: int) -> str:
    """By the manifest's word; "" where it has none."""
    cost = call.action.raw.get("cost") if call.action else None
    if not cost:
        return ""
    amount, currency = cost["amount"], cost.get("currency", "")
    if cost["unit"] == "token":
        return f"{amount} {currency} a token, of which the number is not known".replace("  ", " ")
    return f"{amount * (total if cost['unit'] == 'record' else 1):,.2f} {currency}".strip()


# --- Records --------------------------------------------------------------------------------------------------------


def _compared(run: Run, call: Call, perform_step: PerformStep) -> Compared:
    """Each record as it is and as it would be. ``note`` says why there is nothing, or not all, to compare."""
    declared = call.action.raw.get("reads") if call.action else None
    if not declared:
        return Compared(note=f"{call.resolved.target} does not say how the records it changes are read.")
    found = Compared()
    try:
        places = _places(declared, call)
    except EvaluationFailed as error:
        return Compared(note=f"The records cannot be told. {error}")
    for number, seen in enumerate(places[:MOST_RECORDS]):
        try:
            read = _read(run, call, declared, seen, number, perform_step)
            _compare(found, run, call, declared, seen, read)
        except (DomainError, EvaluationFailed) as error:
            found.note = f"It could not be looked at what is there now. {error}"
            return found
        except _Unread as error:
            found.note = str(error)
            return found
    if len(places) > MOST_RECORDS:
        found.note = f"The first {MOST_RECORDS} of {len(places)} were looked at."
    return found


class _Unread(Exception):
    """Why a record was not read, in a sentence."""


def _places(declared: dict[str, Any], call: Call) -> list[dict[str, Any]]:
    """What the expressions of each record look at: {inputs, entry}. Raises EvaluationFailed."""
    if "each" not in declared:
        return [{"inputs": call.inputs}]
    entries = evaluate(declared["each"], {"inputs": call.inputs})
    return [{"inputs": call.inputs, "entry": entry} for entry in entries] if isinstance(entries, list) else []


def _read(
    run: Run, call: Call, declared: dict[str, Any], seen: dict[str, Any], number: int, perform_step: PerformStep
) -> Run:
    """The run that read one record: the one there is, or a new one. Raises DomainError or EvaluationFailed."""
    step_id = f"read-{number + 1}"
    child = run.steps.filter(step_id=step_id).first()
    if child is None:
        waiting: Any = run.rehearses
        target = f"{call.resolved.installation.extension.slug}.{declared['action']}"
        found = resolve(run.workspace, target, pack=calling_pack(waiting), key=key_of(waiting), held=held_by(waiting))
        read = Call(
            workspace=run.workspace,
            user=run.requested_by,
            chain=call.chain,
            resolved=found,
            inputs=_filled(evaluate_fields(declared.get("with", {}), seen)),
            mode=waiting.mode,
            scenario=Run.Scenario.HAPPY if waiting.is_simulated else "",
            parent=run,
            step_id=step_id,
            carried=_carried(declared.get("with", {}), call),
            modes=run.obligations.get("redact", {}),
            agent=run.agent,
            trigger=run.trigger,
            connection=waiting.connection or connection_for(found.installation, run.requested_by),
            pack=pack_of(run),
            rehearses=waiting,
        )
        refuse_unplain(read)
        validate_inputs(read)
        with transaction.atomic():
            child = admit(read)
    return performed(run, child, perform_step)


def _compare(found: Compared, run: Run, call: Call, declared: dict[str, Any], seen: dict[str, Any], read: Run) -> None:
    """Add one record to ``found``. Raises _Unread where its run brought nothing."""
    name = ", ".join(shown_value(value) for value in read.inputs.values()) or read.target
    if read.error_category == Category.NOT_FOUND:
        found.missing += 1
        found.records.append({"name": f"{name}, which is not there", "changes": []})
        return
    if read.state != Run.State.SUCCEEDED:
        raise _Unread(f"What is there now could not be read. {(read.error or {}).get('sentence', '')}".strip())
    raw = RunPayload.objects.get(run=read).data.get("outputs") or {}
    schema = call_of(read).action.outputs  # type: ignore[union-attr]
    after = _after(call, declared, seen, schema)
    modes = stricter(run.obligations.get("redact", {}), read.obligations.get("redact", {}))
    carried = _carried(declared["fields"], call) if "fields" in declared else call.tagged
    shown = redacted(after, schema, carried, modes=modes, key=workspace_key(run.workspace_id)) or {}
    changes: list[list[str | None]] = []
    same: list[list[str | None]] = []
    for path, value in sorted(_leaves(after), key=lambda leaf: leaf[0])[:MOST_FIELDS]:
        now = _at(raw, path)
        if now is None and value is None and not _deletes(call):
            continue  # not there, and to stay so
        row = [".".join(path), _text(now, _at(read.outputs, path)), _text(value, _at(shown, path))]
        (same if now == value else changes).append(row)
        found.new_fields += now is None and value is not None
    found.changed += bool(changes)
    found.same += not changes
    found.records.append({"name": name, "changes": [*changes, *same]})


def _deletes(call: Call) -> bool:
    return call.action is not None and call.action.effect == "delete"


def _after(call: Call, declared: dict[str, Any], seen: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """The fields of a record that the call names, as they would be; of one that is deleted nothing is left."""
    known = schema.get("properties", {})
    if _deletes(call):
        return dict.fromkeys(known)
    if "fields" in declared:
        return _filled(evaluate_fields(declared["fields"], seen))
    given = seen.get("entry", call.inputs)
    return {name: value for name, value in given.items() if name in known} if isinstance(given, dict) else {}


def _carried(mapping: dict[str, Any], call: Call) -> Classes:
    """The classes of what ``mapping`` makes of the inputs; an entry of a list carries whatever any input does."""
    known: Classes = {("inputs", *path): names for path, names in call.tagged.items()}
    everything = frozenset(names_in(call.tagged))
    known = joined(known, {("entry",): everything} if everything else {})
    made = follow({"op": "map_fields", "args": mapping}, known)
    return {path: names for path, names in made.items() if path[0] in mapping}


def _filled(values: dict[str, Any]) -> dict[str, Any]:
    """What an expression found nothing for is not said."""
    return {name: value for name, value in values.items() if value is not None}


def _leaves(values: dict[str, Any], above: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """What is compared: the fields of a record, and of an object within it."""
    for name, value in values.items():
        path = (*above, name)
        if isinstance(value, dict) and value and len(path) < DEEPEST:
            yield from _leaves(value, path)
        else:
            yield path, value


def _at(values: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        values = values.get(name) if isinstance(values, dict) else None
    return values


def _text(raw: Any, shown: Any) -> str | None:
    """A value as people see it, by its hidden form; None where there is none."""
    if raw is None:
        return None
    return "hidden" if shown is None else shown_value(shown)
