"""Signing a version for the marketplace: at once where the keys are, else by sandboxd after the commit."""

import hashlib
from dataclasses import replace
from functools import partial
from uuid import UUID

import structlog
from django.db import transaction

from galaxy.core.errors import DomainError
from galaxy.core.vault.signing import SigningKeys
from registry.errors import Altered
from registry.manifests import load, version_digest
from registry.models import SigningKey, Version, VersionSignature
from registry.signing import signers
from registry.signing.keys import current, root_of
from registry.signing.statements import statement_of
from registry.signing.verifying import counting_signatures, needs_signature

log = structlog.get_logger(__name__)


def sign_release(version: Version) -> None:
    """See to the marketplace's signature of ``version``, unless one that counts stands. Within a transaction."""
    if not needs_signature(version) or is_signed_by_marketplace(version):
        return
    if keys := signers.local():
        sign_with(keys, version)
    else:
        transaction.on_commit(partial(ask_for_signature, version.pk, version.workspace_id), robust=True)


def ask_for_signature(version: UUID, workspace: UUID | None) -> bool:
    """Ask sandboxd; whether it signed. Where it did not, the sweep asks again (registry.tasks.sign_waiting)."""
    remote = signers.remote()
    if remote is None:
        return False
    try:
        remote(version, workspace)
    except DomainError as error:
        log.warning("version not signed", version=str(version), code=error.code, reason=str(error))
        return False
    return True


@transaction.atomic
def sign_with(keys: SigningKeys, version: Version) -> VersionSignature:
    """Sign what is stored of ``version`` with the current key of ``keys``. Raises CannotSign or Altered."""
    key = current(keys)
    files = {path: bytes(content) for path, content in version.files.values_list("path", "content")}
    manifest = load(version.manifest)
    digest = version_digest(manifest, files)
    if digest != version.digest:
        raise Altered(f"{version} is not what was published, so it is not signed.")
    found = {path: hashlib.sha256(content).hexdigest() for path, content in files.items()}
    said = statement_of(version, manifest.digest, digest, found)
    text = (replace(said, catalogue=root_of(key.pk)) if version.workspace_id is None else said).text
    row, _ = VersionSignature.objects.get_or_create(
        version=version,
        key=key,
        defaults={
            "workspace_id": version.workspace_id,
            "statement": text,
            "signature": keys.sign(key.pk, text.encode()),
        },
    )
    return row


def is_signed_by_marketplace(version: Version) -> bool:
    return any(row.key.owner == SigningKey.Owner.MARKETPLACE for row in counting_signatures(version))
