"""Pages of health: that of an installation, and the part of a connection's page that tells of its checks."""

from django.contrib import messages
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from galaxy.core.http import wants_partial
from galaxy.core.permissions import can
from registry.models import Connection, Installation
from sandbox.health.checks import check_now
from sandbox.health.connection_page import facts_for
from sandbox.health.page import health_page


@require_safe
def installation_health(request, workspace, pk):
    rows = Installation.objects.in_workspace(request.workspace).active().visible_to(request.user)
    installation = get_object_or_404(rows.select_related("workspace", "extension", "pin__version"), pk=pk)
    context = {
        "installation": installation,
        "page": health_page(installation, request.user),
        "sees_all": can(request.user, "core.view_run", request.workspace),
    }
    return render(request, "sandbox/installation_health.html", context)


@require_safe
def connection_health(request, workspace, pk):
    """The part of a connection's page that asks for itself while a check is under way, and as a page of its own."""
    connection, is_partial = _connection(request, pk), wants_partial(request)
    context = {"health": facts_for(connection, request.user), "connection": connection, "is_polled": is_partial}
    template = "sandbox/connection/_health.html" if is_partial else "sandbox/connection/health.html"
    return render(request, template, context)


@require_POST
def connection_check(request, workspace, pk):
    connection = _connection(request, pk)
    check_now(connection, request.user)
    messages.success(request, f"A check of {connection} is under way.")
    return redirect(connection)


def _connection(request, pk) -> Connection:
    rows = Connection.objects.in_workspace(request.workspace).visible_to(request.user)
    related = ("workspace", "owner", "installation__workspace", "installation__extension", "installation__pin__version")
    return get_object_or_404(rows.filter(installation__removed_at=None).select_related(*related), pk=pk)
