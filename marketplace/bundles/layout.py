"""What stands in a bundle, and where: a ZIP file with these entries and no others.

    bundle.json                the index: versions, their signatures and their files, the keys
    manifests/<digest>.json    a manifest in its canonical form (RFC 8785), byte by byte
    files/<digest>/<path>      a file of that version

The order of ``versions`` is the order in which they are installed: what is required first, what was wanted last.
"""

from dataclasses import dataclass, field
from typing import Any

from registry.manifests import Manifest

TYPE = "galaxy.bundle/1"
SUFFIX = ".galaxy"
MEDIA_TYPE = "application/octet-stream"
INDEX = "bundle.json"
MAX_BYTES = 8 * 1024 * 1024  # of the file as it comes
MAX_UNPACKED_BYTES = 24 * 1024 * 1024
MAX_INDEX_BYTES = 1024 * 1024
MAX_VERSIONS = 20
MAX_FILES = 100  # of one version

_HEX = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
_BASE64 = {"type": "string", "pattern": "^[A-Za-z0-9+/]{1,200}={0,2}$"}
_OWNER = {"enum": ["publisher", "marketplace"]}
_KEY_ID = {"type": "string", "pattern": "^[0-9a-f]{8,64}$"}


def _text(most: int, least: int = 0) -> dict[str, Any]:
    return {"type": "string", "minLength": least, "maxLength": most}


def _object(**properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": sorted(properties),
        "additionalProperties": False,
    }


def _list(items: dict[str, Any], most: int, least: int = 0) -> dict[str, Any]:
    return {"type": "array", "items": items, "minItems": least, "maxItems": most}


SCHEMA = _object(
    type={"const": TYPE},
    versions=_list(
        _object(
            extension=_text(80, 1),
            number=_text(64, 1),
            digest=_HEX,
            publisher=_text(80, 1),
            level={"enum": ["community", "verified", "enterprise"]},
            changes=_text(10_000),
            files=_list(_text(200, 1), MAX_FILES),
            signatures=_list(
                _object(
                    role={"enum": ["publisher", "marketplace"]},
                    key=_KEY_ID,
                    statement=_text(64_000, 1),
                    signature=_BASE64,
                ),
                8,
            ),
        ),
        MAX_VERSIONS,
        1,
    ),
    keys=_list(
        _object(
            id=_KEY_ID,
            owner=_OWNER,
            name=_text(80),
            public=_BASE64,
            introduction=_text(2_000),
            revoked={"type": "boolean"},
        ),
        64,
    ),
)


@dataclass(frozen=True)
class Signed:
    """A signature as it travels: ``role`` is publisher or marketplace, ``statement`` the text that was signed."""

    role: str
    key: str
    statement: str
    signature: bytes


@dataclass(frozen=True)
class Key:
    """A public key (32 bytes of Ed25519) as the sender knew it; what it is worth here is the receiver's to say.

    The marketplace's stand in the order in which each introduced the next, with the notes that did so
    (registry.signing.keys); a publisher's has no ``introduction``.
    """

    id: str
    owner: str
    name: str
    public: bytes
    introduction: str
    revoked: bool


@dataclass(frozen=True)
class Packed:
    """One version as it travels. ``level`` and ``publisher`` are the sender's words."""

    manifest: Manifest
    files: dict[str, bytes]
    digest: str
    publisher: str
    level: str
    changes: str = ""
    signatures: tuple[Signed, ...] = ()

    def __str__(self) -> str:
        return f"{self.manifest.id} {self.manifest.version}"


@dataclass(frozen=True)
class Bundle:
    versions: tuple[Packed, ...]
    keys: tuple[Key, ...] = field(default=())

    @property
    def wanted(self) -> Packed:
        """What the bundle was made for; the others come along, since it requires them."""
        return self.versions[-1]


def manifest_name(digest: str) -> str:
    return f"manifests/{digest}.json"


def file_name(digest: str, path: str) -> str:
    return f"files/{digest}/{path}"
