"""How the rules of a level stand: the newest evidence of each, and how old it is."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import QuerySet
from django.utils import timezone

from galaxy.core.db.prepared import prepared
from marketplace.evidence.models import Evidence
from marketplace.evidence.rules import AMBER_DAYS, GRACE_DAYS, Rule, rules_of

PROVEN, AMBER, LAPSED, FAILED, MISSING = "proven", "amber", "lapsed", "failed", "missing"
_WORDS = {
    PROVEN: "Proven",
    AMBER: f"Not proven for {AMBER_DAYS} days",
    LAPSED: "Not proven any more",
    FAILED: "Failed",
    MISSING: "Not proven",
}


@dataclass(frozen=True)
class RuleStanding:
    """``evidence`` is the newest that passed, else the newest; None where nobody looked. ``state`` is proven, amber,
    lapsed, failed or missing; ``lowers_at`` when a level that rests on it is lowered, None where it does not age."""

    rule: Rule
    evidence: Evidence | None
    state: str
    lowers_at: datetime | None = None

    @property
    def holds(self) -> bool:
        return self.state in {PROVEN, AMBER}

    @property
    def words(self) -> str:
        return _WORDS[self.state]


def standing_of(digest: str, level: str, *, now: datetime | None = None) -> list[RuleStanding]:
    """The rules of ``level`` in their order, by the public evidence of the bytes called ``digest``."""
    return standings_of([digest], level, now=now)[digest]


def standings_of(digests: Iterable[str], level: str, *, now: datetime | None = None) -> dict[str, list[RuleStanding]]:
    """As ``standing_of`` of many, in one query."""
    digests = list(digests)
    now = now or timezone.now()
    newest: dict[tuple[str, str], Evidence] = {}
    passed: dict[tuple[str, str], Evidence] = {}
    for row in _public(digests=",".join(digests)):
        newest[row.digest, row.rule] = row
        if row.passed:
            passed[row.digest, row.rule] = row
    return {
        digest: [
            _standing(rule, newest.get((digest, rule.code)), passed.get((digest, rule.code)), now)
            for rule in rules_of(level)
        ]
        for digest in digests
    }


@prepared
def _public(digests: str) -> QuerySet[Evidence]:
    return Evidence.objects.public().filter(digest__among=digests).defer("report").order_by("ran_at", "id")


def _standing(rule: Rule, newest: Evidence | None, passed: Evidence | None, now: datetime) -> RuleStanding:
    """What failed today and passed last week is unproven since last week, and has its days of grace like what was not
    looked at: one broken night lowers nothing."""
    if newest is None:
        return RuleStanding(rule, None, MISSING)
    if passed is None or (not rule.ages and not newest.passed):
        return RuleStanding(rule, newest, FAILED)
    if not rule.ages:
        return RuleStanding(rule, passed, PROVEN)
    amber_at = passed.ran_at + timedelta(days=AMBER_DAYS)
    lowers_at = amber_at + timedelta(days=GRACE_DAYS)
    state = PROVEN if now < amber_at else AMBER if now < lowers_at else LAPSED
    return RuleStanding(rule, passed, state, lowers_at)
