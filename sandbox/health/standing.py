"""How an installation stands, in one word of registry.standing, with the reason and the next step.

The words are asked for in order, and the first that applies is told: what nobody can call is not "degraded".
"""

from collections import defaultdict
from dataclasses import dataclass
from typing import Any, NamedTuple
from urllib.parse import urlencode
from uuid import UUID

from django.urls import reverse
from django.utils import timezone

from galaxy.core.addresses import address
from galaxy.core.ui.words import relative
from registry import standing
from registry.models import Connection, Installation, Kind
from registry.standing import Flagged, Standing
from sandbox.errors import CATEGORIES
from sandbox.health.objective import LEAST, OBJECTIVE, Objective
from sandbox.health.reading import connections_of, objectives_of, open_breakers, together
from sandbox.health.recording import TWICE
from sandbox.health.versions import Flag, flags_of
from sandbox.models import Breaker, Counts

LOOK = "Look at the calls that failed and what they have in common."
FEW = 5  # calls of a day; of fewer, half says little


@dataclass(frozen=True)
class Facts:
    """What is known of one installation: its connections (of ``connections_of``), breakers and objective."""

    installation: Installation
    connections: list[Any]
    breakers: list[Breaker]
    objective: Objective
    flag: Flag | None = None  # of the version it is pinned to

    @property
    def live(self) -> list[Any]:
        return [one for one in self.connections if one.is_authenticated]

    @property
    def checked(self) -> list[Any]:
        return [one for one in self.live if one.last_check]

    @property
    def worst(self) -> Any | None:
        """The connection whose checks failed most often in a row, if any did."""
        failing = [one for one in self.checked if failures_of(one)]
        return max(failing, key=failures_of, default=None)


def failures_of(connection: Any) -> int:
    """How many of its checks failed in a row."""
    schedule = getattr(connection, "check_schedule", None)
    return schedule.failures if schedule else 0


def standings_of(installations: list[Installation]) -> dict[UUID, Standing]:
    """How they stand, by id; what reaches nothing outside is left out. They are active, and of one workspace."""
    return {pk: standing_of(facts) for pk, facts in facts_of(installations).items()}


def facts_of(installations: list[Installation]) -> dict[UUID, Facts]:
    """What is known of them, by id, in a fixed number of queries; what reaches nothing outside is left out."""
    workspace, ids = installations[0].workspace, [one.pk for one in installations]
    connections = connections_of(workspace, ids)
    reaching = [one for one in installations if connections[one.pk] or one.extension.kind == Kind.CONNECTOR]
    connected = [pk for pk, rows in connections.items() if not all(map(_is_unconnected, rows))]
    objectives = objectives_of(workspace, connected) if connected else defaultdict(dict)
    breakers = open_breakers(workspace, connected) if connected else defaultdict(list)
    flags = flags_of([one.pin.version_id for one in reaching]) if reaching else {}
    return {
        one.pk: Facts(
            one,
            connections[one.pk],
            breakers[one.pk],
            together(objectives[one.pk].values()),
            flags.get(one.pin.version_id),
        )
        for one in reaching
    }


def standing_of(facts: Facts) -> Standing:
    one = facts.installation
    url = reverse("sandbox:installation-health", args=[one.workspace.slug, one.pk])
    ask = (_not_connected, _reconnect, _held_back, _failing, _degraded, _healthy)
    found = next(filter(None, (find(facts) for find in ask)), None) or _not_known(facts)
    flag = _flagged(one, facts.flag) if facts.flag else None
    return Standing(found.state, found.why, found.next_step, url, found.next_url, flag)


def _flagged(installation: Installation, flag: Flag) -> Flagged:
    url = reverse("registry:pin-change", args=[installation.workspace.slug, installation.pk])
    label = f"Pin back to {flag.before.number}…"
    return Flagged(flag.sentence, flag.next_step, label, f"{url}?to={flag.before.digest}")


class Words(NamedTuple):
    state: standing.State
    why: str
    next_step: str = ""
    next_url: str = ""


def _not_connected(facts: Facts) -> Words | None:
    if not all(map(_is_unconnected, facts.connections)):
        return None
    why = "Every run is simulated, so there is nothing to be well or unwell."
    is_connector = facts.installation.extension.kind == Kind.CONNECTOR
    step = "Connect an account." if is_connector else "Let its code run live."
    return Words(standing.NOT_CONNECTED, why, step, facts.installation.get_absolute_url())


