"""How what is installed fares, for its card: read for all cards of a page together, and kept for a moment.

Typing brings the same installations again with every letter. What is kept is at most ``KEPT_S`` old; the page of an
installation, where somebody acts on it, reads it each time.
"""

import time
from collections.abc import Sequence
from uuid import UUID

from galaxy.core.models import Workspace
from marketplace.search.engine import Hit
from registry.models import Installation
from registry.standing import Standing, standings_of

KEPT_S = 15
MOST_KEPT = 5_000
_kept: dict[UUID, tuple[float, Standing | None]] = {}


def standings_here(hits: Sequence[Hit], workspace: Workspace) -> dict[UUID, Standing]:
    """By installation; those that reach nothing outside have none. No query where all are kept, else a fixed number."""
    now = time.monotonic()
    wanted = {hit.installation_id for hit in hits if hit.installation_id}
    known = {pk: kept[1] for pk in wanted if (kept := _kept.get(pk)) and now - kept[0] < KEPT_S}
    if missing := wanted - known.keys():
        found = standings_of(_installations(missing, workspace))
        if len(_kept) >= MOST_KEPT:
            _kept.clear()
        for pk in missing:
            known[pk] = found.get(pk)
            _kept[pk] = (now, known[pk])
    return {pk: one for pk, one in known.items() if one is not None}


def _installations(ids: set[UUID], workspace: Workspace) -> list[Installation]:
    rows = list(Installation.objects.in_workspace(workspace).filter(pk__in=ids).select_related("extension", "pin"))
    for one in rows:
        one.workspace = workspace
    return rows
