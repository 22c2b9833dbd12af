"""Runs that stand for one: a pack's run and those whose finished steps it took over."""

from uuid import UUID

from sandbox.models import Run

MOST = 50  # retries of retries


def family_of(run: Run) -> list[UUID]:
    """The id of ``run``, then those before it."""
    found, before = [run.pk], run.resumes_id
    while before and len(found) < MOST:
        found.append(before)
        before = Run.objects.filter(workspace=run.workspace_id, pk=before).values_list("resumes", flat=True).first()
    return found
