"""Writing a bundle: the same content gives the same bytes, so that two exports can be compared."""

import base64
import io
import stat
import zipfile

from galaxy.core import jcs
from marketplace.bundles.layout import INDEX, TYPE, Bundle, file_name, manifest_name

_EPOCH = (1980, 1, 1, 0, 0, 0)  # the first moment that a ZIP file can name
_REGULAR = (stat.S_IFREG | 0o644) << 16
_UNIX = 3


def write_bundle(bundle: Bundle) -> bytes:
    """The file. What stands in it was verified by whoever calls."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        _add(archive, INDEX, jcs.dumps(_index(bundle)))
        for packed in bundle.versions:
            _add(archive, manifest_name(packed.digest), jcs.dumps(packed.manifest.canonical))
            for path, content in sorted(packed.files.items()):
                _add(archive, file_name(packed.digest, path), content)
    return stream.getvalue()


def _index(bundle: Bundle) -> dict:
    return {
        "type": TYPE,
        "versions": [
            {
                "extension": packed.manifest.id,
                "number": packed.manifest.version,
                "digest": packed.digest,
                "publisher": packed.publisher,
                "level": packed.level,
                "changes": packed.changes,
                "files": sorted(packed.files),
                "signatures": [
                    {
                        "role": one.role,
                        "key": one.key,
                        "statement": one.statement,
                        "signature": base64.b64encode(one.signature).decode(),
                    }
                    for one in packed.signatures
                ],
            }
            for packed in bundle.versions
        ],
        "keys": [
            {
                "id": key.id,
                "owner": key.owner,
                "name": key.name,
                "public": base64.b64encode(key.public).decode(),
                "introduction": key.introduction,
                "revoked": key.revoked,
            }
            for key in bundle.keys
        ],
    }


def _add(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    entry = zipfile.ZipInfo(name, _EPOCH)
    entry.compress_type, entry.external_attr, entry.create_system = zipfile.ZIP_DEFLATED, _REGULAR, _UNIX
    archive.writestr(entry, content)
