"""Pages of what one publishes: its versions, and how they end."""

from datetime import timedelta

from django.contrib import messages
from django.core.paginator import Paginator
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from galaxy.core.errors import Invalid
from galaxy.core.fields import add_refusals
from marketplace.retiring.forms import DeprecationEndForm, DeprecationForm, YankingForm
from marketplace.retiring.reading import publications_of, release_of, releases_of, require_publications
from marketplace.telemetry.access import telemetry_url
from registry.models import Extension, Version
from registry.publishers.keys import may_sign_for
from registry.services.retiring import (
    LEAST_DAYS,
    deprecate,
    may_retire,
    require_publisher,
    undo_deprecation,
    yank,
)

PAGE_SIZE = 40


@require_safe
def publication_list(request, workspace):
    require_publications(request.user, request.workspace)
    page = Paginator(publications_of(request.workspace), PAGE_SIZE).get_page(request.GET.get("page"))
    return render(request, "retiring/publication_list.html", {"page": page})


@require_safe
def publication_detail(request, workspace, slug):
    extension = _extension(request, slug)
    context = {
        "extension": extension,
        "rows": releases_of(extension),
        "may_retire": may_retire(request.user, extension),
        "telemetry_url": telemetry_url(request.user, extension, request.workspace),
        "may_sign": may_sign_for(request.user, extension),
    }
    return render(request, "retiring/publication_detail.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def deprecation(request, workspace, slug, number):
    version = version_here(request, slug, number)
    require_publisher(request.user, version.extension)
    successors = Version.objects.installable().filter(extension=version.extension).exclude(pk=version.pk)
    there = {name: getattr(version, name) for name in ("ends_on", "successor", "migration_note")}
    initial = there | {"reason": version.retire_reason} if version.is_deprecated else None
    data = request.POST if request.method == "POST" else None
    form = DeprecationForm(
        data,
        initial=initial,
        successors=successors.defer("manifest").select_related("extension"),
        earliest=version.ends_on or timezone.now().date() + timedelta(days=LEAST_DAYS),
    )
    if form.is_bound and form.is_valid():
        try:
            deprecate(version, actor=request.user, **form.cleaned_data)
        except Invalid as error:
            add_refusals(form, error)
        else:
            messages.success(request, f"{version} is deprecated. Whoever holds it is told in time.")
            return _back(request, version)
    context = {"version": version, "extension": version.extension, "form": form}
    return render(request, "retiring/deprecation.html", context, status=422 if form.is_bound else 200)


@require_http_methods(["GET", "HEAD", "POST"])
def deprecation_end(request, workspace, slug, number):
    return _with_reason(
        request,
        slug,
        number,
        DeprecationEndForm,
        undo_deprecation,
        "retiring/deprecation_end.html",
        "is deprecated no more",
    )


@require_http_methods(["GET", "HEAD", "POST"])
def yanking(request, workspace, slug, number):
    return _with_reason(request, slug, number, YankingForm, yank, "retiring/yanking.html", "is yanked")


def _with_reason(request, slug, number, form_class, act, template, said):
    version = version_here(request, slug, number)
    require_publisher(request.user, version.extension)
    form = form_class(request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        try:
            act(version, actor=request.user, **form.cleaned_data)
        except Invalid as error:
            add_refusals(form, error)
        else:
            messages.success(request, f"{version} {said}.")
            return _back(request, version)
    context = {"version": version, "extension": version.extension, "form": form}
    return render(request, template, context, status=422 if form.is_bound else 200)


def _back(request, version: Version):
    return redirect("retiring:publication-detail", request.workspace.slug, version.extension.slug)


def _extension(request, slug: str) -> Extension:
    """What is published here, else a 404: another publisher's is none of this workspace's pages."""
    require_publications(request.user, request.workspace)
    return get_object_or_404(publications_of(request.workspace), slug=slug)


def version_here(request, slug: str, number: str) -> Version:
    """A version of what is published here, else a 404."""
    return release_of(_extension(request, slug), number)
