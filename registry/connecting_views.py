"""How an installation of Python reaches out: going live, and the secrets its code may use."""

from dataclasses import dataclass, field

from django.contrib import messages
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from galaxy.core.errors import Invalid
from galaxy.core.fields import add_refusals
from galaxy.core.models import User
from galaxy.core.permissions import Denied, require, why_not
from registry.forms import SecretUseForm
from registry.manifests import Manifest
from registry.models import Installation, SecretUse
from registry.services import give_secret, needs_no_sign_in, set_live, take_secret
from registry.services.connecting import require_no_sign_in
from registry.services.resolving import reaches_out


@dataclass(frozen=True)
class Reach:
    """What the page of an installation says of its way out: ``is_python`` that it needs no signing in at a provider,
    ``denied`` why its controls are off."""

    is_python: bool
    uses: list[SecretUse] = field(default_factory=list)
    denied: Denied | None = None


def reach_of(installation: Installation, manifest: Manifest, user: User) -> Reach:
    if not (needs_no_sign_in(manifest) and reaches_out(manifest)):
        return Reach(is_python=False)
    uses = SecretUse.objects.in_workspace(installation.workspace).filter(installation=installation)
    denied = why_not(user, "core.manage_secret", installation.workspace)
    return Reach(True, list(uses.select_related("secret__workspace")), denied)


@require_POST
def live_mode(request, workspace, pk):
    installation = _visible(request, pk)
    live = request.POST.get("live") == "on"
    set_live(installation, live=live, actor=request.user)
    word = "runs live from now on" if live else "is simulated from now on"
    messages.success(request, f"{installation} {word}.")
    return redirect(installation)


@require_http_methods(["GET", "HEAD", "POST"])
def secret_use_create(request, workspace, pk):
    installation = _visible(request, pk)
    require(request.user, "core.manage_secret", request.workspace)
    require_no_sign_in(installation)
    form = SecretUseForm(request.POST or None, workspace=request.workspace)
    if request.method == "POST" and form.is_valid():
        try:
            use = give_secret(installation, actor=request.user, **form.cleaned_data)
        except Invalid as error:
            add_refusals(form, error)
        else:
            messages.success(request, f"The code of {installation} may use {use.secret} as {use.name}.")
            return redirect(installation)
    context = {"installation": installation, "form": form, "may_add": form.fields["secret"].queryset.exists()}
    status = 422 if form.is_bound else 200
    return render(request, "registry/secret_use_create.html", context, status=status)


@require_POST
def secret_use_removal(request, workspace, pk, use):
    installation = _visible(request, pk)
    uses = SecretUse.objects.in_workspace(request.workspace).filter(installation=installation)
    row = get_object_or_404(uses.select_related("installation__workspace", "secret"), pk=use)
    take_secret(row, actor=request.user)
    messages.success(request, f"The code of {installation} may not use {row.secret} any more.")
    return redirect(installation)


def _visible(request, pk) -> Installation:
    rows = Installation.objects.in_workspace(request.workspace).visible_to(request.user)
    return get_object_or_404(rows.select_related("workspace", "extension", "pin__version"), pk=pk)
