"""After a backup was restored: nothing that was under way goes on by itself.

A run that was queued, waiting or at work when the backup was made may have been done since, so doing it now could be
the second time. What writes to another system is unknown until a person has looked there; everything else has failed
and can be asked for again. Triggers are off, since what came in since may come again, and tokens are renewed at once,
since those of the backup may have been exchanged.
"""

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from galaxy.core.errors import DomainError
from galaxy.core.models import Workspace
from galaxy.core.notifications import notify
from policies.services.restoring import void_all
from registry.models import Connection, Kind
from registry.services import verified_manifest
from sandbox.errors import RunError
from sandbox.models import Category, OutboxMessage, Run, Trigger
from sandbox.services.ending import end
from sandbox.triggers.pausing import put_off_all

CODE = "restored"
_OPEN = (Run.State.QUEUED, Run.State.WAITING, Run.State.RUNNING)
_MAYBE = "It was not over when the backup was made that was restored since, so it is not known whether it took effect."
_LOOK = "Look at the other system, then say here what you found."
_NOT = "It was not over when the backup was made that was restored since. It changes nothing outside, and has ended."
_AGAIN = "Run it again if it is still wanted."


@transaction.atomic
def settle_restored(workspace: Workspace) -> dict[str, int]:
    """End what is open, in the workspace's scope; returns how many of what. Runs first: then no request of theirs can
    end them as something that nobody agreed to."""
    done = _end_runs(workspace)
    done |= void_all(workspace)
    triggers = Trigger.objects.in_workspace(workspace)
    because = "A backup was restored. What came in since may come again: look at the other systems, then switch it on."
    done["triggers"] = put_off_all(triggers, because=because, actor=None)
    done["connections to renew"] = _renew(workspace)
    return done


def _end_runs(workspace: Workspace) -> dict[str, int]:
    unknown = failed = 0
    rows = Run.objects.in_workspace(workspace).filter(state__in=_OPEN)
    # Steps before their packs: a pack that is over has no step that is not.
    for run in rows.order_by(F("parent").asc(nulls_last=True)).select_related("workspace", "parent"):
        in_doubt = _may_have_acted(run)
        error = RunError(
            Category.TRANSIENT,
            CODE,
            sentence=_MAYBE if in_doubt else _NOT,
            next_step=_LOOK if in_doubt else _AGAIN,
            ambiguous=in_doubt,
        )
        end(run, error=error)
        if in_doubt and not run.attempt and run.parent_id is None and run.agent_id is None:
            notify(workspace, [run.requested_by], "run_unknown", run, note=error.sentence)  # nobody was told by `end`
        unknown += in_doubt
        failed += not in_doubt
    OutboxMessage.objects.in_workspace(workspace).delete()
    return {"runs whose effect is unknown": unknown, "other runs": failed}


def _may_have_acted(run: Run) -> bool:
    """Whether it changes something outside, as far as its manifest says; a pack does what its steps do."""
    if run.mode == Run.Mode.SIMULATED or run.is_dry or run.kind == Kind.TRANSFORM:
        return False
    try:
        manifest = verified_manifest(run.version_digest)
    except DomainError:  # what cannot be believed says nothing, and one such run must not keep the others open
        return True
    spec = manifest.actions.get(run.target.removeprefix(f"{manifest.id}."), manifest.actions.get(manifest.id))
    return spec is None or spec.effect != "read"


def _renew(workspace: Workspace) -> int:
    """Exchange tokens now: where the provider knows a later one, that connection says so at once."""
    rows = Connection.objects.in_workspace(workspace)
    rows.exclude(refresh_holder=None).update(refresh_holder=None, refresh_lease_until=None)
    due = rows.filter(status=Connection.Status.AUTHENTICATED).exclude(next_refresh_at=None)
    return due.update(next_refresh_at=timezone.now(), cooldown_until=None)
