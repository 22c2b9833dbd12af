"""A stack opened: every request of one shape, the odd ones first, and a decision about several that were looked at.

Deciding several at once takes the signed list of a preview: each is decided on the digest that stood in it, so nothing
can be decided that this person was not shown, and nothing that changed since.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.core import signing

from galaxy.core.errors import Conflict
from galaxy.core.models import User, Workspace
from policies.queue import AT_ONCE, Queue, Row, due_among, items_of, row_of, with_lines
from policies.risk import Risk, risk_of
from policies.stacking import Item, differing, oddities, shown

LOOKED_S = 3600  # that a preview counts as looked at
_SALT = "policies.stacks"


class StackNotSeen(Conflict):
    """What was sent names no preview of this person's, or one of long ago."""

    code = "stack_not_seen"
    next_step = "Open the stack again and look at it."


@dataclass(frozen=True)
class Line:
    """One request of a stack. ``values`` stand under the stack's ``names``; ``odd`` says what is odd about it."""

    row: Row
    values: tuple[str, ...]
    odd: tuple[str, ...] = ()

    @property
    def who(self) -> str:
        asker, through = str(self.row.approval.requested_by), self.row.through
        return f"{asker}, through {through}" if through else asker

    @property
    def told(self) -> str:
        """Whose it is and its values, for whoever hears it."""
        return f"{self.row.approval.requested_by}, {', '.join(self.values)}"

    @property
    def id(self) -> str:
        return str(self.row.approval.pk)

    @property
    def hex(self) -> str:
        """As the form names it."""
        return self.row.approval.pk.hex


@dataclass(frozen=True)
class Stack:
    """``total`` wait, of which ``lines`` are shown; ``token`` is what the form sends for them."""

    shape: str
    lines: Sequence[Line]
    names: Sequence[str]
    total: int
    token: str

    @property
    def first(self) -> Row:
        """The one that waits longest, as the list names the stack."""
        return min((line.row for line in self.lines), key=lambda row: (row.approval.requested_at, row.approval.pk))

    @property
    def badge(self) -> str:
        return f"{self.total} waiting"

    @property
    def mine(self) -> int:
        return sum(line.row.is_mine for line in self.lines)

    @property
    def odd_count(self) -> int:
        return sum(bool(line.odd) for line in self.lines)

    @property
    def needs_reason(self) -> bool:
        return any(risk_of(line.row.approval) == Risk.HIGH for line in self.lines)

    @property
    def needs_factor(self) -> bool:
        return any(line.row.approval.needs_second_factor for line in self.lines)


def stack_of(queue: Queue, shape: str, reader: User, workspace: Workspace) -> Stack | None:
    """The requests of ``shape`` among those that the filters of ``queue`` leave; None where fewer than two wait."""
    if not (shape and shape.isprintable()):  # an address may hold anything, and PostgreSQL takes no NUL
        return None
    rows = queue.found.filter(shape=shape)
    items = queue.items.get(shape) or items_of(rows, workspace).get(shape, [])
    if len(items) < 2:
        return None
    odd = oddities(items)
    order = sorted(items, key=lambda item: item.key not in odd)[:AT_ONCE]  # stable: the oldest first within each
    names = differing(items)
    found = queue.read
    if not all(item.key in found for item in order):
        found = {approval.pk: approval for approval in with_lines(rows.filter(pk__in=[item.key for item in order]))}
    mine = due_among(shape, order, reader, workspace)
    lines = [
        Line(
            row_of(found[item.key], is_mine=item.key in mine),
            tuple(_cell(item, name) for name in names),
            odd.get(item.key, ()),
        )
        for item in order
        if item.key in found
    ]
    total = len(items) if len(items) < AT_ONCE else rows.count()
    return Stack(shape, lines, names, total, _token(lines, reader, workspace))


def shown_in(token: str, reader: User, workspace: Workspace, chosen: Iterable[str]) -> list[tuple[UUID, str]]:
    """(id, digest as it was shown) of each of ``chosen`` that stood in the preview of ``token``.

    Raises StackNotSeen where the preview was somebody else's, of another workspace, or is old.
    """
    try:
        kept = signing.loads(token, salt=_SALT, max_age=LOOKED_S)
    except signing.BadSignature as error:
        raise StackNotSeen("These were not looked at just now, so nothing was decided.") from error
    if (kept["by"], kept["in"]) != (str(reader.pk), str(workspace.pk)):
        raise StackNotSeen("Somebody else looked at these, so nothing was decided.")
    digests = dict(kept["of"])
    return [(UUID(hex=pk), digests[pk]) for pk in dict.fromkeys(chosen) if pk in digests]


def _cell(item: Item, name: str) -> str:
    value = item.values.get(name)
    return "" if value is None else shown(value)


def _token(lines: Sequence[Line], reader: User, workspace: Workspace) -> str:
    of = [(line.row.approval.pk.hex, line.row.approval.digest) for line in lines if line.row.is_mine]
    return signing.dumps({"by": str(reader.pk), "in": str(workspace.pk), "of": of}, salt=_SALT, compress=True)
