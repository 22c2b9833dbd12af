"""Pages about what is installed: the list, one installation, and its removal."""

from uuid import UUID

from django.contrib import messages
from django.core.paginator import Page, Paginator
from django.db.models import QuerySet
from django.http import Http404
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from galaxy.core.http import requested_sort, wants_partial
from galaxy.core.kept_queries import kept_rows
from galaxy.core.object_grants import grant_rows, object_grants
from galaxy.core.permissions import NotGranted, can, why_not
from registry.access import ACTS, who_may
from registry.connecting_views import reach_of
from registry.contents import contents_of
from registry.dependants import dependants_of, grouped, uses_of
from registry.forms import InstallationFilterForm, RemovalForm
from registry.models import Installation
from registry.reading import asks_here, installations_for, mode_of, pin_states, rows_of
from registry.rollback.targets import first_good
from registry.services import connection_for, uninstall
from registry.services.moving import widening_of
from registry.services.quarantining import reason_of
from registry.standing import standings_of
from registry.updates.showing import card_of

PAGE_SIZE = 40
SORTS = {
    "name": "extension__name",
    "kind": "extension__kind",
    "by": "installed_by__name",
    "installed": "installed_at",
}


@require_safe
def installation_list(request, workspace):
    installations = installations_for(request.user, request.workspace)
    denied = why_not(request.user, "core.view_installation", request.workspace)
    if denied and not installations.exists():  # a grant on one installation is enough to see a list of one
        raise NotGranted(denied)
    form = InstallationFilterForm(request.GET)
    sort, order = requested_sort(request, SORTS, "name")
    page = _page_of(request, form, installations, order)
    context = {
        "form": form,
        "page": page,
        "rows": rows_of(list(page.object_list), request.user, request.workspace),
        "sort": sort,
        "may_browse": can(request.user, "core.view_listing", request.workspace),
        "install_denied": why_not(request.user, "core.install_extension", request.workspace),
    }
    template = "registry/_installations.html" if wants_partial(request) else "registry/installation_list.html"
    return render(request, template, context)


def _page_of(request, form: InstallationFilterForm, installations: QuerySet[Installation], order: str) -> Page:
    """``installations`` follow from the reader, so that the first page of all is asked for in kept words."""
    number = request.GET.get("page")
    if not form.is_set and number in (None, "", "1"):

        def ask() -> QuerySet[Installation]:
            return installations.order_by(order, "pk")[: PAGE_SIZE + 1]

        few = kept_rows(request.user, request.workspace, ("registry.installed", order), ask)
        if 0 < len(few) <= PAGE_SIZE:  # one page holds them all, and nothing has to be counted
            return Paginator(few, PAGE_SIZE).get_page(1)
    return Paginator(form.apply(installations).order_by(order, "pk"), PAGE_SIZE).get_page(number)


@require_safe
def installation_detail(request, workspace, pk):
    installation = _visible(request, pk)
    return render(request, "registry/installation_detail.html", _detail(request, installation))


@require_safe
def installation_uses(request, workspace, pk):
    """Who uses it: the card of its page asks for the list once that stands, and whoever has no script opens this."""
    installation = _visible(request, pk)
    uses = uses_of(installation, request.user) if installation.is_active else []
    context = {"installation": installation, "uses": grouped(uses), "uses_count": sum(use.count for use in uses)}
    template = "registry/_used_by.html" if wants_partial(request) else "registry/used_by.html"
    return render(request, template, context)


@require_http_methods(["GET", "HEAD", "POST"])
def installation_removal(request, workspace, pk):
    """Asks first; the same form stands in a dialog on the installation's page."""
    installation = _visible(request, pk)
    uses = dependants_of(installation, request.user) if installation.is_active else []
    form = RemovalForm(
        request.POST if request.method == "POST" else None, name=installation.extension.name if uses else ""
    )
    if request.method == "POST" and form.is_valid():
        said = form.cleaned_data
        uninstall(installation, actor=request.user, reason=said["reason"], confirmed=said.get("name", ""))
        messages.success(request, f"{installation} was removed.")
        return redirect("registry:installation-list", request.workspace.slug)
    context = {"installation": installation, "form": form, "uses": grouped(uses)}
    context["removal_denied"] = why_not(request.user, "core.install_extension", installation.workspace)
    status = 422 if form.is_bound else 200
    return render(request, "registry/installation_removal.html", context, status=status)


def _visible(request, pk) -> Installation:
    def ask(pk: UUID) -> QuerySet[Installation]:
        rows = Installation.objects.in_workspace(request.workspace).visible_to(request.user)
        return rows.select_related("workspace", "extension", "installed_by", "pin__version").filter(pk=pk)

    found = kept_rows(request.user, request.workspace, "registry.installation", ask, pk=pk)
    if not found:
        raise Http404("No such installation.")
    return found[0]


def _detail(request, installation: Installation) -> dict:
    states = pin_states(installation)
    version = installation.pin.version if installation.is_active else states[0].version
    version.extension = installation.extension  # the same row, which is here already
    manifest = version.parsed
    contents = contents_of(manifest)
    user = request.user
    connection = connection_for(installation, user)
    if connection:
        connection.workspace = installation.workspace  # of the same, for its address
    updates = card_of(installation, user) if installation.is_active else None
    rows = grant_rows(installation, ACTS)
    return {
        "installation": installation,
        "version": version,
        "manifest": manifest,
        "states": states,
        "asks": asks_here(installation.workspace, manifest),
        "contents": contents,
        "connection": connection,
        "reach": reach_of(installation, manifest, user),
        "mode": mode_of(installation, user, connection) if installation.is_active else "",
        "newer": updates.plan.newest if updates else None,
        "back": first_good(states, installation) if installation.is_active else None,
        "off": widening_of(installation, manifest).scopes if installation.is_active else (),
        "standing": standings_of([installation]).get(installation.pk) if installation.is_active else None,
        "who": who_may(installation, rows),
        "grants": object_grants(user, installation, rows),
        "updates": updates,
        "run_denied": why_not(user, "registry.run_installation", installation),
        "write_denied": why_not(user, "registry.write_installation", installation),
        "kind_is_whole": not contents.actions,
        "pinned_words": f"Held at {version.number}",
        "may_browse": can(user, "core.view_listing", installation),
        "quarantine_reason": reason_of(version),
        "removal_denied": why_not(user, "core.install_extension", installation.workspace),
    }
