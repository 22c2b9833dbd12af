"""What is signed of a version: one text in canonical JSON (RFC 8785) that names all that the version is.

    {"digest": ..., "extension": "acme", "files": {"docs.md": <SHA-256>}, "kind": "connector", "manifest_digest": ...,
     "number": "1.0.0", "publisher": "Orbit Works", "type": "galaxy.version/1"}

Digests are SHA-256 in hex. The bytes that are signed are the UTF-8 of the text, nothing before and nothing after.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from galaxy.core import jcs
from registry.models import Version

TYPE = "galaxy.version/1"


@dataclass(frozen=True)
class Statement:
    """``files`` maps each path to the SHA-256 of its bytes."""

    extension: str
    kind: str
    number: str
    digest: str
    manifest_digest: str
    files: Mapping[str, str]
    publisher: str

    @property
    def text(self) -> str:
        return jcs.dumps({"type": TYPE, **vars(self), "files": dict(self.files)}).decode()

    @classmethod
    def read(cls, text: str) -> "Statement":
        """Raises ValueError for what is no statement of ours, word for word."""
        try:
            found = json.loads(text)
            kind = found.pop("type")
            statement = cls(**found)
            fits = kind == TYPE and statement.text == text
        except (TypeError, KeyError, AttributeError, RecursionError):
            fits = False
        if not fits:
            raise ValueError("It is no statement about a version.")
        return statement


def statement_of(version: Version, manifest_digest: str, digest: str, files: Mapping[str, str]) -> Statement:
    """What ``version`` says of itself, with digests as the caller found them."""
    extension = version.extension
    return Statement(
        extension.slug, extension.kind, version.number, digest, manifest_digest, files, extension.publisher
    )
