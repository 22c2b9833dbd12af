"""Rules and requests for tests: one by hand, or as many as wanted by chance, from few words so that they often meet."""

from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

from policies.engine import Action, Context, Principal, Resource
from policies.rules.vocabulary import Rule

AGENTS = [str(UUID(int=number)) for number in (1, 2, 3)]
ROLES = ["admin", "creator", "member"]
PACKS = ["lead.follow-up", "tidy"]
TRIGGERS = ["nightly"]
EXTENSIONS = ["gmail", "hubspot", "tidy"]
TARGETS = ["gmail.send", "hubspot.create_task", "hubspot.delete_task", "tidy"]
SCOPES = [
    "crm.tasks.read",
    "crm.tasks.write",
    "crm.deals.notes.write",
    "crm.deals.delete",
    "mail.send.write",
    "crm.write",
]
PATTERNS = [
    *SCOPES[:4],
    "**",
    "crm.**",
    "crm.**.write",
    "crm.*.write",
    "*.*.*",
    "**.delete",
    "*.**.write",
    "crm.*.**.write",
    "mail.*.*",
    "**.tasks.*",
]
CLASSES = ["email", "payment", "phone"]
FIELDS = ["total", "deal.amount"]
KINDS = ["action", "connector", "transform"]
LEVELS = ["community", "enterprise", "verified"]
ZONES = ["Europe/Berlin", "America/New_York", "Asia/Kathmandu"]
REVIEWERS = ["approvers", "role:owner", "role:admin", f"group:{UUID(int=8)}", f"person:{UUID(int=9)}"]
MODES = ["mask", "hash", "tokenise", "drop"]
TAGS = [["write"], ["bulk_send"], ["delete"], ["delete", "odd"]]
AMOUNTS = [0, 10, 10.5, 0.1, 0.3, -2.25, 1000]


def a_rule(number: int = 1, **parts) -> Rule:
    """A rule that says ``parts``, and otherwise applies to every call."""
    return Rule.from_json({"id": str(UUID(int=number)), "number": number, "title": f"Test {number}", **parts})


def some_rules(random: Random, most: int = 10) -> list[dict[str, Any]]:
    """Up to ``most`` rules as JSON, by number. Those that deny are the narrowest, so that other answers come up too."""
    return [_rule(random, number) for number in range(1, random.randint(0, most) + 1)]


def some_request(random: Random) -> tuple[Principal, Action, Resource, Context]:
    """A request that most walls let pass."""
    act = "call" if random.random() < 0.85 else random.choice(["install", "upgrade", "widen"])
    scopes = tuple(random.sample(SCOPES, random.choices([0, 1, 2, 3], [2, 8, 3, 1])[0]))
    effect = random.choices(["read", "write", "delete"], [4, 6, 2])[0]
    granted = SCOPES if random.random() < 0.95 else SCOPES[:3]
    return (
        _principal(random),
        Action(
            target=random.choice(TARGETS),
            effect=effect,
            scopes=scopes,
            destructive=random.random() < 0.05,
            bulk_field="to",
            bulk_over=random.choice([None, None, None, 10]),
            required_for=tuple(random.choices([[], *TAGS], [16, 1, 1, 1, 1])[0]),
            audience=random.choices(["both", "human", "agent"], [18, 1, 1])[0],
        ),
        Resource(
            extension=random.choice(EXTENSIONS),
            kind=random.choice(KINDS),
            installation_id="i",
            version_digest="d" * 64,
            level=random.choice(LEVELS),
            scopes_granted=tuple(granted),
        ),
        Context(
            mode=random.choices(["live", "simulated", ""], [9, 4, 1])[0],
            bulk_count=random.choice([None, 0, 1, 5, 10, 11, 20, 2**70]),
            data_classes=tuple(random.sample(CLASSES, random.choice([0, 0, 1, 2]))),
            now=_moment(random),
            act=act,
            numbers={name: _number(random) for name in FIELDS if random.random() < 0.7},
            new_destination=random.choice([None, True, False, False]),
            pack=random.choice(["", "", "", *PACKS]),
            trigger=random.choice(["", "", "", "", *TRIGGERS]),
        ),
    )


