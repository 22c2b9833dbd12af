"""Views that people keep of a list: from its filters, listed, renamed and deleted. Each is its owner's alone.

``kept`` comes with the address (the third argument of ``path``) and says of which list.
"""

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


@require_http_methods(["GET", "HEAD", "POST"])
def view_list(request, workspace, kept):
    """The views of this person; a POST keeps one more, of the filters that came with it."""
    require(request.user, kept.permission, request.workspace)
    form = ViewForm(request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        try:
            query = kept.cleaned(form.cleaned_data["query"], request.workspace)
            name = form.cleaned_data["name"]
            view = save_view(request.workspace, user=request.user, page=kept.page, name=name, query=query)
        except Invalid as error:
            add_refusals(form, error)
        else:
            messages.success(request, f"Kept as “{view.name}”.")
            return redirect(f"{_list_url(request, kept)}?{view.query}")
    return _listed(request, kept, form, 422 if form.errors else 200)


@require_POST
def view_change(request, workspace, pk, kept):
    view = _found(request, kept, pk)
    form = ViewForm(request.POST)
    if form.is_valid():
        try:
            rename_view(view, name=form.cleaned_data["name"])
        except Invalid as error:
            add_refusals(form, error)
    if not form.is_valid():
        return _listed(request, kept, form, 422, wrong=pk)
    messages.success(request, f"Now called “{form.cleaned_data['name']}”.")
    return redirect(f"{kept.urls}-list", request.workspace.slug)


@require_POST
def view_removal(request, workspace, pk, kept):
    view = _found(request, kept, pk)
    delete_view(view)
    messages.success(request, f"“{view.name}” is deleted.")
    return redirect(f"{kept.urls}-list", request.workspace.slug)


def _found(request, kept, pk) -> SavedView:
    require(request.user, kept.permission, request.workspace)
    mine = SavedView.objects.in_workspace(request.workspace).filter(user=request.user, page=kept.page)
    return get_object_or_404(mine.select_related("workspace"), pk=pk)


def _listed(request, kept, form, status: int, wrong=None):
    slug = request.workspace.slug
    rows = [
        (view, *(reverse(f"{kept.urls}-{act}", args=[slug, view.pk]) for act in ("change", "removal")))
        for view in views_of(request.user, request.workspace, kept.page)
    ]
    context = {"kept": kept, "rows": rows, "form": form, "wrong": wrong, "list_url": _list_url(request, kept)}
    return render(request, "core/saved_view_list.html", context, status=status)


def _list_url(request, kept) -> str:
    return reverse(kept.list_url, args=[request.workspace.slug])
