"""Verifications that people ask for on the page of the trail: a worker does them, the page shows how far it is."""

import time
from functools import partial
from uuid import UUID

import structlog
from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from galaxy.core import audit
from galaxy.core.audit.verifying import Report, verify
from galaxy.core.models import AuditVerification, User, Workspace
from galaxy.core.permissions import require

log = structlog.get_logger(__name__)

State = AuditVerification.State
TOLD_EVERY_S = 1.0


def start_verification(workspace: Workspace, *, actor: User) -> AuditVerification:
    """Let a worker verify the trail of ``workspace``; returns the job. One that runs already is the answer too, and its
    worker is called once more. Raises NotGranted."""
    require(actor, "core.export_auditevent", workspace)
    jobs = AuditVerification.objects.in_workspace(workspace)
    try:
        with transaction.atomic():
            job = jobs.filter(state=State.RUNNING).first()
            if job is None:
                job = jobs.create(workspace=workspace, started_by=actor)
                audit.record("trail.verification_started", actor=actor, target=job, workspace=workspace)
            transaction.on_commit(partial(_ring, job))
    except IntegrityError:  # somebody else began one in this moment
        job = jobs.get(state=State.RUNNING)
    return job


def carry_out(job_id: UUID) -> AuditVerification:
    """Verify, and write down what was found; safe to call twice. The workspace must be in scope."""
    job = AuditVerification.objects.select_related("workspace", "started_by").get(pk=job_id)
    if job.state != State.RUNNING:
        return job
    try:
        report = verify(job.workspace, settings.GALAXY_CHECKPOINTS_DIR, progress=_Progress(job))
    except OSError as error:
        log.error("verification.failed", error=error.strerror)
        reason = f"The copies of the checkpoints cannot be read here: {error.strerror}."
        return _finish(job, State.FAILED, Report(), {"reason": reason})
    state = State.INTACT if report.is_intact else State.BROKEN
    return _finish(job, state, report, report.counts())


@transaction.atomic
def _finish(job: AuditVerification, state: str, report: Report, counts: dict) -> AuditVerification:
    """Only the first of two workers writes the result, and the event."""
    findings = [{"kind": one.label, "place": one.place, "sentence": one.sentence} for one in report.findings]
    won = AuditVerification.objects.filter(pk=job.pk, state=State.RUNNING).update(
        state=state, findings=findings, report=counts, done=report.size, total=report.size, finished_at=timezone.now()
    )
    job.refresh_from_db()
    if won:
        audit.record(
            "trail.verified",
            actor=job.started_by,
            target=job,
            workspace=job.workspace,
            result=state,
            events=report.size,
            findings=len(report.findings) + report.more,
        )
    return job


class _Progress:
    """Tells the row of a job how far it is, once a second."""

    def __init__(self, job: AuditVerification):
        self._job = job
        self._told_at = 0.0

    def __call__(self, done: int, total: int) -> None:
        now = time.monotonic()
        if now - self._told_at >= TOLD_EVERY_S:
            self._told_at = now
            AuditVerification.objects.filter(pk=self._job.pk, state=State.RUNNING).update(done=done, total=total)


def _ring(job: AuditVerification) -> None:
    from galaxy.core.tasks import verify_trail

    verify_trail.delay(str(job.workspace_id), str(job.pk))
