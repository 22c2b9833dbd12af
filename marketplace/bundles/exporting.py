"""Making a bundle of what the marketplace offers, with all that it requires and all that it takes to verify it."""

from django.db import transaction
from django.db.models import F

from galaxy.core import audit
from galaxy.core.errors import DomainError
from galaxy.core.models import User, Workspace
from galaxy.core.permissions import require
from marketplace.bundles.layout import MAX_BYTES, MAX_VERSIONS, SUFFIX, Bundle, Key, Packed, Signed
from marketplace.bundles.writing import write_bundle
from marketplace.models import Listing
from marketplace.services import newest_satisfying
from registry.levels import UNVOUCHED
from registry.models import Installation, SigningKey, Version
from registry.semver import satisfies
from registry.signing import verify
from registry.signing.verifying import counting_signatures

MAY_EXPORT = "core.install_extension"


class NotExportable(DomainError):
    """It cannot leave as a bundle that anybody could install."""

    status = 409
    code = "not_exportable"
    next_step = "Choose a version that its page offers to export."


def exportable_version(workspace: Workspace, slug: str, number: str, *, actor: User) -> Version | None:
    """The version that ``workspace`` means by a name, its own before the marketplace's; the listed one where no number
    is given. None where there is none. Raises NotGranted."""
    require(actor, MAY_EXPORT, workspace)
    listings = Listing.objects.open_to(workspace).filter(extension__slug=slug).select_related("version__extension")
    listing = listings.order_by(F("workspace").asc(nulls_last=True)).first()
    if listing is None or not number:
        return listing.version if listing else None
    return listing.extension.versions.select_related("extension").filter(number=number[:64]).first()


@transaction.atomic
def export_version(workspace: Workspace, version: Version, *, actor: User) -> tuple[str, bytes]:
    """A bundle of ``version`` and what it requires, as (file name, content). The trail says so.

    What is required comes at the version that ``workspace`` holds, where that fits, else at the newest one. Raises
    NotGranted, NotExportable, or what ``registry.signing.verify`` raises.
    """
    require(actor, MAY_EXPORT, workspace)
    bundle = bundle_of(version, workspace)
    content = write_bundle(bundle)
    if len(content) > MAX_BYTES:
        raise NotExportable(f"{version} makes a file of more than {MAX_BYTES // 1024**2} MB, which nobody would read.")
    versions = [{"version": str(one), "digest": one.digest} for one in bundle.versions]
    audit.record("bundle.exported", actor=actor, target=workspace, versions=versions)
    return f"{version.extension.slug}-{version.number}{SUFFIX}", content


def bundle_of(version: Version, workspace: Workspace | None = None) -> Bundle:
    """The same without a trail, for whoever runs Galaxy. Every version is verified before it is packed."""
    versions: dict[str, Version] = {}
    _collect(version, workspace, versions, set())
    levels = dict(
        Listing.objects.filter(extension__in=[one.extension_id for one in versions.values()]).values_list(
            "extension_id", "level"
        )
    )
    packed = tuple(_packed(one, levels.get(one.extension_id, UNVOUCHED)) for one in versions.values())
    return Bundle(packed, tuple(_keys({one.key for row in packed for one in row.signatures})))


def _collect(version: Version, workspace: Workspace | None, versions: dict[str, Version], begun: set[str]) -> None:
    """What is required first, each once. A requirement in a circle is in ``versions``, or ``begun`` and on the way."""
    begun.add(version.extension.slug)
    if len(begun) > MAX_VERSIONS:
        raise NotExportable(f"It requires more than {MAX_VERSIONS - 1} others.")
    if version.is_draft:
        raise NotExportable(f"{version} is a draft, which only its own workspace tries out.", "Publish it first.")
    if version.status == Version.Status.YANKED:
        raise NotExportable(f"{version} was yanked.", "Export a version that can be installed.")
    if version.quarantine:
        raise NotExportable(f"{version} is in quarantine.", "Wait until it is lifted, or export another version.")
    for slug, wanted in version.parsed.requires.items():
        if slug in begun:
            continue
        required = _held(slug, wanted, workspace) or newest_satisfying(slug, wanted)
        if required is None:
            raise NotExportable(f"{version} requires {slug} {wanted}, which is not to be had here.")
        _collect(required, workspace, versions, begun)
    versions[version.extension.slug] = version


def _held(slug: str, wanted: str, workspace: Workspace | None) -> Version | None:
    if workspace is None:
        return None
    there = Installation.objects.in_workspace(workspace).active().filter(extension__slug=slug)
    held = there.select_related("pin__version__extension").first()
    fits = held is not None and not held.pin.version.is_draft and satisfies(held.pin.version.number, wanted)
    return held.pin.version if held and fits else None


def _packed(version: Version, level: str) -> Packed:
    verify(version)
    signatures = tuple(
        Signed(row.key.owner, row.key_id, row.statement, bytes(row.signature)) for row in counting_signatures(version)
    )
    files = {path: bytes(content) for path, content in version.files.values_list("path", "content")}
    return Packed(
        version.parsed, files, version.digest, version.extension.publisher, level, version.changes, signatures
    )


def _keys(used: set[str]) -> list[Key]:
    """The marketplace's keys, all of them and in order, since each is believed by the one before; and the publishers'
    that signed something here."""
    ours = SigningKey.objects.filter(owner=SigningKey.Owner.MARKETPLACE).order_by("number")
    theirs = SigningKey.objects.filter(owner=SigningKey.Owner.PUBLISHER, pk__in=used).select_related("publisher")
    return [
        Key(
            row.pk,
            row.owner,
            row.publisher.name if row.publisher else "",
            bytes(row.public),
            row.introduction,
            revoked=row.revoked_at is not None,
        )
        for row in (*ours, *theirs.order_by("id"))
    ]
