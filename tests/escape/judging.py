"""Whether a case was held: the outcome of its run, what left, and who was reached, against what it expects."""

import base64
import binascii
import codecs
import json
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from galaxy.core.egress import addresses
from sandbox.pool import Outcome
from tests.escape.peers import ALLOWED, BOUND, Internet, Surroundings

# The words of the cases for how a run ended, from our codes.
WORDS = {
    "time_limit": "timeout",
    "cpu_limit": "timeout",
    "crashed": "died",
    "memory_limit": "died",
    "worker_lost": "died",
    "exited": "died",
    "sandbox_violation": "died",
    "value_too_large": "died",
    "protocol_violation": "protocol",
}
MISSING = re.compile(r"ModuleNotFoundError|has no attribute|AttributeError|not among the modules")


@dataclass
class Verdict:
    """Sentences, none where the case was held. ``holes``: something got out. ``surprises``: nothing did, and yet the
    run ended in another way than the case says. ``is_vacuous``: what the case needs is not there at all."""

    holes: list[str]
    surprises: list[str]
    is_vacuous: bool = False


def judge(
    case: dict[str, Any], outcome: Outcome, around: Surroundings, internet: Internet, exchanges: Any, wall_s: float
) -> Verdict:
    """``exchanges`` is what the broker recorded of the run."""
    expect = case["expect"]
    output = outcome.output if isinstance(outcome.output, dict) else {}
    holes, surprises = _of_egress(expect, around, internet), []
    if output.get("escaped") is True:
        holes.append(f"it got out: {output}"[:300])
    seen = json.dumps([outcome.as_dict(), exchanges], default=str)
    if any(text in seen for text in _filled(expect.get("never", []), around)):
        holes.append("a secret text stands in what is stored")
    if expect.get("decode") and any(around.secret in text for text in _readings(outcome)):
        holes.append("the secret can be read out of what is stored")
    if around.listeners.visitors():
        holes.append("a listener of the host was reached")
    word = "ok" if outcome.status == "ok" else WORDS.get(outcome.error["code"], "error")
    is_refused = word == "ok" and output.get("escaped") is False
    if word not in expect["status"] and not is_refused:
        surprises.append(f"it ended as {word}: {outcome.error or outcome.output}"[:300])
    if wall_s > expect.get("max_wall", 60):
        surprises.append(f"it took {wall_s:.1f} s")
    if len(outcome.logs) > expect.get("max_logs", 2000):
        surprises.append(f"it kept {len(outcome.logs)} lines of log")
    if outcome.http_calls > expect.get("max_http", 20):
        surprises.append(f"it made {outcome.http_calls} calls")
    if expect.get("must_work") and not output.get("works"):
        surprises.append("what is allowed did not work")
    why = f"{output.get('why', '')} {outcome.error and outcome.error['sentence']}"
    return Verdict(holes, surprises, is_vacuous=bool(MISSING.search(why)))


def _of_egress(expect: dict[str, Any], around: Surroundings, internet: Internet) -> list[str]:
    """No case at all may reach an undeclared host or an address that is not public, whether it says so or not."""
    holes = []
    for request, address in internet.sent:
        if request.host not in {rule.host for rule in ALLOWED}:
            holes.append(f"{request.host} was reached")
        if addresses.refusal(address):
            holes.append(f"{address} was reached")
    elsewhere = "".join(internet.texts(host) for host in internet.hosts() - BOUND)
    if any(text in elsewhere for text in _filled(expect.get("never_egress", []), around)):
        holes.append("a secret left for a host that it is not bound to")
    for host, texts in expect.get("never_egress_to", {}).items():
        if any(text in internet.texts(host) for text in _filled(texts, around)):
            holes.append(f"a secret went to {host}")
    return holes


def _filled(texts: list[str], around: Surroundings) -> list[str]:
    return [str(around.names[text]) for text in texts]


def _readings(outcome: Outcome) -> Iterator[str]:
    """Every text of output, logs and error, read in every way that somebody may have written a secret in."""
    texts = [*_texts(outcome.output), *(line["text"] for line in outcome.logs), str(outcome.error)]
    joined = "".join(texts)
    for text in [*texts, joined, *re.split(r"[\s,;:|]+", joined)]:
        plain = [text, text[::-1], unquote(text), re.sub(r"[^\w-]", "", text), codecs.decode(text, "rot13")]
        yield from plain
        yield from ("".join(chr(ord(sign) ^ key) for sign in text) for key in range(1, 256))
        for piece in plain[:3]:
            yield from (raw.decode("utf-8", "replace") for raw in _decoded(piece))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for name, part in value.items():
            yield str(name)
            yield from _texts(part)
    elif isinstance(value, list):
        if value and all(isinstance(part, int) and 0 <= part < 0x110000 for part in value):
            yield "".join(map(chr, value))
        for part in value:
            yield from _texts(part)
    else:
        yield str(value)


def _decoded(text: str) -> Iterator[bytes]:
    packed = re.sub(r"\s", "", text).encode("utf-8", "replace")
    readers = (base64.b64decode, base64.urlsafe_b64decode, base64.b32decode, base64.b85decode, binascii.unhexlify)
    for reader in readers:
        for cut in range(4):
            piece = packed[cut:]
            for padded in (piece, piece + b"=" * (-len(piece) % 4), piece + b"=" * (-len(piece) % 8)):
                try:
                    raw = reader(padded)
                except (ValueError, binascii.Error):
                    continue
                yield raw
                try:
                    yield zlib.decompress(raw)
                except zlib.error:
                    continue
