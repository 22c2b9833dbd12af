"""Exports of the trail: asked for by form, watched, stopped and fetched. Fetching is a POST, since it is an event."""

from urllib.parse import urlencode

from django.contrib import messages
from django.http import FileResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from galaxy.core.audit import exporting
from galaxy.core.audit.packs.redaction import CLASSES
from galaxy.core.audit.packs.verify import sentences
from galaxy.core.audit.search import described
from galaxy.core.audit_forms import ExportForm, StreamForm, filters_in
from galaxy.core.errors import Invalid
from galaxy.core.fields import add_refusals
from galaxy.core.http import wants_partial
from galaxy.core.models import ExportJob
from galaxy.core.permissions import require
from galaxy.core.scope import current_scope, in_scope

SHOWN = 50
_BAD_FILTERS = "These filters cannot be used."


@require_http_methods(["GET", "HEAD", "POST"])
def export_list(request, workspace):
    """The exports of the workspace, and the form for one more, of the filters in the address."""
    require(request.user, exporting.EXPORT, request.workspace)
    query = request.POST.get("query", "") if request.method == "POST" else request.GET.urlencode()
    filters = filters_in(query)
    form = ExportForm(request.POST if request.method == "POST" else None, initial={"query": urlencode(filters or {})})
    if form.is_bound and form.is_valid():
        try:
            job = _requested(request, form, filters)
        except Invalid as error:
            names = {"fields": "fields_left_out"}
            add_refusals(form, Invalid(str(error), {names.get(k, k): v for k, v in error.fields.items()}))
        else:
            messages.success(request, "The export is under way. You may close the page; a message follows.")
            return redirect(job)
    jobs = ExportJob.objects.in_workspace(request.workspace).select_related("workspace", "requested_by")
    context = {
        "form": form,
        "filters": filters,
        "query": urlencode(filters or {}),
        "words": described(filters or {}),
        "rows": [_row(job) for job in jobs[:SHOWN]],
    }
    status = 422 if form.errors or filters is None else 200
    return render(request, "core/export_list.html", context, status=status)


@require_safe
def export_detail(request, workspace, pk):
    template = "core/_export.html" if wants_partial(request) else "core/export_detail.html"
    return render(request, template, {"row": _row(_found(request, pk))})


@require_POST
def export_stopping(request, workspace, pk):
    job = _found(request, pk)
    exporting.stop_export(job, actor=request.user)
    messages.success(request, "The export is stopped, and what was written of it is deleted.")
    return redirect("core:export-list", request.workspace.slug)


@require_POST
def export_file(request, workspace, pk):
    path, name = exporting.open_download(_found(request, pk), actor=request.user)
    return FileResponse(path.open("rb"), as_attachment=True, filename=name, content_type="application/zip")


@require_POST
def export_stream(request, workspace):
    """The events as one plain file, sent as it is read: for a spreadsheet, without proofs."""
    require(request.user, exporting.EXPORT, request.workspace)
    form = StreamForm(request.POST)
    if not form.is_valid():
        raise Invalid("Choose CSV or NDJSON.")
    filters = filters_in(form.cleaned_data["query"])
    if filters is None:
        raise Invalid(_BAD_FILTERS)
    kind = form.cleaned_data["form"]
    rows = exporting.open_stream(request.workspace, actor=request.user, filters=filters, form=kind)
    content_type = {"csv": "text/csv; charset=utf-8", "ndjson": "application/x-ndjson"}[kind]
    response = StreamingHttpResponse(in_scope(rows, current_scope()), content_type=content_type)
    name = f"audit-{request.workspace.slug}-{timezone.now():%Y%m%d-%H%M%S}.{kind}"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _requested(request, form, filters) -> ExportJob:
    if filters is None:
        raise Invalid(_BAD_FILTERS)
    return exporting.request_export(
        request.workspace,
        actor=request.user,
        filters=filters,
        redacted=form.redacted,
        with_sheet=form.cleaned_data["form"] == ExportForm.PACK,
    )


def _found(request, pk) -> ExportJob:
    require(request.user, exporting.EXPORT, request.workspace)
    jobs = ExportJob.objects.in_workspace(request.workspace).select_related("workspace", "requested_by")
    return get_object_or_404(jobs, pk=pk)


def _row(job: ExportJob) -> dict:
    """An export as its card shows it."""
    left_s = exporting.seconds_left(job)
    left = "" if left_s is None else f"{left_s} s" if left_s < 120 else f"{round(left_s / 60)} min"
    return {
        "job": job,
        "words": described(job.filters) or "all events",
        "left_out": [CLASSES.get(name, name) for name in job.redacted],
        "progress": f"{job.done:,} of {job.total:,} events",
        "left": left,
        "found": list(sentences(job.report)) if job.is_ready and not job.failure else [],
    }
