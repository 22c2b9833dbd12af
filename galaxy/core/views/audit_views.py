"""Views of the trail that people keep: from its filters, listed, renamed and deleted. Each is its owner's alone."""

from urllib.parse import urlencode

from django.contrib import messages
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from galaxy.core.audit.reading import actions_of
from galaxy.core.audit_forms import filters_in
from galaxy.core.errors import Invalid
from galaxy.core.fields import add_refusals
from galaxy.core.forms import ViewForm
from galaxy.core.models import SavedView
from galaxy.core.permissions import require
from galaxy.core.saved_views import delete_view, rename_view, save_view, views_of
from galaxy.core.views.audit import VIEWS

READ = "core.view_auditevent"


@require_http_methods(["GET", "HEAD", "POST"])
def audit_view_list(request, workspace):
    """The views of this person; a POST keeps one more, of the filters that came with it."""
    require(request.user, READ, request.workspace)
    form = ViewForm(request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        filters = filters_in(form.cleaned_data["query"], actions_of(request.workspace))
        try:
            view = save_view(
                request.workspace,
                user=request.user,
                page=VIEWS,
                name=form.cleaned_data["name"],
                query=urlencode(filters or {}),
            )
        except Invalid as error:
            add_refusals(form, error)
        else:
            messages.success(request, f"Kept as “{view.name}”.")
            return redirect(f"{_trail_url(request)}?{view.query}")
    return _listed(request, form, 422 if form.errors else 200)


@require_POST
def audit_view_change(request, workspace, pk):
    view = _found(request, pk)
    form = ViewForm(request.POST)
    if form.is_valid():
        try:
            rename_view(view, name=form.cleaned_data["name"])
        except Invalid as error:
            add_refusals(form, error)
    if not form.is_valid():
        return _listed(request, form, 422, wrong=pk)
    messages.success(request, f"Now called “{form.cleaned_data['name']}”.")
    return redirect("core:audit-view-list", request.workspace.slug)


@require_POST
def audit_view_removal(request, workspace, pk):
    view = _found(request, pk)
    delete_view(view)
    messages.success(request, f"“{view.name}” is deleted.")
    return redirect("core:audit-view-list", request.workspace.slug)


def _found(request, pk) -> SavedView:
    require(request.user, READ, request.workspace)
    mine = SavedView.objects.in_workspace(request.workspace).filter(user=request.user, page=VIEWS)
    return get_object_or_404(mine.select_related("workspace"), pk=pk)


def _listed(request, form, status: int, wrong=None):
    views = views_of(request.user, request.workspace, VIEWS)
    context = {"views": views, "form": form, "wrong": wrong, "trail_url": _trail_url(request)}
    return render(request, "core/audit_view_list.html", context, status=status)


def _trail_url(request) -> str:
    return reverse("core:audit-list", args=[request.workspace.slug])
