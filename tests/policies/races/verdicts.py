"""What must never come of a race about an approval, and whether it did."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import PermissionDenied

from galaxy.core.errors import DomainError
from galaxy.core.models import AuditEvent
from policies.models import Approval
from tests.policies.races.interleaving import Played

RULES = {
    "unapproved": "executions of bytes that nobody approved",
    "used twice": "approvals used more than once",
    "self": "votes of the requester, the author or the requester's delegate",
    "too few": "approvals by fewer different people than asked",
    "lost grant": "votes, or yeses counted, of people whose grant was gone",
    "late": "votes and uses after the end, or after it was taken back",
    "two outcomes": "requests that were decided twice",
    "wider": "requests approved although a narrower one took their place",
    "trail": "decisions and uses that the trail does not have exactly once",
    "error": "errors that are no sentence for a person, deadlocks among them",
}


OUTCOMES = ("approved", "rejected", "withdrawn", "expired")
CONSUMED = "approval.consumed"
DECIDING = ("approves", "again", "rejects", "narrows", "uses it")


@dataclass
class Tally:
    """What a series of schedules came to: ``broken`` by rule, with the seeds; ``seen`` counts what happened at all."""

    schedules: int = 0
    broken: dict[str, list[int]] = field(default_factory=dict)
    seen: Counter = field(default_factory=Counter)

    def table(self) -> str:
        lines = [f"{self.schedules:,} interleavings", ""]
        lines += [f"{words:<72}{len(self.broken.get(rule, [])):>8}" for rule, words in RULES.items()]
        lines += ["", "what was met on the way"]
        lines += [f"{what:<72}{count:>8,}" for what, count in sorted(self.seen.items())]
        broken = {rule: seeds[:5] for rule, seeds in self.broken.items()}
        return "\n".join(lines + ([f"\nseeds: {broken}"] if broken else []))


def broken_rules(schedule: Any, played: list[Played]) -> Iterator[str]:
    """The names of RULES that one schedule (races.Schedule) broke, by what is stored now and what its acts came to."""

    by_name = {one.name: one for one in played}
    approvals = list(Approval.objects.filter(subject_id=schedule.call).prefetch_related("votes"))
    trail = _trail(approvals)
    yield from _broken_by_acts(played, by_name)
    for approval in approvals:
        yield from _broken_by_votes(schedule, approval, played, by_name)
        uses = [digest for pk, digest in schedule.executed if pk == approval.pk]
        yield from _broken_by_uses(schedule, approval, uses)
        if approval.status == "approved" and any(one.narrowed_from_id == approval.pk for one in approvals):
            yield "wider"
        told = {status: trail[str(approval.pk), f"approval.{status}"] for status in OUTCOMES}
        if sum(told.values()) > 1:
            yield "two outcomes"
        if sum(told.values()) != told.get(approval.status, 0) or trail[str(approval.pk), CONSUMED] != len(uses):
            yield "trail"
        if approval.status != "pending" and told[approval.status] != 1:
            yield "trail"


def _trail(approvals: list[Any]) -> Counter:

    events = AuditEvent.objects.filter(target_id__in=[str(one.pk) for one in approvals])
    return Counter(events.values_list("target_id", "action"))


def _broken_by_acts(played: list[Played], by_name: dict[str, Played]) -> Iterator[str]:
    """What an act came to though another, that was over before it began, stood in its way."""

    lost = by_name.get("ada loses her grant")
    stops = [one for name in ("its time ends", "withdrawn") if (one := by_name.get(name)) and one.is_done]
    for one in played:
        if one.error is not None and not isinstance(one.error, DomainError | PermissionDenied):
            yield "error"
        if not one.is_done:
            continue
        if one.name.endswith(DECIDING) and any(stop.ended < one.began for stop in stops):
            yield "late"
        if one.name.startswith("ada approves") and lost and lost.ended < one.began:
            yield "lost grant"


def _broken_by_votes(schedule: Any, approval: Any, played: list[Played], by_name: dict[str, Played]) -> Iterator[str]:
    people = schedule.world.people
    votes = list(approval.votes.all())
    if {people[name].pk for name in ("requester", "delegate", "author")} & {vote.reviewer_id for vote in votes}:
        yield "self"
    if approval.status != "approved":
        return
    yes = {vote.reviewer_id for vote in votes if vote.choice == "approved" and vote.digest == approval.digest}
    if len(yes) < schedule.needed:
        yield "too few"
    lost = by_name.get("ada loses her grant")
    carrying = [one for one in played if _carried(one, approval)]
    if lost and any(lost.ended < one.began for one in carrying) and len(yes - {people["ada"].pk}) < schedule.needed:
        yield "lost grant"


def _carried(one: Played, approval: Any) -> bool:
    """Whether this act was the yes that made ``approval`` approved."""
    found = one.value if "approves" in one.name and one.is_done else None
    return found is not None and found.pk == approval.pk and found.status == "approved"


def _broken_by_uses(schedule: Any, approval: Any, uses: list[str]) -> Iterator[str]:
    if len(uses) > 1:
        yield "used twice"
    for digest in uses:
        said_yes = {
            vote.reviewer_id
            for vote in approval.votes.all()
            if vote.choice == "approved" and vote.digest == digest == approval.digest
        }
        if approval.status != "approved" or len(said_yes) < schedule.needed:
            yield "unapproved"
