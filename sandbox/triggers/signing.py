"""Whether a webhook is signed by one of its keys, at this time. Pure; in sandboxd, since nothing else opens keys.

Two schemes: Standard Webhooks (a signature over id, time and body; several may come at once), and one HMAC-SHA256 of
the body in a header, as many vendors send it, in hexadecimal or base64. What is compared is compared in constant time,
with every key, whichever fits.
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from sandbox.models import Trigger

WINDOW_S = 300  # either way; what Stripe and the Standard Webhooks libraries allow
KEY_PREFIX = "whsec_"
KEY_BYTES = 32
SHORTEST_KEY, LONGEST_KEY = 24, 64  # bytes, by the Standard Webhooks specification
LONGEST_ID = 255
MOST_SIGNATURES = 20
LONGEST_HEADER = 4096
GOOD, UNSIGNED, LATE = "good", "unsigned", "late"
# A dot would let one signed text be read as two different messages.
_ID = re.compile(rf"[!-\-/-~]{{1,{LONGEST_ID}}}", re.ASCII)
_TIME = re.compile(r"[0-9]{1,12}", re.ASCII)
_PLAIN_KEY = re.compile(r"[!-~]{16,256}", re.ASCII)
_DIGEST_BYTES = 32


class NotAKey(ValueError):
    """A sentence for whoever typed it."""


@dataclass(frozen=True)
class Proof:
    """What came with a body: the three headers of Standard Webhooks, and the one of the other scheme."""

    body: bytes = field(repr=False)
    id: str = ""
    timestamp: str = ""
    signature: str = field(default="", repr=False)
    header: str = field(default="", repr=False)


def judge(scheme: str, keys: Iterable[str], proof: Proof, now_s: float) -> str:
    """GOOD, UNSIGNED or LATE (well signed, at another time). ``keys`` as people copy them; ``now_s``: seconds of 1970.

    Never raises, whatever was sent. An unsigned trigger takes everything.
    """
    if scheme == Trigger.Signature.NONE:
        return GOOD
    if scheme == Trigger.Signature.STANDARD:
        return _standard(keys, proof, now_s)
    return GOOD if _matches(_digests_of_header(proof.header), keys, proof.body, str.encode) else UNSIGNED


def check_key(scheme: str, key: str) -> None:
    """Whether a key that somebody brought can sign by this scheme. Raises NotAKey."""
    if scheme == Trigger.Signature.STANDARD:
        try:
            size = len(raw_key(key))
        except ValueError:
            size = 0
        if not SHORTEST_KEY <= size <= LONGEST_KEY:
            raise NotAKey(f"Write {KEY_PREFIX} and {SHORTEST_KEY} to {LONGEST_KEY} bytes in base64.")
    elif not _PLAIN_KEY.fullmatch(key):
        raise NotAKey("Write 16 to 256 letters, digits and signs, without blanks.")


def raw_key(key: str) -> bytes:
    """The bytes of a key of Standard Webhooks; ValueError for what is none."""
    return base64.b64decode(key.removeprefix(KEY_PREFIX), validate=True)


def event_id_of(scheme: str, proof: Proof) -> str:
    """By what an event is known when it comes again: the id, where the signature covers it, else its body.

    A header that nobody signed says nothing: with another id the same signed body would start a second run.
    """
    if scheme == Trigger.Signature.STANDARD or (scheme == Trigger.Signature.NONE and _ID.fullmatch(proof.id)):
        return proof.id
    return f"sha256:{hashlib.sha256(proof.body).hexdigest()}"


def _standard(keys: Iterable[str], proof: Proof, now_s: float) -> str:
    if not _ID.fullmatch(proof.id) or not _TIME.fullmatch(proof.timestamp):
        return UNSIGNED
    signed = b".".join((proof.id.encode(), proof.timestamp.encode(), proof.body))
    sent = [_of_base64(text[3:]) for text in proof.signature.split(" ")[:MOST_SIGNATURES] if text.startswith("v1,")]
    if not _matches([one for one in sent if one], keys, signed, raw_key):
        return UNSIGNED
    return GOOD if abs(now_s - int(proof.timestamp)) <= WINDOW_S else LATE


def _matches(sent: list[bytes], keys: Iterable[str], signed: bytes, raw) -> bool:
    """Whether any of the digests is that of any key; all are compared, so that time tells nothing."""
    found = False
    for key in keys:
        expected = hmac.digest(raw(key), signed, hashlib.sha256)
        for one in sent:
            found |= hmac.compare_digest(expected, one)
    return found


def _digests_of_header(text: str) -> list[bytes]:
    """``sha256=<hex>``, ``<hex>`` or base64."""
    text = text.strip()[:LONGEST_HEADER].removeprefix("sha256=")
    found = []
    if re.fullmatch(r"[0-9a-fA-F]{64}", text):
        found.append(bytes.fromhex(text))
    elif digest := _of_base64(text):
        found.append(digest)
    return found


def _of_base64(text: str) -> bytes:
    """A digest; b"" for what is none."""
    try:
        found = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""
    return found if len(found) == _DIGEST_BYTES else b""
