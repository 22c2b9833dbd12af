"""The marketplace's public keys, and which of them are to be believed.

Each key is introduced by the one before, which signs the note that names it (galaxy.core.audit.keys has the form), so
that whoever can only write to the database slips none in. The first is believed as it stands; an installation that
names its roots (GALAXY_MARKETPLACE_ROOTS) believes those, wherever they stand, and what they introduced.
"""

from functools import lru_cache
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils import timezone

from galaxy.core.audit.keys import PublicKey, introduce, key_of, why_not_introduced
from galaxy.core.audit.notes import parse
from galaxy.core.db.prepared import prepared
from galaxy.core.vault.signing import SigningKeys
from registry.errors import CannotSign
from registry.models import SigningKey

NAME = "galaxy.marketplace/keys"
_Row = tuple[str, bytes, str]  # id, public, introduction


def believed() -> frozenset[str]:
    """Ids of the marketplace's keys whose introductions lead back to a root. Revoked ones are among them."""
    return chain(_rows(), frozenset(settings.GALAXY_MARKETPLACE_ROOTS))


def root_of(id: str) -> str:
    """The id of the first key of the line that the believed key ``id`` stands in, by which this marketplace is known
    elsewhere; "" for a key that is not believed."""
    return dict(_lines(_rows(), frozenset(settings.GALAXY_MARKETPLACE_ROOTS))).get(id, "")


def chain(rows: tuple[_Row, ...], roots: frozenset[str]) -> frozenset[str]:
    """Which of ``rows``, in order of their numbers, are believed."""
    return frozenset(id for id, _ in _lines(rows, roots))


@lru_cache(maxsize=16)
def _lines(rows: tuple[_Row, ...], roots: frozenset[str]) -> tuple[tuple[str, str], ...]:
    """(id, id of the first key of its line) of those that are believed."""
    good: list[tuple[str, str]] = []
    before: PublicKey | None = None
    first = ""
    for place, (id, public, note) in enumerate(rows):
        is_root = id in roots if roots else place == 0
        key = _named(id, public, note)
        if key and is_root and _is_self_signed(key):
            first, before = id, key
        elif key and not is_root and before and _follows(key, before):
            before = key
        else:
            before = None
            continue
        good.append((id, first))
    return tuple(good)


def _rows() -> tuple[_Row, ...]:
    return tuple((id, bytes(public), note) for id, public, note in _of_the_marketplace())


@prepared
def _of_the_marketplace() -> QuerySet[SigningKey, Any]:
    rows = SigningKey.objects.filter(owner=SigningKey.Owner.MARKETPLACE).order_by("number")
    return rows.values_list("id", "public", "introduction")


@transaction.atomic
def current(keys: SigningKeys, *, new_root: bool = False) -> SigningKey:
    """The row of the key that signs, introduced where it is new; the ones before are retired then.

    Raises CannotSign where the key was revoked or retired, or where nothing can introduce it: then ``new_root`` lets it
    begin anew, and every process has to be told to believe it.
    """
    row = SigningKey.objects.filter(pk=keys.current).first()
    if row is None:
        row = _introduced(keys, new_root=new_root)
    if row.state != "active":
        raise CannotSign(f"Key {row} is {row.state}, so nothing is signed with it.")
    return row


def _introduced(keys: SigningKeys, *, new_root: bool) -> SigningKey:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('registry.signing.keys'))")
    rows = SigningKey.objects.filter(owner=SigningKey.Owner.MARKETPLACE).order_by("number")
    if row := rows.filter(pk=keys.current).first():
        return row
    last, at = rows.last(), timezone.now()
    before = key_of(last.introduction, NAME) if last else None
    can_follow = before is None or (before.key_id in keys and last is not None and last.revoked_at is None)
    if not can_follow and not new_root:
        raise CannotSign(
            f"The key before ({last}) cannot introduce {keys.current}: it was revoked, or its private half is not in "
            "the file of keys."
        )
    key = introduce(keys, before if can_follow else None, at, name=NAME)
    rows.filter(retired_at=None, revoked_at=None).update(retired_at=at)
    return SigningKey.objects.create(
        id=key.key_id,
        owner=SigningKey.Owner.MARKETPLACE,
        public=key.public,
        number=last.number + 1 if last and last.number else 1,
        introduction=key.note,
        introduced_at=at,
    )


def _named(id: str, public: bytes, note: str) -> PublicKey | None:
    """The key that the note introduces, where that is the one of the row."""
    try:
        key = key_of(note, NAME)
    except ValueError:
        return None
    return key if (key.key_id, key.public) == (id, public) else None


def _is_self_signed(key: PublicKey) -> bool:
    return parse(key.note).is_signed_by(NAME, key.public)


def _follows(key: PublicKey, before: PublicKey) -> bool:
    return not why_not_introduced(key, before, before.number + 1, NAME)