def _reconnect(facts: Facts) -> Words | None:
    worn = [one for one in facts.connections if one.status == Connection.Status.EXHAUSTED]
    if not worn:
        return None
    shared = [one for one in worn if not one.owner_id]
    why = next((one.last_error for one in shared if one.last_error), "Its access could not be renewed.")
    one = (shared or worn)[0]
    step = f"Reconnect {named(one)}; runs that wait for it then go on."
    return Words(standing.RECONNECT, why, step, _page_of(facts, one))


def _held_back(facts: Facts) -> Words | None:
    live = {one.pk for one in facts.live}
    open_now = [one for one in facts.breakers if one.connection_id in live]
    if not open_now:
        return None
    first, more = min(open_now, key=lambda one: not one.is_manual), len(open_now) - 1  # what waits for a person
    why = f"Calls of {first.action} are held back{f', and those of {_actions(more)}' if more else ''}."
    if first.is_manual:
        step = "Somebody held them back by hand. Let them through on the connection’s page, once they may go."
    elif first.until is None or first.until <= timezone.now():
        step = "The next call is a trial; if it succeeds, all go through."
    else:
        step = f"A trial may go out {relative(first.until)}; if it succeeds, all go through."
    return Words(standing.HELD_BACK, why, step, _page_of(facts, first.connection, "#limits"))


def _failing(facts: Facts) -> Words | None:
    worst = facts.worst
    if worst and failures_of(worst) >= TWICE:
        why = f"The last {failures_of(worst)} checks of {named(worst)} failed. {_told(worst)}".strip()
        return Words(standing.FAILING, why, step_after(worst.last_check["category"]), _page_of(facts, worst))
    day = facts.objective.day
    if day.counted >= FEW and day.bad * 2 >= day.counted:
        why = f"{day.bad} of the {day.counted} calls of the last 24 hours failed."
        return Words(standing.FAILING, why, LOOK, Links(facts.installation).to(when="1", counts=Counts.BAD))
    return None


def _degraded(facts: Facts) -> Words | None:
    objective = facts.objective
    if not objective.is_missed:
        return None
    why = f"{objective.success} of {objective.week.counted} calls of seven days succeeded, and {OBJECTIVE} is the aim."
    return Words(standing.DEGRADED, why, LOOK, Links(facts.installation).to(counts=Counts.BAD))


def _healthy(facts: Facts) -> Words | None:
    passed = any(one.last_check["passed"] for one in facts.checked)
    if facts.worst or not (passed or facts.objective.week.good):
        return None
    week = facts.objective.week
    if facts.objective.is_judged:
        return Words(standing.HEALTHY, f"{facts.objective.success} of {week.counted} calls of seven days succeeded.")
    if passed:
        return Words(standing.HEALTHY, f"The last check passed; {_calls(week.counted)} in seven days.")
    return Words(standing.HEALTHY, f"{week.good} of {_calls(week.counted)} in seven days succeeded.")


def _not_known(facts: Facts) -> Words:
    week = facts.objective.week
    if facts.worst:
        why = f"The last check failed. {_told(facts.worst)}".strip()
        return Words(standing.NO_DATA, why, "The next check decides.")
    if week.counted:
        return Words(standing.NO_DATA, f"{week.bad} of {_calls(week.counted)} failed, too few to judge by.")
    return Words(standing.NO_DATA, f"No calls in seven days, and no check yet. {LEAST} calls are enough for a figure.")


def step_after(category: str) -> str:
    """What to do next about a check that failed so."""
    return CATEGORIES[category].next_step if category in CATEGORIES else ""


def named(connection: Any) -> str:
    """A connection in a sentence that everybody reads who sees the installation: not whose own account it is."""
    return "a member’s own connection" if connection.owner_id else "the shared connection"


def _told(connection: Any) -> str:
    """What its last check said, where that is for everybody."""
    return "" if connection.owner_id else connection.last_check["sentence"]


def _page_of(facts: Facts, connection: Any, place: str = "") -> str:
    """The page of a connection that everybody may open who sees the installation; "" for somebody's own."""
    if connection.owner_id:
        return ""
    return reverse("sandbox:connection-detail", args=[facts.installation.workspace.slug, connection.pk]) + place


@dataclass(frozen=True)
class Links:
    """Addresses of the list of runs, under the very filters that a figure was made by."""

    installation: Installation

    def to(self, **filters: str) -> str:
        base = address("sandbox:run-list", self.installation.workspace.slug)
        return f"{base}?{urlencode({'installation': self.installation.pk, 'when': '7'} | filters)}"


def _is_unconnected(connection: Any) -> bool:
    return connection.status == Connection.Status.UNAUTHENTICATED


def _actions(number: int) -> str:
    return f"{number} other action{'' if number == 1 else 's'}"


def _calls(number: int) -> str:
    return f"{number or 'no'} call{'' if number == 1 else 's'}"
