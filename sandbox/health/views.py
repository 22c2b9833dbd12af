"""The page of an installation's health."""

from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from galaxy.core.permissions import can
from registry.models import Installation
from sandbox.health.page import health_page


@require_safe
def installation_health(request, workspace, pk):
    rows = Installation.objects.in_workspace(request.workspace).active().visible_to(request.user)
    installation = get_object_or_404(rows.select_related("workspace", "extension", "pin__version"), pk=pk)
    context = {
        "installation": installation,
        "page": health_page(installation),
        "sees_all": can(request.user, "core.view_run", request.workspace),
    }
    return render(request, "sandbox/installation_health.html", context)
