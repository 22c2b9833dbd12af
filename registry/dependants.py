"""Who uses an installation: what feels it if it moves or goes, and whose it is. Floors above add what they know."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from django.utils import timezone

from galaxy.core.agents import agents_on
from galaxy.core.models import User
from registry.models import Hold, Installation, PackPin, ScheduledMove
from registry.services.installing import needed_by

PACK, AGENT, SCHEDULE, PIN, APPROVAL, GRANT = "pack", "agent", "schedule", "pin", "approval", "grant"
LABELS = {
    PACK: "Packs",
    AGENT: "Agents",
    SCHEDULE: "Schedules",
    PIN: "Pins",
    APPROVAL: "Waiting requests",
    GRANT: "Auto-Approve grants",
}


@dataclass(frozen=True)
class Use:
    """One dependant. ``kind`` is of LABELS; ``owner`` is who answers for it, ``note`` in what way it uses it."""

    kind: str
    name: str
    owner: str
    url: str = ""
    note: str = ""


Reader = Callable[[Installation, User | None], Iterable[Use]]
_readers: list[Reader] = []


def register(reader: Reader) -> None:
    """Called once when an app starts, by a floor that knows of more."""
    if reader not in _readers:
        _readers.append(reader)


def uses_of(installation: Installation, user: User | None = None) -> list[Use]:
    """Every dependant, by kind in the order of LABELS, in a fixed number of queries for each kind.

    ``user`` is who reads: what they may not open stands there without its name. None: nobody, a service counts them.
    """
    found = [*_own(installation), *(use for reader in _readers for use in reader(installation, user))]
    order = list(LABELS)
    return sorted(found, key=lambda use: (order.index(use.kind), use.name.lower()))


def dependants_of(installation: Installation, user: User | None = None) -> list[Use]:
    """Those of ``uses_of`` that stop or fail once it is gone; what only holds it goes with it."""
    return [use for use in uses_of(installation, user) if use.kind != PIN]


def grouped(uses: Iterable[Use]) -> list[tuple[str, list[Use]]]:
    """``uses`` under the label of their kind."""
    rows = list(uses)
    found = [(label, [use for use in rows if use.kind == kind]) for kind, label in LABELS.items()]
    return [(label, some) for label, some in found if some]


def _own(installation: Installation) -> Iterable[Use]:
    slug = installation.extension.slug
    for pack in needed_by(installation):
        wanted = pack.pin.version.parsed.requires.get(slug, "*")
        owner = str(pack.installed_by)
        yield Use(PACK, str(pack), owner, pack.get_absolute_url(), f"requires {wanted}")
    seen = set()
    for agent, _ in agents_on(installation):
        if agent.pk not in seen and not agent.is_over:
            seen.add(agent.pk)
            yield Use(AGENT, agent.name, str(agent.owner), agent.get_absolute_url(), "holds a grant on it")
    pins = PackPin.objects.filter(workspace=installation.workspace_id, installation=installation)
    for one in pins.select_related("pack__extension", "pack__workspace", "version", "pinned_by"):
        name = f"{one.pack} at {one.version.number}"
        yield Use(PIN, name, str(one.pinned_by), one.pack.get_absolute_url(), one.reason)
    planned = installation.scheduled_moves.filter(state=ScheduledMove.State.WAITING)
    for move in planned.select_related("version", "asked_by"):
        name, at = f"Move to {move.version.number}", f"{move.at:%d %B %Y, %H:%M} UTC"
        yield Use(SCHEDULE, name, str(move.asked_by), installation.get_absolute_url(), f"planned for {at}")
    hold = Hold.objects.filter(workspace=installation.workspace_id, installation=installation).first()
    if hold and hold.holds(timezone.now()):
        name = f"Held at {installation.pin.version.number}"
        yield Use(PIN, name, str(hold.held_by), installation.get_absolute_url(), hold.reason)
