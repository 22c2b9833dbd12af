"""What the receipt of a decision leads to on this floor: the run that was decided about."""

from datetime import timedelta

from galaxy.core.models import User
from policies.models import Decision
from policies.origins import Origin, add_finder
from sandbox.models import Run

NEAR = timedelta(minutes=1)


def connect() -> None:
    """Register once, when the app is ready."""
    add_finder(_run)


def _run(decision: Decision, reader: User) -> Origin | None:
    """A decision and its run are written in one transaction, so the run is looked for among those of that moment."""
    runs = Run.objects.in_workspace(decision.workspace).visible_to(reader).select_related("workspace")
    within = (decision.decided_at - NEAR, decision.decided_at + NEAR)
    found = runs.filter(decision=decision, created_at__range=within).order_by("-created_at").first()
    return Origin("Run", found.get_absolute_url()) if found else None
