"""When no new token comes any more, and when one does again. Called where the row is locked."""

from django.db import transaction

from galaxy.core import audit
from registry.models import Connection
from sandbox.issues import close_issues, open_issue
from sandbox.models import Issue
from sandbox.oauth.failures import TokenRefused


@transaction.atomic
def exhaust(connection: Connection, problem: TokenRefused) -> None:
    """No refresh is tried any more; whoever it belongs to is told, and its runs wait. The row is locked."""
    if connection.status != Connection.Status.AUTHENTICATED:
        return
    problem.is_stopped = True  # for whoever is told of it after us, too
    connection.status, connection.next_refresh_at = Connection.Status.EXHAUSTED, None
    connection.last_error, connection.last_error_code = str(problem)[:300], problem.code
    connection.save(update_fields=["status", "next_refresh_at", "last_error", "last_error_code"])
    facts = {"failures": connection.refresh_failures, "code": problem.code}
    audit.record(
        "connection.exhausted", actor=None, target=connection, after={"status": connection.status}, reason=str(problem)
    )
    open_issue(
        connection.installation,
        Issue.Kind.CONNECTION_EXHAUSTED,
        target=str(connection),
        sentence=str(problem),
        next_step=problem.next_step,
        connection=connection,
        facts=facts,
    )


@transaction.atomic
def revive(connection: Connection) -> None:
    """It gives tokens again, as the same connection: what waits for it goes on. The row is locked."""
    from sandbox.services.held import release_held

    connection.status = Connection.Status.AUTHENTICATED
    connection.save(update_fields=["status"])
    audit.record("connection.revived", actor=None, target=connection, after={"status": connection.status})
    heal(connection, because="A token came again.")
    release_held(connection)


def heal(connection: Connection, *, because: str) -> None:
    """Close what was opened when it was exhausted."""
    close_issues(connection.installation, Issue.Kind.CONNECTION_EXHAUSTED, because=because, connection=connection)
