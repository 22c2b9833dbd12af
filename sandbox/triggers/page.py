"""What the page of one trigger shows."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.utils import timezone

from galaxy.core.errors import Invalid
from galaxy.core.models import User
from galaxy.core.permissions import can
from sandbox.models import Trigger, TriggerFiring, TriggerKey, TriggerTally
from sandbox.triggers.counting import counted
from sandbox.triggers.keys import keys_in_force
from sandbox.triggers.mapping import problems_of, resolved_target, scopes_needed
from sandbox.triggers.services import next_times_of
from sandbox.triggers.silence import interval, words_of

LATEST = 10
DAY = timedelta(hours=24)


@dataclass(frozen=True)
class ScopeLine:
    """A scope that the target uses: whether the trigger holds it, and whether the workspace agreed to it."""

    scope: str
    is_held: bool


def sees_events(user: User, trigger: Trigger) -> bool:
    """Whether this person may read what came in: who may see every run, who manages triggers, and its owner."""
    workspace = trigger.workspace
    may = can(user, "core.view_run", workspace) or can(user, "core.manage_trigger", workspace)
    return may or trigger.owner_id == user.pk


class TriggerPage:
    """Everything is asked once, when the page is made."""

    def __init__(self, trigger: Trigger, user: User, now: datetime | None = None):
        self.trigger, self.user = trigger, user
        self.now = now or timezone.now()
        self.problems = problems_of(trigger, user) if not trigger.is_on else {}
        self.scopes = _scopes(trigger)
        self.missing = [line.scope for line in self.scopes if not line.is_held]
        self.keys: list[TriggerKey] = list(keys_in_force(trigger, self.now)) if trigger.is_webhook else []
        self.next_times = (
            [] if trigger.is_webhook else [(at, _there(at, trigger)) for at in next_times_of(trigger, now)]
        )
        self.counted = counted(trigger, self.now - DAY) if trigger.is_webhook else {}
        self.every = interval(trigger)

    @property
    def sees_events(self) -> bool:
        return sees_events(self.user, self.trigger)

    @property
    def sees_address(self) -> bool:
        """Whoever knows the address of what is not signed starts it, in its owner's name."""
        return can(self.user, "core.manage_trigger", self.trigger.workspace) or self.trigger.owner_id == self.user.pk

    @property
    def refused(self) -> int:
        return sum(self.counted.get(name, 0) for name in TriggerTally.REFUSED)

    @property
    def why_refused(self) -> str:
        words = {
            "unsigned": "not well signed",
            "late": "late",
            "over_budget": "over budget",
            "unreadable": "unreadable",
            "too_large": "too large",
            "switched_off": "while it was off",
        }
        return ", ".join(f"{self.counted[name]} {said}" for name, said in words.items() if self.counted.get(name))

    @property
    def every_words(self) -> str:
        return words_of(self.every) if self.every else ""

    def firings(self):
        """The latest starts, with their runs."""
        rows = TriggerFiring.objects.in_workspace(self.trigger.workspace_id).filter(trigger=self.trigger)
        return rows.select_related("run__workspace").defer("events").order_by("-opened_at")[:LATEST]


def _there(at: datetime, trigger: Trigger) -> str:
    """A time as the clock shows it where the schedule is at home: "Mon 30 Nov, 02:30"."""
    return f"{at.astimezone(ZoneInfo(trigger.zone or 'UTC')):%a %d %b, %H:%M}"


def _scopes(trigger: Trigger) -> list[ScopeLine]:
    try:
        needed = scopes_needed(trigger.workspace, resolved_target(trigger.workspace, trigger.target))
    except Invalid:
        needed = ()
    return [ScopeLine(one, one in trigger.scopes) for one in sorted({*needed, *trigger.scopes})]
