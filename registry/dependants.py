"""Who uses an installation: what feels it if it moves or goes, and whose it is. Floors above add what they know."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from uuid import UUID

from django.utils import timezone

from galaxy.core.agents import agents_on
from galaxy.core.models import User, Workspace
from galaxy.core.permissions import can
from registry.models import Hold, Installation, PackPin, ScheduledMove
from registry.services.installing import needed_by

PACK, AGENT, TRIGGER, SCHEDULE, PIN = "pack", "agent", "trigger", "schedule", "pin"
APPROVAL, GRANT = "approval", "grant"
LABELS = {
    PACK: "Packs",
    AGENT: "Agents",
    TRIGGER: "Triggers",
    SCHEDULE: "Schedules",
    PIN: "Pins",
    APPROVAL: "Waiting requests",
    GRANT: "Auto-Approve grants",
}


@dataclass(frozen=True)
class Use:
    """One dependant. ``kind`` is of LABELS; ``owner`` is who answers for it, ``note`` in what way it uses it.

    With a ``count`` of more than one they are that many, whom the reader may not see.
    """

    kind: str
    name: str
    owner: str
    url: str = ""
    note: str = ""
    count: int = 1


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
    found = [*_own(installation, user), *(use for reader in _readers for use in reader(installation, user))]
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


def seen_by(user: User, ids: Collection[UUID], workspace: Workspace) -> set[UUID]:
    """Those of the packs ``ids`` that ``user`` may see: whatever tells who is hit by a change names no other."""
    if not ids:
        return set()
    rows = Installation.objects.in_workspace(workspace).visible_to(user, workspace)
    return set(rows.filter(pk__in=ids).values_list("pk", flat=True))


def unseen(kind: str, count: int) -> str:
    """How the dependants of a kind are told to whom they are not named."""
    return f"{count} {_UNSEEN[kind]}{'' if count == 1 else 's'} that you may not see"


def _own(installation: Installation, user: User | None) -> Iterable[Use]:
    """What this floor knows of: packs and pins of packs by name to who sees the pack, agents to who manages them or
    has that one. The others of a kind are counted in one."""
    slug = installation.extension.slug
    needing = needed_by(installation)
    pins = list(
        PackPin.objects.filter(workspace=installation.workspace_id, installation=installation).select_related(
            "pack__extension", "pack__workspace", "version", "pinned_by"
        )
    )
    ids = {pack.pk for pack in needing} | {one.pack_id for one in pins}
    seen = ids if user is None else seen_by(user, ids, installation.workspace)
    for pack in needing:
        if pack.pk in seen:
            wanted = pack.pin.version.parsed.requires.get(slug, "*")
            yield Use(PACK, str(pack), str(pack.installed_by), pack.get_absolute_url(), f"requires {wanted}")
    yield from _unseen(PACK, sum(pack.pk not in seen for pack in needing))
    agents = {agent.pk: agent for agent, _ in agents_on(installation) if not agent.is_over}
    manages = user is None or can(user, "core.manage_agent", installation.workspace)
    for agent in agents.values():
        if manages or agent.owner == user:
            url = agent.get_absolute_url() if manages else ""
            yield Use(AGENT, agent.name, str(agent.owner), url, "holds a grant on it")
    yield from _unseen(AGENT, sum(not manages and agent.owner != user for agent in agents.values()))
    for one in pins:
        if one.pack_id in seen:
            name = f"{one.pack} at {one.version.number}"
            yield Use(PIN, name, str(one.pinned_by), one.pack.get_absolute_url(), one.reason)
    yield from _unseen(PIN, sum(one.pack_id not in seen for one in pins))
    planned = installation.scheduled_moves.filter(state=ScheduledMove.State.WAITING)
    for move in planned.select_related("version", "asked_by"):
        name, at = f"Move to {move.version.number}", f"{move.at:%d %B %Y, %H:%M} UTC"
        yield Use(SCHEDULE, name, str(move.asked_by), installation.get_absolute_url(), f"planned for {at}")
    hold = Hold.objects.filter(workspace=installation.workspace_id, installation=installation).first()
    if hold and hold.holds(timezone.now()):
        name = f"Held at {installation.pin.version.number}"
        yield Use(PIN, name, str(hold.held_by), installation.get_absolute_url(), hold.reason)


_UNSEEN = {PACK: "pack", AGENT: "agent", PIN: "pin"}


def _unseen(kind: str, count: int) -> Iterable[Use]:
    if count:
        yield Use(kind, unseen(kind, count), "", count=count)
