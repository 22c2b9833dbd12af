"""Replays: a recorded run of Python done again inside sandboxd, and how long recordings are kept."""

import base64
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.utils import timezone

from galaxy.core.errors import DomainError
from galaxy.core.scope import workspace_scope
from sandbox.models import Execution, Run
from sandbox.sandboxd.client import ask
from sandbox.sandboxd.orders import ReplayOrder

SECONDS = 20.0  # a run of ten, and a place to do it in


class NotRecorded(DomainError):
    """There is no recording of the run, or none any more."""

    status = 410
    code = "not_recorded"
    next_step = "Run it again; runs of Python are recorded where the vault is open."


@dataclass(frozen=True)
class Replay:
    """``then`` and ``now`` name what came out: the digest of the output, or the code of the error."""

    is_equal: bool
    then: str
    now: str
    same_interpreter: bool
    http_calls: int


def replay_run(run: Run) -> Replay:
    """Do the last try of ``run`` again, with no network at all. The workspace must be in scope.

    Raises NotRecorded, or what sandboxd answers (Unreachable, Lost, Refused).
    """
    order = ReplayOrder(run.workspace_id, str(run.pk), run.version_digest, run.target, sealed_recording(run))
    answer = ask("replay", order.as_body(), seconds=SECONDS)
    return Replay(
        is_equal=answer["equal"],
        then=_named(answer["then"]),
        now=_named(answer["now"]),
        same_interpreter=answer["same_interpreter"],
        http_calls=answer["http_calls"],
    )


def sealed_recording(run: Run) -> str:
    """The recording of the last try, sealed, in base64. The workspace must be in scope. Raises NotRecorded."""
    last = Execution.objects.last_of(run)
    if last is None or last.recording is None:
        raise NotRecorded("This run has no recording, or its time was over.")
    return base64.b64encode(last.recording).decode()


def workspace_of_run(run_id: UUID) -> UUID | None:
    """Whose run that is, for an operator's command, which is in no workspace yet."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT sandbox_workspace_of_run(%s)", [run_id])
        return cursor.fetchone()[0]


def forget_recordings() -> int:
    """Drop recordings past their time, in every workspace within its own scope; returns how many."""
    before = timezone.now() - timedelta(days=settings.SANDBOX_KEEP_RECORDINGS_DAYS)
    with connection.cursor() as cursor:
        cursor.execute("SELECT workspace_id FROM sandbox_workspaces_with_recordings(%s)", [before])
        ids = [row[0] for row in cursor.fetchall()]
    dropped = 0
    for id in ids:
        with workspace_scope([id]):
            old = Execution.objects.filter(workspace=id, recording__isnull=False, executed_at__lt=before)
            dropped += old.update(recording=None)
    return dropped


def _named(what: dict[str, str]) -> str:
    return f"error {what['error']}" if what["error"] else f"output {what['output_digest']}"
