"""Taking a bundle in: handed in, looked at, then imported whole or not at all.

Of what a bundle says of itself only this is believed: each version is recomputed to its digest (reading), a trusted
marketplace signed exactly that (sources), the one list of checks passes here (looking), and sandboxd looks once more
before it signs (released). Levels stay behind: what is imported begins as community, and its listing says so.
"""

import hashlib
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.utils import timezone

from galaxy.core import audit
from galaxy.core.errors import Conflict, DomainError
from galaxy.core.models import User, Workspace
from galaxy.core.permissions import require
from galaxy.core.scope import workspace_scope
from marketplace.bundles.exporting import MAY_EXPORT
from marketplace.bundles.layout import SUFFIX
from marketplace.bundles.looking import Look, Seen, look_at
from marketplace.bundles.models import BundleSource, BundleUpload, ImportedVersion
from marketplace.bundles.reading import read_bundle
from marketplace.bundles.released import packed_keys
from marketplace.desk import MAY_REVIEW
from marketplace.models import VerificationLevel
from marketplace.services import list_extension
from registry.models import Publisher, Version
from registry.publishers.naming import make_publisher
from registry.services.publishing import publish_private, publish_version

MOST_WAITING = 10  # in a workspace: 80 MB
KEPT_FOR = timedelta(hours=24)


class NotImportable(DomainError):
    """Nothing of it was imported; the sentence says why."""

    status = 409
    code = "not_importable"
    next_step = "Look at the bundle once more: each version says how it stands here."


class ImportedAlready(Conflict):
    code = "imported_already"
    next_step = "There is nothing left to do: what came of it is listed."


class TooManyWaiting(Conflict):
    code = "too_many_bundles"
    next_step = "Import or remove one of them first. What is left for a day goes by itself."


def may_import(workspace: Workspace) -> str:
    """The permission that importing into the catalogue of ``workspace`` takes: the marketplace's is the desk's."""
    return MAY_REVIEW if workspace.is_marketplace else MAY_EXPORT


@transaction.atomic
def hand_in(workspace: Workspace, *, content: bytes, name: str, actor: User | None) -> tuple[BundleUpload, bool]:
    """Keep a bundle to be looked at; returns it, and whether these bytes are new here. In the workspace's scope.

    ``actor`` is None for an operator's command. Raises NotGranted, BadBundle (nothing was kept) or TooManyWaiting.
    """
    if actor:
        require(actor, may_import(workspace), workspace)
    bundle = read_bundle(content)
    sha256 = hashlib.sha256(content).hexdigest()
    rows = BundleUpload.objects.in_workspace(workspace)
    _one_at_a_time(workspace)
    _forget(workspace, timezone.now() - KEPT_FOR)
    if (there := rows.filter(sha256=sha256).first()) is not None:
        return there, False
    if rows.waiting().count() >= MOST_WAITING:
        raise TooManyWaiting(f"{MOST_WAITING} bundles wait to be imported already.")
    row = BundleUpload.objects.create(
        workspace=workspace,
        name=_plain(name) or f"{bundle.wanted.manifest.id}-{bundle.wanted.manifest.version}{SUFFIX}",
        sha256=sha256,
        size_bytes=len(content),
        content=content,
        uploaded_by=actor,
    )
    audit.record("bundle.handed_in", actor=actor, target=row, after={"sha256": sha256, "size_bytes": len(content)})
    return row, True


def look_into(upload: BundleUpload) -> Look:
    """What is in a bundle that waits, and what importing it would do now."""
    return look_at(read_bundle(bytes(upload.content or b"")), upload.workspace)


@transaction.atomic
def import_bundle(upload: BundleUpload, *, actor: User | None) -> BundleUpload:
    """Publish and list every version that is new here, in the bundle's order. In the workspace's scope.

    Raises NotGranted, ImportedAlready, NotImportable, or what publishing refuses; then nothing of it was imported.
    """
    workspace = upload.workspace
    if actor:
        require(actor, may_import(workspace), workspace)
    rows = BundleUpload.objects.in_workspace(workspace).select_related("workspace", "imported_by")
    row = rows.select_for_update(of=("self",)).filter(pk=upload.pk).first()
    if row is None:
        raise NotImportable(f"{upload} was put away meanwhile.", "Hand it in again.")
    if row.imported_at is not None:
        raise ImportedAlready(f"These bytes were imported before{_by(row)}.")
    look = look_into(row)
    if look.why_not or look.source is None:
        raise NotImportable(look.why_not)
    _hold(look.source)
    made = [(seen, _publish(seen, workspace, actor)) for seen in look.coming]
    row.keys, row.source = packed_keys(look.bundle), look.source
    row.content, row.imported_by, row.imported_at = None, actor, timezone.now()
    row.save()
    for seen, version in made:
        _keep(row, seen, version)
    versions = [{"version": str(version), "digest": version.digest} for _, version in made]
    facts = {"sha256": row.sha256, "source": look.source.name, "key": look.source.key_id, "versions": versions}
    catalogue = "public" if workspace.is_marketplace else "private"
    audit.record("bundle.imported", actor=actor, target=row, after=facts | {"catalogue": catalogue})
    return row


