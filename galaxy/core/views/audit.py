"""The audit trail: a filtered list, and one event with its before, after, actor chain and commitments.

Looking is an event itself, and the only thing a GET writes. One look is one event: the same person turning pages, or
coming back to the same filters or the same event within ``LOOK_S``, is not written again.
"""

import hashlib
import json
import time
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from galaxy.core import audit
from galaxy.core.audit.lines import lines_of
from galaxy.core.audit.paging import newest_of, page_of
from galaxy.core.audit.proving import proof_of
from galaxy.core.audit.reading import actions_of, details_of, view_of
from galaxy.core.audit.tree import checkpoint_of
from galaxy.core.audit_forms import TRAIL
from galaxy.core.db.prepared import prepared
from galaxy.core.forms import AuditFilterForm
from galaxy.core.http import wants_partial
from galaxy.core.models import Agent, AuditEvent
from galaxy.core.permissions import require, why_not
from galaxy.core.saved_views import views_of

MOST_AGENTS = 200  # on offer; others are found by name
LOOK_S = 600
_LOOKS_KEPT = 100  # per session; the oldest are forgotten, and would then be written again


@require_safe
def audit_list(request, workspace):
    require(request.user, "core.view_auditevent", request.workspace)
    agents = _agents_of(workspace=request.workspace.pk)
    form = AuditFilterForm(request.GET, actions=actions_of(request.workspace), agents=agents)
    filters, page = {}, None
    if form.is_valid():
        filters = form.filters
        record_look(request, "audit.viewed", request.workspace, filters=filters)
        places = {name: request.GET.get(name, "") for name in ("before", "after")}
        if filters or any(places.values()):
            page = page_of(form.apply(request.workspace).defer("commitments"), **places)
        else:
            page = newest_of(request.workspace)
    rows = details_of(page.events, request.workspace) if page else []
    context = {
        "form": form,
        "filters": filters,
        "checkpoint": checkpoint_of(request.workspace),
        "query": urlencode(filters),
        "page": page,
        "rows": rows,
        "lines": lines_of(rows, request.workspace),
        "views": views_of(request.user, request.workspace, TRAIL.page),
        "export_denied": why_not(request.user, "core.export_auditevent", request.workspace),
    }
    template = "core/_audit_rows.html" if wants_partial(request) else "core/audit_list.html"
    return render(request, template, context, status=200 if page else 422)


@require_safe
def audit_detail(request, workspace, pk):
    require(request.user, "core.view_auditevent", request.workspace)
    events = AuditEvent.objects.in_workspace(request.workspace).in_order().select_related("workspace")
    event = get_object_or_404(events, pk=pk)
    record_look(request, "event.viewed", event)
    context = {"event": event, "view": view_of(event), "proof": proof_of(event)}
    return render(request, "core/audit_detail.html", context)


@prepared
def _agents_of(workspace: UUID) -> QuerySet[Agent, Any]:
    return Agent.objects.in_workspace(workspace).order_by("name").values_list("pk", "name")[:MOST_AGENTS]


def record_look(request, action, target, **data) -> None:
    """Write that ``request.user`` looked, unless this session did so a moment ago."""
    what = json.dumps([str(request.workspace.pk), action, str(target.pk), data], sort_keys=True, default=str)
    key = hashlib.sha256(what.encode()).hexdigest()[:16]
    now = int(time.time())
    looks = {name: at for name, at in request.session.get("audit_looks", {}).items() if now - at < LOOK_S}
    if key in looks:
        return
    with transaction.atomic():
        audit.record(action, actor=request.user, target=target, **data)
    kept = sorted(looks.items(), key=lambda look: look[1])[1 - _LOOKS_KEPT :]
    request.session["audit_looks"] = dict(kept) | {key: now}
