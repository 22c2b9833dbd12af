"""The page of a golden flow: its last nights, what is not as accepted, and what a person does about it."""

from django.contrib import messages
from django.core.paginator import Paginator
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from galaxy.core.errors import Invalid
from galaxy.core.http import wants_partial
from galaxy.core.permissions import can, why_not
from registry.models import Installation, Kind
from sandbox.golden import nights
from sandbox.golden.cases import is_recorded
from sandbox.golden.page import case_of, sides_of
from sandbox.models import GoldenFlow, GoldenNight, Issue

PAGE_SIZE = 10


@require_safe
def golden_flow(request, workspace, pk):
    """``night`` names one by its id, the latest one otherwise; ``case`` and ``side`` open what was played step by
    step."""
    pack = _pack(request, pk)
    return _page(request, pack)


@require_safe
def golden_night(request, workspace, pk):
    """How far a night is, asked for again and again while it is under way."""
    night = get_object_or_404(_nights(request).filter(pk=pk))
    if wants_partial(request):
        return render(request, "sandbox/golden/_night.html", {"night": night, "is_polled": True})
    return _page(request, _pack(request, night.flow.installation_id), night)


@require_POST
def golden_play(request, workspace, pk):
    night = nights.play_now(_pack(request, pk), actor=request.user)
    return redirect(f"{night.flow.get_absolute_url()}?night={night.pk}")


@require_POST
def golden_marking(request, workspace, pk):
    pack = _pack(request, pk)
    is_marked = request.POST.get("mark") == "on"
    nights.mark(pack, is_marked=is_marked, actor=request.user)
    words = "is among the first that are played each night" if is_marked else "is marked no more"
    messages.success(request, f"{pack.extension.name} {words}.")
    return redirect("sandbox:golden-flow", request.workspace.slug, pack.pk)


@require_POST
def golden_acceptance(request, workspace, pk):
    """``side`` says with which versions it is accepted, ``reason`` why."""
    night = get_object_or_404(_nights(request).filter(pk=pk))
    reason = request.POST.get("reason", "")
    try:
        nights.accept(night, side=request.POST.get("side", ""), reason=reason, actor=request.user)
    except Invalid as error:
        return _page(request, night.flow.installation, night, refusal=error, status=422)
    messages.success(request, "From now on it is held against this. The next night, or a run now, closes the issue.")
    return redirect(night.flow)


def _page(request, pack, night=None, *, refusal=None, status=200):
    flow = GoldenFlow.objects.in_workspace(request.workspace).filter(installation=pack)
    flow = flow.select_related("workspace", "accepted_by").first()
    rows = _nights(request).filter(flow=flow)
    page = Paginator(rows.defer("content"), PAGE_SIZE).get_page(request.GET.get("page"))
    asked = request.GET.get("night", "")
    latest = rows.first()
    if night is None and asked:
        night = next((one for one in rows.defer("content") if str(one.pk) == asked), None)
        night = night and rows.get(pk=night.pk)
    shown = night or latest
    case = request.GET.get("case", "")
    # A recorded call shows what somebody's run was given: to whoever may see every run.
    is_hidden = is_recorded(case) and not can(request.user, "core.view_run", request.workspace)
    issues = Issue.objects.in_workspace(request.workspace).visible_to(request.user).open()
    context = {
        "pack": pack,
        "simulated": True,
        "flow": flow,
        "night": shown,
        "is_latest": bool(shown and latest and shown.pk == latest.pk),
        "sides": sides_of(shown) if shown else [],
        "case": case_of(shown, request.GET.get("side", ""), case) if shown and not is_hidden else None,
        "is_hidden": is_hidden,
        "page": page,
        "issue": issues.filter(installation=pack, kind=Issue.Kind.GOLDEN_FAILING).select_related("workspace").first(),
        "play_denied": why_not(request.user, nights.MAY_PLAY, pack),
        "accept_denied": why_not(request.user, nights.MAY_ACCEPT, pack),
        "refusal": refusal,
        "reason": request.POST.get("reason", ""),
    }
    return render(request, "sandbox/golden/flow.html", context, status=status)


def _pack(request, pk):
    rows = Installation.objects.in_workspace(request.workspace).active().visible_to(request.user)
    rows = rows.filter(extension__kind=Kind.PACK)
    return get_object_or_404(rows.select_related("workspace", "extension", "pin__version", "installed_by"), pk=pk)


def _nights(request):
    rows = GoldenNight.objects.in_workspace(request.workspace).visible_to(request.user)
    return rows.select_related("workspace", "asked_by", "flow__workspace", "flow__installation__extension")
