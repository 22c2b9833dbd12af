"""The way into the trail: ``record`` writes an event in the caller's transaction, beside the change itself (``entry``
leaves the writing to the caller).

Every field of an event enters as a salted commitment, from the first row on, so that an export can later leave fields
out and what remains still verifies:

    commitment(name) = SHA-256( field_salt(name) || JCS([name, value]) )
    field_salt(name) = HMAC-SHA-256( salt of the event, name )

JCS is RFC 8785. The event keeps the commitments for ever; salt and values lie in ``AuditDetail``. Revealing one field
means showing its value with its field salt, which says nothing about the other fields.
"""

import hashlib
import hmac
import secrets
from functools import cache
from typing import Any

from django.db import transaction
from django.utils import timezone

from galaxy.core import jcs
from galaxy.core.audit.actors import Actor
from galaxy.core.audit.values import plain
from galaxy.core.db.backend.base import kept_cursor
from galaxy.core.db.instances import fresh
from galaxy.core.db.writing import Insertion, columns_of, values_of
from galaxy.core.models import AuditDetail, AuditEvent, InWorkspace, User, Workspace
from galaxy.core.request_id import current_request_id

__all__ = ["Actor", "commitment", "entry", "field_salt", "record"]


def record(
    action: str,
    *,
    actor: Actor | User | None,
    target: InWorkspace | User,
    workspace: Workspace | None = None,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
    simulated: bool = False,
    **data: Any,
) -> AuditEvent:
    """Write one event; ``action`` reads ``subject.past_tense``. Must run inside the transaction of the change.

    ``actor`` is a person, a chain (``Actor``), or None for Galaxy itself; ``workspace`` defaults to the target's.
    ``before``, ``after`` and ``data`` are flat maps whose values become JSON; callers pass redacted values only.
    """
    event, detail = _rows(
        action, actor, target, workspace, {"before": before, "after": after, "data": data}, simulated=simulated
    )
    (_, insert_event), (_, insert_detail) = _statements()
    with kept_cursor(transaction.get_connection()) as cursor:
        cursor.execute(f"WITH event AS ({insert_event}) {insert_detail} RETURNING event_id", _values(event, detail))
        event.pk = cursor.fetchone()[0]
    event._state.adding, event._state.db = False, transaction.get_connection().alias
    return event


def entry(
    action: str,
    *,
    actor: Actor | User | None,
    target: InWorkspace | User,
    after: dict[str, Any] | None = None,
    simulated: bool = False,
    **data: Any,
) -> Insertion:
    """One event as ``record`` writes it, for whoever writes it in one statement with the change itself."""
    rows = _rows(action, actor, target, None, {"after": after, "data": data}, simulated=simulated)
    return Insertion(_statements(), _values(*rows))


def _rows(
    action: str,
    actor: Actor | User | None,
    target: InWorkspace | User,
    workspace: Workspace | None,
    groups: dict[str, dict[str, Any] | None],
    *,
    simulated: bool,
) -> tuple[AuditEvent, AuditDetail]:
    if not transaction.get_connection().in_atomic_block:
        raise transaction.TransactionManagementError(f"{action} must be recorded in the transaction of its change.")
    chain = actor if isinstance(actor, Actor) else Actor.of(actor)
    if workspace is None:
        if isinstance(target, User):
            raise TypeError("A person belongs to no workspace: name the one whose trail this goes into.")
        workspace = target.workspace
    now, acting = timezone.now(), chain.acting
    fields = {
        "action": action,
        "occurred_at": plain(now),
        "workspace": str(workspace.pk),
        "actor.chain": chain.as_list(),
        "target.kind": str(target._meta.model_name),
        "target.id": str(target.pk),
        "target.label": str(target)[:200],
        "request_id": current_request_id(),
        "simulated": simulated,
    }
    for group, values in groups.items():
        fields.update({f"{group}.{name}": plain(value) for name, value in (values or {}).items()})
    salt = secrets.token_bytes(32)
    event = fresh(
        AuditEvent,
        workspace_id=workspace.pk,
        occurred_at=now,
        action=action,
        actor_kind=acting.kind,
        actor_id=acting.id,
        target_kind=fields["target.kind"],
        target_id=fields["target.id"],
        request_id=fields["request_id"],
        simulated=simulated,
        commitments={name: commitment(salt, name, value) for name, value in fields.items()},
    )
    detail = fresh(
        AuditDetail,
        event_id=0,  # the event's, which the database gives
        workspace_id=workspace.pk,
        occurred_at=now,
        actor_label=chain.label[:160],
        target_label=fields["target.label"],
        fields=fields,
        salt=salt,
    )
    return event, detail


@cache
def _statements() -> tuple[tuple[str, str], tuple[str, str]]:
    """What writes both rows: the detail is of whatever number the database gives the event."""
    event_columns, event_places = columns_of(AuditEvent)
    detail_columns, detail_places = columns_of(AuditDetail)
    others = detail_places.removeprefix("(%s")
    return (
        ("event", f"INSERT INTO {event_columns} VALUES {event_places} RETURNING id"),  # noqa: S608  (names of our own columns)
        ("detail", f"INSERT INTO {detail_columns} VALUES ((SELECT id FROM event){others}"),  # noqa: S608
    )


def _values(event: AuditEvent, detail: AuditDetail) -> list[Any]:
    _, *others = values_of(detail)
    return [*values_of(event), *others]


def field_salt(salt: bytes, name: str) -> bytes:
    return hmac.digest(salt, name.encode(), "sha256")


def commitment(salt: bytes, name: str, value: Any) -> str:
    """Hex commitment to one field; ``value`` is JSON (numbers within IEEE 754 doubles, as RFC 8785 demands)."""
    return hashlib.sha256(field_salt(salt, name) + jcs.dumps([name, value])).hexdigest()
