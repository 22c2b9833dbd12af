"""Row 3, of every page: what its shell costs by part, and lists and details beside the bare view.

Processor's time in this process, in turns with the bare view of one query. The parts are those of an empty page of the
workspace: each is timed by itself while that page is made, the statements that it asks among it. Of every page the
bytes are counted as they leave compressed. The workspace has 500 actions with figures, runs of every state, and
requests that wait, each for a delete of its own.
"""

import gzip
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any
from unittest.mock import patch

from bench._database import fresh_database
from bench._pages import asking
from bench._rows import compared, row
from bench.metrics import _fill_days, _house, _take_turns

ROUNDS = 40
RUNS, WAITING, LISTED = 60, 24, 100
MOST_PLAIN, MOST_KB = 3.0, 14.0
OTHER = {"sandbox:dashboard": ("3 dashboard", 6.0), "policies:approval-list": ("3 approvals", 4.0)}
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
        details = _filled(workspace, installation, person)
    addresses = {name: reverse(name, args=[workspace.slug]) for name in ("bare", "empty", *PAGES)} | details
    calls = {name: asking(person, address) for name, address in addresses.items()}
    queries = {name: _statements(call) for name, call in calls.items()}
    parts = _parts(calls["empty"])
    times = _take_turns(calls, time.process_time)
    rows = [_row("empty page, of it: " + name, spent, "ms") for name, spent in parts.items()]
    for name, used in times.items():
        if name != "bare":
            goal, most = OTHER.get(name, ("3 detail" if name in details else "3 list", MOST_PLAIN))
            held = None if name == "empty" else most
            rows.append(compared(goal, f"{name}, beside the bare view", used, times["bare"], "ms", most=held))
            size = len(gzip.compress(calls[name]().content)) / 1024
            rows.append(row("3 bytes", f"{name}: compressed", size, "KB", f"<= {MOST_KB:g}", size <= MOST_KB))
        rows.append(_row(f"{name}: statements", queries[name], ""))
    return rows


def _filled(workspace: Any, installation: Any, owner: Any) -> dict[str, str]:
    """Runs of every state, and calls of a member that wait for a yes; the addresses of one of each kind of thing."""
    from django.db import connections
    from django.urls import reverse

    from galaxy.celery import app
    from galaxy.core.models import AuditEvent, Membership
    from marketplace.models import PublicEntry
    from marketplace.seeding.making import make_listings
    from policies.models import Approval
    from sandbox.services import invoke
    from tests.extensions import PROBE, installed
    from tests.factories import make_members, make_user
    from tests.sandbox.run_rows import make_run, make_span

    member = make_user("Member")
    make_members(workspace, {"admin": member}, actor=owner)
    installed(workspace, owner, PROBE)
    states = ("succeeded", "failed", "succeeded", "cancelled", "unknown")
    for number in range(RUNS):
        run = make_run(workspace, installation, owner, target="pulse.a1", state=states[number % len(states)])
        make_span(run, "call pulse.a1")
    for number in range(WAITING):
        invoke(workspace, actor=member, target="probe.remove", inputs={"key": f"k{number}"})
    app.control.purge()
    with connections["owner"].cursor() as cursor:
        cursor.execute("ANALYZE")
    things = {
        "run": run.get_absolute_url(),
        "connector": installation.get_absolute_url(),
        "member": Membership.objects.get(workspace=workspace, user=member).get_absolute_url(),
        "event": AuditEvent.objects.in_workspace(workspace).latest("pk").get_absolute_url(),
        "request": Approval.objects.in_workspace(workspace).waiting().first().get_absolute_url(),
    }
    target = reverse("sandbox:target-detail", args=[workspace.slug, installation.pk, "pulse.a1"])
    make_listings(LISTED)
    entry = PublicEntry.objects.order_by("name_key").values_list("slug", flat=True)[0]
    listing = reverse("marketplace:listing-detail", args=[workspace.slug, entry])
    return {f"one {name}": address for name, address in things.items()} | {"one target": target, "one entry": listing}


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
