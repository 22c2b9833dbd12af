"""The counts beside the navigation's items."""

from django.db.models import Q, QuerySet

from marketplace.submissions.models import State, Submission


def open_here(request) -> QuerySet[Submission]:
    """What this workspace handed in that is not decided yet."""
    return Submission.objects.in_workspace(request.workspace).open()


def due_here(request) -> QuerySet[Submission]:
    """What waits at this desk for this person: what nobody took, and what they took themselves."""
    mine = Q(state=State.SUBMITTED) | Q(state=State.IN_REVIEW, reviewer=request.user)
    return Submission.objects.at_desk(request.workspace).filter(mine).not_by(request.user)
