"""Asking for an install, an upgrade or wider scopes, and the page of such a change."""

from uuid import UUID

from django.contrib import messages
from django.http import Http404
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from galaxy.core.errors import Invalid
from galaxy.core.fields import add_refusals
from galaxy.core.permissions import require
from policies.models import Change
from policies.services.change_facts import NEVER, compared_of, versions_of
from policies.services.changes import KINDS, ask_install, ask_upgrade, ask_widen
from policies.waiting import waiting_of
from registry.asks import asks_of
from registry.gates import INSTALL, UPGRADE, ReplayFirst
from registry.models import Installation, RollOut, Version
from registry.rollback.targets import version_to_ask_for
from registry.rollout_views import course_form, roll_out_page


@require_POST
def change_create(request, workspace):
    """The form of the page of the act, sent here instead: it names what was shown by digests and words.

    ``kind``; for an install ``version`` and ``digest`` (all that would be installed, this version among them); else
    ``installation`` and ``agreed`` words, and for an upgrade ``to``, ``keeps`` and ``override``; ``course`` says
    that it comes in step by step, as the other fields of the page of roll-outs say. ``reason`` is for the reviewers.
    """
    try:
        return _create(request)
    except ReplayFirst as error:
        messages.info(request, f"{error} Ask again once that is over.")
        return redirect(error.url)


def _create(request):
    kind, reason = request.POST.get("kind"), request.POST.get("reason", "").replace("\x00", "")[:500]
    if kind not in KINDS:
        raise Invalid("This form is broken.", next_step="Reload the page.")
    if kind == INSTALL:
        version, along = _to_install(request)
        change = ask_install(request.workspace, version, along=along, actor=request.user, reason=reason)
    else:
        installation = _installation(request)
        seen = {"agreed": request.POST.getlist("agreed"), "actor": request.user, "reason": reason}
        if kind == UPGRADE:
            version = version_to_ask_for(installation, request.POST.get("to", ""))
            if version is None:
                raise Http404("There is no such version to move to.")
            seen |= {"keeps": bool(request.POST.get("keeps")), "override": bool(request.POST.get("override"))}
            if not request.POST.get("course"):
                change = ask_upgrade(installation, version, **seen)
            else:
                form = course_form(request, installation)
                if not form.is_valid():
                    return roll_out_page(request, installation, version, form)
                try:
                    change = ask_upgrade(installation, version, course=form.course, **seen)
                except Invalid as error:
                    add_refusals(form, error)
                    return roll_out_page(request, installation, version, form)
        else:
            change = ask_widen(installation, **seen)
    if change.state == Change.State.WAITING:
        messages.success(request, "Asked. It is done the moment it is approved, and you are told.")
    return redirect(change)


@require_safe
def change_detail(request, workspace, pk):
    related = (
        "workspace",
        "extension",
        "version__extension",
        "installation__extension",
        "asked_by",
        "approval__workspace",
    )
    rows = Change.objects.in_workspace(request.workspace).visible_to(request.user).select_related(*related)
    change = get_object_or_404(rows, pk=pk)
    versions = versions_of(change)
    context = {
        "change": change,
        "offers": [(version, asks_of(version.parsed)) for version in versions],
        "compared": compared_of(change),
        "new": change.approval.facts.get("new", ()) if change.approval else (),
        "never": NEVER,
        "course": change.approval.facts.get("course", ()) if change.approval else (),
        "rollout": _rollout(change) if change.course and change.state == Change.State.MADE else None,
        "waiting": waiting_of(change.approval) if change.approval else None,
    }
    return render(request, "policies/change_detail.html", context)


def _rollout(change: Change) -> RollOut | None:
    """The roll-out that it began."""
    rows = RollOut.objects.in_workspace(change.workspace).filter(
        installation=change.installation_id, approval=change.approval_id
    )
    return rows.select_related("workspace").first()


def _to_install(request) -> tuple[Version, list[Version]]:
    """The version that is wanted, and what comes before it in the order it would be installed."""
    require(request.user, "core.view_listing", request.workspace)
    named = request.POST.getlist("digest")[:20]
    rows = Version.objects.installable().open_to(request.workspace).of_digest(*named)
    found = {one.digest: one for one in rows.select_related("extension")}
    wanted = found.pop(request.POST.get("version", ""), None)
    if wanted is None or len(found) != len(set(named)) - 1:
        raise Invalid("This form names what cannot be installed.", next_step="Reload the page and look again.")
    return wanted, [found[digest] for digest in reversed(dict.fromkeys(named)) if digest in found]


def _installation(request) -> Installation:
    rows = Installation.objects.in_workspace(request.workspace).active().visible_to(request.user, request.workspace)
    try:
        pk = UUID(request.POST.get("installation", ""))
    except ValueError as error:
        raise Invalid("This form is broken.", next_step="Reload the page.") from error
    return get_object_or_404(rows.select_related("workspace", "extension", "pin__version"), pk=pk)
