"""Row 3: the marketplace's page against a bare view that asks one query and writes JSON, at two sizes of the catalogue.

Page, partial and bare view pass the same middleware, signed in, in this process, and take turns, so that a busy machine
slows all of them alike. The processor's time decides: its ratio is the median of those of the rounds. Beside it stands
the same bare view for nobody, as PERFORMANCE tells its ceiling; that one reads neither session nor person.
"""

import statistics
from collections.abc import Callable
from functools import partial
from typing import Any

from bench._market import catalogues, house, take_turns
from bench._rows import compared, row

ROUNDS = 40
WARM = 8
MOST = {"page": 3.0, "page of a search": 3.0, "partial": 1.5}
MOST_MS = 5.0
MOST_QUERIES = 4
BARE, NOBODY = "bare view, signed in", "bare view, nobody"
_row = partial(row, "3")


def main() -> list[dict[str, Any]]:
    """Rows of {row, what, value, unit, bar, ok}. Makes a database of its own anew."""
    with catalogues() as sizes:
        from django.test.utils import override_settings

        with override_settings(ROOT_URLCONF="bench._urls"):
            return [found for size in sizes for found in _measure(size)]


def _measure(size: int) -> list[dict[str, Any]]:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    calls = _calls()
    queries = {}
    for name, call in calls.items():
        for _ in range(WARM):
            call()
        with CaptureQueriesContext(connection) as seen:
            call()
        queries[name] = len(seen)
    times = take_turns(calls, ROUNDS)
    rows = []
    for name, seen in times.items():
        clock, used = [one for one, _ in seen], [one for _, one in seen]
        p95 = statistics.quantiles(clock, n=20)[-1]
        what = f"{name}, {size:,}"
        if name not in MOST:
            rows.append(_row(f"{what}: processor, median", statistics.median(used), "ms"))
            continue
        bare = [other for _, other in times[BARE]]
        goal = "3 partial" if name == "partial" else "3"
        rows += [
            compared(goal, f"{what}, beside the bare view", used, bare, "ms", most=MOST[name]),
            _row(f"{what}: 95 of 100 within", p95, "ms", f"<= {MOST_MS}", p95 <= MOST_MS),
            _row(f"{what}: statements", queries[name], "", f"<= {MOST_QUERIES}", queries[name] <= MOST_QUERIES),
        ]
    return rows


def _calls() -> dict[str, Callable[[], object]]:
    """What is measured, by name; every call answers 200 or raises."""
    from allauth.usersessions.models import UserSession
    from django.test import Client
    from django.urls import reverse

    workspace, person = house()

    def asking(address: str, **headers: str) -> Callable[[], object]:
        client = Client(headers=headers or None)
        client.force_login(person, backend="allauth.account.auth_backends.AuthenticationBackend")
        key = client.session.session_key
        UserSession.objects.create(user=person, ip="127.0.0.1", user_agent="bench", session_key=key)
        return partial(_get, client, address)

    market = reverse("marketplace:listing-list", args=[workspace.slug])
    return {
        BARE: asking(reverse("bare", args=[workspace.slug])),
        NOBODY: partial(_get, Client(), reverse("bare-nobody")),
        "page": asking(market),
        "page of a search": asking(f"{market}?q=invoice"),
        "partial": asking(f"{market}?q=invoice", **{"HX-Request": "true"}),
    }


def _get(client: Any, address: str) -> None:
    answer = client.get(address)
    if answer.status_code != 200:
        raise RuntimeError(f"{address} answered {answer.status_code}")
