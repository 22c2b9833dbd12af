"""Row 6b: taking secrets out of logs, against the bare automaton with four encodings of each secret.

    python -m bench redaction

CPU time of this process is measured, in rounds that take turns, so that a busy machine slows both alike.
"""

import base64
import json
import random
import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import ahocorasick_rs

from bench._rows import compared, row
from galaxy.core.egress.scrubbing import MARK, Scrubber

SECRETS = 1000
ROUNDS = 5
LEAST_RATIO = 0.5
MOST_MICROSECONDS = 20
_row = partial(row, "6b")
WORDS = [
    "run", "started", "finished", "action", "connector", "workspace", "policy", "decision", "allow", "deny", "approval",
    "waiting", "retry", "attempt", "status", "timeout", "contact", "email", "lead", "task", "subject", "owner", "page",
]  # fmt: skip


def main() -> list[dict[str, Any]]:
    """Rows of {row, what, value, unit, bar, ok}."""
    source = random.Random(6)  # noqa: S311  (the same secrets and lines each time)
    secrets = [_secret(source) for _ in range(SECRETS)]
    records = [_record(source) for _ in range(20_000)]
    text = "\n".join(json.dumps(record) for record in records).encode()
    bare = ahocorasick_rs.BytesAhoCorasick(sorted({form for secret in secrets for form in _four(secret)}))
    begun = time.process_time()
    scrubber = Scrubber(secrets)
    build_s = time.process_time() - begun
    bare, ours = _turns(lambda: bare.find_matches_as_indexes(text), lambda: scrubber.raw(text))
    (each,) = _turns(lambda: [scrubber.data(record) for record in records])
    microseconds = [one / len(records) * 1e6 for one in each]
    middle, size = statistics.median(microseconds), len(text) / 1e6
    leaks = _leaks(scrubber, secrets, records, source)
    return [
        compared(
            "6b",
            "scrubber with every form, beside the bare automaton with four of each secret",
            [size / one for one in ours],
            [size / one for one in bare],
            "MB/s",
            least=LEAST_RATIO,
        ),
        _row("one log record", middle, "us", f"<= {MOST_MICROSECONDS}", middle <= MOST_MICROSECONDS, microseconds),
        _row(f"leaks among {SECRETS} secrets in {len(_WRITERS)} forms", leaks, "", "0", leaks == 0),
        _row(f"building it from {SECRETS} secrets", build_s * 1e3, "ms"),
    ]


def _turns(*works: Callable[[], object]) -> list[list[float]]:
    """Seconds of CPU that each of ``works`` takes in each round."""
    spent: list[list[float]] = [[] for _ in works]
    for _ in range(ROUNDS):
        for number, work in enumerate(works):
            begun = time.process_time()
            work()
            spent[number].append(time.process_time() - begun)
    return spent


def _secret(source: random.Random) -> str:
    """A token as providers make them; every fourth has signs that get escaped."""
    raw = source.randbytes(24)
    return base64.b64encode(raw + b"=").decode() if source.random() < 0.25 else base64.urlsafe_b64encode(raw).decode()


def _record(source: random.Random) -> dict[str, Any]:
    return {
        "event": " ".join(source.choices(WORDS, k=8)),
        "level": "info",
        "timestamp": f"2026-01-{source.randrange(1, 29):02d}T10:00:{source.randrange(60):02d}Z",
        "request_id": source.randbytes(16).hex(),
        "url": f"https://api.example.com/v1/{source.choice(WORDS)}?q={source.choice(WORDS)}%20{source.choice(WORDS)}",
        "duration_ms": source.randrange(2000),
        "detail": {"status": 200, "text": " ".join(source.choices(WORDS, k=source.randrange(4, 30)))},
    }


def _four(secret: str) -> set[bytes]:
    raw = secret.encode()
    return {raw, base64.b64encode(raw), raw.hex().encode(), raw[::-1]}


_WRITERS: list[Callable[[str], str]] = [
    str,
    lambda text: base64.b64encode(text.encode()).decode(),
    lambda text: base64.b64encode(b"u:" + text.encode()).decode(),
    lambda text: base64.urlsafe_b64encode(b"k" + text.encode()).decode(),
    lambda text: base64.b32encode(text.encode()).decode(),
    lambda text: text.encode().hex(),
    lambda text: text.encode().hex().upper(),
    lambda text: "".join(f"%{byte:02x}" for byte in text.encode()),
    lambda text: text.replace("/", "%2F").replace("+", "%2b"),
    lambda text: json.dumps(text).replace("/", "\\/"),
    lambda text: "".join(f"&#{ord(sign)};" for sign in text),
    lambda text: text[::-1],
]


def _leaks(scrubber: Scrubber, secrets: list[str], records: list[dict[str, Any]], source: random.Random) -> int:
    """How many secrets, each written in each form into a record, come out unmarked."""
    leaks = 0
    for secret in secrets:
        for write in _WRITERS:
            record = source.choice(records)
            line = json.dumps(scrubber.data(record | {"event": f"sent {write(secret)} to the peer"}))
            leaks += MARK not in line or write(secret) in line
    return leaks
