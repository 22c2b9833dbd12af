"""Events as people read them: with labels, before and after, and whether the commitments still hold."""

from dataclasses import dataclass
from typing import Any

from galaxy.core.audit import commitment
from galaxy.core.models import AuditDetail, AuditEvent, Workspace


@dataclass(frozen=True)
class Row:
    """An event with the labels of its detail, or with its ids where retention has deleted them."""

    event: AuditEvent
    actor: str
    target: str
    through: str


@dataclass(frozen=True)
class Change:
    """One field before and after; None where the event does not say."""

    field: str
    before: Any
    after: Any


@dataclass(frozen=True)
class EventView:
    row: Row
    chain: list[dict]
    changes: list[Change]
    data: list[tuple[str, Any]]
    committed: int
    intact: bool | None


def details_of(events, workspace: Workspace) -> list[Row]:
    """The events with their labels, read in one query."""
    events = list(events)
    details = AuditDetail.objects.in_workspace(workspace).in_bulk([event.pk for event in events])
    return [_row(event, details.get(event.pk)) for event in events]


def view_of(event: AuditEvent) -> EventView:
    """Everything a page shows of one event. ``intact`` recomputes each commitment; None where values are gone."""
    detail = AuditDetail.objects.in_workspace(event.workspace).filter(event_id=event.pk).first()
    fields = detail.fields if detail else {}
    names = sorted({name.partition(".")[2] for name in fields if name.startswith(("before.", "after."))})
    intact = None
    if detail:
        salt = bytes(detail.salt)
        intact = {name: commitment(salt, name, value) for name, value in fields.items()} == event.commitments
    return EventView(
        row=_row(event, detail),
        chain=fields.get("actor.chain", []),
        changes=[Change(name, fields.get(f"before.{name}"), fields.get(f"after.{name}")) for name in names],
        data=[(name[5:], value) for name, value in sorted(fields.items()) if name.startswith("data.")],
        committed=len(event.commitments),
        intact=intact,
    )


def _row(event: AuditEvent, detail: AuditDetail | None) -> Row:
    if detail is None:
        return Row(event, event.actor_id, event.target_id, "")
    chain = detail.fields.get("actor.chain", [])
    through = " → ".join(link["label"] for link in chain[1:])
    return Row(event, detail.actor_label, detail.target_label, through)
