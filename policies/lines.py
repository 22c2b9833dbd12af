"""What a line of the queue says of a request beside the request itself, read for all lines together."""

from collections import defaultdict
from collections.abc import Sequence
from uuid import UUID

from django.db.models import QuerySet

from galaxy.core.db.prepared import prepared
from policies.models import Approval, ApprovalStage, Vote


def read_along(approvals: Sequence[Approval]) -> None:
    """Read votes, with who gave them, and stages of ``approvals``, which are of one workspace, in two questions.

    They are where ``all_votes`` and ``all_stages`` look first. Django's own prefetching makes a queryset for each
    request as well, which costs more than the rows.
    """
    if not approvals:
        return
    of = {"workspace": approvals[0].workspace_id, "approvals": ",".join({str(one.pk) for one in approvals})}
    votes: dict[UUID, list[Vote]] = defaultdict(list)
    stages: dict[UUID, list[ApprovalStage]] = defaultdict(list)
    for vote in _votes(**of):
        votes[vote.approval_id].append(vote)
    for stage in _stages(**of):
        stages[stage.approval_id].append(stage)
    for one in approvals:
        one.keep_along(votes[one.pk], stages[one.pk])


@prepared
def _votes(workspace: UUID, approvals: str) -> QuerySet[Vote]:
    rows = Vote.objects.filter(workspace=workspace, approval__pk__among=approvals)
    return rows.select_related("reviewer", "on_behalf_of").order_by("voted_at")


@prepared
def _stages(workspace: UUID, approvals: str) -> QuerySet[ApprovalStage]:
    return ApprovalStage.objects.filter(workspace=workspace, approval__pk__among=approvals).order_by("position")
