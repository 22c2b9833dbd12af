"""What was undone soon after is no outcome: it is kept, with the moment, and not counted any more."""

from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from galaxy.core import audit
from galaxy.core.audit import Actor
from sandbox.models import Outcome, Run

SOON = timedelta(minutes=15)


@transaction.atomic
def take_outcome_back(undoing: Run, undone: Run) -> bool:
    """Where it was asked for within 15 minutes of the end of ``undone``; returns whether it was."""
    if undone.finished_at is None or undoing.created_at - undone.finished_at > SOON:
        return False
    if not Outcome.objects.filter(run=undone, is_success=True, undone_at=None).update(undone_at=timezone.now()):
        return False
    audit.record(
        "outcome.undone",
        actor=Actor.from_list(undoing.chain),
        target=undone,
        simulated=undone.is_simulated,
        after={"undone_by": str(undoing.pk)},
    )
    return True
