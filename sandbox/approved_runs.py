"""How runs that were approved went, told to the floor that let them through."""

from collections.abc import Iterable
from uuid import UUID

from galaxy.core.models import Workspace
from policies.services.auto_approve import use_failed
from sandbox.models import Category, Run

_OVER = (Run.State.SUCCEEDED, Run.State.FAILED, Run.State.UNKNOWN)


def outcomes_of(workspace: Workspace, ids: Iterable[UUID]) -> dict[UUID, bool]:
    """By id, whether each of the runs that are over failed. What policy stopped was not tried, and is left out."""
    rows = Run.objects.in_workspace(workspace).filter(pk__in=ids, state__in=_OVER)
    found = rows.exclude(error_category=Category.POLICY_BLOCK).values_list("pk", "state")
    return {pk: state != Run.State.SUCCEEDED for pk, state in found}


def tell_of_failure(run: Run) -> None:
    """In the transaction of the run's last write: where nobody but a grant said yes to it, the grant counts errors."""
    if run.approval_id and run.error_category != Category.POLICY_BLOCK and run.approval and run.approval.grant_id:
        use_failed(run.approval)
