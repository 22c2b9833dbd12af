"""Rows 3 and F115: the trail over a million events, the newest page and the oldest.

The page itself, signed in, in turns with the bare view of one query, by the processor's time of this process: without a
filter, and under some, at the newest end and at the oldest. Then every filter, within a second.

What a page reads is timed as the page reads it, without templates: the events under a filter, one page of them, and
their names. The filters are those that people use and those that find least where they look last. For each, the
indexes that PostgreSQL says it used are printed to the log of errors, and a walk over a whole table is told as a miss.
"""

import gzip
import json
import sys
import time
from functools import partial
from typing import Any
from uuid import uuid4

from bench._database import fresh_database
from bench._events import RARE, fill, repeat
from bench._market import take_turns
from bench._pages import asking
from bench._rows import compared, row

EVENTS, WRITTEN = 1_000_000, 50_000  # those written as the product does, the others in their likeness
ROUNDS, TURNS = 3, 15
MOST_MS, MOST_RATIO, MOST_KB = 1000, 4.0, 14.0
OLDEST = "1-1"  # a place before every event: the page just after it is the oldest
_row = partial(row, "F115")
FILTERS: list[dict[str, str]] = [
    {}, {"action": "run."}, {"action": RARE}, {"action": "agent.created"}, {"outcome": "done"}, {"outcome": "refused"},
    {"outcome": "failed"}, {"outcome": "simulated"}, {"show": "key"}, {"mode": "live"}, {"actor": "Bench"},
    {"actor": "nobody"}, {"agent": "agent-3"}, {"actor_kind": "system"}, {"actor_kind": "agent"}, {"q": "HubSpot"},
    {"q": "hubspot ticket 9"}, {"q": "nothing begins so"}, {"q": "Send", "mode": "simulated"}, {"target": "none"},
    {"request_id": "none"}, {"since": "2000-01-01", "until": "2000-01-02"}, {"since": "2000-01-01", "action": RARE},
    {"outcome": "refused", "actor": "Bench"}, {"actor_kind": "system", "action": RARE}, {"show": "key", "agent": "x"},
]  # fmt: skip


def main() -> list[dict[str, Any]]:
    """Rows of {row, what, value, unit, bar, ok}. Makes a database of its own anew."""
    with fresh_database():
        from django.db import connections

        from galaxy.core.accounts import create_account
        from galaxy.core.members import create_workspace
        from galaxy.core.scope import workspace_scope

        owner = create_account("bench@example.test", password=uuid4().hex, name="Bench")
        workspace = create_workspace(name="Bench", slug="bench", owner=owner)
        with workspace_scope([workspace.pk]):
            fill(workspace, {str(owner.pk): "Bench"}, {f"agent-{n}": f"Agent {n}" for n in range(20)}, WRITTEN)
            repeat(workspace, EVENTS)
            with connections["owner"].cursor() as cursor:
                for table in ("core_auditevent", "core_auditdetail"):
                    cursor.execute(f"VACUUM ANALYZE {table}")
            rows = [found for filters in FILTERS for found in _timed(workspace, filters)]
        from django.test.utils import override_settings

        with override_settings(ROOT_URLCONF="bench._urls"):
            return [*_pages(workspace, owner), *rows]


def _pages(workspace: Any, owner: Any) -> list[dict[str, Any]]:
    from django.urls import reverse

    trail, far = reverse("core:audit-list", args=[workspace.slug]), f"after={OLDEST}"
    addresses = {
        "newest": trail,
        "oldest": f"{trail}?{far}",
        "words, newest": f"{trail}?q=HubSpot",
        "words, oldest": f"{trail}?q=HubSpot&{far}",
        "an agent, oldest": f"{trail}?agent=agent-3&{far}",
        "what is rare": f"{trail}?action={RARE}",
    }
    calls = {name: asking(owner, address) for name, address in addresses.items()}
    calls["bare"] = asking(owner, reverse("bare", args=[workspace.slug]))
    for call in calls.values():
        for _ in range(4):
            call()
    times = {name: [used for _, used in seen] for name, seen in take_turns(calls, TURNS).items()}
    rows = []
    for name in addresses:
        what = f"trail of {EVENTS:,}, {name}, beside the bare view"
        rows.append(compared("3 audit", what, times[name], times["bare"], "ms", most=MOST_RATIO))
    size = len(gzip.compress(calls["newest"]().content)) / 1024
    return [*rows, row("3 bytes", "trail: compressed", size, "KB", f"<= {MOST_KB:g}", size <= MOST_KB)]


def _timed(workspace: Any, filters: dict[str, str]) -> list[dict[str, Any]]:
    from galaxy.core.audit.paging import page_of
    from galaxy.core.audit.reading import details_of
    from galaxy.core.audit.search import described, matching

    def read(**place: str) -> float:
        best = float("inf")
        for _ in range(ROUNDS):
            began = time.perf_counter()
            details_of(page_of(matching(workspace, filters), **place).events, workspace)
            best = min(best, (time.perf_counter() - began) * 1000)
        return best

    ms = max(read(), read(after=OLDEST))
    indexes, walks = _plan(matching(workspace, filters).order_by("-occurred_at", "-id")[:51])
    words = described(filters) or "no filter"
    sys.stderr.write(f"  {words}: {', '.join(sorted(indexes))}{' WALKS A TABLE' * walks}\n")
    return [_row(f"{words}, newest or oldest page", ms, "ms", f"<= {MOST_MS}", ms <= MOST_MS and not walks)]


def _plan(events: Any) -> tuple[set[str], bool]:
    """The indexes that a query uses, by the partition's name cut off, and whether it walks over a table with rows."""
    indexes: set[str] = set()
    walks = False

    def look(node: dict[str, Any]) -> None:
        nonlocal walks
        if "Index Name" in node:
            indexes.add(node["Index Name"].split("_2", 1)[0] + node["Index Name"].split("workspace_id", 1)[-1])
        walks |= node["Node Type"] == "Seq Scan" and node.get("Rows Removed by Filter", 0) > 10_000
        for inner in node.get("Plans", []):
            look(inner)

    look(json.loads(events.explain(format="json", analyze=True))[0]["Plan"])
    return indexes, walks
