"""Whether a bundle is vouched for by a marketplace that is trusted here. Nothing but the bundle and the trusted keys is
asked, so it works without any network."""

import hashlib
from collections.abc import Collection

from galaxy.core.vault.signing import id_of, is_signed
from marketplace.bundles.layout import Bundle, Key, Packed, Signed
from registry.models import SigningKey
from registry.signing.keys import chain
from registry.signing.statements import Statement

MARKETPLACE = SigningKey.Owner.MARKETPLACE


def why_not_trusted(bundle: Bundle, roots: Collection[str], revoked: Collection[str] = ()) -> str:
    """Why a version of ``bundle`` is not vouched for, in a sentence; "" where each of them is.

    ``roots`` are ids of keys that are trusted here, ``revoked`` ids of keys that count for nothing here, whatever the
    bundle says.
    """
    if not roots:
        return "No marketplace is trusted here."
    believed = believed_keys(bundle, roots)
    if not believed:
        return "It was signed by a marketplace that is not trusted here."
    for packed in bundle.versions:
        if why := _why_not(packed, {id: key for id, key in believed.items() if id not in revoked}):
            return why
    return ""


def believed_keys(bundle: Bundle, roots: Collection[str]) -> dict[str, Key]:
    """The marketplace's keys in ``bundle`` that lead back to one of ``roots``, by id; none where one id stands for two
    keys, of which one would be taken for the other."""
    keys = roots_of(bundle)
    if len({key.id for key in keys}) < len(keys):
        return {}
    good = chain(tuple((key.id, key.public, key.introduction) for key in keys), frozenset(roots))
    return {key.id: key for key in keys if key.id in good}


def root_of(bundle: Bundle) -> Key | None:
    """The marketplace's first key: what somebody compares with what they were told, before they trust it."""
    return next(iter(roots_of(bundle)), None)


def roots_of(bundle: Bundle) -> list[Key]:
    """The marketplace's keys that are what their ids say, the first one first: any may be the one that is trusted."""
    return [key for key in bundle.keys if key.owner == MARKETPLACE and id_of(key.public) == key.id]


def vouching(packed: Packed, believed: dict[str, Key]) -> Signed | None:
    """The signature of ``packed`` by one of the ``believed`` keys that holds, None where none does."""
    said = statement_of(packed)
    for one in packed.signatures:
        key = believed.get(one.key) if one.role == MARKETPLACE else None
        if key is None or key.revoked or not _says(one.statement, said):
            continue
        if is_signed(key.public, one.signature, one.statement.encode()):
            return one
    return None


def _says(text: str, said: Statement) -> bool:
    """Whether a statement is just that of the version, of whatever catalogue it says it is."""
    try:
        return Statement.read(text).plain == said
    except ValueError:
        return False


def _why_not(packed: Packed, believed: dict[str, Key]) -> str:
    signed = [one for one in packed.signatures if one.role == MARKETPLACE and one.key in believed]
    if not signed:
        return f"{packed} bears no signature of a marketplace that is trusted here."
    usable = [one for one in signed if not believed[one.key].revoked]
    if not usable:
        return f"{packed} was signed with key {signed[0].key}, which was revoked."
    return "" if vouching(packed, believed) else f"The signature of {packed} does not hold."


def statement_of(packed: Packed) -> Statement:
    """What a signature of ``packed`` has to say of it."""
    manifest = packed.manifest
    files = {path: hashlib.sha256(content).hexdigest() for path, content in packed.files.items()}
    return Statement(
        manifest.id,
        manifest.kind,
        manifest.version or "",
        packed.digest,
        manifest.digest,
        files,
        packed.publisher,
    )
