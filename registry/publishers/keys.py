"""Keys of publishers, whose private halves stay with them, and the signatures they make of their versions."""

import base64
import re
from datetime import UTC, date, datetime, time

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils import timezone

from galaxy.core.errors import Conflict, Invalid
from galaxy.core.models import User
from galaxy.core.vault.signing import PUBLIC_BYTES, SIGNATURE_BYTES, id_of, is_signed
from registry.errors import AlreadyRetired, NotManager, WrongSignature
from registry.manifests import load
from registry.models import Extension, Publisher, SigningKey, Version, VersionSignature
from registry.publishers.claiming import record, require_manager
from registry.publishers.news import settle_team
from registry.publishers.team import is_of_team
from registry.signing.verifying import verify_bytes

MOST_KEYS = 10  # that sign
_PEM = re.compile(r"-----BEGIN PUBLIC KEY-----\s(.*)\s-----END PUBLIC KEY-----", re.DOTALL)
_SPKI = bytes.fromhex("302a300506032b6570032100")  # what stands before the 32 bytes in DER (RFC 8410)
_HINT = "Sign the statement as it is, without a line end after it, with a key that is active."


@transaction.atomic
def add_key(publisher: Publisher, *, public: str, actor: User) -> SigningKey:
    """Take the public half of a key: its 32 bytes in base64, or as PEM. Raises NotManager, Invalid or Conflict."""
    require_manager(actor, publisher)
    raw = _public_bytes(public)
    if active_keys(publisher).count() >= MOST_KEYS:
        raise Conflict(f"{publisher} has {MOST_KEYS} keys already.", "Retire one that is not used any more.")
    try:
        with transaction.atomic():
            key = SigningKey.objects.create(
                id=id_of(raw),
                owner=SigningKey.Owner.PUBLISHER,
                publisher=publisher,
                public=raw,
                introduced_by=actor,
            )
    except IntegrityError as error:
        raise Conflict("This key is known already.", "Make a new one: a key belongs to one publisher.") from error
    record(publisher, "signing_key.introduced", actor, after={"key": key.pk})
    return key


@transaction.atomic
def retire_key(key: SigningKey, *, actor: User) -> SigningKey:
    """Let a publisher's key sign no more, for good; what it signed stays good. Raises NotManager or AlreadyRetired."""
    publisher = _publisher_of(key)
    require_manager(actor, publisher)
    now = timezone.now()
    if not SigningKey.objects.filter(pk=key.pk, retired_at=None, revoked_at=None).update(retired_at=now):
        raise AlreadyRetired(f"Key {key} signs no more already.")
    key.refresh_from_db()
    record(publisher, "signing_key.retired", actor, after={"key": key.pk})
    return key


@transaction.atomic
def demand_signatures(
    publisher: Publisher, *, since: date | None, actor: User, now: datetime | None = None
) -> Publisher:
    """Say that what is published from ``since`` on counts with a signature of the publisher's only; None: not any more.

    A day that is over is refused, since what was published then is in use without one. Today means from now on, a
    later day from its beginning by UTC. A demand that has begun keeps its day, whatever is asked for: a later one would
    let through what waits for a signature. Raises NotManager, Invalid, or Conflict where no key could make one.
    """
    require_manager(actor, publisher)
    now = now or timezone.now()
    if since and since < now.date():
        raise Invalid("That day is over.", {"since": "Choose today or a day to come: what is out stays as it is."})
    row = Publisher.objects.select_for_update(of=("self",)).get(pk=publisher.pk)
    if since and not active_keys(row).exists():
        raise Conflict(f"{row} has no key that could sign.", "Add the public half of a key first.")
    before = row.signs_from
    if since and before and before <= now:
        return row
    begins = datetime.combine(since, time.min, tzinfo=UTC) if since else None
    row.signs_from = max(begins, now) if begins else None
    row.save(update_fields=["signs_from"])
    facts = {"before": {"signs_from": _shown(before)}, "after": {"signs_from": _shown(row.signs_from)}}
    record(row, "publisher.signing_changed", actor, **facts)
    return row


def active_keys(publisher: Publisher) -> QuerySet[SigningKey]:
    return publisher.keys.filter(revoked_at=None, retired_at=None)


def may_sign_for(user: User, extension: Extension) -> bool:
    """Whether ``user`` may bring signatures of its publisher's: who is on the team of its name."""
    owner = extension.owner
    return owner is not None and extension.workspace_id is None and is_of_team(user, owner)


def statement_for(version: Version) -> str:
    """What a publisher signs of ``version``, word for word, of the bytes that are stored. Raises Altered."""
    files = {path: bytes(content) for path, content in version.files.values_list("path", "content")}
    return verify_bytes(version, load(version.manifest), files)[0].text


@transaction.atomic
def add_signature(version: Version, *, signature: str, actor: User) -> VersionSignature:
    """Put a publisher's signature of ``version`` beside the marketplace's: base64 of 64 bytes, by one of its keys.

    Raises NotManager unless ``actor`` is of the team, WrongSignature where no key of the publisher made it, Invalid
    for what is no signature at all, Altered, or Conflict.
    """
    owner = version.extension.owner
    if owner is None or not may_sign_for(actor, version.extension):
        raise NotManager(f"Only the team of {owner or version.extension.publisher} signs its versions.")
    raw = _bytes(signature, SIGNATURE_BYTES, "signature", "A signature is 64 bytes in base64.")
    text = statement_for(version)
    key = next((one for one in active_keys(owner) if is_signed(bytes(one.public), raw, text.encode())), None)
    if key is None:
        sentence = f"No key of {owner} made this signature of {version}. {_HINT}"
        raise WrongSignature(sentence, {"signature": sentence}, _HINT)
    row, made = VersionSignature.objects.get_or_create(
        version=version,
        key=key,
        defaults={"workspace_id": version.workspace_id, "statement": text, "signature": raw},
    )
    if not made:
        raise Conflict(f"{version} bears a signature by {key} already.")
    settle_team(owner, "version_unsigned")
    record(owner, "version.signed", actor, after={"version": str(version), "digest": version.digest, "key": key.pk})
    return row


def _publisher_of(key: SigningKey) -> Publisher:
    if key.publisher is None:
        raise NotManager(f"Key {key} is the marketplace's.", "manage.py marketplace key new retires the one before.")
    return key.publisher


def _shown(moment: datetime | None) -> str:
    return moment.isoformat() if moment else ""


def _public_bytes(text: str) -> bytes:
    sentence = "A public key of Ed25519 is 32 bytes in base64, or a PUBLIC KEY in PEM."
    if found := _PEM.fullmatch(text.strip()):
        raw = _bytes(found[1], len(_SPKI) + PUBLIC_BYTES, "public", sentence)
        if not raw.startswith(_SPKI):
            raise Invalid(sentence, {"public": sentence})
        return raw[len(_SPKI) :]
    return _bytes(text, PUBLIC_BYTES, "public", sentence)


def _bytes(text: str, length: int, field: str, sentence: str) -> bytes:
    try:
        raw = base64.b64decode("".join(text.split()), validate=True)
    except ValueError:
        raw = b""
    if len(raw) != length:
        raise Invalid(sentence, {field: sentence})
    return raw
