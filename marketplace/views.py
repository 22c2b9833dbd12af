"""Pages of the marketplace: search, one extension, and the consent that installs it."""

from django.contrib import messages
from django.core.paginator import Paginator
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from galaxy.core.http import wants_partial
from galaxy.core.permissions import require, why_not
from marketplace.forms import SORTS, SearchForm, facets
from marketplace.markdown import render as render_markdown
from marketplace.models import Listing
from marketplace.reading import (
    cards_of,
    docs_of,
    installation_of,
    installations_here,
    releases_of,
    requirements_of,
    with_extension,
)
from marketplace.reviews.reading import summary_of
from marketplace.search import Search, search
from marketplace.services import asks_for, install_listing, plan_installation
from registry.contents import contents_of
from registry.gates import outlook_of
from registry.services.installing import install_step
from registry.services.quarantining import reason_of
from registry.standing import standings_of

PAGE_SIZE = 24


@require_safe
def listing_list(request, workspace):
    require(request.user, "core.view_listing", request.workspace)
    form = SearchForm(request.GET)
    wanted = form.search
    found = search(wanted, workspace=request.workspace, user=request.user)
    paginator = Paginator(with_extension(found.listings), PAGE_SIZE)
    paginator.count = found.total  # known from the facets already
    page = paginator.get_page(request.GET.get("page"))
    groups = facets(wanted, found.counts)
    context = {
        "wanted": wanted,
        "facets": groups,
        "facets_set": sum(option.is_checked for facet in groups for option in facet.options),
        "sorts": SORTS,
        "total": found.total,
        "announcement": _announcement(found.total),
        "no_match": _no_match(wanted),
        "page": page,
        "cards": cards_of(page.object_list, request.workspace, request.user),
        "install_denied": why_not(request.user, "core.install_extension", request.workspace),
    }
    template = "marketplace/_search_answer.html" if wants_partial(request) else "marketplace/listing_list.html"
    return render(request, template, context)


@require_safe
def listing_detail(request, workspace, slug):
    require(request.user, "core.view_listing", request.workspace)
    listing = _listing(slug)
    manifest = listing.version.parsed
    here = installations_here([slug, *manifest.requires], request.workspace, request.user)
    there = installation_of(listing, here)
    context = {
        "listing": listing,
        "extension": listing.extension,
        "version": listing.version,
        "quarantine_reason": reason_of(listing.version),
        "releases": releases_of(listing.extension.versions.defer("manifest")),
        "manifest": manifest,
        "asks": asks_for(listing.version),
        "contents": contents_of(manifest),
        "docs": render_markdown(docs_of(listing.version)),
        "installation": there,
        "standing": standings_of([there]).get(there.pk) if there else None,
        "requirements": requirements_of(manifest.requires, here),
        "reviews": summary_of(listing.extension),
        "install_denied": why_not(request.user, "core.install_extension", request.workspace),
    }
    return render(request, "marketplace/listing_detail.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def listing_install(request, workspace, slug):
    """Consent: what would be installed and all it asks for; the form names the digests that were shown."""
    require(request.user, "core.view_listing", request.workspace)
    listing = _listing(slug)
    if request.method == "POST":
        installation = install_listing(
            request.workspace, listing, seen=request.POST.getlist("digest"), actor=request.user
        )
        messages.success(request, f"{installation} is installed.")
        return redirect(installation)
    installed = installation_of(listing, installations_here([slug], request.workspace, request.user))
    if installed:
        messages.info(request, f"{installed} is installed already.")
        return redirect(installed)
    plan = plan_installation(request.workspace, listing)
    denied = why_not(request.user, "core.install_extension", request.workspace)
    steps = [install_step(request.workspace, offer.version, request.user) for offer in plan.offers]
    context = {
        "listing": listing,
        "extension": listing.extension,
        "plan": plan,
        "others": len(plan.offers) - 1,
        "needs_connection": any(offer.manifest.hosts for offer in plan.offers),
        "install_denied": denied,
        "outlook": None if plan.unmet else outlook_of(steps, may=denied is None),
    }
    return render(request, "marketplace/listing_install.html", context)


def _announcement(total: int) -> str:
    return f"{total or 'No'} extension{'' if total == 1 else 's'}."


def _no_match(wanted: Search) -> str:
    """Why nothing is shown, by what was set."""
    if not wanted.q:
        return "No extension has all of that. Fewer filters find more."
    if wanted == Search(q=wanted.q, sort=wanted.sort):
        return f"No extension matches “{wanted.q}”. Fewer or other words find more."
    return f"No extension matches “{wanted.q}” under these filters. Fewer words or filters find more."


def _listing(slug: str) -> Listing:
    return get_object_or_404(
        Listing.objects.select_related("extension", "version__extension").defer("search"), extension__slug=slug
    )
