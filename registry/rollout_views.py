"""Pages about roll-outs, and about the versions that packs call for themselves."""

from django.contrib import messages
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from galaxy.core.errors import Invalid
from galaxy.core.fields import add_refusals
from galaxy.core.http import wants_partial
from galaxy.core.permissions import why_not
from registry.compat import compare
from registry.courses import Course
from registry.gates import Outlook, ReplayFirst, outlook_of
from registry.models import Installation, Kind, PackPin, RollOut, Version
from registry.services.holding import why_not_move
from registry.services.moving import hold_against, upgrade_step, widening_of
from registry.update_forms import PackPinForm, RollOutForm
from registry.update_views import version_asked, visible
from registry.updates.faring import faring_of
from registry.updates.pack_pins import pin_for_pack, unpin_for_pack
from registry.updates.rollouts import (
    advance_rollout,
    finish_rollout,
    resume_rollout,
    return_rollout,
    start_rollout,
    stop_rollout,
)


@require_http_methods(["GET", "HEAD", "POST"])
def roll_out_create(request, workspace, pk):
    """How ``to`` (a digest) is rolled out; the form names what was shown beyond what was agreed to. Where it has to be
    asked for, the form is sent elsewhere (registry.gates.Outlook)."""
    installation = visible(request, pk)
    version = version_asked(request, installation)
    form = course_form(request, installation)
    if form.is_bound and form.is_valid():
        said = {"course": form.course, "agreed": request.POST.getlist("agreed")}
        try:
            rollout = start_rollout(installation, version=version, actor=request.user, **said)
        except Invalid as error:
            add_refusals(form, error)
        except ReplayFirst as error:
            messages.info(request, f"{error} Roll it out once that is over.")
            return redirect(error.url)
        else:
            messages.success(request, f"{version.number} is being rolled out.")
            return redirect(rollout)
    return roll_out_page(request, installation, version, form)


def course_form(request, installation: Installation) -> RollOutForm:
    return RollOutForm(request.POST if request.method == "POST" else None, packs=_packs(request, installation))


def roll_out_page(request, installation: Installation, version: Version, form: RollOutForm):
    """The page with ``form``, as it was sent where that was refused: for whoever the form is sent to."""
    wider = widening_of(installation, version.parsed)
    denied = why_not_move(request.user, installation, widens=bool(wider))
    step = upgrade_step(installation, version, request.user, course=Course())
    context = {
        "installation": installation,
        "version": version,
        "wider": wider,
        "differences": compare(installation.pin.version.parsed, version.parsed).rows,
        "form": form,
        "held": hold_against(installation, version),
        "denied": denied,
        "outlook": outlook_of([step], may=denied is None),
    }
    return render(request, "registry/roll_out_create.html", context, status=422 if form.is_bound else 200)


@require_safe
def roll_out_detail(request, workspace, pk):
    """One roll-out; while it runs its progress is asked for again and again."""
    rollout = _visible(request, pk)
    template = "registry/_roll_out.html" if wants_partial(request) else "registry/roll_out.html"
    return render(request, template, _context(request, rollout))


@require_POST
def roll_out_decision(request, workspace, pk):
    """``act``: stop, resume, advance, finish or return; the first and the last with a reason."""
    rollout = _visible(request, pk)
    act, reason = request.POST.get("act"), request.POST.get("reason", "")
    if act == "stop":
        stop_rollout(rollout, by=request.user, why=reason)
    elif act == "resume":
        resume_rollout(rollout, by=request.user)
    elif act == "advance":
        advance_rollout(rollout, by=request.user)
    elif act == "finish":
        finish_rollout(rollout, by=request.user)
    elif act == "return":
        return_rollout(rollout, by=request.user, why=reason)
    else:
        raise Invalid("There is no such step.", {"act": "Choose stop, resume, advance, finish or return."})
    messages.success(request, _SAID[act].format(rollout.version.number))
    return redirect(rollout)


