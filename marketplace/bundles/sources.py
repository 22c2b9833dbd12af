"""Which marketplaces of elsewhere are trusted: entered at the desk by their first key, and taken back there."""

import base64
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from galaxy.core import audit
from galaxy.core.errors import Conflict, Invalid
from galaxy.core.members import marketplace_workspace
from galaxy.core.models import User, Workspace
from galaxy.core.permissions import require
from galaxy.core.scope import scope_with
from galaxy.core.vault.signing import PUBLIC_BYTES, id_of
from marketplace.bundles.layout import Bundle
from marketplace.bundles.models import BundleSource
from marketplace.bundles.trusting import root_of, roots_of, why_not_trusted
from marketplace.desk import MAY_REVIEW
from registry.models import Quarantine, SigningKey
from registry.services.quarantining import stop_versions

MOST_NAME, MOST_REASON = 80, 300
NOT_A_KEY = "A public key is 32 bytes in base64."


class AlreadyTrusted(Conflict):
    code = "already_trusted"
    next_step = "It is on the list, under the name it was entered by."


class SourceRevoked(Conflict):
    code = "source_revoked"
    next_step = "Enter it anew, with a reason, where it is to be trusted again."


@transaction.atomic
def trust_source(*, name: str, public: str, reason: str, actor: User | None) -> BundleSource:
    """Trust the marketplace whose first key is ``public`` (base64 of 32 bytes): what it signed may be imported.

    ``actor`` is None for an operator's command. Raises NotGranted to who does not review at the desk, Invalid, or
    AlreadyTrusted.
    """
    if actor:
        require_desk(actor)
    name, reason = " ".join(name.split()), reason.strip()
    fields = {}
    if not 0 < len(name) <= MOST_NAME or not name.isprintable():
        fields["name"] = f"A name has 1 to {MOST_NAME} characters."
    if not 0 < len(reason) <= MOST_REASON:
        fields["reason"] = f"Say in at most {MOST_REASON} characters how you came to know the key."
    key = _key(public)
    if key is None:
        fields["public"] = NOT_A_KEY
    elif SigningKey.objects.filter(public=key).exists():
        fields["public"] = "That is a key of this Galaxy’s own."
    if fields or key is None:
        raise Invalid("It is not trusted.", fields, " ".join(fields.values()))
    row = BundleSource(name=name, key_id=id_of(key), public=key, reason=reason, entered_by=actor)
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError as error:
        raise AlreadyTrusted(f"Key {row.key_id} is trusted already.") from error
    record("bundle_source.trusted", row, actor, reason)
    return row


@transaction.atomic
def revoke_source(source: BundleSource, *, reason: str, reach: str, actor: User | None) -> int:
    """Trust it no more: nothing is imported from it, and what came from it is taken out as far as ``reach`` says (a
    Quarantine.Reach); returns how many versions that was.

    Raises NotGranted, Invalid or SourceRevoked.
    """
    if actor:
        require_desk(actor)
    reason = reason.strip()
    if not 0 < len(reason) <= MOST_REASON:
        raise Invalid("Say why.", {"reason": f"Say in at most {MOST_REASON} characters why."})
    if reach not in Quarantine.Reach.values:
        raise Invalid("How far does it reach?", {"reach": "Choose one of the two."})
    done = BundleSource.objects.trusted().filter(pk=source.pk)
    if not done.update(revoked_at=timezone.now(), revoked_by=actor, revoke_reason=reason):
        raise SourceRevoked(f"{source} was revoked already.")
    source.refresh_from_db()
    stopped = 0
    for workspace, ids in _versions_from(source).items():
        with scope_with(*filter(None, [workspace])):
            why = f"{source}, from which it was imported, is not trusted any more: {reason}"
            stopped += stop_versions(ids, why[:500], actor=actor, reach=reach)
    record("bundle_source.revoked", source, actor, reason, stopped=stopped)
    return stopped


def source_of(bundle: Bundle) -> tuple[BundleSource | None, str]:
    """Who vouches for all of ``bundle``: (the source, ""), or (who might have, why it is not believed in a sentence).

    The whole key is compared, not its short name alone.
    """
    there = {key.public: key for key in roots_of(bundle)}
    found = BundleSource.objects.filter(public__in=list(there)).order_by("revoked_at", "-entered_at")
    why = ""
    for source in found.trusted():
        why = why_not_trusted(bundle, {source.key_id})
        if not why:
            return source, ""
    if why:
        return found.trusted().first(), why
    if (revoked := found.first()) is not None:
        return revoked, f"{revoked} is not trusted any more: {revoked.revoke_reason}"
    root = root_of(bundle)
    named = f" Its first key is {root.id}." if root else ""
    return None, f"It was signed by a marketplace that is not trusted here.{named}"


def require_desk(actor: User) -> Workspace:
    """The desk, in whose name ``actor`` says whom to trust. Raises PermissionDenied or NotGranted."""
    desk = marketplace_workspace()
    if desk is None:
        raise PermissionDenied("There is no desk yet that could trust anybody.")
    with scope_with(desk.pk):
        require(actor, MAY_REVIEW, desk)
    return desk


def ids_from(source: BundleSource) -> list[UUID]:
    """Ids of the versions that came from it, whosever catalogue they are in."""
    return [id for ids in _versions_from(source).values() for id in ids]


def _key(text: str) -> bytes | None:
    try:
        raw = base64.b64decode("".join(text.split()), validate=True)
    except ValueError:
        return None
    return raw if len(raw) == PUBLIC_BYTES else None


def _versions_from(source: BundleSource) -> dict[UUID | None, list[UUID]]:
    found: dict[UUID | None, list[UUID]] = {}
    with connection.cursor() as cursor:
        cursor.execute("SELECT version_id, workspace_id FROM marketplace_versions_from(%s)", [source.pk])
        for version, workspace in cursor.fetchall():
            found.setdefault(workspace, []).append(version)
    return found


def record(action: str, source: BundleSource, actor: User | None, reason: str, **facts: int) -> None:
    """In the desk's trail; where there is none yet, whoever runs Galaxy decided, and the row itself tells it."""
    desk = marketplace_workspace()
    if desk is None:
        return
    with scope_with(desk.pk):
        after = {"name": source.name, "key": source.key_id, **facts}
        audit.record(action, actor=actor, target=desk, after=after, reason=reason)
