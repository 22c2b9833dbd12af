"""Which version a call takes: the pin of the pack that calls, else its share of a roll-out, else the pin. What a pack's
run holds to from its beginning comes before all of them.

All three are read in one statement, written once for each process, and the choice is a sum: the same call asks twice
and is answered the same, in whatever process.
"""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Exists, FilteredRelation, OuterRef, Q, QuerySet

from galaxy.core.db.prepared import prepared
from registry.errors import Altered
from registry.models import Installation, RollOut, RollOutPack, Version

NO_PACK = UUID(int=0)
BUCKETS = 10_000  # a hundred of them are one per cent


@dataclass(frozen=True)
class Chosen:
    """The version that a call takes, and the digest that whatever chose it names."""

    version: Version
    digest: str


def choose(row: Installation, key: str, held: str = "") -> Chosen:
    """``row`` is one of ``candidates``. ``key`` tells one run from another; "" takes no part in a roll-out by share.
    ``held`` is the digest that a run holds to, whatever is chosen by now; a query more where that is another.

    Raises Altered where the version is not the one that was chosen.
    """
    chosen = _chosen(row, key)
    if held and held != chosen.digest:
        chosen = _held(row, held)
    if chosen.digest != chosen.version.digest:
        raise Altered(f"{row} is pinned to another digest than its version has, so nothing of it runs.")
    return chosen


def takes_part(rollout: RollOut, key: str, *, is_named: bool = False) -> bool:
    """Whether a run of that ``key`` takes the new version; ``is_named``: its pack is one of those that do."""
    version = rollout.version
    if rollout.state != RollOut.State.RUNNING or version.status == Version.Status.YANKED or version.quarantine:
        return False
    if rollout.way == RollOut.Way.PACKS:
        return is_named
    return bool(key) and bucket_of(rollout.pk, key) < rollout.percent * BUCKETS // 100


def bucket_of(rollout: UUID, key: str) -> int:
    """From 0 to below BUCKETS, evenly. The same for one key and roll-out for ever, so that whoever is in at 5 per cent
    is in at 25; and unlike for another roll-out, so that it is not always the same runs that go first."""
    digest = hashlib.sha256(rollout.bytes + key.encode()).digest()
    return int.from_bytes(digest[:8], "big") % BUCKETS


def chosen_digest(workspace: UUID, installation: UUID, pack: UUID | None, key: str) -> str | None:
    """The digest that a run would take now, None where nothing is installed any more."""
    row = _one.one(workspace=workspace, installation=installation, pack=pack or NO_PACK)
    return _chosen(row, key).digest if row else None


def choose_required(workspace: UUID, pack: UUID, slugs: Collection[str], key: str) -> dict[str, tuple[UUID, Chosen]]:
    """By the slug of what ``pack`` requires, its installation and the version that a run of ``key`` takes, in one
    query. What is not installed is left out. Raises Altered."""
    rows = Installation.objects.filter(workspace=workspace, extension__slug__in=slugs).active()
    rows = candidates(rows, workspace, pack).order_by().defer("pin__version__manifest")
    return {row.extension.slug: (row.pk, choose(row, key)) for row in rows}


def candidates(rows: QuerySet[Installation], workspace: UUID, pack: UUID) -> QuerySet[Installation]:
    """``rows`` with whatever may choose their version, for ``pack`` (its installation, or NO_PACK)."""
    named = RollOutPack.objects.filter(workspace=workspace, rollout=OuterRef("rolling__id"), pack=pack)
    rows = rows.annotate(
        rolling=FilteredRelation(
            "rollouts", condition=Q(rollouts__workspace=workspace, rollouts__state=RollOut.State.RUNNING)
        ),
        own_pin=FilteredRelation(
            "pinned_by_packs", condition=Q(pinned_by_packs__workspace=workspace, pinned_by_packs__pack=pack)
        ),
        is_named=Exists(named),
    )
    related: Any = ("rolling__version", "own_pin__version")  # which no model has: they are of this question alone
    return rows.select_related("workspace", "extension", "pin__version__extension", *related)


def _chosen(row: Installation, key: str) -> Chosen:
    own, rolling = getattr(row, "own_pin", None), getattr(row, "rolling", None)
    if own is not None:
        return _of(row, own.version, own.digest)
    if rolling is not None and takes_part(rolling, key, is_named=getattr(row, "is_named", False)):
        return _of(row, rolling.version, rolling.digest)
    return Chosen(row.pin.version, row.pin.digest)


def _held(row: Installation, digest: str) -> Chosen:
    version = Version.objects.filter(extension=row.extension_id, digest=digest).defer("manifest").first()
    if version is None:
        raise Altered(f"The version of {row} that this run began with is not there any more, so nothing of it runs.")
    return _of(row, version, digest)


def _of(row: Installation, version: Version, digest: str) -> Chosen:
    version.extension = row.extension  # the same row, which is here already
    return Chosen(version, digest)


@prepared
def _one(workspace: UUID, installation: UUID, pack: UUID) -> QuerySet[Installation]:
    rows = Installation.objects.filter(workspace=workspace, pk=installation).active()
    return candidates(rows, workspace, pack).order_by().defer("pin__version__manifest")
