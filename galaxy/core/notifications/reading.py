"""News as its reader sees it: a page of rows, each with its object where they may see that, and the unread count."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.db.models import Q
from django.utils import timezone

from galaxy.core.models import Notification, User, Workspace
from galaxy.core.notifications.kinds import Kind, Place, find, kind_of, kinds
from galaxy.core.notifications.muting import muted_among

SIZE = 25
MOST_COUNTED = 99  # more than these are "99+" on the bell
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True)
class Row:
    """``place`` is None where the object is gone, or not for this reader any more: then no name of it is shown."""

    news: Notification
    kind: Kind
    place: Place | None
    is_muted: bool = False


@dataclass(frozen=True)
class Page:
    """Rows newest first; ``older`` is the place where the next page begins, "" at the end."""

    rows: list[Row]
    older: str


def mine(user: User, workspace: Workspace):
    """Everything ``user`` was told in ``workspace``, of the kinds there are."""
    known = [kind.name for kind in kinds()]
    return Notification.objects.in_workspace(workspace).of(user).filter(kind__in=known)


def page_of(user: User, workspace: Workspace, *, unread: bool = False, kind: str = "", before: str = "") -> Page:
    """One page of news, from the place ``before`` on; a place that is none is ignored.

    A fixed number of queries: the rows, and one or few for each model among their objects.
    """
    rows = mine(user, workspace).select_related("by")
    if unread:
        rows = rows.unread()
    if kind:
        rows = rows.filter(kind=kind)
    if place := _parse(before):
        at, id = place
        rows = rows.filter(Q(occurred_at__lt=at) | Q(id__lt=id), occurred_at__lte=at)
    found = list(rows.order_by("-occurred_at", "-id")[: SIZE + 1])
    shown = found[:SIZE]
    return Page(rows_of(user, workspace, shown), _place_of(shown[-1]) if len(found) > SIZE else "")


def rows_of(user: User, workspace: Workspace, news: list[Notification]) -> list[Row]:
    places = find(user, workspace, [(one.target_kind, one.target_id) for one in news])
    muted = muted_among(user, workspace, [one.target_id for one in news]) if news else set()
    return [
        Row(one, kind_of(one.kind), places.get((one.target_kind, one.target_id)), one.target_id in muted)
        for one in news
    ]


def kinds_of(user: User, workspace: Workspace) -> list[Kind]:
    """The kinds that ``user`` has news of, for the filter."""
    names = set(mine(user, workspace).order_by().values_list("kind", flat=True).distinct())
    return [kind for kind in kinds() if kind.name in names]


def unread_count(user: User, workspace: Workspace) -> int:
    """How much is unread, counted no further than one above ``MOST_COUNTED``."""
    return unread(user, workspace).count()


def unread(user: User, workspace: Workspace):
    """What is unread, no more than one above ``MOST_COUNTED``: to be counted."""
    some = mine(user, workspace).unread().order_by().values("pk")[: MOST_COUNTED + 1]
    return Notification.objects.in_workspace(workspace).filter(pk__in=some)


def mark(user: User, workspace: Workspace, *, pk: UUID | None = None, kind: str = "", read: bool = True) -> int:
    """Mark one of the reader's rows, those of one kind, or all as read or unread; returns how many changed."""
    rows = mine(user, workspace).filter(read_at__isnull=read)
    if pk is not None:
        rows = rows.filter(pk=pk)
    if kind:
        rows = rows.filter(kind=kind)
    return rows.update(read_at=timezone.now() if read else None)


def _place_of(row: Notification) -> str:
    return f"{(row.occurred_at - _EPOCH) // _MICROSECOND}_{row.pk}"


def _parse(place: str) -> tuple[datetime, UUID] | None:
    micros, _, id = place.partition("_")
    if not (micros.isascii() and micros.isdigit() and len(place) <= 60):
        return None
    try:
        return _EPOCH + int(micros) * _MICROSECOND, UUID(id)
    except (ValueError, OverflowError):
        return None