@transaction.atomic
def drop_upload(upload: BundleUpload, *, actor: User) -> None:
    """Put a bundle away without importing it. Raises NotGranted or ImportedAlready."""
    require(actor, may_import(upload.workspace), upload.workspace)
    row = (
        BundleUpload.objects.in_workspace(upload.workspace).select_for_update(of=("self",)).filter(pk=upload.pk).first()
    )
    if row is None:
        return
    if row.imported_at is not None:
        raise ImportedAlready(f"{row} was imported, and stays on the list.")
    audit.record("bundle.dropped", actor=actor, target=row, before={"sha256": row.sha256})
    row.delete()


def drop_old_uploads(now: datetime | None = None) -> int:
    """Delete what was left for longer than KEPT_FOR, in every workspace within its own scope; returns how many."""
    before = (now or timezone.now()) - KEPT_FOR
    with connection.cursor() as cursor:
        cursor.execute("SELECT workspace_id FROM marketplace_old_uploads(%s)", [before])
        ids = [row[0] for row in cursor.fetchall()]
    dropped = 0
    for id in ids:
        with workspace_scope([id]), transaction.atomic():
            dropped += _forget(Workspace.objects.get(pk=id), before)
    return dropped


def _forget(workspace: Workspace, before: datetime) -> int:
    """Put away what waits there since before that moment; the trail says so."""
    old = BundleUpload.objects.in_workspace(workspace).waiting().filter(uploaded_at__lt=before).defer("content")
    rows = list(old.select_related("workspace").select_for_update(of=("self",)))
    for row in rows:
        audit.record("bundle.dropped", actor=None, target=row, before={"sha256": row.sha256})
        row.delete()
    return len(rows)


def _hold(source: BundleSource) -> None:
    """Whoever revokes it meanwhile waits, and then finds what was imported. Raises NotImportable if they came first."""
    if not BundleSource.objects.trusted().select_for_update().filter(pk=source.pk):
        raise NotImportable(f"{source} is not trusted any more.")


def _publish(seen: Seen, workspace: Workspace, actor: User | None) -> Version:
    packed = seen.packed
    if workspace.is_marketplace:
        version = publish_version(
            packed.manifest,
            files=packed.files,
            publisher=_publisher(packed.publisher, actor),
            published_by=actor,
            changes=packed.changes,
        )
    else:
        version = publish_private(
            packed.manifest, workspace=workspace, files=packed.files, published_by=actor, changes=packed.changes
        )
    list_extension(version, level=VerificationLevel.COMMUNITY, summary=packed.manifest.summary)
    return version


def _publisher(name: str, actor: User | None) -> Publisher:
    """The publisher of that name, of nobody here: made where it is new, and proven by nothing."""
    found = Publisher.objects.filter(name=name, workspace=None).first()
    return found or make_publisher(name, workspace=None, created_by=actor)


def _keep(row: BundleUpload, seen: Seen, version: Version) -> None:
    signed = seen.signed
    if signed is None or row.source is None:
        raise NotImportable(f"{seen.packed} bears no signature that counts here.")
    ImportedVersion.objects.create(
        workspace=row.workspace,
        upload=row,
        source=row.source,
        version=version,
        digest=version.digest,
        publisher=seen.packed.publisher,
        level=seen.packed.level,
        key_id=signed.key,
        statement=signed.statement,
        signature=signed.signature,
    )


def _one_at_a_time(workspace: Workspace) -> None:
    """Two who hand in the same bytes meet one row, and the limit holds."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(hashtext('marketplace.bundles'), hashtext(%s))", [str(workspace.pk)]
        )


def _plain(name: str) -> str:
    """A file's name as it can be shown: its last part, printable, of a length that fits."""
    last = name.replace("\\", "/").rpartition("/")[2]
    return "".join(letter for letter in last if letter.isprintable() and letter.isascii())[:120].strip()


def _by(row: BundleUpload) -> str:
    who = f" by {row.imported_by}" if row.imported_by else ""
    return f"{who}, on {row.imported_at:%Y-%m-%d}" if row.imported_at else who
