"""What ends with something else: a roll-out with a move by other ways, and what waits with an installation."""

from typing import Any

from django.utils import timezone

from galaxy.core import audit
from galaxy.core.audit import Actor
from galaxy.core.models import User
from registry.models import Hold, Installation, PackPin, RollOut, ScheduledMove, UpdateSettings

Who = Actor | User | None


def end_rollout(row: RollOut, state: str, *, by: Who, why: str = "", figures: dict[str, Any] | None = None) -> RollOut:
    """Finish a locked roll-out that is open, or let it return; in its installation's trail."""
    before = {"state": row.state, "percent": row.percent}
    row.state, row.ended_at = state, timezone.now()
    row.ended_by = by if isinstance(by, User) else None
    row.why = (why or row.why)[:500]
    row.figures = figures or row.figures
    row.save(update_fields=["state", "ended_at", "ended_by", "why", "figures"])
    if state == RollOut.State.RETURNED:  # what was agreed to for it alone is so no longer
        Installation.objects.filter(workspace=row.workspace_id, pk=row.installation_id).update(
            scopes=row.scopes, hosts=row.hosts
        )
    facts = {"state": state, "version": row.version.number, "digest": row.digest}
    more: dict[str, Any] = {"why": why} if why else {}
    audit.record(f"rollout.{state}", actor=by, target=row, before=before, after=facts, **more)
    return row


def end_open_rollout(row: Installation, *, by: Who, why: str) -> None:
    """Let the roll-out of a locked installation return, if one is open: something else moved it."""
    found = RollOut.objects.open().select_for_update(of=("self",)).filter(workspace=row.workspace_id, installation=row)
    for one in found.select_related("workspace", "version", "installation__extension"):
        end_rollout(one, RollOut.State.RETURNED, by=by, why=why)


def end_with(row: Installation, *, by: User) -> None:
    """End what stands only as long as a locked installation does: it was removed."""
    end_open_rollout(row, by=by, why=f"{row} was removed.")
    here = {"workspace": row.workspace_id}
    ScheduledMove.objects.filter(**here, installation=row, state=ScheduledMove.State.WAITING).update(
        state=ScheduledMove.State.CANCELLED, why=f"{row} was removed.", ended_at=timezone.now()
    )
    PackPin.objects.filter(**here, pack=row).delete()
    Hold.objects.filter(**here, installation=row).delete()
    UpdateSettings.objects.filter(**here, installation=row).delete()
