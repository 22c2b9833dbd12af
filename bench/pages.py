"""Row 3, of every page: what a page costs before it shows anything, by part, and each list beside the bare view.

Processor's time in this process, in turns with the bare view of one query. The parts are those of an empty page of the
workspace: each is timed by itself while that page is made, the statements that it asks among it.
"""

import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any
from unittest.mock import patch

from bench._database import fresh_database
from bench._rows import row
from bench.metrics import _asking, _fill_days, _house, _take_turns

ROUNDS = 40
MOST = {"sandbox:dashboard": 6.0, "policies:approval-list": 4.0}
PAGES = (
    "overview",
    "sandbox:dashboard",
    "sandbox:target-list",
    "sandbox:outcome-list",
    "sandbox:run-list",
    "sandbox:issue-list",
    "sandbox:trigger-list",
    "registry:installation-list",
    "policies:approval-list",
    "marketplace:listing-list",
    "core:member-list",
)
_row = partial(row, "3")


def main() -> list[dict[str, Any]]:
    """Rows of {row, what, value, unit, bar, ok}. Makes a database of its own anew."""
    with fresh_database():
        from django.test.utils import override_settings

        with override_settings(ROOT_URLCONF="bench._urls"):
            return _measure()


def _measure() -> list[dict[str, Any]]:
    from django.urls import reverse

    from galaxy.core.scope import workspace_scope
    from sandbox.metrics.windows import window_of

    installation, person = _house()
    workspace = installation.workspace
    with workspace_scope([workspace.pk]):
        _fill_days(installation, window_of("7d"))
    calls = {name: _asking(person, reverse(name, args=[workspace.slug])) for name in ("bare", "empty", *PAGES)}
    queries = {name: _statements(call) for name, call in calls.items()}
    parts = _parts(calls["empty"])
    times = _take_turns(calls, time.process_time)
    rows = [_row("empty page, of it: " + name, spent, "ms") for name, spent in parts.items()]
    for name, used in times.items():
        share = statistics.median(ours / theirs for ours, theirs in zip(used, times["bare"], strict=True))
        rows.append(_row(f"{name}: processor, median", statistics.median(used), "ms"))
        rows.append(_row(f"{name}: statements", queries[name], ""))
        if name in MOST:
            rows.append(_row(f"{name}: times the bare view", share, "x", f"<= {MOST[name]}", share <= MOST[name]))
        elif name != "bare":
            rows.append(_row(f"{name}: times the bare view", share, "x"))
    return rows


def _statements(call: Callable[[], object]) -> int:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    for _ in range(4):
        call()
    with CaptureQueriesContext(connection) as asked:
        call()
    return len(asked)


def _parts(call: Callable[[], None]) -> dict[str, float]:
    """Milliseconds of the processor by part, the median of ROUNDS; what lies in another part is not counted twice."""
    seen: dict[str, list[float]] = defaultdict(list)
    for _ in range(ROUNDS):
        spent: dict[str, float] = defaultdict(float)
        with _timed(spent):
            began = time.process_time()
            call()
            whole = (time.process_time() - began) * 1000
        spent["middleware, and the client that asks"] = whole - sum(spent.values())
        for name, one in spent.items():
            seen[name].append(one)
    return {name: statistics.median(some) for name, some in seen.items()}


@contextmanager
def _timed(spent: dict[str, float]) -> Iterator[None]:
    running: list[float] = []  # by depth, what the parts within took

    def timing(name: str, run: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*args: Any, **kwargs: Any) -> Any:
            running.append(0.0)
            began = time.process_time()
            try:
                return run(*args, **kwargs)
            finally:
                took = (time.process_time() - began) * 1000
                spent[name] += took - running.pop()
                if running:
                    running[-1] += took

        return timed

    from bench import _urls
    from galaxy.core import context, middleware, session_store

    places: tuple[tuple[Any, str, str], ...] = (
        (session_store, "_user_of", "session and person"),
        (middleware, "_memberships_of", "memberships and grants"),
        (context, "sections_for", "navigation with its counts"),
        (_urls, "render", "base.html"),
    )
    with ExitStack() as stack:
        for module, attribute, name in places:
            stack.enter_context(patch.object(module, attribute, timing(name, getattr(module, attribute))))
        yield
