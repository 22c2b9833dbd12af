"""The rules: pure functions from facts to advice, in the order in which they are told.

Equal facts give equal advice, byte for byte. A rule reads nothing but its facts, and there is no model in it.
"""

from collections.abc import Callable
from dataclasses import dataclass

from marketplace.assistant.drafts import Draft
from marketplace.assistant.facts import Facts
from marketplace.assistant.rules import access, running, versions, work


@dataclass(frozen=True)
class Rule:
    """``looks_at`` are the fields of Facts that it reads; ``judged`` says when its advice has helped."""

    name: str
    label: str
    judge: Callable[[Facts], list[Draft]]
    looks_at: tuple[str, ...]
    judged: str

    @property
    def about(self) -> str:
        """When it speaks, in one sentence: the first lines of its docstring."""
        return " ".join((self.judge.__doc__ or "").split())


_DONE = "The version is in use, and calls fail no more than before."
_FEWER = "Calls of the action fail less than half as often."
RULES: tuple[Rule, ...] = (
    Rule("version_withdrawn", "Withdrawn versions", versions.version_withdrawn, ("withdrawn",), _DONE),
    Rule("version_ending", "Versions that end", versions.version_ending, ("endings",), _DONE),
    Rule("roll_back", "Versions that fail more", versions.roll_back, ("worse",), _DONE),
    Rule("keeps_failing", "Actions that keep failing", running.keeps_failing, ("called",), _FEWER),
    Rule(
        "renew_connection", "Connections that end", access.renew_connection, ("accounts",), "The account is connected."
    ),
    Rule(
        "trigger_off", "Triggers that start nothing", work.trigger_off, ("started",), "It is on, and something came in."
    ),
    Rule("pack_unmet", "Packs that lack something", work.pack_unmet, ("lacking",), "What it requires is there."),
    Rule(
        "unmet_scope", "Missing scopes", access.unmet_scope, ("refused",), "Calls are denied less than half as often."
    ),
    Rule("queue_old", "Requests that wait", work.queue_old, ("waiting",), "Less than half as many requests wait."),
    Rule("alternative", "Other extensions for failing steps", running.alternative, ("called", "offered"), _FEWER),
    Rule("update_available", "Updates", versions.update_available, ("updates",), _DONE),
    Rule("slow", "Slow actions", running.slow, ("called",), "The 95th percentile is within the budget."),
    Rule(
        "manual_steps",
        "Steps answered by hand",
        work.manual_steps,
        ("answered",),
        "People are asked less than half as often.",
    ),
    Rule(
        "unused_scope",
        "Unused permissions",
        access.unused_scope,
        ("idle",),
        "A rule shuts them off, and no call misses them.",
    ),
    Rule("pack_live", "Packs that could run live", work.pack_live, ("rehearsed",), "It ran live, and a run succeeded."),
)
BY_NAME = {rule.name: rule for rule in RULES}
NAMES = [(rule.name, rule.label) for rule in RULES]


def advise(facts: Facts) -> list[Draft]:
    """What every rule says of ``facts``, each place once."""
    found = {draft.place: draft for rule in RULES for draft in reversed(rule.judge(facts))}
    return list(found.values())
