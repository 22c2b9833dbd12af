"""What is signed of a version: one text in canonical JSON (RFC 8785) that names all that the version is.

    {"digest": ..., "extension": "acme", "files": {"docs.md": <SHA-256>}, "kind": "connector", "manifest_digest": ...,
     "number": "1.0.0", "publisher": "Orbit Works", "type": "galaxy.version/1"}

A marketplace says of what is in its public catalogue whose that is, in ``catalogue``, the id of its first key; the type
is galaxy.version/2 then. What a workspace publishes for itself is in no catalogue, and a publisher speaks for none.
Digests are SHA-256 in hex. The bytes that are signed are the UTF-8 of the text, nothing before and nothing after.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace

from galaxy.core import jcs
from registry.models import Version

TYPE, OF_CATALOGUE = "galaxy.version/1", "galaxy.version/2"


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
    catalogue: str = ""

    @property
    def text(self) -> str:
        said = {name: value for name, value in vars(self).items() if value or name != "catalogue"}
        kind = OF_CATALOGUE if self.catalogue else TYPE
        return jcs.dumps({"type": kind, **said, "files": dict(self.files)}).decode()

    @property
    def plain(self) -> "Statement":
        """The same of whatever catalogue: what is said of the version itself."""
        return replace(self, catalogue="")

    @classmethod
    def read(cls, text: str) -> "Statement":
        """Raises ValueError for what is no statement of ours, word for word."""
        try:
            found = json.loads(text)
            kind = found.pop("type")
            statement = cls(**found)
            known = OF_CATALOGUE if statement.catalogue else TYPE
            fits = kind == known and statement.text == text
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
