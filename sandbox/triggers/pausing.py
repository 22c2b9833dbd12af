"""A trigger that is switched off by Galaxy itself, and an issue that says so."""

from django.utils.text import Truncator

from galaxy.core import audit
from galaxy.core.models import User, Workspace
from registry.models import Installation
from sandbox.issues import open_issue
from sandbox.models import Issue, Trigger

_CHARS = 300


def pause_by_itself(trigger: Trigger, sentence: str) -> None:
    """Switch ``trigger``, held by the caller, off after too many failures in a row; ``sentence`` is the last one's."""
    because = f"{trigger.failures} starts in a row failed. The last one: {sentence}"
    put_off(trigger, because=because, actor=None)
    open_issue(
        trigger.installation,
        Issue.Kind.TRIGGER_PAUSED,
        target=trigger.slug,
        sentence=f"“{trigger}” is off. {because}",
        next_step="Open the trigger, mend what fails, and switch it on again.",
        facts={"failures": trigger.failures, "trigger": str(trigger.pk)},
        owner=trigger.owner,
    )


def put_off(trigger: Trigger, *, because: str, actor: User | None) -> None:
    """Write that it is off and why, with its event, in the caller's transaction. ``actor`` None: Galaxy itself."""
    trigger.enabled_at = trigger.next_at = trigger.quiet_at = trigger.silent_since = None
    trigger.paused_because, trigger.paused_by = Truncator(because).chars(_CHARS), actor
    trigger.save(update_fields=["enabled_at", "next_at", "quiet_at", "silent_since", "paused_because", "paused_by"])
    audit.record(
        "trigger.switched_off", actor=actor, target=trigger, after={"state": "off"}, because=trigger.paused_because
    )


def put_off_all(rows, *, because: str, actor: User | None) -> int:
    """The same for every trigger of ``rows`` that is on; returns how many."""
    count = 0
    for trigger in rows.on().select_for_update(no_key=True, of=("self",)).select_related("workspace"):
        put_off(trigger, because=because, actor=actor)
        count += 1
    return count


def owner_left(workspace: Workspace, user: User, actor: User | None) -> int:
    """Whose owner left starts nothing any more, and does not begin again by itself should they return."""
    rows = Trigger.objects.in_workspace(workspace).filter(owner=user)
    return put_off_all(rows, because=f"{user}, who answers for it, is no member any more.", actor=actor)


def target_ended(installation: Installation, actor: User | None) -> int:
    """What it starts is not installed any more."""
    rows = Trigger.objects.in_workspace(installation.workspace).filter(installation=installation)
    return put_off_all(rows, because=f"{installation.extension} was removed from this workspace.", actor=actor)
