"""Row 1: one whole decision, with its reasons, scopes, data classes, obligations and ask, against cedarpy prepared.

    python -m bench policy

Ten rules hold everywhere and ten more for each extension. 1,000 users ask about every extension of 1,000 rules; to see
what the number of rules costs and nothing else, they ask the same of 100 and of 10,000, about the extensions that both
have. Both engines are compiled and their requests are built beforehand; they answer the same requests and take turns,
and CPU time of this process is measured; the time of one request is the median of the rounds. A decision comes from
memory alone: an audit hook of the interpreter counts what else it would open.
"""

import json
import os
import random
import statistics
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import UUID

from bench._rows import compared, row

SIZES = (100, 1_000, 10_000)
SIZE = 1_000  # the one whose times are held to a bar
USERS = 1_000
REQUESTS = 2_000  # of each round
CEDAR_REQUESTS = 100
ROUNDS = 9
MOST_MEDIAN_US, MOST_P99_US = 10, 25
MOST_GROWTH = 1.3
LEAST_TIMES_CEDAR = 10
SHARED = 10  # rules that hold everywhere, and as many for each extension
ACTIONS = 5
_row = partial(row, "1")


def main() -> list[dict[str, Any]]:
    """Rows of {row, what, value, unit, bar, ok}."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    import django

    django.setup()
    houses = {size: _House(size, SIZES[0]) for size in SIZES}
    whole = _House(SIZE, SIZE)
    cedar = _Cedar(whole)
    cold = whole.decide_each()
    events = _events(whole.decide_all)
    calls: list[list[float]] = []
    spent: dict[int, list[float]] = {size: [] for size in SIZES}
    cedar_spent: list[float] = []
    bare: list[float] = []
    table = whole.as_table()
    for house in houses.values():
        house.decide_all()
    for _ in range(ROUNDS):
        for size, house in houses.items():
            spent[size].append(_cpu(house.decide_all) / REQUESTS * 1e6)
        calls.append(whole.decide_each())
        cedar_spent.append(_cpu(cedar.decide_all) / CEDAR_REQUESTS * 1e6)
        bare.append(_cpu(table) / REQUESTS * 1e6)
    each = [statistics.median(rounds) for rounds in zip(*calls, strict=True)]
    median, p99 = statistics.median(each), _p99(each)
    differing = cedar.differing()
    return [
        _row("rules that speak about a request, on average", whole.speaking(), ""),
        _row(
            f"decision, {SIZE:,} rules, {USERS:,} users: median",
            median,
            "us",
            f"<= {MOST_MEDIAN_US}",
            median <= MOST_MEDIAN_US,
        ),
        _row("99 of 100 within", p99, "us", f"<= {MOST_P99_US}", p99 <= MOST_P99_US),
        _row("99 of 100 within, just compiled", _p99(cold), "us"),
        compared("1", "decision, beside one look into a table by role and action", spent[SIZE], bare, "us"),
        compared("1", f"{SIZE:,} rules, beside {SIZES[0]:,}", spent[SIZE], spent[SIZES[0]], "us"),
        compared(
            "1", f"{SIZES[-1]:,} rules, beside {SIZES[0]:,}", spent[SIZES[-1]], spent[SIZES[0]], "us", most=MOST_GROWTH
        ),
        compared(
            "1",
            f"decisions under {SIZE:,} rules, beside cedarpy prepared",
            [1e6 / spent_us for spent_us in spent[SIZE]],
            [1e6 / spent_us for spent_us in cedar_spent],
            "/s",
            least=LEAST_TIMES_CEDAR,
        ),
        _row("answers that differ from cedarpy's", differing, "", "0", differing == 0),
        _row("files and sockets opened while deciding", events, "", "0", events == 0),
        _row(f"compiling {SIZES[-1]:,} rules", houses[SIZES[-1]].compiled_s * 1e3, "ms"),
    ]


def _p99(values: list[float]) -> float:
    return statistics.quantiles(values, n=100)[-1]


class _House:
    """A workspace of ``size`` rules, compiled, with requests about the extensions that one of ``traffic`` rules has."""

    def __init__(self, size: int, traffic: int):
        from policies.engine import Snapshot
        from policies.rules.vocabulary import Rule

        source = random.Random(1)  # noqa: S311  (the same rules and requests each time)
        extensions = [f"extension-{number}" for number in range(size // SHARED - 1)]
        said = [*_shared(), *(rule for slug in extensions for rule in _of_extension(slug, source))]
        self.rules = [
            Rule.from_json({"id": str(UUID(int=number)), "number": number, "title": f"Rule of {number}"} | rule)
            for number, rule in enumerate(said, 1)
        ]
        began = time.process_time()
        self.snapshot = Snapshot(1, self.rules)
        self.compiled_s = time.process_time() - began
        source = random.Random(2)  # noqa: S311
        users = [_user(number, source) for number in range(USERS)]
        called = extensions[: traffic // SHARED - 1]
        self.requests = [_request(source.choice(users), source.choice(called), source) for _ in range(REQUESTS)]

    def decide_all(self) -> None:
        from policies.engine import evaluate

        snapshot = self.snapshot
        for principal, action, resource, context in self.requests:
            evaluate(snapshot, principal, action, resource, context)

    def decide_each(self) -> list[float]:
        """Microseconds of CPU of each decision, with what it costs to look at the clock."""
        from policies.engine import evaluate

        snapshot, clock, found = self.snapshot, time.thread_time_ns, []
        for principal, action, resource, context in self.requests:
            began = clock()
            evaluate(snapshot, principal, action, resource, context)
            found.append((clock() - began) / 1e3)
        return found

    def as_table(self) -> Callable[[], object]:
        """The least that an answer from memory can be: one look by role and action for each of the same requests."""
        asked = [(principal.roles[0], action.target) for principal, action, *_ in self.requests]
        known = {key: number for number, key in enumerate(asked)}

        def look() -> None:
            for role, action in asked:
                known[role, action]

        return look

    def speaking(self) -> float:
        return statistics.mean(len(self.snapshot.speaking(*request)) for request in self.requests)


class _Cedar:
    """The same rules and some of the requests for cedarpy, with whatever can be prepared prepared."""

    def __init__(self, house: _House):
        import cedarpy

        from policies.rules.cedar import as_cedar
        from policies.rules.cedar_requests import entities_of, requests_of

        self.house = house
        self.policies = cedarpy.PolicySet.from_str(as_cedar(house.rules))
        entities = [entity for request in house.requests for entity in entities_of(*request[:3])]
        unique = {json.dumps(entity["uid"]): entity for entity in entities}
        self.entities = cedarpy.Entities.from_json_str(json.dumps(list(unique.values())))
        self.requests = []
        for request in house.requests[:CEDAR_REQUESTS]:
            (asked,) = requests_of(house.rules, *request, approved=False)
            self.requests.append(asked | {"context": json.dumps(asked["context"])})

    def decide_all(self) -> None:
        from cedarpy import is_authorized

        for request in self.requests:
            is_authorized(request, self.policies, self.entities)

    def differing(self) -> int:
        from cedarpy import is_authorized

        from policies.engine import evaluate

        ours = [evaluate(self.house.snapshot, *one).effect == "allow" for one in self.house.requests[:CEDAR_REQUESTS]]
        theirs = [is_authorized(one, self.policies, self.entities).allowed for one in self.requests]
        return sum(one != other for one, other in zip(ours, theirs, strict=True))


def _shared() -> list[dict[str, Any]]:
    """Ten rules that hold everywhere, of the kinds that a workspace has."""
    asks, week = "require_approval", {"days": [6, 7], "from": "00:00", "to": "24:00", "zone": "Europe/Berlin"}
    return [
        {
            "effect": asks,
            "who": {"agents": ["any"], "packs": ["any"]},
            "what": {"effects": ["write"]},
            "when": {"over": 50},
        },
        {"effect": asks, "when": {"classes": ["payment"], "new_destination": True}, "ask": {"needed": 2}},
        {"effect": asks, "what": {"acts": ["install", "upgrade", "widen"], "levels": ["community"]}},
        {"effect": "deny", "what": {"scopes": ["hr.**.delete", "billing.**.delete"]}},
        {"effect": "deny", "who": {"agents": ["any"]}, "what": {"effects": ["delete"]}, "when": {"hours": week}},
        {"effect": "deny", "who": {"triggers": ["any"]}, "when": {"destructive": True}},
        {"effect": "deny", "what": {"levels": ["community"]}, "when": {"classes": ["health"]}},
        {"effect": asks, "when": {"amount": {"field": "total", "over": 1000}}, "what": {"effects": ["write"]}},
        {"effect": "allow", "when": {"classes": ["email"]}, "obligations": {"redact": {"email": "hash"}}},
        {"effect": "allow", "who": {"roles": ["owner"]}, "what": {"effects": ["write"]}},
    ]


def _of_extension(slug: str, source: random.Random) -> list[dict[str, Any]]:
    """Ten rules about one extension: for its actions, its scopes, some agents and roles."""
    agent = str(UUID(int=source.randrange(USERS)))
    effects = ["allow", "allow", "require_approval", "deny"]
    return [
        *(
            {"effect": source.choice(effects), "what": {"actions": [f"{slug}.action_{n}"]}, "when": {"over": 40 + n}}
            for n in range(ACTIONS)
        ),
        {"effect": "allow", "who": {"agents": [agent]}, "what": {"extensions": [slug], "effects": ["write"]}},
        {"effect": "deny", "who": {"roles": ["member"]}, "what": {"extensions": [slug], "effects": ["delete"]}},
        {"effect": "allow", "what": {"scopes": [f"{slug}.**.read"]}, "obligations": {"redact": {"phone": "drop"}}},
        {"effect": "require_approval", "what": {"scopes": [f"{slug}.**.delete"]}, "ask": {"reviewers": "role:owner"}},
        {"effect": "deny", "who": {"packs": ["any"]}, "what": {"extensions": [slug]}, "when": {"classes": ["payment"]}},
    ]


def _user(number: int, source: random.Random) -> Any:
    """Every other user is an agent."""
    from policies.engine import Principal

    ident, role = str(UUID(int=number)), source.choice(["member", "creator", "admin", "owner"])
    if number % 2:
        return Principal("agent", ident, f"Agent {number}", (role,), True, source.random() < 0.8, ident)
    return Principal("person", ident, f"Person {number}", (role,), True, source.random() < 0.8)


def _request(user: Any, slug: str, source: random.Random) -> tuple[Any, ...]:
    from policies.engine import Action, Context, Resource

    number = source.randrange(ACTIONS)
    effect = ["read", "read", "write", "write", "delete"][number]
    scopes = (f"{slug}.things.{effect}",)
    granted = tuple(f"{slug}.things.{verb}" for verb in ("read", "write", "delete"))
    return (
        user,
        Action(f"{slug}.action_{number}", effect, scopes, bulk_field="to", bulk_over=100),
        Resource(slug, "connector", slug, "d" * 64, source.choice(["community", "verified"]), granted),
        Context(
            mode="live",
            bulk_count=source.choice([1, 1, 1, 5, 45, 60, 200]),
            data_classes=tuple(source.sample(["email", "phone", "payment"], source.randrange(3))),
            now=datetime(2026, 1, 1 + source.randrange(28), source.randrange(24), tzinfo=UTC),
            numbers={"total": source.choice([10, 500, 5_000])},
            new_destination=source.choice([None, False, False, True]),
            pack=source.choice(["", "", "lead.follow-up"]),
        ),
    )


def _cpu(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def _events(work: Callable[[], object]) -> int:
    """How often ``work`` opened a file, a socket or a process."""
    seen: list[str] = []
    watching = True

    def watch(event: str, _: object) -> None:
        if watching and event.partition(".")[0] in {"open", "socket", "os", "subprocess", "sqlite3"}:
            seen.append(event)

    sys.addaudithook(watch)
    work()
    watching = False  # a hook stays until the process ends
    return len(seen)