def _rule(random: Random, number: int) -> dict[str, Any]:
    effect = random.choices(["allow", "require_approval", "deny"], [5, 3, 4])[0]
    narrow = {"allow": 0.12, "require_approval": 0.25, "deny": 0.3}[effect]
    rule = {
        "id": str(UUID(int=number)),
        "number": number,
        "title": f"Test {number}",
        "effect": effect,
        "who": _some(random, narrow, _WHO),
        "what": _some(random, narrow, _WHAT),
        "when": _some(random, narrow * 0.6, _WHEN),
    }
    if effect == "require_approval":
        rule["ask"] = _ask(random)
    if effect != "deny" and random.random() < 0.4:
        rule["obligations"] = {"redact": {name: random.choice(MODES) for name in random.sample(CLASSES, 2)}}
        if random.random() < 0.3:
            rule["obligations"]["rate"] = {
                "count": random.randint(1, 9),
                "per": random.choice(["minute", "hour", "day"]),
            }
    return rule


def _some(random: Random, chance: float, table: dict[str, Any]) -> dict[str, Any]:
    return {name: make(random) for name, make in table.items() if random.random() < chance}


def _any_of(words: list[str], *more: str):
    return lambda random: sorted(random.sample([*words, *more], random.randint(1, min(3, len(words)))))


def _hours(random: Random) -> dict[str, Any]:
    start, end = random.sample(["00:00", "06:30", "09:00", "18:00", "23:59"], 2)
    return {
        "days": sorted(random.sample(range(1, 8), random.randint(1, 7))),
        "from": start,
        "to": random.choice([end, "24:00"]),
        "zone": random.choice(ZONES),
        "outside": random.random() < 0.3,
    }


def _ask(random: Random) -> dict[str, Any]:
    expires_h = random.choice([1, 8, 24, 48.5])
    ref = random.choice(REVIEWERS)
    needed = 1 if ref.startswith("person:") else random.randint(1, 3)
    asked: dict[str, Any] = {"reviewers": ref, "needed": needed, "expires_h": expires_h}
    if random.random() < 0.3:
        asked["second_factor"] = True
    if random.random() < 0.3:
        asked["escalate"] = [{"after_h": expires_h / 2, "to": random.choice(REVIEWERS)}]
    if random.random() < 0.3:
        days = [1, 2, 3, 4, 5] if random.random() < 0.7 else [6]
        asked["business_hours"] = {"days": days, "from": "09:00", "to": "18:00", "zone": "Europe/Berlin"}
    return asked


_WHO = {
    "people": lambda random: random.random() < 0.7,
    "roles": _any_of(ROLES),
    "agents": _any_of(AGENTS, "any"),
    "packs": _any_of(PACKS, "any"),
    "triggers": _any_of(TRIGGERS, "any"),
}
_WHAT = {
    "acts": lambda random: random.choice([["call"], ["call", "install"], ["install", "upgrade", "widen"]]),
    "scopes": _any_of(PATTERNS),
    "extensions": _any_of(EXTENSIONS),
    "actions": _any_of(TARGETS),
    "kinds": _any_of(KINDS),
    "effects": _any_of(["read", "write", "delete"]),
    "levels": _any_of(LEVELS),
}
_WHEN = {
    "classes": _any_of(CLASSES),
    "over": lambda random: random.choice([0, 4, 10, 15]),
    "destructive": lambda random: True,
    "amount": lambda random: {"field": random.choice(FIELDS), "over": random.choice(AMOUNTS)},
    "new_destination": lambda random: True,
    "mode": lambda random: random.choice(["live", "simulated"]),
    "hours": _hours,
}


def _principal(random: Random) -> Principal:
    is_agent = random.random() < 0.5
    agent = random.choice(AGENTS)
    bounds = tuple(SCOPES) if random.random() < 0.95 else tuple(SCOPES[1:])
    return Principal(
        kind="agent" if is_agent else "person",
        id=agent if is_agent else random.choice(["mia", "bo"]),
        label="Helper" if is_agent else "Mia",
        roles=tuple(random.sample(ROLES, random.choice([0, 1, 1, 2]))),
        holds_read=random.random() < 0.97,
        holds_write=random.random() < 0.75,
        agent=agent if is_agent and random.random() < 0.5 else None,
        scopes=bounds if is_agent else None,
        barred="Suspended." if random.random() < 0.02 else "",
    )


def _moment(random: Random) -> datetime | None:
    """Minutes of two years, changes of summer time and the ends of hours among them; or not known."""
    if random.random() < 0.1:
        return None
    day = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=random.randrange(2 * 365))
    return day + timedelta(hours=random.randrange(24), minutes=random.choice([0, 15, 29, 30, 44, 45, 59]))


def _number(random: Random) -> float:
    near = random.choice(AMOUNTS) + random.choice([0, 0.0001, -0.0001, 1e-9, -1e-9, 1])
    return random.choice([near, 0.1 + 0.2, 10, 11, 1e300, float("inf"), -float("inf"), float("nan"), 10**30])
