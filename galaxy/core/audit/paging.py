"""Pages of the trail by place and not by number: a million events cost what fifty do, and nothing is counted.

A place is the position of an event in time, as text for a link: microseconds since 1970, a dash, and the event's id.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.db.models import Q, QuerySet

from galaxy.core.db.prepared import prepared
from galaxy.core.models import AuditEvent, Workspace
from galaxy.core.models.audit import AuditEventQuerySet

SIZE = 50
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True)
class Page:
    """Events newest first; ``newer`` and ``older`` are the places where the next pages begin, "" at an end."""

    events: list[AuditEvent]
    newer: str
    older: str


def page_of(events: AuditEventQuerySet, *, before: str = "", after: str = "", size: int = SIZE) -> Page:
    """The ``size`` events just before a place, or just after one, else the newest. A place that is none is ignored.

    One more row than shown is read, to know whether there are others. Each comes with its position in the sealed tree.
    """
    events = events.with_position()
    newest = ("-occurred_at", "-id")
    if after_place := _parse(after):
        at, id = after_place
        later = events.filter(Q(occurred_at__gt=at) | Q(id__gt=id), occurred_at__gte=at)
        found = list(later.order_by("occurred_at", "id")[: size + 1])
        shown = found[:size][::-1]
        has_newer, has_older = len(found) > size, True
    elif before_place := _parse(before):
        at, id = before_place
        earlier = events.filter(Q(occurred_at__lt=at) | Q(id__lt=id), occurred_at__lte=at)
        found = list(earlier.order_by(*newest)[: size + 1])
        shown = found[:size]
        has_newer, has_older = True, len(found) > size
    else:
        found = list(events.order_by(*newest)[: size + 1])
        shown = found[:size]
        has_newer, has_older = False, len(found) > size
    return Page(
        events=shown,
        newer=place_of(shown[0]) if shown and has_newer else "",
        older=place_of(shown[-1]) if shown and has_older else "",
    )


def newest_of(workspace: Workspace) -> Page:
    """The newest page of all events, which is asked for most; written as SQL once."""
    found = _newest(workspace=workspace.pk)
    shown = found[:SIZE]
    return Page(events=shown, newer="", older=place_of(shown[-1]) if len(found) > SIZE else "")


@prepared
def _newest(workspace: UUID) -> QuerySet[AuditEvent]:
    events = AuditEvent.objects.in_workspace(workspace).with_position().defer("commitments")
    return events.order_by("-occurred_at", "-id")[: SIZE + 1]


def place_of(event: AuditEvent) -> str:
    return f"{(event.occurred_at - _EPOCH) // _MICROSECOND}-{event.pk}"


def _parse(place: str) -> tuple[datetime, int] | None:
    micros, _, id = place.partition("-")
    if not (micros.isascii() and micros.isdigit() and id.isascii() and id.isdigit() and len(place) <= 36):
        return None
    try:
        at = _EPOCH + int(micros) * _MICROSECOND
    except OverflowError:
        return None
    return (at, int(id)) if int(id) < 2**63 else None
