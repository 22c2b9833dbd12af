"""Moving an installation to a newer version: which there are, and consent to one. The way back: registry.rollback."""

from django.contrib import messages
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from registry.asks import asks_of
from registry.compat import compare
from registry.gates import ReplayFirst, outlook_of
from registry.models import Installation, Version
from registry.moves import foresee
from registry.pack_fits import misfit_of, stopped_by_move, told_to
from registry.services import move_pin, widen
from registry.services.holding import why_not_hold, why_not_move
from registry.services.moving import hold_against, upgrade_step, widening_of
from registry.services.widening import widen_step


@require_http_methods(["GET", "HEAD", "POST"])
def pin_change(request, workspace, pk):
    """Without ``to``, the versions there are; with it (a digest), what moving there means, and the form that does it.

    The form names what was shown beyond what was agreed to, so that nothing more is agreed to unseen.
    """
    rows = Installation.objects.in_workspace(request.workspace).active().visible_to(request.user)
    installation = get_object_or_404(rows.select_related("workspace", "extension", "pin__version"), pk=pk)
    versions = Version.objects.installable().filter(extension=installation.extension_id)
    others = versions.exclude(pk=installation.pin.version_id)
    digest = request.POST.get("to", "") if request.method == "POST" else request.GET.get("to")
    if digest is None:
        context = {"installation": installation, "versions": others.defer("manifest")}
        return render(request, "registry/pin_choice.html", context)
    version = get_object_or_404(others.select_related("extension").of_digest(digest))
    if version.sort_key < installation.pin.version.sort_key:  # whoever goes back says why, on a page of its own
        back = reverse("registry:rollback", args=[request.workspace.slug, installation.pk])
        return redirect(f"{back}?to={version.digest}")
    wider = widening_of(installation, version.parsed)
    if request.method == "POST":
        agrees = set(wider.words) <= set(request.POST.getlist("agreed"))
        keeps = bool(request.POST.get("keeps"))
        try:
            stops = bool(request.POST.get("stops"))
            move_pin(installation, version=version, actor=request.user, agrees=agrees, keeps=keeps, stops=stops)
        except ReplayFirst as error:
            messages.info(request, f"{error} Move it once that is over.")
            return redirect(error.url)
        messages.success(request, f"{installation} is held at {version.number} now.")
        return redirect(installation)
    denied = why_not_move(request.user, installation, widens=bool(wider))
    step = upgrade_step(installation, version, request.user)
    stopped = told_to(request.user, stopped_by_move(installation, version), request.workspace)
    if why := misfit_of(installation, version):
        stopped.append((str(installation), why))
    context = {
        "installation": installation,
        "version": version,
        "wider": wider,
        "asks": [ask for ask in asks_of(version.parsed) if ask.scope in wider.scopes],
        "can_keep": bool(wider.scopes) and not wider.hosts and not wider.asks,
        "differences": compare(installation.pin.version.parsed, version.parsed).rows,
        "foresight": foresee(installation, version, request.user),
        "stopped": stopped,
        "held": hold_against(installation, version),
        "denied": denied,
        "outlook": outlook_of([step], may=denied is None),
    }
    return render(request, "registry/pin_change.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def widening(request, workspace, pk):
    """What the pinned version asks for and was not given, and the form that agrees to it, naming what was shown."""
    rows = Installation.objects.in_workspace(request.workspace).active().visible_to(request.user)
    installation = get_object_or_404(rows.select_related("workspace", "extension", "pin__version"), pk=pk)
    if request.method == "POST":
        widen(installation, actor=request.user, agreed=request.POST.getlist("agreed"))
        messages.success(request, f"{installation} may use all that {installation.pin.version.number} asks for.")
        return redirect(installation)
    wider = widening_of(installation, installation.pin.version.parsed)
    if not wider:
        messages.info(request, f"{installation} has all that {installation.pin.version.number} asks for.")
        return redirect(installation)
    denied = why_not_hold(request.user, request.workspace, installation.extension)
    manifest = installation.pin.version.parsed
    context = {
        "installation": installation,
        "wider": wider,
        "asks": [ask for ask in asks_of(manifest) if ask.scope in wider.scopes],
        "denied": denied,
        "outlook": outlook_of([widen_step(installation, request.user)], may=denied is None),
    }
    return render(request, "registry/widening.html", context)
