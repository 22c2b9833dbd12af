"""What the pages about updates show, read in a fixed number of queries."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import QuerySet
from django.utils import timezone

from galaxy.core.db.prepared import prepared
from galaxy.core.models import User, Workspace
from galaxy.core.permissions import Denied, why_not
from registry.models import Hold, Installation, PackPin, RollOut, ScheduledMove, SkippedWait, UpdateDefaults
from registry.updates.deciding import State
from registry.updates.facts import with_newer
from registry.updates.planning import Plan
from registry.updates.ruling import ruled_plans

TONES = {
    State.DUE: "ok",
    State.WINDOW: "info",
    State.WAITING: "info",
    State.ROLLING_OUT: "info",
    State.CONSENT: "warn",
    State.RULED: "warn",
    State.HINDERED: "warn",
}
ICONS = {
    State.DUE: "circle-arrow-up",
    State.WINDOW: "calendar-clock",
    State.WAITING: "hourglass",
    State.ROLLING_OUT: "loader",
    State.CONSENT: "shield-alert",
    State.RULED: "users",
    State.HINDERED: "package-x",
    State.HELD: "pin",
    State.BEYOND: "arrow-up",
    State.OFF: "hand",
    State.PRE_RELEASE: "hand",
}


@dataclass(frozen=True)
class Row:
    """One installation with a newer release: its plan, and what is under way for it already."""

    installation: Installation
    plan: Plan
    rollout: RollOut | None
    move: ScheduledMove | None
    denied: Denied | None

    @property
    def told(self):
        return self.plan.told

    @property
    def tone(self) -> str:
        return TONES.get(self.told.state, "line") if self.told else ""

    @property
    def icon(self) -> str:
        return ICONS[self.told.state] if self.told else ""

    @property
    def consent(self):
        """The release that asks for more, where another one is what is told of."""
        return self.plan.consent if self.plan.consent is not self.told else None


@dataclass(frozen=True)
class Card:
    """How one installation goes forward, for its own page."""

    plan: Plan
    hold: Hold | None
    rollout: RollOut | None
    move: ScheduledMove | None
    pack_pins: tuple[PackPin, ...]
    skip: SkippedWait | None
    denied: Denied | None
    follows: bool

    @property
    def told(self):
        return self.plan.told

    @property
    def tone(self) -> str:
        return TONES.get(self.told.state, "line") if self.told else ""

    @property
    def icon(self) -> str:
        return ICONS[self.told.state] if self.told else ""


def updatable(user: User, workspace: Workspace):
    """The active installations that ``user`` may see and of which there is a newer release, by name."""
    seen = Installation.objects.in_workspace(workspace).visible_to(user, workspace).active()
    return with_newer(seen).select_related("workspace", "extension", "pin__version").order_by("extension__name", "pk")


def rows_of(installations: Sequence[Installation], user: User, now: datetime | None = None) -> list[Row]:
    plans = ruled_plans(installations, now)
    if not installations:
        return []
    here = {"workspace": installations[0].workspace, "installation__in": installations}
    moves = {row.installation_id: row for row in _waiting(here)}
    return [
        Row(
            one,
            plans[one.pk],
            plans[one.pk].facts.rollout,
            moves.get(one.pk),
            why_not(user, "registry.pin_installation", one),
        )
        for one in installations
    ]


def card_of(installation: Installation, user: User, now: datetime | None = None) -> Card:
    now = now or timezone.now()
    here = {"workspace": installation.workspace, "installation": installation}
    found = ruled_plans([installation], now)[installation.pk]
    skippable = found.skippable
    skip = (
        SkippedWait.objects.filter(**here, version=skippable.release.version).select_related("asked_by").first()
        if skippable
        else None
    )
    own, hold = found.facts.own, found.facts.hold
    return Card(
        plan=found,
        hold=hold if hold and hold.holds(now) else None,
        rollout=found.facts.rollout,
        move=_waiting_move.one(workspace=installation.workspace_id, installation=installation.pk),
        pack_pins=tuple(_pack_pins(workspace=installation.workspace_id, installation=installation.pk)),
        skip=skip,
        denied=why_not(user, "registry.pin_installation", installation),
        follows=not (own and own.policy),
    )


@prepared
def _waiting_move(workspace: UUID, installation: UUID) -> QuerySet[ScheduledMove]:
    return _waiting({"workspace": workspace, "installation": installation})


@prepared
def _pack_pins(workspace: UUID, installation: UUID) -> QuerySet[PackPin]:
    pins = PackPin.objects.filter(workspace=workspace, installation=installation)
    pins = pins.select_related("pack__workspace", "pack__extension", "version", "pinned_by")
    return pins.order_by("pack__extension__name")


def defaults_of(workspace: Workspace) -> UpdateDefaults:
    """The workspace's rules as they hold, stored or not."""
    row = UpdateDefaults.objects.in_workspace(workspace).select_related("set_by").first()
    return row or UpdateDefaults(workspace=workspace)


def open_rollouts(user: User, workspace: Workspace):
    """Roll-outs that are not over of what ``user`` may see, newest first."""
    seen = Installation.objects.in_workspace(workspace).visible_to(user, workspace)
    rows = RollOut.objects.in_workspace(workspace).filter(installation__in=seen)
    return rows.select_related("workspace", "installation__extension", "version", "before", "started_by")


def _waiting(here: dict):
    return ScheduledMove.objects.filter(**here, state=ScheduledMove.State.WAITING).select_related("version", "asked_by")
