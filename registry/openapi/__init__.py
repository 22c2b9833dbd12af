"""OpenAPI documents (3.0, 3.1 and Swagger 2.0) read, and operations of them drafted as a connector's manifest.

Pure Python: no Django, no database, no network. A reference that leads out of the document is a listed loss and is
never followed. What a manifest cannot say is told as a ``Loss``, so that nothing is dropped silently.

    >>> document = read_document(content)
    >>> draft = draft_manifest(document, ["GET /pets", "POST /pets"], connector="pets")
    >>> draft.text, [loss.sentence for loss in draft.losses]
"""

from registry.openapi.document import Document, Operation, read_document
from registry.openapi.drafting import MOST_CHOSEN, Draft, TooMuch, draft_manifest
from registry.openapi.losses import Loss
from registry.openapi.text import MAX_BYTES, Unreadable

__all__ = [
    "MAX_BYTES",
    "MOST_CHOSEN",
    "Document",
    "Draft",
    "Loss",
    "Operation",
    "TooMuch",
    "Unreadable",
    "draft_manifest",
    "read_document",
]
