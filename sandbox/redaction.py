"""What of a run's values may be stored and shown: everything that carries a data class is hidden first."""

import hashlib
import hmac
from typing import Any

from django.conf import settings

from registry.manifests.schemas import data_classes
from registry.manifests.types import DATA_CLASSES
from sandbox.class_flow import joined
from sandbox.transforms.classes import Classes, read_paths
from sandbox.transforms.redaction import STRICTNESS, redact_by

_ALL = sorted(DATA_CLASSES)
Modes = dict[str, str]  # how each data class is hidden: mask, hash, tokenise or drop


def redacted(
    values: Any,
    schema: dict[str, Any],
    carried: Classes | None = None,
    *,
    modes: Modes | None = None,
    key: bytes = b"",
) -> Any:
    """``values`` with every field hidden that has a data class, and what looks personal in other text and in names.

    A field has the classes that ``schema`` gives it and those that its value was ``carried`` in with (class_flow). It
    is hidden as ``modes`` say, and masked where they say nothing: masks keep what people need to recognise a thing (the
    domain of an address, the last digits of a number). ``key`` is the workspace's (workspace_key), for the other modes.
    A value that is no map is treated like a map's only field; what a mode drops whole is None then.
    """
    if values is None:
        return None
    if not isinstance(values, dict):
        return redacted({"value": values}, {}, modes=modes, key=key).get("value")
    tagged = joined(read_paths(dict(data_classes(schema, ""))), carried or {})
    return redact_by(values, modes=dict.fromkeys(_ALL, "mask") | (modes or {}), tagged=tagged, key=key)


def stricter(one: Modes, other: Modes) -> Modes:
    """Both sets of modes at once: for each class the stricter of its two."""
    return {
        name: max((modes[name] for modes in (one, other) if name in modes), key=STRICTNESS.__getitem__)
        for name in sorted({*one, *other})
    }


def workspace_key(workspace_id: Any) -> bytes:
    """The key by which a workspace's transforms hash and tokenise: its own, derived from Galaxy's secret key.

    Equal values give equal signs as long as the secret key stays.
    """
    return hmac.digest(settings.SECRET_KEY.encode(), f"galaxy.transforms:{workspace_id}".encode(), hashlib.sha256)
