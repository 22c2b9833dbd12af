"""The public keys that sign checkpoints, each introduced by a signed note, so that none can be slipped in.

    galaxy.audit/keys
    <number, from 1>
    <public key, base64>
    time <when it was introduced>
    previous <SHA-256 of the note before, base64; 32 zero bytes for the first>

    — <signature by the key before, from the second key on>
    — <signature by the new key>

The first key signs itself: whoever verifies compares it with the copy outside the database, or with what they noted.
"""

import base64
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from galaxy.core.audit.checkpoints import NO_NOTE, note_hash
from galaxy.core.audit.leaves import moment
from galaxy.core.audit.notes import parse, sign
from galaxy.core.vault.signing import SigningKeys, id_of

NAME = "galaxy.audit/keys"


@dataclass(frozen=True)
class PublicKey:
    """A key in force from ``introduced_at`` on. ``key_id`` is the beginning of the hex SHA-256 of ``public``."""

    number: int
    key_id: str
    public: bytes
    introduced_at: datetime
    note: str


def introduce(keys: SigningKeys, before: PublicKey | None, at: datetime, *, name: str = NAME) -> PublicKey:
    """A key as the successor of ``before``, or as the first. KeyError where the file of keys lacks the one before.

    ``name`` says what the keys are for: it begins the note, and a note under another name introduces nothing.
    """
    number = before.number + 1 if before else 1
    public = keys.public(keys.current)
    previous = note_hash(before.note) if before else NO_NOTE
    signers = [before.key_id, keys.current] if before else [keys.current]
    note = sign(_text(name, number, public, at, previous), name, keys, signers)
    return PublicKey(number, keys.current, public, at, note)


def key_of(note: str, name: str = NAME) -> PublicKey:
    """What a note introduces. Nothing of it is verified. Raises ValueError with a sentence where it is none."""
    text = parse(note).text
    try:
        _, number, public, time, previous = text.removesuffix("\n").split("\n")
        key = base64.b64decode(public, validate=True)
        at = datetime.fromisoformat(time.removeprefix("time "))
        before = base64.b64decode(previous.removeprefix("previous "), validate=True)
        found = PublicKey(int(number), id_of(key), key, at, note)
    except ValueError:
        raise ValueError("It introduces no key.") from None
    if _text(name, found.number, key, at, before) != text:
        raise ValueError("It introduces no key as Galaxy does.")
    return found


def broken_links(notes: Iterable[str]) -> tuple[list[PublicKey], list[tuple[int, str]]]:
    """The keys that ``notes`` introduce, in order, and what is wrong as (number, sentence).

    A key that is wrongly introduced is not among the keys, so nothing that it signed is taken for signed.
    """
    good: list[PublicKey] = []
    wrong: list[tuple[int, str]] = []
    for number, note in enumerate(notes, 1):
        try:
            key = key_of(note)
        except ValueError as error:
            wrong.append((number, f"Note {number} of the signing keys cannot be read. {error}"))
            continue
        before = good[-1] if good else None
        if reason := why_not_introduced(key, before, number):
            wrong.append((number, f"Signing key {number} ({key.key_id}) {reason}"))
        else:
            good.append(key)
    return good, wrong


def why_not_introduced(key: PublicKey, before: PublicKey | None, number: int, name: str = NAME) -> str:
    """The end of a sentence on what is wrong with how ``key`` was introduced as the successor of ``before``; "" for
    nothing."""
    note = parse(key.note)
    if key.number != number:
        return f"says that it is number {key.number}."
    if not note.is_signed_by(name, key.public):
        return "did not sign its own introduction."
    if before and not note.is_signed_by(name, before.public):
        return f"was not introduced by the key before it ({before.key_id})."
    previous = note_hash(before.note) if before else NO_NOTE
    if _text(name, key.number, key.public, key.introduced_at, previous) != note.text:
        return "does not follow the key before it."
    return ""


def _text(name: str, number: int, public: bytes, at: datetime, previous: bytes) -> str:
    lines = [
        name,
        str(number),
        base64.b64encode(public).decode(),
        f"time {moment(at)}",
        f"previous {base64.b64encode(previous).decode()}",
    ]
    return "".join(f"{line}\n" for line in lines)
