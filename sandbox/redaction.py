"""What of a run's values may be stored and shown: everything that carries a data class is masked first."""

import hashlib
import hmac
from typing import Any

from django.conf import settings

from registry.manifests.schemas import data_classes
from registry.manifests.types import DATA_CLASSES
from sandbox.transforms.classes import read_paths
from sandbox.transforms.redaction import redact

_ALL = sorted(DATA_CLASSES)


def redacted(values: Any, schema: dict[str, Any]) -> Any:
    """``values`` with every field that ``schema`` gives a data class masked, and what looks personal in other text.

    Masks keep what people need to recognise a thing (the domain of an address, the last digits of a number). A value
    that is no map is treated like a map's only field.
    """
    if values is None:
        return None
    if not isinstance(values, dict):
        return redacted({"value": values}, {})["value"]
    tagged = read_paths(dict(data_classes(schema, "")))
    return redact(values, classes=_ALL, mode="mask", tagged=tagged, key=b"")


def workspace_key(workspace_id: Any) -> bytes:
    """The key by which a workspace's transforms hash and tokenise: its own, derived from Galaxy's secret key.

    Equal values give equal signs as long as the secret key stays.
    """
    return hmac.digest(settings.SECRET_KEY.encode(), f"galaxy.transforms:{workspace_id}".encode(), hashlib.sha256)
