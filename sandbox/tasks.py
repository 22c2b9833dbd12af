"""Celery doors: load by id, in the run's own scope, and call one service. Every task may come twice."""

from uuid import UUID

from celery import shared_task

from galaxy.core.scope import workspace_scope
from galaxy.core.tasks import Doorbell


@shared_task(base=Doorbell)
def perform_run(workspace_id: str, run_id: str) -> None:
    from sandbox.services import perform

    with workspace_scope([workspace_id]):
        perform(UUID(run_id))


@shared_task
def play_golden_flows() -> int:
    """Each night: have the top packs of every workspace played on samples; returns how many are called for."""
    from django.utils import timezone

    from galaxy.core.models import Workspace
    from sandbox.golden import nights

    begun, night = 0, timezone.now().date()
    for workspace_id in nights.workspaces_with_packs():
        with workspace_scope([workspace_id]):
            begun += nights.begin_nights(Workspace.objects.get(pk=workspace_id), night)
    return begun


@shared_task
def play_golden(workspace_id: str, night_id: str) -> None:
    from sandbox.golden import nights

    with workspace_scope([workspace_id]):
        nights.play_night(UUID(night_id))


@shared_task
def forget_recordings() -> int:
    """Drop the recordings of runs of Python that are past their time; returns how many."""
    from sandbox.services.replaying import forget_recordings as forget

    return forget()


@shared_task
def forget_kept_inputs() -> int:
    """Delete the inputs of calls that nobody said yes to, once they cannot be asked for again; returns how many."""
    from sandbox.services import forget_kept_inputs as forget

    return forget()


@shared_task
def ring_due_checks() -> int:
    """Ask for the checks of connections that are due; returns how many."""
    from sandbox.health.checks import ring_due_checks as ring

    return ring()


@shared_task
def delete_old_checks() -> int:
    from sandbox.health.checks import delete_old_checks as delete

    return delete()


@shared_task
def count_versions() -> int:
    """Count anew how versions fare in all workspaces; returns how many are flagged."""
    from sandbox.health.versions import count_versions as count

    return count()


@shared_task
def renew_due_connections() -> int:
    """Send a task for each connection whose token is to be renewed now, in any workspace; returns how many."""
    from sandbox.connections.renewing import due_connections

    due = due_connections()
    for workspace_id, connection_id in due:
        renew_connection.apply_async(args=[str(workspace_id), str(connection_id)], retry=False)
    return len(due)


@shared_task
def renew_connection(workspace_id: str, connection_id: str) -> str:
    from sandbox.connections.renewing import renew_ahead

    with workspace_scope([workspace_id]):
        return renew_ahead(UUID(connection_id))


@shared_task
def reconcile() -> int:
    from sandbox.services import reconcile as ring_for_due_runs

    return ring_for_due_runs()


@shared_task
def tend_rollouts() -> int:
    """Stop the roll-outs that fail, and take the others to their next stage; returns how many that was."""
    from sandbox.rollouts import tend_rollouts as tend

    return tend()


@shared_task
def replay_calls(workspace_id: str, preview_id: str) -> str:
    """Work on one preview of an upgrade; returns its state."""
    from sandbox.upgrades.previews import work_on

    with workspace_scope([workspace_id]):
        return work_on(UUID(preview_id)).state


@shared_task
def tend_previews() -> int:
    """Call workers for previews that nobody works on; returns how many."""
    from sandbox.upgrades.previews import tend_previews as tend

    return tend()


@shared_task
def roll_up_metrics() -> int:
    """Count runs that are over into the figures of their hour and day; returns how many."""
    from sandbox.metrics.rolling import roll_up

    return roll_up()


@shared_task
def drop_old_metrics() -> int:
    """Let spans and roll-ups go that are past their time; returns how many months and rows."""
    from sandbox.metrics.retention import drop_old

    return drop_old()


@shared_task
def tend_triggers() -> int:
    """Send a task for each trigger with something to do, in any workspace; returns how many."""
    from sandbox.triggers.firing import due_triggers
    from sandbox.triggers.receiving import ring

    due = due_triggers()
    for workspace_id, trigger_id in due:
        ring(workspace_id, trigger_id)
    return len(due)


@shared_task
def tend_trigger(workspace_id: str, trigger_id: str) -> int:
    """Start what is due of one trigger; returns how many firings. Whoever comes second finds them held."""
    from sandbox.triggers.firing import tend

    with workspace_scope([workspace_id]):
        return tend(UUID(trigger_id))


@shared_task
def forget_deliveries() -> int:
    """Delete what came in at webhooks, past its time; returns how many deliveries."""
    from sandbox.triggers.keeping import forget_deliveries as forget

    return forget()


@shared_task
def export_traces() -> int:
    """Send the traces of runs that are over to the collector, if there is one; returns of how many runs."""
    from sandbox.metrics.exporting import export_traces as export

    return export()
