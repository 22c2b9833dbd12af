"""Celery's base task, which opens the sender's row-level scope, and core's own chores."""

from typing import Any
from uuid import UUID, uuid4

from celery import Task, shared_task
from django.db import close_old_connections, connection
from kombu.exceptions import OperationalError

from galaxy.core.ops import readiness
from galaxy.core.restoring.home import require_home
from galaxy.core.scope import workspace_scope


class ScopedTask(Task):
    """Runs in the scope that the sender had; a task sent from outside any scope sees no rows.

    In a copy of the database that nobody has looked after yet it does nothing at all (galaxy.core.restoring.home).
    """

    def __call__(self, *args, **kwargs):
        require_home()
        ids = (self.request.get("galaxy_workspaces") or "").split(",")
        with workspace_scope([one for one in ids if one], self.request.get("galaxy_user")):
            return super().__call__(*args, **kwargs)

    def after_return(self, *args, **kwargs):
        """Give connections back to the pool, as Django does after a request (see CELERY_DB_REUSE_MAX)."""
        if not self.request.is_eager:
            close_old_connections()


class Doorbell(ScopedTask):
    """A task that is rung for: what has to be done stands in PostgreSQL, so nobody waits for the message to get there,
    nor for what comes of it."""

    def apply_async(self, args: Any = (), kwargs: Any = None, **options: Any) -> Any:
        """As Celery's, of which it takes the part that makes and sends a message where nothing else is wanted: no
        result, routes, options or second try. How the words read in logs is said here as well, which takes Celery a
        third of the sending. Raises OperationalError."""
        if kwargs or options:
            return super().apply_async(args, kwargs, **options)
        words, amqp = [str(word) for word in args], self.app.amqp
        message = amqp.create_task_message(
            str(uuid4()), self.name, words, {}, argsrepr=str(words), kwargsrepr="{}", ignore_result=True
        )
        with self.app.producer_or_acquire() as producer:
            broker = producer.connection
            # A list of Valkey's is there once something is in it; a queue of RabbitMQ's is made by whoever comes first.
            declare = () if broker.transport.driver_type == "redis" else None
            try:
                amqp.send_task_message(producer, self.name, message, retry=False, declare=declare)
            except (*broker.recoverable_connection_errors, *broker.recoverable_channel_errors) as error:
                raise OperationalError(str(error)) from error
        return None


@shared_task
def expire_break_glasses() -> int:
    """Write down the end of every look of staff whose time is over; returns how many."""
    from galaxy.core import break_glass

    return break_glass.expire_break_glasses()


@shared_task
def make_partitions() -> int:
    """Keep the monthly partitions ahead of the clock; returns how many were made."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT galaxy_make_partitions()")
        return cursor.fetchone()[0]


@shared_task(bind=True, max_retries=None, default_retry_delay=30)
def rewrap_secrets(self, workspace_id: str, job_id: str) -> int:
    """Work off one rotation of a workspace's key, waiting while the vault is closed or has another root key; returns
    how many keys it moved."""
    from galaxy.core.vault.errors import CannotOpen, KeyDestroyed, VaultClosed
    from galaxy.core.vault.services import go_on_rewrapping

    try:
        with workspace_scope([workspace_id]):
            return go_on_rewrapping(UUID(job_id)).done
    except KeyDestroyed:
        raise  # the workspace was shredded
    except (VaultClosed, CannotOpen) as error:
        raise self.retry(exc=error) from None


@shared_task
def verify_trail(workspace_id: str, job_id: str) -> str:
    """Do one verification of a workspace's trail; returns its result."""
    from galaxy.core.audit.verifications import carry_out

    with workspace_scope([workspace_id]):
        return carry_out(UUID(job_id)).state


@shared_task
def note_heartbeat() -> None:
    """Says that beat, the queue and a worker are alive; ``/readyz`` and ``manage.py doctor`` read it."""
    readiness.note_heartbeat()


@shared_task
def mail_notifications(workspace_id: str, kind: str, target_id: str) -> int:
    """Send the mails of one piece of news; returns how many went out."""
    from galaxy.core.models import Workspace
    from galaxy.core.notifications import mailing

    with workspace_scope([workspace_id]):
        return mailing.mail_notifications(Workspace.objects.get(pk=workspace_id), kind, UUID(target_id))


@shared_task
def ring_news_hooks() -> int:
    """Let workers send what waits for webhooks of people; returns for how many."""
    from galaxy.core.notifications.hooks import delivering

    due = delivering.hooks_due()
    for workspace_id, hook_id in due:
        deliver_news.apply_async(args=[str(workspace_id), str(hook_id)], retry=False)
    return len(due)


@shared_task
def deliver_news(workspace_id: str, hook_id: str) -> int:
    """Send what waits for one webhook; returns how many messages were taken."""
    from galaxy.core.notifications.hooks import delivering

    return delivering.deliver(UUID(workspace_id), UUID(hook_id))


@shared_task
def mail_digests() -> int:
    """Twice an hour: one mail to each person for whom news is due; returns how many people were mailed."""
    from galaxy.core.models import User, Workspace
    from galaxy.core.notifications import mailing

    sent = 0
    for workspace_id, person_id in mailing.people_with_digests():
        with workspace_scope([workspace_id]):
            workspace, person = Workspace.objects.get(pk=workspace_id), User.objects.get(pk=person_id)
            sent += bool(mailing.mail_digest(workspace, person))
    return sent


@shared_task
def delete_old_notifications() -> int:
    """Delete news that was read long ago; returns how many rows."""
    from galaxy.core.notifications import keeping

    return keeping.delete_old_notifications()


@shared_task
def delete_old_answers() -> int:
    """Delete what the API was keeping for repeats; returns how many rows."""
    from galaxy.core.api import repeats

    return repeats.delete_old_answers()


@shared_task
def stream_audit() -> int:
    """Ring for every audit stream that has something to send; returns how many."""
    from galaxy.core.audit.streams.delivering import stream_due

    due = stream_due()
    for workspace_id, sink_id in due:
        deliver_audit.apply_async(args=[str(workspace_id), str(sink_id)], retry=False, expires=30)
    return len(due)


@shared_task
def deliver_audit(workspace_id: str, sink_id: str) -> int:
    """Hand over what follows one stream's cursor; returns how many leaves. Whoever comes second finds it held."""
    from galaxy.core.audit.streams.delivering import deliver

    return deliver(UUID(workspace_id), UUID(sink_id))


@shared_task
def tell_of_ending_agents() -> int:
    """Tell owners of agents that end soon; returns how many agents."""
    from galaxy.core.agents import tell_of_ending_agents as tell

    return tell()


@shared_task
def write_export(workspace_id: str, job_id: str) -> int:
    """Write one export of the trail, from wherever it stands; returns how many events are written."""
    from galaxy.core.audit import exporting

    with workspace_scope([workspace_id]):
        return exporting.work_on(UUID(job_id)).done


@shared_task
def tend_exports() -> int:
    """Call workers for exports that nobody works on, and delete those whose time is over; returns how many."""
    from galaxy.core.audit import exporting

    return exporting.tend_exports()


@shared_task
def purge_audit() -> int:
    """Delete the values of events that every rule and hold lets go; returns of how many events."""
    from galaxy.core.audit import retention

    return retention.purge_everywhere()
