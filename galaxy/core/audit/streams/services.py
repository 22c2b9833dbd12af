"""What admins do with sinks. Each change is an event of the trail that the sinks are sent."""

import secrets
from datetime import timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from galaxy.core import audit
from galaxy.core.audit.streams import delivering
from galaxy.core.audit.streams.messages import KEY_BYTES, Batch, written_key
from galaxy.core.audit.streams.places import NotAnAddress, key_place, read_address
from galaxy.core.audit.streams.reading import tree_size
from galaxy.core.errors import Conflict, DomainError, Invalid
from galaxy.core.models import AuditSink, AuditSinkKey, User, Workspace
from galaxy.core.permissions import require
from galaxy.core.vault.envelope import Envelope
from galaxy.core.vault.hook_keys import next_number, seal_key, store_key

OLD_KEY_LASTS = timedelta(hours=24)
MOST_SINKS = 20


class NotTaken(DomainError):
    """The other side did not take a trial message."""

    status = 422
    code = "sink_not_taken"
    next_step = "Look whether its address is right, then try again."


@sensitive_variables("value")
def create_sink(
    workspace: Workspace, *, name: str, kind: str, address: str, actions: str, from_start: bool, actor: User
) -> tuple[AuditSink, str]:
    """Begin to stream; returns the sink and, for a webhook, the key that signs, in the clear for this once.

    ``from_start``: everything since the workspace began, else what happens from now on. Raises NotGranted, Invalid or
    VaultClosed.
    """
    require(actor, "core.manage_audit", workspace)
    sink = AuditSink(workspace=workspace, name=name.strip(), kind=kind, actions=actions.strip(), created_by=actor)
    host = _set_address(sink, address)
    value, sealed = _new_key(sink, 1, host) if kind == AuditSink.Kind.WEBHOOK else ("", None)
    try:
        with transaction.atomic():
            Workspace.objects.select_for_update().get(pk=workspace.pk)
            if AuditSink.objects.in_workspace(workspace).filter(removed_at=None).count() >= MOST_SINKS:
                raise Invalid(f"A workspace has {MOST_SINKS} streams at most.")
            sink.cursor = 0 if from_start else tree_size(workspace)
            sink.save(force_insert=True)
            if sealed:
                store_key(AuditSinkKey, sealed, workspace_id=workspace.pk, sink=sink, number=1, host=host)
            audit.record("audit_sink.created", actor=actor, target=sink, after=_facts(sink))
    except IntegrityError as error:
        raise Invalid("This name is taken.", {"name": "A stream of this name is there: choose another."}) from error
    return sink, value


@transaction.atomic
def pause_sink(sink: AuditSink, *, actor: User) -> AuditSink:
    """Stop sending; the cursor stays, so that nothing is lost meanwhile."""
    return _turn(sink, actor, "paused", paused_at=timezone.now())


@transaction.atomic
def resume_sink(sink: AuditSink, *, actor: User) -> AuditSink:
    """Go on where it stopped, at once."""
    return _turn(sink, actor, "resumed", paused_at=None, next_at=timezone.now(), failures=0)


@transaction.atomic
def remove_sink(sink: AuditSink, *, actor: User) -> AuditSink:
    """Stop for good. The row stays for the trail; its keys are destroyed."""
    removed = _turn(sink, actor, "removed", removed_at=timezone.now())
    AuditSinkKey.objects.in_workspace(sink.workspace).filter(sink=sink).delete()
    return removed


@transaction.atomic
def replay_sink(sink: AuditSink, *, cursor: int, actor: User) -> AuditSink:
    """Send again from leaf number ``cursor`` on. Raises Invalid for one that the tree does not have."""
    size = tree_size(sink.workspace)
    if not 0 <= cursor <= size:
        advice = f"Write a number from 0 to {size:,}."
        raise Invalid("The tree has no such leaf.", {"cursor": advice})
    return _turn(sink, actor, "replayed", cursor=cursor, quiet_from=None, next_at=timezone.now())


@sensitive_variables("value")
def rotate_key(sink: AuditSink, *, actor: User) -> str:
    """A new key, in the clear for this once; the one before signs beside it for another day.

    Raises NotGranted, Conflict (syslog is not signed), or VaultClosed.
    """
    require(actor, "core.manage_audit", sink)
    if sink.kind != AuditSink.Kind.WEBHOOK:
        raise Conflict("Syslog is not signed, so there is no key to make.")
    rows = AuditSinkKey.objects.in_workspace(sink.workspace).filter(sink=sink)
    number = next_number(rows)
    host = read_address(sink.kind, sink.address).host
    value, sealed = _new_key(sink, number, host)
    try:
        with transaction.atomic():
            _locked(sink)
            rows.filter(ends_at=None).update(ends_at=timezone.now() + OLD_KEY_LASTS)
            store_key(AuditSinkKey, sealed, workspace_id=sink.workspace_id, sink=sink, number=number, host=host)
            audit.record("audit_sink.key_rotated", actor=actor, target=sink, after={"key": number})
    except IntegrityError as error:
        raise Conflict("Somebody else made a new key a moment ago.") from error
    return value


def try_sink(sink: AuditSink, *, actor: User) -> None:
    """Send a message without events, to see whether it is taken. Raises NotTaken, or what asking sandboxd raises."""
    require(actor, "core.manage_audit", sink)
    told = delivering.told_until(sink)
    answer = delivering.send_now(Batch(str(sink.workspace_id), str(sink.pk), told, told, ()))
    with transaction.atomic():
        audit.record("audit_sink.tried", actor=actor, target=sink, accepted=answer["accepted"], code=answer["code"])
    if not answer["accepted"]:
        raise NotTaken(answer["sentence"])


def _turn(sink: AuditSink, actor: User, what: str, **changes: Any) -> AuditSink:
    require(actor, "core.manage_audit", sink)
    found = _locked(sink)
    before = {name: getattr(found, name) for name in changes}
    for name, value in changes.items():
        setattr(found, name, value)
    found.save(update_fields=list(changes))
    audit.record(f"audit_sink.{what}", actor=actor, target=found, before=before, after=changes)
    return found


def _locked(sink: AuditSink) -> AuditSink:
    rows = AuditSink.objects.in_workspace(sink.workspace).select_for_update(of=("self",)).select_related("workspace")
    found = rows.filter(pk=sink.pk, removed_at=None).first()
    if found is None:
        raise Conflict("This stream was removed a moment ago.")
    return found


def _set_address(sink: AuditSink, address: str) -> str:
    """Returns its host. Raises Invalid."""
    try:
        place = read_address(sink.kind, address.strip())
    except NotAnAddress as error:
        raise Invalid("This is no address to stream to.", {"address": str(error)}) from error
    sink.address = address.strip() if sink.kind == AuditSink.Kind.WEBHOOK else f"{place.host}:{place.port}"
    return place.host


@sensitive_variables("value")
def _new_key(sink: AuditSink, number: int, host: str) -> tuple[str, Envelope]:
    value = written_key(secrets.token_bytes(KEY_BYTES))
    return value, seal_key(key_place(sink, number, host), value)


def _facts(sink: AuditSink) -> dict[str, Any]:
    return {"kind": sink.kind, "address": sink.address, "actions": sink.actions, "cursor": sink.cursor}
