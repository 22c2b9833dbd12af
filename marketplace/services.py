"""The verbs of the marketplace: list an extension, plan an installation, and install what was agreed to."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from django.db import transaction
from django.utils import timezone

from galaxy.core.members import marketplace_workspace
from galaxy.core.models import User, Workspace
from galaxy.core.scope import scope_with
from marketplace.cards.writing import write_cards
from marketplace.checks.names import remember as remember_names
from marketplace.errors import ListingTooLong, NotPublic, OffersChanged, RequirementUnmet
from marketplace.models import Listing, Reach, Submission
from marketplace.search.facets import facts_of
from marketplace.search.indexing import index_listing
from registry.asks import Ask, asks_of, asks_of_steps
from registry.manifests import Manifest, scopes
from registry.models import Extension, Installation, Version
from registry.semver import satisfies
from registry.services import clear_install, install_agreed
from registry.services.naming import name_in_use
from registry.services.publishing import DRAFT

MOST_SUMMARY = 200  # characters
_REACH = {"read": Reach.READING, "write": Reach.WRITING, "delete": Reach.DELETING}


@dataclass(frozen=True)
class Offer:
    """One extension that an installation would bring, at exactly ``version``."""

    version: Version
    is_wanted: bool  # False: it comes along, because the wanted one requires it

    @property
    def extension(self) -> Extension:
        return self.version.extension

    @cached_property
    def manifest(self) -> Manifest:
        return self.version.parsed

    @cached_property
    def asks(self) -> list[Ask]:
        return asks_for(self.version)


@dataclass(frozen=True)
class Plan:
    """What installing takes: ``offers`` in the order they are installed, ``unmet`` as sentences that forbid it."""

    offers: list[Offer]
    unmet: list[str]

    @property
    def seen(self) -> list[str]:
        """The digests a consent names, so that it covers these bytes and no others."""
        return [offer.version.digest for offer in self.offers]


@transaction.atomic
def list_extension(version: Version, *, level: str, summary: str) -> Listing:
    """Show ``version`` in the marketplace, or bring its listing up to date; an older release never replaces a newer.

    A version that one workspace has for itself is listed in its private catalogue, which nobody else sees. ``level`` is
    a VerificationLevel, ``summary`` one plain sentence of at most 200 characters. Entry and card are written in the
    same transaction. Raises ListingTooLong, or NotPublic for a draft.
    """
    if version.workspace_id is not None and DRAFT.search(version.number):
        raise NotPublic(f"{version} is a draft of one workspace, so the marketplace does not show it.")
    if len(summary) > MOST_SUMMARY:
        sentence = f"The summary of {version} has {len(summary)} characters; a card takes {MOST_SUMMARY}."
        raise ListingTooLong(sentence)
    current = Listing.objects.select_for_update(of=("self",)).filter(extension=version.extension)
    listing = current.select_related("version").first() or Listing(extension=version.extension)
    if not listing._state.adding and listing.version.sort_key > version.sort_key:
        return listing
    _show(listing, version, level, summary)
    remember_names([version.extension])
    return listing


@transaction.atomic
def offer_newest(version: Version, **news: object) -> Listing | None:
    """List the newest release of its extension that may be installed, now that this is another one, say; an older one
    comes back at the level it was approved to. Where nothing may be installed the listing stays, and says so."""
    there = Listing.objects.select_for_update(of=("self",)).filter(extension=version.extension_id)
    listing = there.select_related("version").first()
    newest = Version.objects.installable().filter(extension=version.extension_id).exclude(number__contains="-draft.")
    found = newest.select_related("extension__owner").first()
    if listing is None or found is None or found.pk == listing.version_id:
        return listing
    _show(listing, found, level_approved(found) or listing.level, found.parsed.summary[:MOST_SUMMARY])
    return listing


def level_approved(version: Version) -> str:
    """The level that the desk approved it to; "" where it came otherwise, as with a catalogue that was loaded."""
    home = version.workspace or marketplace_workspace()
    if home is None:
        return ""
    with scope_with(home.pk):
        rows = Submission.objects.filter(version=version, desk=home)
        return rows.values_list("level", flat=True).first() or ""


def _show(listing: Listing, version: Version, level: str, summary: str) -> None:
    """Write the listing at ``version``, with its entry and its card."""
    listing.workspace_id = version.workspace_id
    asked = sorted(ask.scope for ask in asks_for(version))
    listing.version = version
    listing.level = level
    listing.summary = summary
    listing.scopes = asked
    listing.reach = _reach_of(version.parsed, asked)
    listing.facts = facts_of(version.parsed, asked)
    listing.updated_at = timezone.now()
    listing.save()
    index_listing(listing)
    write_cards([listing])


@transaction.atomic
def give_level(listing: Listing, *, before: str, level: str) -> bool:
    """Move a listing from the level ``before`` to ``level``, its entry and card with it; False where it has another
    one by now."""
    rows = Listing.objects.select_for_update(of=("self",)).select_related("extension", "version__extension")
    row = rows.filter(pk=listing.pk, level=before).first()
    if row is None:
        return False
    row.level, row.updated_at = level, timezone.now()
    row.save(update_fields=["level", "updated_at"])
    index_listing(row)
    write_cards([row])
    return True


def plan_installation(workspace: Workspace, listing: Listing) -> Plan:
    """The extension at its listed version, after whatever it requires and ``workspace`` lacks."""
    offers: list[Offer] = []
    unmet: list[str] = []
    _add(workspace, listing.version, offers, unmet, is_wanted=True, above=())
    in_use = (name_in_use(workspace, offer.manifest, offer.extension) for offer in offers)
    return Plan(offers, [*unmet, *filter(None, in_use)])


def install_listing(workspace: Workspace, listing: Listing, *, seen: Iterable[str], actor: User) -> Installation:
    """Install the listed version and what it requires, all of it or nothing.

    ``seen`` are the digests the person was shown. Raises OffersChanged when they differ from what would be installed
    now, RequirementUnmet, or what ``registry.services.install`` raises.
    """
    offers = agreed_offers(workspace, listing, seen=seen)
    for offer in offers:
        clear_install(workspace, offer.extension, version=offer.version, actor=actor)
    with transaction.atomic():
        installations = [install_agreed(workspace, offer.version, actor=actor) for offer in offers]
    return installations[-1]


def agreed_offers(workspace: Workspace, listing: Listing, *, seen: Iterable[str]) -> list[Offer]:
    """What installing it brings now, in order, all of which was ``seen``. Raises OffersChanged or RequirementUnmet."""
    plan = plan_installation(workspace, listing)
    if plan.unmet:
        raise RequirementUnmet(" ".join(plan.unmet))
    return _agreed(plan, seen)


def _agreed(plan: Plan, seen: Iterable[str]) -> list[Offer]:
    seen = set(seen)
    changed = [offer for offer in plan.offers if offer.version.digest not in seen]
    if changed:
        raise OffersChanged(f"{changed[0].version} would be installed now, which you were not shown. Nothing was.")
    return plan.offers


def _add(
    workspace: Workspace,
    version: Version,
    offers: list[Offer],
    unmet: list[str],
    *,
    is_wanted: bool,
    above: tuple[str, ...],
) -> None:
    """Puts ``version`` behind what it requires; ``above`` are the slugs on the way here, so that a circle ends."""
    for slug, wanted in version.parsed.requires.items():
        there = Installation.objects.in_workspace(workspace).active().filter(extension__slug=slug)
        number = there.values_list("pin__version__number", flat=True).first()
        if number is not None:
            if not satisfies(number, wanted):
                unmet.append(f"{slug} is held at {number} here, and {version} needs {wanted}.")
            continue
        if coming := next((offer for offer in offers if offer.extension.slug == slug), None):
            if not satisfies(coming.version.number, wanted):
                unmet.append(f"{version} needs {slug} {wanted}, and {coming.version.number} would come along.")
            continue
        if slug in above:
            unmet.append(f"{version} needs {slug}, which needs it in turn.")
            continue
        newest = newest_satisfying(slug, wanted)
        if newest is None:
            unmet.append(f"{version} needs {slug} {wanted}, which nobody offers.")
            continue
        _add(workspace, newest, offers, unmet, is_wanted=False, above=(*above, version.extension.slug))
    offers.append(Offer(version, is_wanted))


def asks_for(version: Version) -> list[Ask]:
    """What a version asks for; a pack asks for what the actions need that its steps call, at their newest release."""
    manifest = version.parsed
    if not manifest.requires:
        return asks_of(manifest)
    newest = {slug: newest_satisfying(slug, wanted) for slug, wanted in manifest.requires.items()}
    return asks_of_steps(manifest, {slug: version.parsed for slug, version in newest.items() if version})


def newest_satisfying(slug: str, wanted: str) -> Version | None:
    """The newest listed release of ``slug`` that can be installed and lies in the range ``wanted``."""
    offered = Version.objects.installable().filter(extension__slug=slug, extension__listing__isnull=False)
    fitting = (version for version in offered.select_related("extension") if satisfies(version.number, wanted))
    return next(fitting, None)


def _reach_of(manifest: Manifest, asked: list[str]) -> Reach:
    verbs = [scopes.verb(scope) for scope in asked] + [action.effect for action in manifest.actions.values()]
    return _REACH[scopes.strongest(verbs)] if verbs else Reach.NOTHING
