"""Who signed a version, and whose signature it waits for: for pages and lists."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from django.db.models import QuerySet

from galaxy.core.db.prepared import prepared
from registry.models import Version, VersionSignature
from registry.signing.keys import believed
from registry.signing.verifying import MARKETPLACE, holds, missing_of


@dataclass(frozen=True)
class Signed:
    """``by`` names those whose signatures count, the marketplace first; ``waits_for`` those whose it lacks: nobody
    installs it before they signed."""

    by: list[str] = field(default_factory=list)
    waits_for: list[str] = field(default_factory=list)


def standing_of(versions: Sequence[Version]) -> dict[UUID, Signed]:
    """How each of ``versions`` stands, in two queries. Each needs its ``extension.owner`` at hand.

    Signatures are looked at, and the bytes are not: that is done when a version is loaded.
    """
    rows = _unrevoked(versions=",".join(str(one.pk) for one in versions)) if versions else []
    trusted = believed() if versions else frozenset()
    owners = {one.pk: one.extension.owner_id for one in versions}
    found: dict[UUID, list[VersionSignature]] = {id: [] for id in owners}
    for row in rows:
        is_theirs = row.key.publisher_id is not None and row.key.publisher_id == owners[row.version_id]
        if (is_theirs or row.key_id in trusted) and holds(row):
            found[row.version_id].append(row)
    return {
        one.pk: Signed(
            list(dict.fromkeys(str(row.key.publisher or MARKETPLACE) for row in found[one.pk])),
            missing_of(one, {row.key.owner for row in found[one.pk]}),
        )
        for one in versions
    }


@prepared
def _unrevoked(versions: str) -> QuerySet[VersionSignature]:
    rows = VersionSignature.objects.filter(version__pk__among=versions, key__revoked_at=None)
    return rows.select_related("key__publisher").order_by("key__owner", "signed_at")
