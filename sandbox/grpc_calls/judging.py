"""What an answer of the broker to a gRPC call says: its body, and one category where it is a failure."""

import json
from dataclasses import asdict, dataclass
from typing import Any

import grpc

from galaxy.core.egress.grpc import DETAILS, STATUS
from registry.manifests import ActionSpec
from sandbox.grpc_calls.statuses import meaning_of
from sandbox.retry import declared_category


@dataclass(frozen=True)
class Judged:
    """``status`` is the HTTP status that stands for the code; ``headers`` has the code by name as ``grpc-status``, and
    ``retry-after`` in seconds where the peer asks for it. ``category`` is empty for a success."""

    status: int
    headers: dict[str, str]
    body: Any
    has_acted: bool | None
    category: str = ""
    code: str = ""
    sentence: str = ""

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def judged(spec: ActionSpec, came: dict[str, Any]) -> Judged:
    """``came`` is an answer by galaxy.core.egress.grpc, scrubbed; the manifest's reply table comes first."""
    status, name = came["status"], came["headers"][STATUS]
    try:
        body = json.loads(came["body"])
    except ValueError:  # a number or a part of the structure looked like a secret
        sentence = "The answer cannot be read once what looks like a secret is struck from it."
        return Judged(status, {}, None, spec.effect != "read", "tool_error", "bad_response", sentence)
    meaning, after_s = meaning_of(grpc.StatusCode[name], came["headers"].get(DETAILS, ""))
    headers = {STATUS: name} | ({} if after_s is None else {"retry-after": str(after_s)})
    declared = declared_category(status, spec.raw.get("replies", ()), body) or ""
    acted = False if spec.effect == "read" else meaning.has_acted if meaning else True
    if meaning is None:
        return Judged(status, headers, body, acted, declared, "refused_in_body" if declared else "")
    sentence = meaning.sentence if declared in {"", meaning.category} else ""  # another category has words of its own
    return Judged(status, headers, body, acted, declared or meaning.category, f"grpc_{name.lower()}", sentence)
