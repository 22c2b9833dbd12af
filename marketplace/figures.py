"""How listed extensions fare where they run, counted by beat so that no page has to (F100).

The counts come from a function of PostgreSQL: of public extensions those of all workspaces together, each figure of
three of them at least by itself (migration 0019); of a private one those of its workspace. Only what changed is
written, with its entry and its card.
"""

from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from galaxy.core.sweeps import apart
from marketplace.cards.figures import WINDOW_DAYS
from marketplace.cards.writing import for_cards, write_cards
from marketplace.models import Listing
from marketplace.search.indexing import rescore

COUNTED = ("installs", "runs", "good", "auth_failed", "p95_ms", "last_run_at")
NOTHING: dict[str, Any] = {name: None if name in ("p95_ms", "last_run_at") else 0 for name in COUNTED}
SWEEP = "marketplace.count_figures"


def count_figures(now: datetime | None = None) -> int:
    """Count anew and write what changed; returns how many listings that were. Safe to run twice."""
    now = now or timezone.now()
    changed = _count(Listing.objects.public(), now)
    with connection.cursor() as cursor:
        cursor.execute("SELECT workspace_id FROM marketplace_private_catalogues()")
        ids = [row[0] for row in cursor.fetchall()]
    for id in ids:
        with apart(SWEEP, id):
            changed += _count(Listing.objects.filter(workspace=id), now)
    return changed


@transaction.atomic
def _count(listings: QuerySet[Listing], now: datetime) -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM marketplace_figures(%s)", [now - timedelta(days=WINDOW_DAYS)])
        counted = {row[0]: dict(zip(COUNTED, row[1:], strict=True)) for row in cursor.fetchall()}
    had = Q(installs__gt=0) | Q(runs__gt=0)
    rows = for_cards(listings.filter(had | Q(extension__in=counted), is_made_up=False).select_for_update(of=("self",)))
    changed = []
    for listing in rows:
        figures = counted.get(listing.extension_id, NOTHING)
        if any(getattr(listing, name) != figures[name] for name in COUNTED):
            for name, value in figures.items():
                setattr(listing, name, value)
            changed.append(listing)
    Listing.objects.bulk_update(changed, COUNTED, batch_size=500)
    rescore(changed, now=now)
    write_cards(changed)
    return len(changed)
