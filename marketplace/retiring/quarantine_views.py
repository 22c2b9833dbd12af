"""Quarantine: what is held here of it and what becomes of its calls; at the desk all of it, opened and lifted."""

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from galaxy.core.errors import Invalid
from galaxy.core.fields import add_refusals
from galaxy.core.permissions import require, why_not
from marketplace.desk import MAY_REVIEW
from marketplace.retiring.forms import FlaggedCallsForm, LiftingForm, QuarantineForm, ReleaseForm
from marketplace.retiring.reading import quarantines_at_desk, quarantines_here, with_reach
from registry.models import Quarantine, Version
from registry.reach import workspaces_of_versions
from registry.services.quarantining import lift, quarantine, set_on_flagged

PAGE_SIZE = 30


@require_safe
def quarantine_list(request, workspace):
    """``release`` in the address leads to the page that takes that version out, at the desk."""
    here = request.workspace
    if not here.is_marketplace:
        require(request.user, "core.view_installation", here)
        context = {
            "rows": quarantines_here(here, request.user),
            "form": FlaggedCallsForm(initial={"on_flagged": here.on_flagged}),
            "denied": why_not(request.user, "core.change_settings", here),
        }
        return render(request, "retiring/quarantine_here.html", context)
    require(request.user, MAY_REVIEW, here)
    form = ReleaseForm(request.GET if "release" in request.GET else None)
    if form.is_bound and form.is_valid():
        slug, number = form.parts
        if Version.objects.public().filter(extension__slug=slug, number=number).exists():
            return redirect("retiring:quarantine-create", here.slug, slug, number)
        form.add_error("release", "There is no such version in the marketplace.")
    page = Paginator(quarantines_at_desk(), PAGE_SIZE).get_page(request.GET.get("page"))
    context = {"page": page, "rows": with_reach(page.object_list), "form": form}
    return render(request, "retiring/quarantine_list.html", context)


@require_POST
def quarantine_calls(request, workspace):
    """What becomes of calls of a version that is looked into; settings of the workspace, so their permission."""
    form = FlaggedCallsForm(request.POST)
    if not form.is_valid():
        raise Invalid("Choose one of the two.", {"on_flagged": "Choose one of the two."})
    set_on_flagged(request.workspace, form.cleaned_data["on_flagged"], actor=request.user)
    messages.success(request, "Kept.")
    return redirect("retiring:quarantine-list", request.workspace.slug)


@require_http_methods(["GET", "HEAD", "POST"])
def quarantine_create(request, workspace, slug, number):
    _require_desk(request)
    rows = Version.objects.public().filter(extension__slug=slug).select_related("extension").defer("manifest")
    version = get_object_or_404(rows, number=number)
    form = QuarantineForm(request.POST if request.method == "POST" else None, initial={"reach": "installs"})
    if form.is_bound and form.is_valid():
        try:
            quarantine(version, actor=request.user, **form.cleaned_data)
        except Invalid as error:
            add_refusals(form, error)
        else:
            messages.success(request, f"{version} is in quarantine. Every workspace that holds it is told.")
            return redirect("retiring:quarantine-list", request.workspace.slug)
    context = {
        "version": version,
        "form": form,
        "there": Quarantine.objects.open().filter(version=version).first(),
        "workspaces": workspaces_of_versions([version.pk]).get(version.pk, 0),
    }
    return render(request, "retiring/quarantine_create.html", context, status=422 if form.is_bound else 200)


@require_http_methods(["GET", "HEAD", "POST"])
def quarantine_end(request, workspace, pk):
    _require_desk(request)
    row = get_object_or_404(Quarantine.objects.select_related("version__extension", "opened_by"), pk=pk)
    form = LiftingForm(request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        try:
            lift(row.version, actor=request.user, **form.cleaned_data)
        except Invalid as error:
            add_refusals(form, error)
        else:
            messages.success(request, f"{row.version} is out of quarantine.")
            return redirect("retiring:quarantine-list", request.workspace.slug)
    context = {"row": row, "version": row.version, "form": form}
    return render(request, "retiring/quarantine_end.html", context, status=422 if form.is_bound else 200)


def _require_desk(request) -> None:
    """Elsewhere there is no such page."""
    if not request.workspace.is_marketplace:
        raise Http404
    require(request.user, MAY_REVIEW, request.workspace)
