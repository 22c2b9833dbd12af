"""What sandboxd asks before it signs a version that came in by a bundle: it looks at the sender's signature itself."""

import base64
import json

from django.db import connection

from galaxy.core.vault.signing import is_signed
from marketplace.bundles.layout import Bundle, Key
from marketplace.bundles.models import BundleSource
from marketplace.bundles.trusting import MARKETPLACE, believed_keys, roots_of
from registry.models import Version
from registry.signing.statements import Statement


def is_imported(version: Version) -> bool:
    """Whether a marketplace that is trusted now signed exactly these bytes under this name and number; asked across
    the walls (see migration 0015). Nothing that a web process wrote is believed without that signature."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT source_id, keys::text, key_id, statement, signature FROM marketplace_import_proofs(%s, %s)",
            [version.pk, version.digest],
        )
        rows = cursor.fetchall()
    sources = {row.pk: row for row in BundleSource.objects.trusted().filter(pk__in=[row[0] for row in rows])}
    return any(
        source_id in sources and _holds(version, sources[source_id], keys, key_id, statement, bytes(signature))
        for source_id, keys, key_id, statement, signature in rows
    )


def _holds(version: Version, source: BundleSource, keys: str, key_id: str, statement: str, signature: bytes) -> bool:
    bundle = Bundle((), tuple(_read(keys)))
    if bytes(source.public) not in {key.public for key in roots_of(bundle)}:
        return False
    key = believed_keys(bundle, {source.key_id}).get(key_id)
    try:
        said = Statement.read(statement)
    except ValueError:
        return False
    is_it = (said.digest, said.manifest_digest, said.extension, said.kind, said.number) == (
        version.digest,
        version.manifest_digest,
        version.extension.slug,
        version.extension.kind,
        version.number,
    )
    return key is not None and not key.revoked and is_it and is_signed(key.public, signature, statement.encode())


def packed_keys(bundle: Bundle) -> list[dict]:
    """The marketplace's keys of a bundle as they are kept beside what was imported."""
    return [
        {
            "id": key.id,
            "public": base64.b64encode(key.public).decode(),
            "introduction": key.introduction,
            "revoked": key.revoked,
        }
        for key in bundle.keys
        if key.owner == MARKETPLACE
    ]


def _read(text: str) -> list[Key]:
    try:
        return [
            Key(
                row["id"], MARKETPLACE, "", base64.b64decode(row["public"]), row["introduction"], revoked=row["revoked"]
            )
            for row in json.loads(text)
        ]
    except (ValueError, TypeError, KeyError):
        return []
