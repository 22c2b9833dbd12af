"""Events as people read them: in words, with labels, before and after, and whether the commitments still hold."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

from django.db import connection
from django.db.models.fields.json import KeyTransform

from galaxy.core.audit import Actor, commitment
from galaxy.core.audit.actors import Link
from galaxy.core.audit.outcomes import OUTCOMES, last_word, outcome_of
from galaxy.core.audit.values import plain
from galaxy.core.models import AuditDetail, AuditEvent, Workspace

# Each action that occurs, by one index look-up apiece instead of a walk over every event ("loose index scan").
_ACTIONS = """
WITH RECURSIVE seen AS (
    (SELECT action FROM core_auditevent WHERE workspace_id = %(workspace)s ORDER BY action USING ~<~ LIMIT 1)
    UNION ALL
    SELECT (SELECT e.action FROM core_auditevent e WHERE e.workspace_id = %(workspace)s AND e.action ~>~ seen.action
            ORDER BY e.action USING ~<~ LIMIT 1)
    FROM seen WHERE seen.action IS NOT NULL
)
SELECT action FROM seen WHERE action IS NOT NULL
"""

_LABELLING = ("actor.chain", "after.rehearses")


@dataclass(frozen=True)
class Row:
    """An event with the labels of its detail, or with its ids where retention has deleted them.

    ``on_behalf`` is the person for whom an agent or a trigger acted, else "". ``is_readable`` is False where something
    stands in the detail's place that Galaxy could not have written: then these are ids too. ``is_rehearsed``: it is of
    a run that only tried out another one for whoever decides about that.
    """

    event: AuditEvent
    actor: str
    target: str
    through: str
    on_behalf: str = ""
    is_readable: bool = True
    is_rehearsed: bool = False

    @property
    def words(self) -> str:
        words = in_words(self.event.action)
        return f"{words}, rehearsed" if self.is_rehearsed else words

    @property
    def outcome(self) -> str:
        """done, refused, failed or simulated."""
        return outcome_of(self.event.action, simulated=self.event.simulated)

    @property
    def outcome_word(self) -> str:
        """The same for people: what was refused or failed says how."""
        word = last_word(self.event.action).capitalize()
        return word if self.outcome in ("refused", "failed") else OUTCOMES[self.outcome]


@dataclass(frozen=True)
class Change:
    """One field before and after, as text; None where the event does not say."""

    field: str
    before: str | None
    after: str | None


@dataclass(frozen=True)
class EventView:
    """One event opened. ``broken`` names the fields whose value no longer is what was committed to; ``matching`` of
    ``committed`` fields are. ``has_values`` is False once retention has deleted what could be compared."""

    row: Row
    chain: list[dict[str, str]]
    changes: list[Change]
    data: list[tuple[str, str]]
    committed: int
    matching: int
    broken: list[str]
    has_values: bool


def in_words(action: str) -> str:
    """``secret_key.rotated`` as "Secret key rotated"."""
    return action.replace(".", " ").replace("_", " ").capitalize().replace("Api ", "API ")


def actions_of(workspace: Workspace) -> list[str]:
    """Every action that occurs in the trail of ``workspace``, in the order of their letters."""
    with connection.cursor() as cursor:
        cursor.execute(_ACTIONS, {"workspace": workspace.pk})
        return [action for (action,) in cursor.fetchall()]


def details_of(events: Iterable[AuditEvent], workspace: Workspace) -> list[Row]:
    """The events with their labels, read in one query: of the values only who acted, through whom, and for what."""
    events = list(events)
    details = AuditDetail.objects.in_workspace(workspace).filter(event_id__in=[event.pk for event in events])
    values = details.values_list(
        "event_id", "actor_label", "target_label", *(KeyTransform(name, "fields") for name in _LABELLING)
    )
    labels = {id: _Labels(*others) for id, *others in values}
    return [_row(event, labels.get(event.pk)) for event in events]


def view_of(event: AuditEvent) -> EventView:
    """Everything a page shows of one event; each commitment is computed again from the stored value."""
    detail = AuditDetail.objects.in_workspace(event.workspace).filter(event_id=event.pk).first()
    fields = as_object(detail.fields) if detail else {}
    committed = as_object(event.commitments)
    broken = broken_fields(event, detail) if detail else []
    names = sorted({name.partition(".")[2] for name in fields if name.startswith(("before.", "after."))})
    return EventView(
        row=_row(event, _labels_of(detail, fields) if detail else None),
        chain=Actor(_chain(fields.get("actor.chain")) or ()).as_list(),
        changes=[Change(name, _text(fields, f"before.{name}"), _text(fields, f"after.{name}")) for name in names],
        data=[(name[5:], _text(fields, name) or "") for name in sorted(fields) if name.startswith("data.")],
        committed=len(committed),
        matching=len(set(committed) - set(broken)),
        broken=broken,
        has_values=detail is not None,
    )


def broken_fields(event: AuditEvent, detail: AuditDetail) -> list[str]:
    """Names of fields whose value, or whose copy in a column of the event, is not what was committed to.

    Whatever JSON somebody put into the two is answered, and what Galaxy could not have written is broken.
    """
    salt = bytes(detail.salt)
    fields, committed = as_object(detail.fields), as_object(event.commitments)
    computed = {name: _commitment(salt, name, value) for name, value in fields.items()}
    names = set(computed) | set(committed)
    wrong = {name for name in names if computed.get(name) is None or computed[name] != committed.get(name)}
    chain = _chain(fields.get("actor.chain"))
    acting = Actor(chain).acting if chain else None
    columns = {
        "action": event.action,
        "occurred_at": plain(event.occurred_at),
        "workspace": str(event.workspace_id),
        "target.kind": event.target_kind,
        "target.id": event.target_id,
        "request_id": event.request_id,
        "simulated": event.simulated,
        "target.label": detail.target_label,
    }
    wrong |= {name for name, value in columns.items() if fields.get(name) != value}
    if acting is None or (acting.kind, acting.id) != (event.actor_kind, event.actor_id):
        wrong.add("actor.chain")
    return sorted(wrong)


def _commitment(salt: bytes, name: str, value: Any) -> str | None:
    """None where there is none to such a value."""
    try:
        return commitment(salt, name, value)
    except (ValueError, RecursionError):
        return None


def as_object(stored: Any) -> dict[str, Any]:
    """What should be an object; whatever else somebody put in its place says nothing."""
    return stored if isinstance(stored, dict) else {}


def _chain(stored: Any) -> tuple[Link, ...] | None:
    """Who acted, through whom; None where what is stored is no chain."""
    try:
        links = Actor.from_list(stored or []).chain
    except TypeError:
        return None
    return links if links and all(isinstance(word, str) for link in links for word in vars(link).values()) else None


class _Labels(NamedTuple):
    """What a line says of an event's detail; ``chain`` and ``rehearses`` (_LABELLING) are as they are stored."""

    actor: str
    target: str
    chain: Any
    rehearses: Any


def _labels_of(detail: AuditDetail, fields: dict[str, Any]) -> _Labels:
    return _Labels(detail.actor_label, detail.target_label, *map(fields.get, _LABELLING))


def _row(event: AuditEvent, labels: _Labels | None) -> Row:
    chain = _chain(labels.chain) if labels else None
    if labels is None or chain is None:
        return Row(event, event.actor_id, event.target_id, "", is_readable=labels is None)
    acting = next((place for place, link in enumerate(chain) if link.kind in ("agent", "trigger")), 0)
    through = " → ".join(link.label for link in chain[acting + 1 :])
    label = chain[acting].label if chain[acting].kind == "trigger" else labels.actor
    on_behalf = chain[0].label if acting else ""
    return Row(event, label, labels.target, through, on_behalf, is_rehearsed=labels.rehearses is not None)


def _text(fields: dict[str, Any], name: str) -> str | None:
    """A stored value as a person reads it; None where the field is absent or null."""
    value = fields.get(name)
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)
