"""What is in a bundle, what is here of it, and whether it may be imported: shown before anybody decides."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from galaxy.core.errors import Invalid
from galaxy.core.models import Workspace
from marketplace.bundles.layout import Bundle, Packed, Signed
from marketplace.bundles.models import BundleSource
from marketplace.bundles.origins import origin_of
from marketplace.bundles.sources import source_of
from marketplace.bundles.speaking import why_not_for_shipped
from marketplace.bundles.trusting import believed_keys, vouching
from marketplace.checks import Checked
from marketplace.services import newest_satisfying
from marketplace.submissions.facing import checked_for
from registry.asks import Ask, asks_of, asks_of_steps
from registry.manifests import Finding, Manifest
from registry.models import Extension, Publisher
from registry.publishers.naming import check_name
from registry.semver import DRAFT, satisfies

NEW, HERE, FITS, OTHER, TAKEN, FAULTY = "new", "here", "fits", "other", "taken", "faulty"
WORDS = {
    NEW: "New here",
    HERE: "Here already",
    FITS: "Not needed",
    OTHER: "Other content here",
    TAKEN: "Name taken",
    FAULTY: "Has errors",
}
REFUSING = (OTHER, TAKEN, FAULTY)


@dataclass(frozen=True)
class Seen:
    """One version of a bundle as it stands here. ``state`` is one of WORDS, ``sentence`` says why where that is not
    plain; ``asks`` are its permissions, ``signed`` the signature that vouches for it."""

    packed: Packed
    state: str
    sentence: str
    checked: Checked
    asks: list[Ask]
    signed: Signed | None

    @property
    def manifest(self) -> Manifest:
        return self.packed.manifest

    @property
    def word(self) -> str:
        return WORDS[self.state]

    @property
    def is_refused(self) -> bool:
        return self.state in REFUSING


@dataclass(frozen=True)
class Link:
    """One of the sender's keys: ``state`` is trusted (it was entered here), believed, revoked or unknown."""

    id: str
    state: str


@dataclass(frozen=True)
class Look:
    """``source`` is who vouches for all of it, None where nobody does that is trusted here; ``doubt`` says why not."""

    bundle: Bundle
    source: BundleSource | None
    doubt: str
    versions: list[Seen]
    keys: list[Link]
    is_public: bool

    @property
    def wanted(self) -> Seen:
        return self.versions[-1]

    @property
    def coming(self) -> list[Seen]:
        return [one for one in self.versions if one.state == NEW]

    @cached_property
    def why_not(self) -> str:
        """Why it cannot be imported, in a sentence; "" where it can."""
        if self.doubt:
            return self.doubt
        if refused := next((one for one in self.versions if one.is_refused), None):
            return refused.sentence
        return "" if self.coming else "Everything in it is here already, byte for byte."


def look_at(bundle: Bundle, workspace: Workspace) -> Look:
    """What an import into the catalogue of ``workspace`` would do; at the desk, into the marketplace. In its scope."""
    source, doubt = source_of(bundle)
    believed = believed_keys(bundle, {source.key_id}) if source else {}
    packs = {packed.manifest.id: packed.manifest for packed in bundle.versions}
    wants = {slug: wanted for packed in bundle.versions for slug, wanted in packed.manifest.requires.items()}
    public = workspace.is_marketplace
    versions = []
    for packed in bundle.versions:
        checked = _checked(packed, workspace)
        state, sentence = _standing(packed, bundle, workspace, wants.get(packed.manifest.id, ""), source)
        if state == NEW and (first := next(iter(_obstacles(checked)), None)):
            state, sentence = FAULTY, f"{packed} does not pass the checks here. {first.message} {first.fix}"
        versions.append(Seen(packed, state, sentence, checked, _asks(packed, packs), vouching(packed, believed)))
    keys = [
        Link(key.id, _state(key.id, revoked=key.revoked, believed=believed, source=source))
        for key in bundle.keys
        if key.owner == "marketplace"
    ]
    return Look(bundle, source, doubt, versions, keys, public)


def text_of(packed: Packed) -> str:
    """Its manifest as a text with lines that findings can point at."""
    return json.dumps(packed.manifest.canonical, indent=2, ensure_ascii=False)


def publisher_for(packed: Packed, workspace: Workspace) -> str:
    """Under which name it would stand: in a private catalogue the workspace's own."""
    return packed.publisher if workspace.is_marketplace else workspace.name[:80]


def _checked(packed: Packed, workspace: Workspace) -> Checked:
    return checked_for(workspace, text_of(packed), packed.files, publisher_for(packed, workspace))


