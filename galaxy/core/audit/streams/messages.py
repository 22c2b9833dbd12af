"""What a sink is sent. Pure: the same events give the same bytes, so that a batch that is sent twice is known again."""

import base64
import hashlib
import hmac
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

KEY_PREFIX = "whsec_"
KEY_BYTES = 32
TYPE = "audit.events"
_FACILITY, _NOTICE, _WARNING = 13, 5, 4  # RFC 5424: log audit; normal but significant; warning conditions
_NIL = "-"


@dataclass(frozen=True)
class Batch:
    """Leaves ``after`` up to, and without, ``until`` of one workspace's tree; ``lines`` are its events, one each.

    ``after`` is where the message before ended, so that a message that was lost shows.
    """

    workspace: str
    sink: str
    after: int
    until: int
    lines: tuple[dict[str, Any], ...]

    @property
    def id(self) -> str:
        """Equal for a batch that is sent again, so that its receiver can tell."""
        return f"{self.sink}-{self.after}-{self.until}"


def webhook_body(batch: Batch) -> bytes:
    """JSON: {type, id, workspace, sequence: {after, until}, events}."""
    content = {
        "type": TYPE,
        "id": batch.id,
        "workspace": batch.workspace,
        "sequence": {"after": batch.after, "until": batch.until},
        "events": batch.lines,
    }
    return json.dumps(content, separators=(",", ":"), ensure_ascii=False).encode()


def webhook_headers(batch_id: str, body: bytes, keys: Iterable[str], sent_at: datetime) -> list[tuple[str, str]]:
    """The headers of the Standard Webhooks specification, with one signature for each key in force."""
    moment = str(int(sent_at.timestamp()))
    signed = b".".join((batch_id.encode(), moment.encode(), body))
    signatures = ["v1," + base64.b64encode(hmac.digest(raw_key(key), signed, hashlib.sha256)).decode() for key in keys]
    return [
        ("Content-Type", "application/json"),
        ("webhook-id", batch_id),
        ("webhook-timestamp", moment),
        ("webhook-signature", " ".join(signatures)),
    ]


def raw_key(key: str) -> bytes:
    """The bytes of a key as people copy it; ValueError for what is none."""
    return base64.b64decode(key.removeprefix(KEY_PREFIX), validate=True)


def written_key(raw: bytes) -> str:
    return KEY_PREFIX + base64.b64encode(raw).decode()


def syslog_frames(batch: Batch, *, host: str) -> bytes:
    """RFC 5424 messages, each counted as RFC 5425 asks; ``host`` names the sender.

    An event that was refused is a warning. Each says of which leaves it tells, as a webhook does of all its events:
    what a filter left out lies between ``after`` and the leaf or, in the last message, between that and ``until``.
    """
    frames = bytearray()
    after = batch.after
    for number, line in enumerate(batch.lines, 1):
        until = line["sequence"] + 1 if number < len(batch.lines) else batch.until
        message = _message(line, batch.workspace, after, until, host)
        frames += f"{len(message)} ".encode() + message
        after = until
    return bytes(frames)


def _message(line: dict[str, Any], workspace: str, after: int, until: int, host: str) -> bytes:
    severity = _WARNING if line["outcome"] == "refused" else _NOTICE
    # RFC 5424: sequenceId starts at 1 and ends at 2147483647, so the leaf itself is told beside it.
    place = _element("galaxy@32473", workspace=workspace, leaf=line["sequence"], after=after, until=until)
    meta = _element("meta", sequenceId=line["sequence"] % 2147483647 + 1)
    header = " ".join(
        (
            f"<{_FACILITY * 8 + severity}>1",
            _moment(line["occurred_at"]),
            _name(host, 255),
            "galaxy",
            _NIL,
            _name(line["action"], 32),
            place + meta,
        )
    )
    text = json.dumps(line, separators=(",", ":"), ensure_ascii=False)
    return header.encode() + b" \xef\xbb\xbf" + text.encode()


def _moment(text: str) -> str:
    """RFC 3339, which RFC 5424 asks for; a stored moment is ISO 8601 in UTC with at most six digits of a second."""
    return text.replace("+00:00", "Z")


def _name(text: str, most: int) -> str:
    """Printable ASCII without spaces, as a header field must be."""
    kept = "".join(sign if "!" <= sign <= "~" else "_" for sign in text)[:most]
    return kept or _NIL


def _element(name: str, **values: Any) -> str:
    params = "".join(f' {key}="{_escaped(str(value))}"' for key, value in values.items())
    return f"[{name}{params}]"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("]", "\\]")


def fitting(lines: Sequence[dict[str, Any]], most_bytes: int) -> int:
    """How many of ``lines`` fit into a message of ``most_bytes``, and always one: an event is never cut."""
    size = 0
    for number, line in enumerate(lines):
        size += len(json.dumps(line, separators=(",", ":"), ensure_ascii=False).encode()) + 1
        if size > most_bytes and number:
            return number
    return len(lines)
