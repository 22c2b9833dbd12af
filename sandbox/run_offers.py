"""What can be done with a run from its page besides running it again: going on where it failed, with its next step, or
taking back what it did."""

from dataclasses import dataclass

from django.urls import reverse

from galaxy.core.models import User
from galaxy.core.permissions import Denied, why_not
from registry.models import Kind
from sandbox.models import Run
from sandbox.packs.retrying import is_paused, why_not_retried
from sandbox.undoing.filling import spec_of
from sandbox.undoing.services import undoing_of, why_not_undone


@dataclass(frozen=True)
class Offer:
    """A control: a form that is sent, or with ``denied`` what is missing to send it."""

    id: str
    label: str
    icon: str
    url: str
    denied: Denied | None = None
    is_first: bool = False


def offers_for(run: Run, user: User) -> list[Offer]:
    """Asks the database only where the state of the run lets something be offered."""
    if run.parent_id or run.is_check or run.rehearses_id:
        return []
    if run.state == Run.State.FAILED and run.kind == Kind.PACK and not why_not_retried(run):
        return [] if later_of(run) else [_retry(run, user)]
    if run.state == Run.State.WAITING and is_paused(run):
        return [_offer(run, "step", "Next step", "skip-forward", _unless_mine(run, user), is_first=True)]
    if run.state == Run.State.SUCCEEDED and _may_be_undone(run):
        denied = _unless_mine(run, user) or (
            None if run.kind == Kind.PACK else why_not(user, _WRITES, run.installation)
        )
        return [_offer(run, "undoing", "Undo", "undo-2", denied)]
    return []


def later_of(run: Run) -> Run | None:
    """The run that goes on where this one failed, or takes it back."""
    if run.state == Run.State.FAILED and run.kind == Kind.PACK:
        return run.resumed_by.exclude(state=Run.State.CANCELLED).select_related("workspace").first()
    return undoing_of(run) if run.state == Run.State.SUCCEEDED and _declares_undo(run) else None


def no_retry(run: Run) -> str:
    """Why a failed run of a pack does not go on from there, where somebody may ask; "" otherwise."""
    is_asked = run.state == Run.State.FAILED and run.kind == Kind.PACK and run.attempt > 0 and not run.undoes_id
    return why_not_retried(run) if is_asked else ""


_WRITES = "registry.write_installation"


def _retry(run: Run, user: User) -> Offer:
    return _offer(run, "retry", "Retry from the failed step", "rotate-cw", _unless_mine(run, user), is_first=True)


def _may_be_undone(run: Run) -> bool:
    return _declares_undo(run) and not why_not_undone(run) and undoing_of(run) is None


def _declares_undo(run: Run) -> bool:
    if run.kind == Kind.PACK:
        return run.undoes_id is None
    found = spec_of(run)
    return found is not None and bool(found[1].undo) and run.undoes_id is None


def _unless_mine(run: Run, user: User) -> Denied | None:
    return None if run.requested_by_id == user.pk else why_not(user, "core.write_installation", run.workspace)


def _offer(run: Run, name: str, label: str, icon: str, denied: Denied | None, *, is_first: bool = False) -> Offer:
    url = reverse(f"sandbox:run-{name}", args=[run.workspace.slug, run.pk])
    return Offer(name, label, icon, url, denied, is_first)
