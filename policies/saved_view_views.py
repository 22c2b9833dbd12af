"""Saved views of the queue: kept from its filters, listed, renamed and deleted. Each is its owner's alone."""

from django.contrib import messages
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from galaxy.core.errors import Invalid
from galaxy.core.fields import add_refusals
from galaxy.core.forms import ViewForm
from galaxy.core.models import SavedView
from galaxy.core.permissions import require
from galaxy.core.saved_views import delete_view, rename_view, save_view, views_of
from policies.queue_filters import cleaned_query
from policies.views import PAGE


@require_http_methods(["GET", "HEAD", "POST"])
def view_list(request, workspace):
    """The views of this person; a POST keeps one more, of the filters that came with it."""
    require(request.user, "core.view_installation", request.workspace)
    form = ViewForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        query = cleaned_query(form.cleaned_data["query"], request.workspace)
        try:
            view = save_view(
                request.workspace, user=request.user, page=PAGE, name=form.cleaned_data["name"], query=query
            )
        except Invalid as error:
            add_refusals(form, error)
        else:
            messages.success(request, f"Kept as “{view.name}”.")
            return redirect(f"{_queue_url(request)}?{view.query}")
    return _listed(request, form, 422 if form.errors else 200)


@require_POST
def view_change(request, workspace, pk):
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
    return redirect("policies:view-list", request.workspace.slug)


@require_POST
def view_removal(request, workspace, pk):
    view = _found(request, pk)
    delete_view(view)
    messages.success(request, f"“{view.name}” is deleted.")
    return redirect("policies:view-list", request.workspace.slug)


def _found(request, pk) -> SavedView:
    mine = SavedView.objects.in_workspace(request.workspace).filter(user=request.user, page=PAGE)
    return get_object_or_404(mine.select_related("workspace"), pk=pk)


def _listed(request, form, status: int, wrong=None):
    views = views_of(request.user, request.workspace, PAGE)
    context = {"views": views, "form": form, "wrong": wrong, "queue_url": _queue_url(request)}
    return render(request, "policies/view_list.html", context, status=status)


def _queue_url(request) -> str:
    return reverse("policies:approval-list", args=[request.workspace.slug])
