"""The page of a rollback: what it means, what it does not take back, and the form that does it."""

from django.contrib import messages
from django.http import Http404
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods

from galaxy.core.errors import Invalid
from galaxy.core.fields import add_refusals
from galaxy.core.permissions import why_not
from registry.compat import compare
from registry.forms import RollbackForm
from registry.gates import outlook_of
from registry.models import Installation, Version
from registry.rollback.checks import checks_of
from registry.rollback.services import roll_back
from registry.rollback.targets import last_good, refusal_of, targets_of
from registry.services.holding import why_not_move
from registry.services.moving import upgrade_step, widening_of


@require_http_methods(["GET", "HEAD", "POST"])
def rollback(request, workspace, pk):
    """``to`` names the version by its digest; without it, the one that was held before. A form names what was shown:
    ``agreed`` words beyond what was agreed to, and ``accepted`` codes of what would stop."""
    rows = Installation.objects.in_workspace(request.workspace).active().visible_to(request.user)
    installation = get_object_or_404(rows.select_related("workspace", "extension", "pin__version"), pk=pk)
    version = _wanted(installation, (request.POST if request.method == "POST" else request.GET).get("to", ""))
    form = RollbackForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        shown = {"agreed": request.POST.getlist("agreed"), "accepted": request.POST.getlist("accepted")}
        try:
            roll_back(installation, version=version, actor=request.user, **form.cleaned_data, **shown)
        except Invalid as error:
            add_refusals(form, error)
        else:
            messages.success(request, f"{installation} is held at {version.number} again. What began goes on as it is.")
            return redirect(installation)
    context = {"installation": installation, "version": version, "form": form} | _outlook(
        request, installation, version
    )
    return render(request, "registry/rollback.html", context, status=422 if form.is_bound else 200)


def _wanted(installation: Installation, digest: str) -> Version:
    """The version of that digest, the one held before without one. Raises Http404."""
    if not digest:
        found = last_good(installation)
    else:
        found = next((one for one in targets_of(installation) if one.digest == digest), None)
    if found is None:
        raise Http404("There is no such version to go back to.")
    return found


def _outlook(request, installation: Installation, version: Version) -> dict:
    if refused := refusal_of(installation, version):
        return {"refused": refused}
    wider = widening_of(installation, version.parsed)
    checks = checks_of(installation, version, request.user)
    blocking = [check for check in checks if check.blocks]
    denied = why_not_move(request.user, installation, widens=bool(wider))
    if blocking and not denied:
        denied = why_not(request.user, "core.install_extension", request.workspace)
    return {
        "wider": wider,
        "checks": checks,
        "blocking": blocking,
        "differences": compare(installation.pin.version.parsed, version.parsed).rows,
        "denied": denied,
        "outlook": outlook_of([upgrade_step(installation, version, request.user)], may=denied is None),
    }
