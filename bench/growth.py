"""The same paths at 1, 10 and 100 times the data, each beside its ceiling in the same rounds.

    make growth        measures, and draws docs/growth.md (bench.curves)

Pages are asked for signed in, in turns with the bare view of one query, by the processor's time of this process. What
grows is told by the ratio: a machine that is slow for a while slows both. Data are added to what is there, so sizes
come in order.
"""

import os
from collections.abc import Callable, Iterator
from typing import Any

from bench import _growing as growing
from bench._database import fresh_database
from bench._market import take_turns
from bench._pages import asking
from bench._rows import WALL, compared

TIMES = (1, 10, 100)
ROUNDS, WARM = int(os.environ.get("GROWTH_ROUNDS", "15")), 4
RULES, ENTRIES, RUNS, EVENTS, WAITING, ACTIONS, INSTALLED = 100, 1_000, 1_000, 1_000, 10, 5, 10  # at 1x


def main() -> list[dict[str, Any]]:
    """Rows of ``_rows``, with the number of ``things`` and their name ``of``. Makes databases of its own anew."""
    found = list(_decisions())
    for part in (_pages, _trail, _market):
        with fresh_database():
            from django.test.utils import override_settings

            with override_settings(ROOT_URLCONF="bench._urls"):
                found += part()
    return found


def _row(name: str, things: int, of: str, product: list[float], ceiling: list[float], **more: Any) -> dict[str, Any]:
    unit = more.pop("unit", "ms")
    return compared("growth", name, product, ceiling, unit, **more) | {"things": things, "of": of}


def _decisions() -> Iterator[dict[str, Any]]:
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    django.setup()
    from bench.policy import REQUESTS, _House

    houses = [_House(RULES * times, RULES) for times in TIMES]
    for house in houses:
        look = house.as_table()
        turns = take_turns({"ours": house.decide_all, "look": look}, ROUNDS)
        ours, looks = ([used / REQUESTS * 1e3 for _, used in turns[name]] for name in ("ours", "look"))
        yield _row("policy decision", len(house.rules), "rules", ours, looks, unit="us")


def _pages() -> list[dict[str, Any]]:
    """Runs, dashboard, what is installed and the queue: each grows while the others stand at 100 times."""
    from django.urls import reverse

    house = growing.House()
    kinds: tuple[tuple[str, str, str, int, Callable[[int], None]], ...] = (
        ("runs list", "sandbox:run-list", "runs", RUNS, house.add_runs),
        ("dashboard", "sandbox:dashboard", "actions", ACTIONS, house.add_actions),
        ("installed", "registry:installation-list", "installations", INSTALLED, house.add_installations),
        ("approvals queue", "policies:approval-list", "requests that wait", WAITING, house.add_waiting),
    )
    found = []
    bare = asking(house.owner, reverse("bare", args=[house.workspace.slug]))
    for name, address, of, few, grow in kinds:
        page = asking(house.owner, reverse(address, args=[house.workspace.slug]))
        for times in TIMES:
            grow(few * times)
            growing.analyze()
            found.append(_beside(name, few * times, of, page, bare))
    return found


def _trail() -> list[dict[str, Any]]:
    from django.urls import reverse

    house = growing.Trail()
    trail = reverse("core:audit-list", args=[house.workspace.slug])
    bare = asking(house.owner, reverse("bare", args=[house.workspace.slug]))
    searched = asking(house.owner, f"{trail}?q=HubSpot")
    oldest = asking(house.owner, f"{trail}?q=HubSpot&after=1-1")
    found = []
    for times in TIMES:
        events = EVENTS * times
        house.grow(events)
        found.append(_beside("audit search, newest", events, "events", searched, bare))
        found.append(_beside("audit search, oldest", events, "events", oldest, bare))
        turns = take_turns({"page": house.exported, "copy": house.copied}, 5)
        page, copy = ([events / clock * 1e3 for clock, _ in turns[name]] for name in ("page", "copy"))
        found.append(_row("audit export, CSV", events, "events", page, copy, unit="ev/s", clock=WALL))
    return found


def _market() -> list[dict[str, Any]]:
    from django.urls import reverse

    from bench._market import house
    from marketplace.seeding.making import make_listings

    workspace, person = house()
    market = reverse("marketplace:listing-list", args=[workspace.slug])
    bare = asking(person, reverse("bare", args=[workspace.slug]))
    pages = {"marketplace list": asking(person, market), "marketplace search": asking(person, f"{market}?q=invoice")}
    found = []
    for times in TIMES:
        make_listings(ENTRIES * times)
        growing.analyze()
        found += [_beside(name, ENTRIES * times, "entries", page, bare) for name, page in pages.items()]
    return found


def _beside(name: str, things: int, of: str, page: Callable[[], Any], bare: Callable[[], Any]) -> dict[str, Any]:
    for _ in range(WARM):
        page()
        bare()
    turns = take_turns({"page": page, "bare": bare}, ROUNDS)
    ours, theirs = ([used for _, used in turns[one]] for one in ("page", "bare"))
    return _row(name, things, of, ours, theirs)
