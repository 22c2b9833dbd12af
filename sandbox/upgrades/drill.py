"""The rollback drill: forward to a version and back again, before anybody moves. It says until when one can return, or
why one cannot."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

from registry.models import Connection, Installation, Version
from registry.rollback.targets import why_never
from registry.services import verified_manifest
from registry.services.closing import proves_itself_otherwise


@dataclass(frozen=True)
class Drill:
    """``one_way`` says in sentences why there is no way back; with none there is one, until ``until`` or for good.
    ``left`` says why nobody returns to the version in use whatever the next one is: it was yanked, is in quarantine or
    came to its end, so that leaving it is no loss. ``notes`` is what else to know of it."""

    one_way: tuple[str, ...]
    notes: tuple[str, ...] = ()
    until: date | None = None
    left: str = ""

    @property
    def is_way_back(self) -> bool:
        return not self.one_way

    @property
    def sentence(self) -> str:
        if self.one_way:
            return f"One-way: {' '.join(self.one_way)}"
        if self.left:
            return f"{self.left} Nobody returns to it, and leaving it is no loss."
        return f"You can return until {self.until:%d %B %Y}." if self.until else "You can return at any time."

    def as_json(self) -> dict[str, Any]:
        until = self.until.isoformat() if self.until else None
        return {"one_way": list(self.one_way), "notes": list(self.notes), "until": until, "sentence": self.sentence}


def drill(installation: Installation, version: Version, answers: Iterable[dict[str, Any]] = ()) -> Drill:
    """Go to ``version`` and back: the version held now, the accounts that are connected, and with ``answers`` (of
    sandbox.upgrades.replaying) every recorded call, whose inputs go forward and back as well."""
    held = installation.pin.version
    before, after = verified_manifest(installation.pin.digest), verified_manifest(version.digest)
    one_way = _accounts(installation, before, after, version)
    lost = [one for one in answers if one["old"] != one["back"]]
    if lost:
        calls = f"{len(lost)} recorded call{'s' if len(lost) > 1 else ''}"
        one_way.append(f"{calls} would not be answered by {held.number} as before once {version.number} took them.")
    return Drill(tuple(one_way), tuple(_notes(before, after, held, version)), held.ends_on, why_never(held))


def _accounts(installation: Installation, before: Any, after: Any, version: Version) -> list[str]:
    rows = installation.connections.filter(status=Connection.Status.AUTHENTICATED).select_related("owner")
    closed = [one.label for one in rows if proves_itself_otherwise(before, after, one.host)]
    if not closed:
        return []
    return [
        f"{', '.join(closed)}: what it proves itself with is destroyed on the way, since {version.number} signs in "
        "otherwise or sends it to another host. Going back does not connect it again."
    ]


def _notes(before: Any, after: Any, held: Version, version: Version) -> list[str]:
    """What the version in use cannot take back of what the other one did."""
    found = []
    for name, action in after.actions.items():
        if (
            action.undo
            and action.undo in after.actions
            and action.undo not in before.actions
            and name in before.actions
        ):
            found.append(f"What {name} of {version.number} does, {held.number} cannot undo: it has no {action.undo}.")
    return found
