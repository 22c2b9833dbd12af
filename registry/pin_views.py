"""Moving an installation to another version, back or forth: which there are, and consent to one."""

from django.contrib import messages
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods

from registry.models import Installation, Version
from registry.semver import satisfies
from registry.services import move_pin, needed_by
from registry.services.holding import why_not_move
from registry.services.moving import widening_of


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
    version = get_object_or_404(others.select_related("extension"), digest=digest)
    wider = widening_of(installation, version.parsed)
    if request.method == "POST":
        asked = {*wider.scopes, *wider.hosts}
        agrees = asked <= set(request.POST.getlist("agreed"))
        move_pin(installation, version=version, actor=request.user, agrees=agrees)
        messages.success(request, f"{installation} is held at {version.number} now.")
        return redirect(installation)
    context = {
        "installation": installation,
        "version": version,
        "is_back": version.sort_key < installation.pin.version.sort_key,
        "wider": [*wider.scopes, *wider.hosts],
        "stopped": _stopped(installation, version),
        "denied": why_not_move(request.user, installation, widens=bool(wider)),
    }
    return render(request, "registry/pin_change.html", context)


def _stopped(installation: Installation, version: Version) -> list[Installation]:
    """Packs here that call the extension and would not run with ``version``."""
    slug = installation.extension.slug
    packs = needed_by(installation)
    return [pack for pack in packs if not satisfies(version.number, pack.pin.version.parsed.requires.get(slug, "*"))]
