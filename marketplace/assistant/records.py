"""How well each rule did in a workspace: what people did with its advice, and whether that helped."""

from collections import defaultdict
from dataclasses import dataclass

from django.db import connection
from django.db.models import Count, Q

from galaxy.core.models import Workspace
from marketplace.assistant.models import Advice
from marketplace.assistant.rules import RULES, Rule

LAST = 20  # answers of people to one rule that say whether it is wanted
FEWEST = 5
MOSTLY = 60  # per cent of them dismissed, from which on it is told less
# The last answers of each rule, newest first.
_ANSWERS = """
SELECT rule, count(*), count(*) FILTER (WHERE state = 'dismissed') FROM (
    SELECT rule, state, row_number() OVER (
        PARTITION BY rule ORDER BY coalesce(acted_at, ended_at) DESC) AS place
    FROM marketplace_advice
    WHERE workspace_id = %s AND (acted_at IS NOT NULL OR state = 'dismissed')
) AS answers WHERE place <= %s GROUP BY 1
"""


@dataclass(frozen=True)
class Record:
    """Of one rule: how much advice it gave, and what became of that."""

    rule: Rule
    given: int = 0
    acted: int = 0
    dismissed: int = 0
    helped: int = 0
    did_not: int = 0
    unknown: int = 0
    is_quiet: bool = False


def records_of(workspace: Workspace) -> list[Record]:
    """One of each rule, in the order of RULES; two queries."""
    counts = {
        "given": Count("pk"),
        "acted": Count("pk", filter=Q(acted_at__isnull=False)),
        "dismissed": Count("pk", filter=Q(state=Advice.State.DISMISSED)),
        **{str(value): Count("pk", filter=Q(verdict=value)) for value in Advice.Verdict},
    }
    found = {row["rule"]: row for row in Advice.objects.in_workspace(workspace).values("rule").annotate(**counts)}
    quiet = quiet_rules(workspace)
    return [
        Record(
            rule, **{name: found.get(rule.name, defaultdict(int))[name] for name in counts}, is_quiet=rule.name in quiet
        )
        for rule in RULES
    ]


def quiet_rules(workspace: Workspace) -> frozenset[str]:
    """The rules of whose last 20 answers at least five, and 60 per cent, were to dismiss: they are told less. Nobody is
    sent news of them, and their advice stands last; what is urgent is told all the same."""
    with connection.cursor() as cursor:
        cursor.execute(_ANSWERS, [workspace.pk, LAST])
        rows = cursor.fetchall()
    return frozenset(
        rule for rule, answers, dismissed in rows if dismissed >= FEWEST and 100 * dismissed >= MOSTLY * answers
    )
