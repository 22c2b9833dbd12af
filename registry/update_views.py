"""Pages about updates: what waits and why, the rules they go by, holds, and fixes that do not wait."""

from django.contrib import messages
from django.core.paginator import Paginator
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from galaxy.core.errors import Invalid
from galaxy.core.fields import add_refusals
from galaxy.core.permissions import NotGranted, why_not
from registry.compat import compare
from registry.models import Installation, ScheduledMove, UpdateSettings, Version
from registry.services.moving import widening_of
from registry.update_forms import DefaultsForm, HoldForm, ReasonForm, ScheduleForm, SettingsForm
from registry.updates.rules import hold, release, set_defaults, set_updates
from registry.updates.scheduling import call_off, schedule_move
from registry.updates.showing import defaults_of, open_rollouts, rows_of, updatable
from registry.updates.skipping import skip_wait
from registry.updates.windows import Window

PAGE_SIZE = 25
MOST_ROLLOUTS = 10


@require_safe
def update_list(request, workspace):
    """What waits, why, and what it changes here."""
    installations = updatable(request.user, request.workspace)
    denied = why_not(request.user, "core.view_installation", request.workspace)
    if denied and not installations.exists():
        raise NotGranted(denied)
    page = Paginator(installations, PAGE_SIZE).get_page(request.GET.get("page"))
    defaults = defaults_of(request.workspace)
    context = {
        "page": page,
        "rows": rows_of(list(page.object_list), request.user),
        "rollouts": open_rollouts(request.user, request.workspace).open()[:MOST_ROLLOUTS],
        "defaults": defaults,
        "window": Window(defaults.weekdays, defaults.opens_at, defaults.closes_at, defaults.time_zone),
        "rules_denied": why_not(request.user, "core.pin_installation", request.workspace),
    }
    return render(request, "registry/update_list.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def update_rules(request, workspace):
    """What holds for every installation that says nothing else."""
    denied = why_not(request.user, "core.view_installation", request.workspace)
    if denied:
        raise NotGranted(denied)
    row = defaults_of(request.workspace)
    form = DefaultsForm.of(row, request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        try:
            set_defaults(request.workspace, actor=request.user, values=form.values)
        except Invalid as error:
            _add(form, error)
        else:
            messages.success(request, "Updates go by these rules now.")
            return redirect("registry:update-list", request.workspace.slug)
    context = {"form": form, "row": row, "denied": why_not(request.user, "core.pin_installation", request.workspace)}
    return render(request, "registry/update_rules.html", context, status=422 if form.is_bound else 200)


@require_http_methods(["GET", "HEAD", "POST"])
def update_settings(request, workspace, pk):
    """What one installation says for itself."""
    installation = visible(request, pk)
    row = UpdateSettings.objects.in_workspace(request.workspace).filter(installation=installation).first()
    defaults = defaults_of(request.workspace)
    form = SettingsForm.of(row, defaults, request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        try:
            set_updates(installation, actor=request.user, values=form.values)
        except Invalid as error:
            _add(form, error)
        else:
            messages.success(request, f"{installation} goes forward by these rules now.")
            return redirect(installation)
    context = {
        "installation": installation,
        "form": form,
        "defaults": defaults,
        "window": Window(defaults.weekdays, defaults.opens_at, defaults.closes_at, defaults.time_zone),
        "denied": why_not(request.user, "registry.pin_installation", installation),
    }
    return render(request, "registry/update_settings.html", context, status=422 if form.is_bound else 200)


@require_http_methods(["GET", "HEAD", "POST"])
def hold_create(request, workspace, pk):
    installation = visible(request, pk)
    form = HoldForm(request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        try:
            hold(installation, actor=request.user, **form.cleaned_data)
        except Invalid as error:
            add_refusals(form, error)
        else:
            messages.success(request, f"{installation} is held at {installation.pin.version.number}.")
            return redirect(installation)
    denied = why_not(request.user, "registry.pin_installation", installation)
    context = {"installation": installation, "form": form, "denied": denied}
    return render(request, "registry/hold_create.html", context, status=422 if form.is_bound else 200)


@require_POST
def hold_removal(request, workspace, pk):
    installation = visible(request, pk)
    release(installation, actor=request.user)
    messages.success(request, f"{installation} goes forward again, as its rules say.")
    return redirect(installation)


@require_http_methods(["GET", "HEAD", "POST"])
def wait_skip(request, workspace, pk):
    """A fix of a security hole (``to``, a digest) that is to be taken without its wait: the first yes takes a reason,
    the second one does not."""
    installation = visible(request, pk)
    version = version_asked(request, installation)
    asked = installation.skipped_waits.filter(version=version).select_related("asked_by").first()
    form = ReasonForm(request.POST if request.method == "POST" else None)
    form.fields["reason"].required = asked is None
    if form.is_bound and form.is_valid():
        found = skip_wait(installation, version, actor=request.user, reason=form.cleaned_data["reason"])
        said = "It is taken in the next window." if found.is_agreed else "A second person has to agree."
        messages.success(request, f"{version.number} does not wait. {said}" if found.is_agreed else said)
        return redirect(installation)
    denied = why_not(request.user, "registry.pin_installation", installation)
    context = {"installation": installation, "version": version, "asked": asked, "form": form, "denied": denied}
    return render(request, "registry/wait_skip.html", context, status=422 if form.is_bound else 200)


@require_http_methods(["GET", "HEAD", "POST"])
def move_schedule(request, workspace, pk):
    """A move (``to``, a digest) at a time of somebody's choosing; the form names what was shown beyond what was agreed
    to."""
    installation = visible(request, pk)
    version = version_asked(request, installation)
    wider = widening_of(installation, version.parsed)
    form = ScheduleForm(request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        said = {"at": form.cleaned_data["moment"], "agreed": request.POST.getlist("agreed")}
        try:
            schedule_move(installation, version=version, actor=request.user, **said)
        except Invalid as error:
            add_refusals(form, error)
        else:
            messages.success(request, f"The move to {version.number} is planned.")
            return redirect(installation)
    context = {
        "installation": installation,
        "version": version,
        "wider": wider,
        "differences": compare(installation.pin.version.parsed, version.parsed).rows,
        "form": form,
        "denied": why_not(request.user, "registry.pin_installation", installation),
    }
    return render(request, "registry/move_schedule.html", context, status=422 if form.is_bound else 200)


@require_POST
def move_removal(request, workspace, pk):
    installation = visible(request, pk)
    rows = ScheduledMove.objects.in_workspace(request.workspace).filter(
        installation=installation, state=ScheduledMove.State.WAITING
    )
    move = get_object_or_404(rows.select_related("installation__workspace", "version"))
    call_off(move, actor=request.user)
    messages.success(request, f"The move to {move.version.number} was called off.")
    return redirect(installation)


def visible(request, pk) -> Installation:
    """An active installation that they may see."""
    rows = Installation.objects.in_workspace(request.workspace).active().visible_to(request.user)
    return get_object_or_404(rows.select_related("workspace", "extension", "pin__version"), pk=pk)


def version_asked(request, installation: Installation) -> Version:
    digest = request.POST.get("to") if request.method == "POST" else request.GET.get("to")
    versions = Version.objects.installable().filter(extension=installation.extension_id)
    newer = versions.filter(sort_key__gt=installation.pin.version.sort_key).select_related("extension")
    return get_object_or_404(newer.of_digest(digest or ""))


def _add(form, error: Invalid) -> None:
    """Refusals of the window's days stand beside them."""
    if "weekdays" in error.fields:
        error.fields["days"] = error.fields.pop("weekdays")
    add_refusals(form, error)
