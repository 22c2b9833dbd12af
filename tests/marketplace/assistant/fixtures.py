"""The fixtures that prove the rules: facts of which each speaks, and near misses of which it says nothing.

The table of docs/assistant.md is made of these (see ``table``), and a test holds it to them.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from marketplace.assistant.facts import (
    Account,
    Answered,
    Called,
    Ending,
    Facts,
    Figures,
    Idle,
    Lacking,
    Named,
    Offered,
    Refused,
    Rehearsed,
    Report,
    Started,
    Target,
    Update,
    Waiting,
    Withdrawn,
    Worse,
)
from marketplace.assistant.rules import RULES

NOW = datetime(2026, 11, 27, 10, tzinfo=UTC)
HUBSPOT = Named(UUID(int=1), "HubSpot")
FLOW = Named(UUID(int=2), "Lead follow-up")
AGENT = Named(UUID(int=3), "Sweeper")
PAUL = Named(UUID(int=4), "Paul Okafor")
ACCOUNT = Named(UUID(int=5), "HubSpot")
TO = Target("1.3.0", "b" * 64)
BACK = Target("1.2.0", "a" * 64)


@dataclass(frozen=True)
class Proof:
    """``fact`` is what the rule speaks of and ``says`` its sentence; ``near`` are near misses, each with why nothing is
    said: by the field of the fact that differs, or by a function of all facts."""

    field: str
    fact: Any
    says: str
    near: dict[str, dict[str, Any] | Callable[[Facts], Facts]] = field(default_factory=dict)
    beside: dict[str, tuple] = field(default_factory=dict)

    @property
    def facts(self) -> Facts:
        return Facts(now=NOW, **{self.field: (self.fact,)}, **self.beside)

    def misses(self) -> dict[str, Facts]:
        found = {}
        for why, change in self.near.items():
            if callable(change):
                found[why] = change(self.facts)
            else:
                found[why] = replace(self.facts, **{self.field: (replace(self.fact, **change),)})
        return found


FAILING = Called(
    HUBSPOT,
    "hubspot",
    "hubspot.create_task",
    "connector",
    "write",
    ("crm.tasks.write",),
    Figures(2, 6, last_bad=True),
    p95_ms=640,
    category="tool_error",
    run=UUID(int=6),
)
OTHER = Offered(
    "notion", "Notion", "notion.create_task", "connector", "write", ("crm.tasks.write",), "verified", 400, 396
)
PROOFS: dict[str, Proof] = {
    "version_withdrawn": Proof(
        "withdrawn",
        Withdrawn(HUBSPOT, "1.2.0", "yanked", TO),
        "HubSpot 1.2.0 was yanked by its publisher.",
        {"no version in use is withdrawn": lambda facts: replace(facts, withdrawn=())},
    ),
    "version_ending": Proof(
        "endings",
        Ending(HUBSPOT, "1.2.0", date(2026, 12, 20), TO, packs=2),
        "HubSpot 1.2.0 ends on 20 December 2026, in 23 days.",
        {"no version in use ends": lambda facts: replace(facts, endings=())},
    ),
    "roll_back": Proof(
        "worse",
        Worse(HUBSPOT, "1.3.0", BACK, Figures(80, 20), Figures(95, 5), is_own=True),
        "HubSpot 1.3.0 fails more than 1.2.0 did.",
        {
            "it fails 2.8 times as often": {"figures": Figures(86, 14)},
            "19 calls are too few": {"figures": Figures(9, 10)},
            "the version before has 19 calls": {"before": Figures(19, 0)},
            "two failures are none": {"figures": Figures(18, 2), "before": Figures(100, 0)},
        },
    ),
    "keeps_failing": Proof(
        "called",
        FAILING,
        "hubspot.create_task keeps failing.",
        {
            "the newest call succeeded": {"figures": Figures(2, 6, last_bad=False)},
            "four calls are too few": {"figures": Figures(0, 4, last_bad=True)},
            "less than half failed": {"figures": Figures(7, 6, last_bad=True)},
        },
    ),
    "renew_connection": Proof(
        "accounts",
        Account(ACCOUNT, HUBSPOT, "authenticated", NOW + timedelta(days=5), renews=False, is_shared=True, waiting=2),
        "HubSpot: the access of the shared connection ends in 5 days.",
        {
            "it renews itself": {"renews": True},
            "it ends in eight days": {"expires_at": NOW + timedelta(days=8)},
            "it never ends": {"expires_at": None},
            "nobody connected it": {"status": "unauthenticated"},
        },
    ),
    "pack_unmet": Proof(
        "lacking",
        Lacking(FLOW, "hubspot", "^1.2", is_listed=True),
        "Lead follow-up cannot run without hubspot.",
        {"it finds all that it requires": lambda facts: replace(facts, lacking=())},
    ),
    "unmet_scope": Proof(
        "refused",
        Refused("agent_scope_missing", HUBSPOT, ("crm.tasks.write",), 7, NOW, UUID(int=7), AGENT),
        "Sweeper was not given crm.tasks.write.",
        {
            "two calls are somebody who tried": {"calls": 2},
            "a rule denied it": {"code": "rule"},
        },
    ),
    "queue_old": Proof(
        "waiting",
        Waiting(UUID(int=8), 7, NOW - timedelta(days=3), packs=2, expiring=1, expired=4),
        "7 requests wait for a person, the oldest for 3 days.",
        {"the oldest waits for 23 hours": {"oldest_at": NOW - timedelta(hours=23)}, "nothing waits": {"count": 0}},
    ),
    "alternative": Proof(
        "called",
        FAILING,
        "Notion could do what hubspot.create_task fails at.",
        {
            "it needs another scope": lambda facts: replace(
                facts, offered=(replace(OTHER, scopes=("crm.tasks.write", "crm.tasks.read")),)
            ),
            "it has another effect": lambda facts: replace(facts, offered=(replace(OTHER, effect="read"),)),
            "nobody vouches for it and it hardly ran": lambda facts: replace(
                facts, offered=(replace(OTHER, level="community", runs=49),)
            ),
            "it is the same extension": lambda facts: replace(facts, offered=(replace(OTHER, slug="hubspot"),)),
            "the action does not keep failing": {"figures": Figures(20, 6, last_bad=True)},
        },
        {"offered": (OTHER,)},
    ),
    "update_available": Proof(
        "updates",
        Update(
            HUBSPOT,
            "1.2.0",
            TO,
            "minor",
            NOW - timedelta(days=9),
            report=Report(UUID(int=9), 40, 40, 0, 0, is_way_back=True),
        ),
        "HubSpot can go from 1.2.0 to 1.3.0, an addition.",
        {
            "its policy takes it by itself": {"comes_by_itself": True},
            "somebody holds it": {"is_held": True},
            "a pack here would not run with it": {"is_hindered": True},
        },
    ),
    "slow": Proof(
        "called",
        Called(HUBSPOT, "hubspot", "hubspot.find", "connector", "read", ("crm.read",), Figures(40, 0), p95_ms=2_001),
        "hubspot.find is slower than its budget.",
        {
            "it is just within": {"p95_ms": 2_000},
            "19 calls are too few": {"figures": Figures(19, 0)},
            "nothing was timed": {"p95_ms": None},
        },
    ),
    "manual_steps": Proof(
        "answered",
        Answered(HUBSPOT, "hubspot.create_task", "crm.tasks.write", PAUL, 12, 0, 12, timedelta(hours=3)),
        "Paul Okafor says yes to hubspot.create_task each time.",
        {
            "one was refused": {"no": 1},
            "four are too few": {"yes": 4},
            "it deletes": {"deletes": True},
            "one was bulk": {"bulk": 1},
            "no pack asked": {"from_packs": 0},
        },
    ),
    "unused_scope": Proof(
        "idle",
        Idle(HUBSPOT, "hubspot", ("crm.contacts.delete",), 3, 60, 30),
        "HubSpot does not use crm.contacts.delete.",
        {
            "it was used for 29 days": {"days": 29},
            "four calls say nothing": {"calls": 4},
            "every scope is used": {"scopes": ()},
            "a rule shuts it off already": {"is_denied": True},
        },
    ),
    "trigger_off": Proof(
        "started",
        Started(Named(UUID(int=10), "New leads"), FLOW, "paused", failures=5),
        "The trigger New leads was switched off.",
        {"every trigger starts what it should": lambda facts: replace(facts, started=())},
    ),
    "pack_live": Proof(
        "rehearsed",
        Rehearsed(FLOW, "lead.follow-up", 4, 0, 0, 2, 0),
        "Lead follow-up could run live.",
        {
            "an account is missing": {"unconnected": 1},
            "two runs are too few": {"good": 2},
            "a simulated run failed": {"bad": 1},
            "it ran live": {"live": 1},
            "it calls nobody outside": {"connectors": 0},
        },
    ),
}


def table() -> str:
    """The table of docs/assistant.md, in Markdown."""
    lines = ["| Rule | Speaks of | Proven by | Silent where |", "| --- | --- | --- | --- |"]
    for rule in RULES:
        proof = PROOFS[rule.name]
        lines.append(f"| `{rule.name}` | {rule.about} | “{proof.says}” | {'; '.join(proof.near)} |")
    return "\n".join(lines)
