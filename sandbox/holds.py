"""Places where only so many calls may be under way at once: concurrency limits, and locks by a key.

A hold is a row that names its run and the attempt that took it. It counts while that attempt is at work, which its
run's lease says: a dead worker's holds count no more once the lease is over. Whoever releases names their own rows, so
that a hold that was freed by force, and taken by another, is never released by the one who lost it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db import connection as database
from django.db import transaction
from django.db.models import Count, F, Q
from django.utils import timezone

from galaxy.core import audit
from galaxy.core.errors import Conflict, Invalid
from galaxy.core.models import User
from registry.models import Connection
from sandbox.breakers import require_steering
from sandbox.declared import Places
from sandbox.models import Hold, Run


class AlreadyFree(Conflict):
    code = "hold_gone"


@dataclass(frozen=True)
class Taken:
    """The holds that a call has, by id."""

    ids: tuple[UUID, ...] = ()


def live() -> Q:
    """Holds whose holder is at work."""
    return Q(run__state=Run.State.RUNNING, run__attempt=F("attempt"), run__lease_until__gt=timezone.now())


@transaction.atomic
def take(run: Run, subject: str, places: Sequence[Places]) -> Taken | Places:
    """A hold of each of ``places`` for this attempt of ``run``, or of none: then the one that is full is returned.

    What dead holders left is swept away. Takers of one key come one after the other, by a lock that ends with the
    transaction; keys are locked in one order, so that none wait crosswise.
    """
    if not places:
        return Taken()
    workspace, keys = run.workspace_id, sorted({place.key for place in places})
    with database.cursor() as cursor:
        for key in keys:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"{workspace}:{subject}:{key}"])
    rows = Hold.objects.in_workspace(workspace).filter(subject=subject, key__in=keys)
    rows.exclude(pk__in=rows.filter(live()).values("pk")).delete()
    used = dict(rows.order_by().values_list("key").annotate(Count("pk")))
    for place in places:
        if used.get(place.key, 0) >= place.most:
            return place
    holds = [
        Hold(
            workspace_id=workspace,
            installation_id=run.installation_id,
            subject=subject,
            key=place.key,
            label=place.label,
            run=run,
            attempt=run.attempt,
        )
        for place in places
    ]
    Hold.objects.bulk_create(holds)
    return Taken(tuple(hold.pk for hold in holds))


def are_held(taken: Taken, workspace_id: UUID) -> bool:
    """Whether none of them was freed by force, or swept away for dead."""
    return Hold.objects.in_workspace(workspace_id).filter(pk__in=taken.ids).count() == len(taken.ids)


def release(taken: Taken, workspace_id: UUID) -> None:
    if taken.ids:
        Hold.objects.in_workspace(workspace_id).filter(pk__in=taken.ids).delete()


def holds_of(connection: Connection) -> list[Hold]:
    """The live calls that hold a place on ``connection`` at this moment, the one that came first at the front."""
    rows = Hold.objects.in_workspace(connection.workspace_id).filter(live(), run__connection=connection)
    return list(rows.select_related("run__workspace", "run__requested_by"))


@transaction.atomic
def release_by_force(connection: Connection, pk: UUID, *, actor: User, reason: str) -> None:
    """Free a place that a live call holds on ``connection``.

    The holder sends nothing more once it notices, and what it has sent cannot be taken back. Raises NotGranted,
    Invalid without a reason, or AlreadyFree.
    """
    require_steering(connection, actor)
    if not reason.strip():
        raise Invalid("Say why.", {"reason": "Write why, for those who look at it later."})
    rows = Hold.objects.in_workspace(connection.workspace_id).select_for_update(of=("self",))
    hold = rows.select_related("run__workspace").filter(pk=pk, run__connection=connection).first()
    if hold is None:
        raise AlreadyFree("This place is free already.")
    age_s = round((timezone.now() - hold.taken_at).total_seconds())
    hold.delete()
    audit.record(
        "hold.released",
        actor=actor,
        target=hold.run,
        before={"held": hold.label, "age_s": age_s},
        reason=reason.strip(),
    )
