"""The audit trail: a filtered list, and one event with its before, after, actor chain and commitments."""

from django.core.paginator import Paginator
from django.db.models import Q
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from galaxy.core.audit.reading import details_of, view_of
from galaxy.core.forms import AuditFilterForm
from galaxy.core.http import wants_partial
from galaxy.core.models import AuditDetail, AuditEvent
from galaxy.core.permissions import require

PAGE_SIZE = 50


@require_safe
def audit_list(request, workspace):
    require(request.user, "core.view_auditevent", request.workspace)
    form = AuditFilterForm(request.GET)
    events = AuditEvent.objects.in_workspace(request.workspace).newest_first()
    if form.is_valid():
        events = form.apply(events)
        words = form.cleaned_data["q"]
        if words:
            found = AuditDetail.objects.in_workspace(request.workspace).filter(
                Q(actor_label__icontains=words) | Q(target_label__icontains=words)
            )
            events = events.filter(pk__in=found.values("event_id"))
    page = Paginator(events, PAGE_SIZE).get_page(request.GET.get("page"))
    context = {
        "form": form,
        "page": page,
        "rows": details_of(page.object_list, request.workspace),
        "is_filtered": any(form.cleaned_data.values()) if form.is_valid() else True,
    }
    template = "core/_audit_rows.html" if wants_partial(request) else "core/audit_list.html"
    return render(request, template, context, status=200 if form.is_valid() else 422)


@require_safe
def audit_detail(request, workspace, pk):
    require(request.user, "core.view_auditevent", request.workspace)
    event = get_object_or_404(AuditEvent.objects.in_workspace(request.workspace), pk=pk)
    return render(request, "core/audit_detail.html", {"event": event, "view": view_of(event)})
