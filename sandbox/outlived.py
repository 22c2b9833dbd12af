"""Issues and breakers of what is there no more: an installation, a connection's account, an action or a check that the
version held now does not have.

No call and no check comes by them any more, so nothing of what they tell would heal. Called when it ends.
"""

from django.db import transaction

from galaxy.core.models import User
from registry.models import Connection, Installation
from registry.services import verified_manifest
from sandbox.breakers import close_breaker
from sandbox.declared import breaker_names
from sandbox.health.manifests import check_of
from sandbox.issues import close_issues
from sandbox.models import Breaker, CheckSchedule, Issue


def installation_ended(installation: Installation, actor: User) -> None:
    close_issues(installation, *Issue.Kind.values, because=f"{actor} removed {installation}.")


@transaction.atomic
def connection_ended(connection: Connection, *, because: str) -> None:
    """Its account is gone; whichever is connected next begins without its failures."""
    close_issues(connection.installation, *Issue.Kind.values, because=because, connection=connection)
    schedule = CheckSchedule.objects.in_workspace(connection.workspace_id).filter(connection=connection)
    schedule.update(failures=0, hindrance="")


@transaction.atomic
def version_changed(installation: Installation) -> None:
    """Close what the version held now cannot heal; what a person tripped stays tripped."""
    because = f"{installation} is held at {installation.pin.version.number} now."
    workspace, manifest = installation.workspace, verified_manifest(installation.pin.digest)
    for connection in installation.connections.filter(status=Connection.Status.UNAUTHENTICATED):
        connection_ended(connection, because=because)
    rows = Breaker.objects.in_workspace(workspace).filter(connection__installation=installation, is_manual=False)
    rows = rows.exclude(state=Breaker.State.CLOSED).exclude(action__in=breaker_names(manifest))
    for breaker in rows.select_related("connection"):
        close_breaker(breaker, because)
    check = check_of(installation)
    still = {
        Issue.Kind.VERSION_FAILING: {installation.pin.version.number},
        Issue.Kind.HEALTH_FAILING: {check.target} if check else set(),
        Issue.Kind.RETRIES_EXHAUSTED: {
            name for action in manifest.actions for name in (action, f"{manifest.id}.{action}")
        },
    }
    for kind, targets in still.items():
        over = Issue.objects.in_workspace(workspace).open().filter(installation=installation, kind=kind)
        for target in over.exclude(target__in=targets).order_by().values_list("target", flat=True).distinct():
            close_issues(installation, kind, because=because, target=target)
    if check is None:
        schedules = CheckSchedule.objects.in_workspace(workspace).filter(connection__installation=installation)
        schedules.update(failures=0, hindrance="")
