"""How an installed extension is found for whoever reads news about it."""

from collections.abc import Iterable
from uuid import UUID

from galaxy.core.models import User, Workspace
from galaxy.core.notifications import Kind, Place, add_kind, add_target
from registry.models import Installation, RollOut

KINDS = (
    Kind("update_taken", "An extension was updated", "Updates that were taken", "arrow-up", "ok"),
    Kind(
        "update_consent",
        "An update asks for more than was agreed to",
        "Updates that ask for more",
        "shield-alert",
        "warn",
        by_mail=True,
    ),
    Kind("update_blocked", "An update is not taken", "Updates that something stands in the way of", "ban", "warn"),
    Kind("move_made", "A planned move was made", "Planned moves that were made", "calendar-check", "ok"),
    Kind("move_failed", "A planned move was not made", "Planned moves that failed", "calendar-x", "bad", by_mail=True),
    Kind(
        "update_skip_asked",
        "A fix of a security hole waits for your yes",
        "Security fixes asked of me",
        "shield-alert",
        "warn",
        by_mail=True,
    ),
    Kind(
        "rollout_stopped", "A roll-out was stopped", "Roll-outs that were stopped", "octagon-pause", "bad", by_mail=True
    ),
    Kind(
        "version_quarantined",
        "An extension in use here is in quarantine",
        "Extensions that are put in quarantine",
        "shield-alert",
        "bad",
        by_mail=True,
    ),
    Kind(
        "quarantine_lifted",
        "An extension in use here is out of quarantine",
        "Extensions that come out of quarantine",
        "shield-check",
        "ok",
    ),
    Kind(
        "version_ending",
        "An extension in use here comes to its end",
        "Versions that come to their end",
        "calendar-clock",
        "warn",
        by_mail=True,
    ),
    Kind(
        "version_ended_moved",
        "An extension was moved on, since its version ended",
        "Moves on a version's last day",
        "arrow-up",
        "ok",
    ),
    Kind(
        "installation_paused",
        "An extension is paused, since its version ended",
        "Extensions that are paused",
        "octagon-pause",
        "bad",
        by_mail=True,
    ),
    Kind("rollout_finished", "A roll-out is finished", "Roll-outs that are finished", "circle-check", "ok"),
)


def connect() -> None:
    """Register once, when the app is ready."""
    for kind in KINDS:
        add_kind(kind)
    add_target("registry.installation", _installations)
    add_target("registry.rollout", _rollouts)


def _installations(user: User, workspace: Workspace, ids: Iterable[UUID]) -> dict[UUID, Place]:
    rows = Installation.objects.in_workspace(workspace).active().visible_to(user).filter(pk__in=ids)
    return {
        row.pk: Place(str(row.extension), row.get_absolute_url())
        for row in rows.select_related("workspace", "extension")
    }


def _rollouts(user: User, workspace: Workspace, ids: Iterable[UUID]) -> dict[UUID, Place]:
    seen = Installation.objects.in_workspace(workspace).visible_to(user)
    rows = RollOut.objects.in_workspace(workspace).filter(pk__in=ids, installation__in=seen)
    rows = rows.select_related("workspace", "installation__extension", "version")
    return {row.pk: Place(str(row), row.get_absolute_url()) for row in rows}
