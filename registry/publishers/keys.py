"""Keys of publishers, whose private halves stay with them, and the signatures they make of their versions."""

import base64
import hashlib

from django.db import IntegrityError, transaction

from galaxy.core.errors import Conflict, Invalid
from galaxy.core.models import User
from galaxy.core.vault.signing import PUBLIC_BYTES, SIGNATURE_BYTES, id_of, is_signed
from registry.errors import NotManager
from registry.manifests import load, version_digest
from registry.models import Publisher, SigningKey, Version, VersionSignature
from registry.publishers.claiming import record, require_manager
from registry.publishers.team import is_of_team
from registry.signing.statements import statement_of
from registry.signing.verifying import verify_contents

MOST_KEYS = 10


@transaction.atomic
def add_key(publisher: Publisher, *, public: str, actor: User) -> SigningKey:
    """Take the public half of a key: base64 of 32 bytes, of which Ed25519 makes a point. Raises NotManager, Invalid or
    Conflict."""
    require_manager(actor, publisher)
    raw = _bytes(public, PUBLIC_BYTES, "public", "A public key is 32 bytes in base64.")
    if publisher.keys.filter(revoked_at=None).count() >= MOST_KEYS:
        raise Conflict(f"{publisher} has {MOST_KEYS} keys already.", "Revoke one that is not used any more.")
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


def statement_for(version: Version) -> str:
    """What a publisher signs of ``version``, word for word, of the bytes that are stored. Raises Altered."""
    files = {path: bytes(content) for path, content in version.files.values_list("path", "content")}
    manifest = load(version.manifest)
    verify_contents(version, manifest, files)
    found = {path: hashlib.sha256(content).hexdigest() for path, content in files.items()}
    return statement_of(version, manifest.digest, version_digest(manifest, files), found).text


@transaction.atomic
def add_signature(version: Version, *, signature: str, actor: User) -> VersionSignature:
    """Put a publisher's signature of ``version`` beside the marketplace's: base64 of 64 bytes, by one of its keys.

    Raises NotManager unless ``actor`` is of the team, Invalid where no key of the publisher made it, or Conflict.
    """
    owner = version.extension.owner
    if owner is None or not is_of_team(actor, owner):
        raise NotManager(f"Only the team of {owner or version.extension.publisher} signs its versions.")
    raw = _bytes(signature, SIGNATURE_BYTES, "signature", "A signature is 64 bytes in base64.")
    text = statement_for(version)
    keys = owner.keys.filter(revoked_at=None, retired_at=None)
    key = next((one for one in keys if is_signed(bytes(one.public), raw, text.encode())), None)
    if key is None:
        sentence = f"No key of {owner} made this signature of {version}."
        raise Invalid(sentence, {"signature": sentence}, "Sign the statement as it is, without a line end after it.")
    row, made = VersionSignature.objects.get_or_create(
        version=version,
        key=key,
        defaults={"workspace_id": version.workspace_id, "statement": text, "signature": raw},
    )
    if not made:
        raise Conflict(f"{version} bears a signature by {key} already.")
    record(owner, "version.signed", actor, after={"version": str(version), "digest": version.digest, "key": key.pk})
    return row


def _bytes(text: str, length: int, field: str, sentence: str) -> bytes:
    try:
        raw = base64.b64decode("".join(text.split()), validate=True)
    except ValueError:
        raw = b""
    if len(raw) != length:
        raise Invalid(sentence, {field: sentence})
    return raw
