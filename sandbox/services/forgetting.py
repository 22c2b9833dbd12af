"""When the raw values of a run go: with its last write, but for what is kept for a while for what may follow."""

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import QuerySet
from django.db.models.fields.json import KeyTransform
from django.db.models.functions import JSONObject
from django.utils import timezone

from galaxy.core.db.writing import delete
from registry.models import Kind
from sandbox.models import Run, RunPayload
from sandbox.services.stored import payload_of
from sandbox.undoing.filling import KEPT

UNDO_KEPT = timedelta(days=1)  # what takes a call back, where what is stored of it is hidden


def forget_values(run: Run, raw_outputs: Any = None, *, keep: bool = False) -> None:
    """Raw values go with the last write; those of a step stay until its pack is over, which may still read them.

    ``keep``: those of a run that nobody said yes to, and of a pack that failed, stay for SANDBOX_KEEP_ASKED_DAYS.
    """
    if run.parent_id is None and keep:
        kept = RunPayload.objects.filter(run=run)
        if run.kind == Kind.PACK:
            kept |= RunPayload.objects.filter(run__parent=run)
        kept.update(keep_until=kept_until())
    elif run.parent_id is None:
        delete(RunPayload, {"run": run.pk})
        forget_steps_of(run)
    elif raw_outputs is not None:
        RunPayload.objects.filter(run=run).update(data=_of_step(run, raw_outputs))


def keep_for_undo(run: Run, undo: dict[str, Any], raw_outputs: Any) -> None:
    """Of a call that is over, what takes it back; of a step, which its pack still reads, beside its values."""
    kept: dict[str, Any] = {KEPT: undo}
    if run.parent_id:
        kept |= _of_step(run, raw_outputs)
    until = None if run.parent_id else _undone_until()
    RunPayload.objects.filter(run=run).update(data=kept, keep_until=until)


def _of_step(run: Run, raw_outputs: Any) -> dict[str, Any]:
    """What it was given stays too: what takes it back may need it, with the classes that it brought along."""
    payload = payload_of(run)
    carried = {"carried": payload["carried"]} if payload.get("carried") else {}
    return {"inputs": payload.get("inputs", {}), "outputs": raw_outputs} | carried


def forget_steps_of(run: Run, *, keeps_undo: bool = False) -> None:
    """The raw values of the steps of a run that is over."""
    if run.kind == Kind.PACK or run.rehearses_id:
        forget_steps(RunPayload.objects.filter(run__parent=run), keeps_undo=keeps_undo and not run.rehearses_id)


def forget_steps(payloads: QuerySet[RunPayload], *, keeps_undo: bool) -> None:
    """All of ``payloads``; with ``keeps_undo`` but for what takes their calls back, where that is kept."""
    if keeps_undo:
        undo = JSONObject(**{KEPT: KeyTransform(KEPT, "data")})
        payloads.filter(data__has_key=KEPT).update(data=undo, keep_until=_undone_until())
        payloads = payloads.exclude(data__has_key=KEPT)
    payloads.delete()


def _undone_until() -> datetime:
    return timezone.now() + min(UNDO_KEPT, timedelta(days=settings.SANDBOX_KEEP_ASKED_DAYS))


def kept_until() -> datetime:
    return timezone.now() + timedelta(days=settings.SANDBOX_KEEP_ASKED_DAYS)