def _obstacles(checked: Checked) -> list[Finding]:
    """What publishing would refuse."""
    return [one for one in checked.findings if one.severity == "error" or one.code == "version-too-low"]


def _standing(
    packed: Packed, bundle: Bundle, workspace: Workspace, wanted: str, source: BundleSource | None
) -> tuple[str, str]:
    """(state, sentence). ``wanted`` is the range in which another version of the bundle requires it, or ""."""
    manifest = packed.manifest
    if DRAFT.search(manifest.version or ""):
        return FAULTY, f"{packed} is a draft, which only its own workspace tries out."
    public = Extension.objects.public().filter(slug=manifest.id).first()
    if not workspace.is_marketplace and public is not None:
        return _in_marketplace(packed, public, wanted)
    mine = public
    if not workspace.is_marketplace:
        mine = Extension.objects.filter(workspace=workspace, slug=manifest.id).first()
    if mine is None:
        return (NEW, "") if not workspace.is_marketplace else _as_publisher(packed)
    if mine.kind != manifest.kind:
        return TAKEN, f"{manifest.id} is a {mine.kind} here already."
    stands = mine.versions.filter(number=manifest.version).first()
    if stands is not None:
        if stands.digest == packed.digest:
            return HERE, ""
        return OTHER, f"{packed} is here already with other content. A number is published once."
    if workspace.is_marketplace and mine.publisher != packed.publisher:
        return TAKEN, f"{manifest.id} is published by {mine.publisher} here, and by {packed.publisher} in the bundle."
    if source is not None and (why := _why_not_continued(mine, packed, bundle, source)):
        return TAKEN, why
    return NEW, _beside(mine)


def _why_not_continued(mine: Extension, packed: Packed, bundle: Bundle, source: BundleSource) -> str:
    """Why ``source`` does not continue what is here, "" where it does: where the newest of it came from there, or, of
    what came with Galaxy, where it may speak for that.

    A marketplace signs what any of its workspaces publishes, under that workspace's name: whoever is called like
    somebody here would come after them.
    """
    if mine.is_shipped:
        return why_not_for_shipped(mine, packed, bundle, source)
    newest = mine.versions.order_by("-published_at").first()
    origin = origin_of(newest) if newest else None
    if newest is None or (origin is not None and origin.source.pk == source.pk):
        return ""
    whose = f"came from {origin.source}" if origin else "was published here"
    return f"{newest} {whose}, and only what came from {source} is continued by it."


def _beside(mine: Extension) -> str:
    """What is here of it: whoever installed that is offered what comes."""
    newest = mine.versions.installable().order_by("-sort_key").first()
    return f"{mine.name} is here at {newest.number}." if newest else ""


def _in_marketplace(packed: Packed, public: Extension, wanted: str) -> tuple[str, str]:
    """A workspace takes in nothing under a name of the marketplace; what is there may do."""
    if public.versions.filter(number=packed.manifest.version, digest=packed.digest).exists():
        return HERE, "It is in the marketplace."
    there = newest_satisfying(public.slug, wanted) if wanted else None
    if there is not None and satisfies(there.number, wanted):
        return FITS, f"{there} of the marketplace does what is required of it."
    return TAKEN, (
        f"{public.slug} is the name of an extension in the marketplace, so {packed} is imported at the desk."
    )


def _as_publisher(packed: Packed) -> tuple[str, str]:
    """Whether the publisher's name may be borne here by what comes from elsewhere."""
    found = Publisher.objects.filter(name=packed.publisher).first()
    if found is not None and found.workspace_id:
        return TAKEN, f"{packed.publisher} is the name of somebody’s publisher here, who submits their own work."
    if found is not None and found.is_proven:
        return TAKEN, f"{packed.publisher} is the name of a publisher who is proven here."
    if found is None:
        try:
            check_name(packed.publisher)
        except Invalid as error:
            return TAKEN, f"{packed.publisher[:80]!r} cannot be a publisher’s name here. {error}"
    return NEW, ""


def _asks(packed: Packed, packs: Mapping[str, Manifest]) -> list[Ask]:
    manifest = packed.manifest
    if not manifest.requires:
        return asks_of(manifest)
    used = {slug: packs[slug] for slug in manifest.requires if slug in packs}
    for slug, wanted in manifest.requires.items():
        if slug not in used and (there := newest_satisfying(slug, wanted)) is not None:
            used[slug] = there.parsed
    return asks_of_steps(manifest, used)


def _state(id: str, *, revoked: bool, believed: Mapping[str, object], source: BundleSource | None) -> str:
    if revoked:
        return "revoked"
    if id not in believed:
        return "unknown"
    return "trusted" if source and id == source.key_id else "believed"
