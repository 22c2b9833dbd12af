"""What of a run's values may be stored and shown: everything that carries a data class is masked first."""

import hashlib
import hmac
from typing import Any

from django.conf import settings

from registry.manifests.schemas import data_classes
from registry.manifests.types import DATA_CLASSES
from sandbox.class_flow import joined
from sandbox.transforms.classes import Classes, read_paths
from sandbox.transforms.redaction import redact

_ALL = sorted(DATA_CLASSES)


def redacted(values: Any, schema: dict[str, Any], carried: Classes | None = None) -> Any:
    """``values`` with every field masked that has a data class, and what looks personal in other text and in names.

    A field has the classes that ``schema`` gives it and those that its value was ``carried`` in with (class_flow).
    Masks keep what people need to recognise a thing (the domain of an address, the last digits of a number). A value
    that is no map is treated like a map's only field.
    """
    if values is None:
        return None
    if not isinstance(values, dict):
        return redacted({"value": values}, {})["value"]
    tagged = joined(read_paths(dict(data_classes(schema, ""))), carried or {})
    return _names_masked(redact(values, classes=_ALL, mode="mask", tagged=tagged, key=b""))


def _names_masked(value: Any) -> Any:
    """``value`` without personal names of fields, such as a map by e-mail address; masks that meet are numbered."""
    if isinstance(value, list):
        return [_names_masked(part) for part in value]
    if not isinstance(value, dict):
        return value
    result: dict[str, Any] = {}
    taken: dict[str, int] = {}
    for name, part in value.items():
        masked = redact({"": name}, classes=_ALL, mode="mask", tagged={}, key=b"")[""]
        result[numbered(masked, taken)] = _names_masked(part)
    return result


def numbered(masked: str, taken: dict[str, int]) -> str:
    """``masked``, or ``masked (2)`` and so on where the name of another field became the same; noted in ``taken``.

    ``taken`` maps each name to the number it was last given, so that many that meet cost time in proportion.
    """
    shown, number = masked, taken.get(masked, 1)
    while shown in taken:
        number += 1
        shown = f"{masked} ({number})"
    taken[shown] = 1
    taken[masked] = number
    return shown


def workspace_key(workspace_id: Any) -> bytes:
    """The key by which a workspace's transforms hash and tokenise: its own, derived from Galaxy's secret key.

    Equal values give equal signs as long as the secret key stays.
    """
    return hmac.digest(settings.SECRET_KEY.encode(), f"galaxy.transforms:{workspace_id}".encode(), hashlib.sha256)