_SAID = {
    "stop": "No further run takes {}.",
    "resume": "{} is being rolled out again.",
    "advance": "{} goes on.",
    "finish": "Everything takes {} from now on.",
    "return": "{} was taken back.",
}


@require_http_methods(["GET", "HEAD", "POST"])
def pack_pin_list(request, workspace, pk):
    """The packs that call a version of their own, and the form that pins one."""
    installation = visible(request, pk)
    packs = _packs(request, installation)
    versions = Version.objects.installable().filter(extension=installation.extension_id).defer("manifest")
    form = PackPinForm(request.POST if request.method == "POST" else None, packs=packs, versions=versions)
    if form.is_bound and form.is_valid():
        try:
            pin = pin_for_pack(installation, actor=request.user, **form.cleaned_data)
        except Invalid as error:
            add_refusals(form, error)
        else:
            messages.success(request, f"{pin.pack} calls {pin.version.number} from now on.")
            return redirect("registry:pack-pin-list", request.workspace.slug, installation.pk)
    pins = PackPin.objects.in_workspace(request.workspace).filter(installation=installation)
    related = ("pack__workspace", "pack__extension", "version", "pinned_by")
    context = {
        "installation": installation,
        "pins": pins.select_related(*related).order_by("pack__extension__name"),
        "form": form,
        "has_packs": packs.exists(),
        "denied": why_not(request.user, "registry.pin_installation", installation),
    }
    return render(request, "registry/pack_pin_list.html", context, status=422 if form.is_bound else 200)


@require_POST
def pack_pin_removal(request, workspace, pk, pin):
    installation = visible(request, pk)
    rows = PackPin.objects.in_workspace(request.workspace).filter(installation=installation)
    related = ("installation__workspace", "installation__extension", "pack__workspace", "pack__extension")
    row = get_object_or_404(rows.select_related(*related), pk=pin)
    unpin_for_pack(row, actor=request.user)
    messages.success(request, f"{row.pack} calls what everybody calls from now on.")
    return redirect("registry:pack-pin-list", request.workspace.slug, installation.pk)


def _visible(request, pk) -> RollOut:
    seen = Installation.objects.in_workspace(request.workspace).visible_to(request.user)
    rows = RollOut.objects.in_workspace(request.workspace).filter(installation__in=seen)
    related = ("workspace", "version", "before", "started_by", "ended_by", "installation__workspace")
    return get_object_or_404(rows.select_related(*related, "installation__extension"), pk=pk)


def _context(request, rollout: RollOut) -> dict:
    faring = faring_of(rollout)
    stages = [
        stage | {"is_now": at == rollout.stage, "is_done": at < rollout.stage}
        for at, stage in enumerate(rollout.stages)
    ]
    return {
        "rollout": rollout,
        "installation": rollout.installation,
        "faring": faring,
        "tone": "bad" if rollout.stopped_itself else faring.tone if faring else "",
        "stages": stages,
        "is_last": rollout.stage + 1 >= len(rollout.stages),
        "missing": max(0, rollout.least_calls - faring.calls) if faring else 0,
        "packs": [one.pack for one in rollout.packs.select_related("pack__workspace", "pack__extension")],
        "denied": (denied := why_not(request.user, "registry.pin_installation", rollout.installation)),
        "hurry": _hurry(request, rollout) if rollout.approval and rollout.is_open and not denied else None,
    }


def _hurry(request, rollout: RollOut) -> Outlook | None:
    """What stands in the way of taking it further than its hours do, where somebody agreed to those."""
    return outlook_of([upgrade_step(rollout.installation, rollout.version, request.user)], may=True)


def _packs(request, installation: Installation):
    """The packs here that call it, as far as they may be seen."""
    rows = Installation.objects.in_workspace(request.workspace).active().visible_to(request.user)
    slug = installation.extension.slug
    rows = rows.filter(extension__kind=Kind.PACK, pin__version__manifest__requires__has_key=slug)
    return rows.select_related("extension").order_by("extension__name")
