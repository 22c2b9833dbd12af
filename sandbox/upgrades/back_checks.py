"""What a rollback means for what runs: runs under way, what was written, and checks that are due."""

from collections.abc import Iterator

from django.db.models import Count, Q

from registry.models import Installation, Version
from registry.rollback.checks import CARE, OK, Check
from sandbox.health.manifests import check_of, declared_check
from sandbox.models import CheckSchedule, Run

UNDER_WAY = (Run.State.QUEUED, Run.State.RUNNING, Run.State.WAITING)


def checks_of(installation: Installation, version: Version) -> Iterator[Check]:
    """Registered with registry.rollback.checks."""
    held = installation.pin
    runs = Run.objects.in_workspace(installation.workspace).filter(installation=installation)
    counts = runs.filter(version_digest=held.digest).aggregate(
        under_way=Count("pk", filter=Q(state__in=UNDER_WAY)),
        written=Count(
            "pk",
            filter=Q(
                mode=Run.Mode.LIVE,
                state__in=[Run.State.SUCCEEDED, Run.State.UNKNOWN],
                effect_started_at__isnull=False,
            ),
        ),
    )
    number = held.version.number
    if count := counts["under_way"]:
        title = f"{count} run{'s' if count > 1 else ''} under way finish{'' if count > 1 else 'es'} on {number}"
        yield Check("runs", OK, title, f"Only what is asked for after the move uses {version.number}.")
    else:
        yield Check("runs", OK, "No run is under way", f"The next one uses {version.number}.")
    if count := counts["written"]:
        title = f"Does not roll back: {count} live call{'s' if count > 1 else ''} made with {number}"
        yield Check("written", CARE, title, "What they wrote stays. Where an action has an undo, its run offers it.")
    yield from _schedules(installation, version)


def _schedules(installation: Installation, version: Version) -> Iterator[Check]:
    is_checked = CheckSchedule.objects.in_workspace(installation.workspace).filter(
        connection__installation=installation
    )
    if check_of(installation) and not declared_check(version) and is_checked.exists():
        yield Check("health", CARE, "Its health is not checked any more", f"{version.number} declares no check.")
