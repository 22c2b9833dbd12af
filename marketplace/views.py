"""Pages of the marketplace: search, one extension, and the consent that installs it."""

from uuid import UUID

from django.contrib import messages
from django.db.models import F, QuerySet
from django.http import Http404
from django.shortcuts import redirect, render
from django.utils.safestring import SafeString
from django.views.decorators.http import require_http_methods, require_safe

from galaxy.core.db.prepared import prepared
from galaxy.core.http import wants_partial
from galaxy.core.models import Workspace
from galaxy.core.permissions import can, require, why_not
from marketplace import facet_html
from marketplace.bundles.origins import origin_of
from marketplace.cards.figures import figures_of
from marketplace.cards.filling import Slots
from marketplace.cards.reading import cards_of
from marketplace.comparing import LEAST, MOST, compare
from marketplace.evidence.facing import badge_of_listing
from marketplace.evidence.standing import standing_of
from marketplace.forms import SORTS, Facet, SearchForm, facets
from marketplace.markdown import render as render_markdown
from marketplace.models import Listing
from marketplace.reading import (
    docs_of,
    installation_of,
    installations_here,
    is_update,
    releases_of,
    requirements_of,
)
from marketplace.reviews.reading import summary_of
from marketplace.search.engine import Found, Search, search
from marketplace.services import asks_for, install_listing, plan_installation
from marketplace.telemetry.access import telemetry_url
from registry.contents import contents_of
from registry.gates import outlook_of
from registry.models import Version
from registry.services.installing import install_step
from registry.services.quarantining import reason_of
from registry.standing import standings_of

MOST_PICKED = 50  # names that are looked up


@require_safe
def listing_list(request, workspace):
    require(request.user, "core.view_listing", request.workspace)
    wanted = SearchForm(request.GET).search
    found = search(wanted, workspace=request.workspace, user=request.user)
    groups = facets(wanted, found.counts)
    may_install = can(request.user, "core.install_extension", request.workspace)
    cards = cards_of(found.hits, Slots(request.workspace.get_absolute_url(), may_install), request.workspace)
    context = {
        "wanted": wanted,
        "facets": [] if wants_partial(request) else [(one, facet_html.fieldset(one)) for one in groups],
        "facets_set": sum(facet.chosen for facet in groups),
        "sorts": SORTS,
        "found": found,
        "may_write": can(request.user, "core.write_extension", request.workspace),
        "announcement": _announcement(found),
        "no_match": _no_match(wanted),
        "cards": cards,
        "grid": SafeString("".join(card.html for card in cards)),  # each is markup already
        "links": {name: _link(request, after=getattr(found, name)) for name in ("previous", "next")},
        "as_typed": _link(request, as_typed="1", after=""),
    }
    if wants_partial(request):
        return render(
            request, "marketplace/_search_answer.html", context | {"facet_news": _facet_news(request, groups)}
        )
    return render(request, "marketplace/listing_list.html", context)


def _facet_news(request, groups: list[Facet]) -> SafeString:
    """The counts of the facets. Which scopes there are changes with the results, but not under a choosing hand."""
    anew = {"scope"} - {request.headers.get("HX-Trigger-Name")}
    parts = (facet_html.fieldset(one, oob=True) if one.name in anew else facet_html.numbers(one) for one in groups)
    return SafeString("".join(parts))  # every part is markup already


@require_safe
def listing_comparison(request, workspace):
    """Two to four listings side by side, by their names in ``pick``."""
    require(request.user, "core.view_listing", request.workspace)
    slugs = [slug[:80] for slug in request.GET.getlist("pick") if "\x00" not in slug][:MOST_PICKED]
    found = compare(slugs, workspace=request.workspace, user=request.user)
    denied = why_not(request.user, "core.install_extension", request.workspace)
    context = {"comparison": found, "install_denied": denied, "least": LEAST, "most": MOST}
    return render(request, "marketplace/listing_comparison.html", context)


@require_safe
def listing_detail(request, workspace, slug):
    require(request.user, "core.view_listing", request.workspace)
    listing = _listing(slug, request.workspace)
    manifest = listing.version.parsed
    here = installations_here([slug, *manifest.requires], request.workspace, request.user)
    there = installation_of(listing, here)
    figures = figures_of(listing)
    context = {
        "listing": listing,
        "extension": listing.extension,
        "version": listing.version,
        "figures": figures,
        "sample": f"{figures['calls']} calls in {figures['days']} days" if figures else "",
        "is_over": listing.version.status != Version.Status.PUBLISHED or bool(listing.version.quarantine),
        "is_update": there is not None and is_update(there, listing.version),
        "quarantine_reason": reason_of(listing.version),
        "releases": releases_of(listing.extension.versions.defer("manifest"), there, user=request.user),
        "manifest": manifest,
        "asks": asks_for(listing.version),
        "contents": contents_of(manifest),
        "docs": render_markdown(docs_of(listing.version)),
        "installation": there,
        "standing": standings_of([there]).get(there.pk) if there else None,
        "requirements": requirements_of(manifest.requires, here),
        "reviews": summary_of(listing.extension),
        "install_denied": why_not(request.user, "core.install_extension", request.workspace),
        "evidence": standing_of(listing.version.digest, listing.level),
        "badge": badge_of_listing(listing),
        "telemetry_url": telemetry_url(request.user, listing.extension, request.workspace),
        "origin": origin_of(listing.version),
    }
    return render(request, "marketplace/listing_detail.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def listing_install(request, workspace, slug):
    """Consent: what would be installed and all it asks for; the form names the digests that were shown."""
    require(request.user, "core.view_listing", request.workspace)
    listing = _listing(slug, request.workspace)
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


def _announcement(found: Found) -> str:
    number = found.total
    return f"{number if number.number else 'No'} extension{'' if number.number == 1 else 's'}."


def _link(request, **changes: str) -> str:
    """The address of this search with some of it changed; "" takes a part out."""
    query = request.GET.copy()
    for name, value in changes.items():
        query.pop(name, None)
        if value:
            query[name] = value
    return f"?{query.urlencode()}"


def _no_match(wanted: Search) -> str:
    """Why nothing is shown, by what was set."""
    if not wanted.q:
        return "No extension has all of that. Fewer filters find more."
    if not wanted.filters and not wanted.state:
        return f"No extension matches “{wanted.q}”. Fewer or other words find more."
    return f"No extension matches “{wanted.q}” under these filters. Fewer words or filters find more."


def _listing(slug: str, workspace: Workspace) -> Listing:
    """The listing of that name: the workspace's own before the public one."""
    listing = _listed.one(workspace=workspace.pk, slug=str(slug))
    if listing is None:
        raise Http404
    return listing


@prepared
def _listed(workspace: UUID, slug: str) -> QuerySet[Listing]:
    listings = Listing.objects.open_to(workspace).select_related("extension__owner", "version__extension__owner")
    return listings.filter(extension__slug=slug).order_by(F("workspace").asc(nulls_last=True))[:1]
