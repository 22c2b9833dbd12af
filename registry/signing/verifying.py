"""Whether a version is what was signed, read from the bytes that are stored. At install, and whenever one is loaded."""

import hashlib
from collections.abc import Collection, Mapping

from galaxy.core.vault.signing import is_signed
from registry.errors import Altered, NotVouched
from registry.manifests import Manifest, load, version_digest
from registry.models import SigningKey, Version, VersionSignature
from registry.signing.keys import believed
from registry.signing.statements import Statement, statement_of

MARKETPLACE = "the marketplace"


def verify(version: Version) -> None:
    """Raises Altered, which names the file that is not what was signed, or NotVouched."""
    files = {path: bytes(content) for path, content in version.files.values_list("path", "content")}
    verify_contents(version, load(version.manifest), files)


def verify_contents(version: Version, manifest: Manifest, files: Mapping[str, bytes]) -> None:
    """The same of bytes that were read already."""
    good = verify_bytes(version, manifest, files)[1]
    if why := why_not_vouched(version, good):
        raise NotVouched(f"{version} {why}, so nothing of it runs.", _next_step(version, good))


def verify_bytes(
    version: Version, manifest: Manifest, files: Mapping[str, bytes]
) -> tuple[Statement, list[VersionSignature]]:
    """What these bytes say of themselves, and the signatures of it that count, be there enough of them or not.

    Raises Altered where they are not what was published.
    """
    found = {path: hashlib.sha256(content).hexdigest() for path, content in files.items()}
    good = counting_signatures(version)
    signed = Statement.read(good[0].statement) if good else None
    _compare(version, manifest.digest, found, signed)
    digest = version_digest(manifest, files)
    statement = statement_of(version, manifest.digest, digest, found)
    if digest != version.digest or any(Statement.read(one.statement).plain != statement for one in good):
        raise Altered(f"{version} is not what was published, so nothing of it runs.")
    return statement, good


def counting_signatures(version: Version) -> list[VersionSignature]:
    """The signatures of ``version`` that hold and count for something, the marketplace's first."""
    rows = list(version.signatures.select_related("key"))
    trusted = believed() if rows else frozenset()
    owner = version.extension.owner_id
    return sorted(
        (row for row in rows if _counts(row.key, trusted, owner) and holds(row) and _is_statement(row.statement)),
        key=lambda row: row.key.owner,
    )


def holds(row: VersionSignature) -> bool:
    """Whether the signature is the key's, over the statement beside it."""
    return is_signed(bytes(row.key.public), bytes(row.signature), row.statement.encode())


def why_not_vouched(version: Version, good: list[VersionSignature]) -> str:
    """The middle of a sentence on whose signature is missing; "" where it is vouched for as it has to be."""
    missing = missing_of(version, {row.key.owner for row in good})
    return f"bears no signature of {missing[0]} that counts" if missing else ""


def missing_of(version: Version, by: Collection[str]) -> list[str]:
    """Whose signatures it lacks, by name, where ``by`` are the kinds of owners (SigningKey.Owner) that signed it."""
    missing = []
    if needs_signature(version) and SigningKey.Owner.MARKETPLACE not in by:
        missing.append(MARKETPLACE)
    owner = version.extension.owner
    if owner and owner.demands(version.published_at) and SigningKey.Owner.PUBLISHER not in by:
        missing.append(owner.name)
    return missing


def needs_signature(version: Version) -> bool:
    """Whether the marketplace has to sign it: a workspace's own drafts are tried out without."""
    return not (version.workspace_id and version.is_draft)


def _next_step(version: Version, good: list[VersionSignature]) -> str:
    if MARKETPLACE in missing_of(version, {row.key.owner for row in good}):
        return ""
    return f"Its publisher demands a signature of its own: somebody on the team of {version.extension.owner} signs it."


def _counts(key: SigningKey, trusted: frozenset[str], owner: object) -> bool:
    if key.revoked_at:
        return False
    if key.owner == SigningKey.Owner.MARKETPLACE:
        return key.pk in trusted
    return key.publisher_id == owner


def _is_statement(text: str) -> bool:
    try:
        Statement.read(text)
    except ValueError:
        return False
    return True


def _compare(version: Version, manifest_digest: str, found: Mapping[str, str], signed: Statement | None) -> None:
    """Raises Altered with the name of the first file that is not as it was signed or, unsigned, as it was stored."""
    then = signed.files if signed else dict(version.files.values_list("path", "sha256"))
    if manifest_digest != (signed.manifest_digest if signed else version.manifest_digest):
        raise Altered(f"The manifest of {version} is not what was published, so nothing of it runs.")
    for path in sorted({*then, *found}):
        if then.get(path) != found.get(path):
            state = "is not what was published" if path in then and path in found else "was added"
            state = state if path in found else "is missing"
            raise Altered(f"The file {path} of {version} {state}, so nothing of it runs.")
