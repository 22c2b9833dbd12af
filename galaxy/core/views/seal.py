"""The seal of a trail: its signed head and the keys that sign, and verifications by whoever may export."""

from django.contrib import messages
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from galaxy.core.audit.checkpoints import origin_of
from galaxy.core.audit.notes import verifier_key
from galaxy.core.audit.proving import is_ours
from galaxy.core.audit.tree import checkpoint_of, public_keys
from galaxy.core.audit.verifications import start_verification
from galaxy.core.http import wants_partial
from galaxy.core.models import AuditVerification
from galaxy.core.permissions import require, why_not
from galaxy.core.views.audit import record_look

VERIFY = "core.export_auditevent"
SHOWN = 10


@require_safe
def audit_seal(request, workspace):
    require(request.user, "core.view_auditevent", request.workspace)
    record_look(request, "seal.viewed", request.workspace)
    checkpoint, keys = checkpoint_of(request.workspace), public_keys()
    origin = origin_of(request.workspace.pk)
    denied = why_not(request.user, VERIFY, request.workspace)
    jobs = AuditVerification.objects.in_workspace(request.workspace).select_related("workspace", "started_by")
    context = {
        "checkpoint": checkpoint,
        "is_ours": checkpoint and is_ours(checkpoint, request.workspace),
        "origin": origin,
        "keys": [(key, verifier_key(origin, key.public)) for key in reversed(keys)],
        "denied": denied,
        "jobs": [] if denied else jobs[:SHOWN],
    }
    return render(request, "core/audit_seal.html", context)


@require_POST
def audit_verification_create(request, workspace):
    job = start_verification(request.workspace, actor=request.user)
    messages.success(request, "The trail is being verified. You may leave this page; the result stays here.")
    return redirect(job)


@require_safe
def audit_verification(request, workspace, pk):
    require(request.user, VERIFY, request.workspace)
    jobs = AuditVerification.objects.in_workspace(request.workspace).select_related("workspace", "started_by")
    job = get_object_or_404(jobs, pk=pk)
    record_look(request, "verification.viewed", job)
    template = "core/_audit_verification.html" if wants_partial(request) else "core/audit_verification.html"
    return render(request, template, {"job": job, "report": job.report})
