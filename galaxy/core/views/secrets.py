"""Secrets of a workspace: stored, rotated step by step, and shredded. No page ever shows a value."""

from django.contrib import messages
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from galaxy.core.errors import Invalid
from galaxy.core.fields import add_refusals
from galaxy.core.http import wants_partial
from galaxy.core.models import SecretVersion
from galaxy.core.permissions import require, why_not
from galaxy.core.recent_proof import require_recent_proof
from galaxy.core.secret_forms import SecretFilterForm, SecretForm, ShredForm, TestForm, ValueForm
from galaxy.core.vault import reading
from galaxy.core.vault.sealing import why_closed
from galaxy.core.vault.services import (
    create_secret,
    retire_version,
    rewrap,
    shred_secret,
    stage_version,
    switch_version,
    test_version,
)

MANAGE = "core.manage_secret"


@require_safe
def secret_list(request, workspace):
    require(request.user, "core.view_secret", request.workspace)
    form = SecretFilterForm(request.GET)
    wanted = form.cleaned_data if form.is_valid() else dict.fromkeys(form.fields, "")
    secrets = reading.secrets_of(request.workspace)
    secrets = secrets.exclude(shredded_at=None) if wanted["state"] else secrets.kept()
    if wanted["q"]:
        secrets = secrets.filter(name__icontains=wanted["q"])
    page = reading.page_of(secrets, before=wanted["before"], after=wanted["after"])
    stages = (SecretVersion.Stage.CURRENT, SecretVersion.Stage.STAGED)
    rows = [(secret, *(reading.in_stage(secret, stage) for stage in stages)) for secret in page.secrets]
    is_filtered = bool(wanted["q"] or wanted["state"])
    context = {"form": form, "page": page, "rows": rows, "is_filtered": is_filtered, "denied": _denied(request)}
    template = "core/_secrets.html" if wants_partial(request) else "core/secret_list.html"
    return render(request, template, context)


@sensitive_post_parameters("value")
@sensitive_variables("form")
@require_http_methods(["GET", "HEAD", "POST"])
def secret_create(request, workspace):
    require(request.user, MANAGE, request.workspace)
    form = SecretForm(_sent(request), initial={"places": ["header"]})
    if form.is_bound and form.is_valid():
        try:
            secret = create_secret(request.workspace, actor=request.user, **form.cleaned_data)
        except Invalid as error:
            add_refusals(form, error)
        else:
            messages.success(request, f"{secret} is stored. Nobody can read it back, you included.")
            return redirect(secret)
    return _form_page(request, form)


@require_safe
def secret_detail(request, workspace, pk):
    require(request.user, "core.view_secret", request.workspace)
    return _detail(request, _found(request, pk))


@sensitive_post_parameters("value")
@sensitive_variables("form")
@require_http_methods(["GET", "HEAD", "POST"])
def secret_staging(request, workspace, pk):
    """The next value, beside the one in use."""
    require(request.user, MANAGE, request.workspace)
    secret = _found(request, pk)
    current = reading.in_stage(secret, SecretVersion.Stage.CURRENT)
    now = {"hosts": current.hosts, "places": current.places} if current else {}
    form = ValueForm(_sent(request), initial=now)
    if form.is_bound and form.is_valid():
        try:
            version = stage_version(secret, actor=request.user, **form.cleaned_data)
        except Invalid as error:
            add_refusals(form, error)
        else:
            messages.success(request, f"{version} is staged. Nothing uses it before you switch.")
            return redirect(secret)
    return _form_page(request, form, secret)


@require_POST
def secret_test(request, workspace, pk, number):
    version = _version(request, pk, number)
    form = TestForm(request.POST, hosts=version.hosts)
    if not form.is_valid():
        return _detail(request, _found(request, pk), form, status=422)
    finding = test_version(version, address=form.cleaned_data["address"], actor=request.user)
    say = messages.success if finding.passed else messages.warning
    say(request, f"{version}: {finding.sentence}")
    return redirect(version.secret)


@require_POST
def secret_switch(request, workspace, pk, number):
    version = switch_version(_version(request, pk, number), actor=request.user)
    messages.success(
        request, f"{version} is used from now on. The one before can be switched back to until you retire it."
    )
    return redirect(version.secret)


@require_POST
def secret_retirement(request, workspace, pk, number):
    version = retire_version(_version(request, pk, number), actor=request.user)
    messages.success(request, f"{version} is retired, and its key destroyed.")
    return redirect(version.secret)


@require_http_methods(["GET", "HEAD", "POST"])
def secret_shredding(request, workspace, pk):
    require(request.user, MANAGE, request.workspace)
    secret = _found(request, pk)
    form = ShredForm(_sent(request), secret=secret)
    if form.is_bound and form.is_valid():
        require_recent_proof(request, f"Shred {secret}")
        shred_secret(secret, actor=request.user)
        messages.success(request, f"{secret} is shredded. Its name is free again.")
        return redirect("core:secret-list", request.workspace.slug)
    context = {"secret": secret, "form": form}
    return render(request, "core/secret_shredding.html", context, status=422 if form.is_bound else 200)


@require_http_methods(["GET", "HEAD", "POST"])
def secret_keys(request, workspace):
    """The keys of the workspace, and the rotation of the newest; its progress is a partial that asks again."""
    require(request.user, "core.view_secret", request.workspace)
    if request.method == "POST":
        rewrap(request.workspace, actor=request.user)
        messages.success(request, "The workspace has a new key. A worker wraps everything with it now.")
        return redirect("core:secret-keys", request.workspace.slug)
    context = {
        "keys": reading.keys_of(request.workspace),
        "job": reading.latest_rewrap(request.workspace),
        "denied": _denied(request),
        "closed": why_closed(),
    }
    template = "core/_secret_keys.html" if wants_partial(request) else "core/secret_keys.html"
    return render(request, template, context)


def _sent(request):
    return request.POST if request.method == "POST" else None


def _denied(request):
    return why_not(request.user, MANAGE, request.workspace)


def _found(request, pk):
    return get_object_or_404(reading.secrets_of(request.workspace).select_related("shredded_by"), pk=pk)


def _version(request, pk, number):
    require(request.user, MANAGE, request.workspace)
    versions = SecretVersion.objects.in_workspace(request.workspace).select_related("secret__workspace")
    return get_object_or_404(versions, secret=pk, number=number)


def _form_page(request, form, secret=None):
    context = {"form": form, "secret": secret, "closed": why_closed()}
    return render(request, "core/secret_form.html", context, status=422 if form.is_bound else 200)


def _detail(request, secret, form=None, *, status=200):
    rotation = reading.rotation_of(secret)
    if rotation.staged and rotation.can_test and form is None:
        form = TestForm(hosts=rotation.staged.hosts)
    context = {
        "secret": secret,
        "versions": reading.versions_of(secret),
        "rotation": rotation,
        "uses": reading.uses_of(secret),
        "form": form,
        "denied": _denied(request),
    }
    return render(request, "core/secret_detail.html", context, status=status)
