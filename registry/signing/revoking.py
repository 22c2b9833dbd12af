"""Taking a key back: nothing that it signed counts any more, and what it alone vouched for stops."""

from collections.abc import Callable, Sequence
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.db import connection, transaction
from django.utils import timezone

from galaxy.core import audit
from galaxy.core.errors import Invalid
from galaxy.core.members import marketplace_workspace
from galaxy.core.models import User, Workspace
from galaxy.core.notifications import notify
from galaxy.core.permissions import holders_of, require
from galaxy.core.scope import scope_with
from registry.errors import AlreadyRevoked
from registry.models import SigningKey, Version
from registry.publishers.claiming import may_manage
from registry.publishers.news import tell_team
from registry.signing.verifying import counting_signatures, why_not_vouched

# Stops versions for good until somebody lifts it: (ids of versions, why in a sentence, who or None).
Stopper = Callable[[Sequence[UUID], str, User | None], None]
_stoppers: list[Stopper] = []


def register_stopper(stopper: Stopper) -> None:
    """Say who stops versions, installed ones and runs under way among them; once, when the app is ready."""
    if stopper not in _stoppers:
        _stoppers.append(stopper)


@transaction.atomic
def revoke_key(key: SigningKey, *, reason: str, actor: User | None) -> list[Version]:
    """Take ``key`` back for good, and stop each version that nothing else vouches for; returns those.

    ``actor`` is None for an operator's command. A publisher's key is taken back by the publisher's managers or at the
    desk, the marketplace's at the desk. The desk and the publisher's workspace must be in scope. Raises NotGranted,
    Invalid without a reason, or AlreadyRevoked.
    """
    reason = reason.strip()
    if not reason or len(reason) > 300:
        raise Invalid("Say in at most 300 characters why.", {"reason": "Say in at most 300 characters why."})
    if actor:
        require_may_revoke(actor, key)
    done = SigningKey.objects.filter(pk=key.pk, revoked_at=None).update(
        revoked_at=timezone.now(), revoked_by=actor, revoke_reason=reason
    )
    if not done:
        raise AlreadyRevoked(f"Key {key} was revoked already.")
    key.refresh_from_db()
    stopped = []
    for workspace, ids in _signed_by(key).items():
        with scope_with(*filter(None, [workspace])):
            rows = Version.objects.filter(pk__in=ids).select_related("extension__owner")
            lost = [row for row in rows if why_not_vouched(row, counting_signatures(row))]
            for stop in _stoppers if lost else ():
                stop([row.pk for row in lost], f"Key {key} was revoked: {reason}", actor)
        stopped += lost
    _record(key, reason, actor, stopped)
    return stopped


def require_may_revoke(actor: User, key: SigningKey) -> None:
    """Raises NotGranted unless ``actor`` may take ``key`` back."""
    if key.publisher and may_manage(actor, key.publisher):
        return
    desk = marketplace_workspace()
    if desk is None:
        raise PermissionDenied("There is no desk yet that could take a key back.")
    require(actor, "core.review_submission", desk)


def _signed_by(key: SigningKey) -> dict[UUID | None, list[UUID]]:
    """Ids of the versions that ``key`` signed, by the workspace that has them for itself."""
    found: dict[UUID | None, list[UUID]] = {}
    with connection.cursor() as cursor:
        cursor.execute("SELECT version_id, workspace_id FROM registry_versions_signed_by(%s)", [key.pk])
        for version, workspace in cursor.fetchall():
            found.setdefault(workspace, []).append(version)
    return found


def _record(key: SigningKey, reason: str, actor: User | None, stopped: Sequence[Version]) -> None:
    facts = {"key": key.pk, "owner": key.publisher.name if key.publisher else "marketplace"}
    desk = marketplace_workspace()
    homes = {desk.pk if desk else None, key.publisher.workspace_id if key.publisher else None}
    for home in filter(None, homes):
        with scope_with(home):
            audit.record(
                "signing_key.revoked",
                actor=actor,
                target=Workspace.objects.get(pk=home),
                after={**facts, "stopped": len(stopped)},
                reason=reason,
            )
    note = f"Key {key}: {reason} {len(stopped)} version{'' if len(stopped) == 1 else 's'} stopped."
    if key.publisher:
        tell_team(key.publisher, "signing_key_revoked", note=note, by=actor)
    elif desk:
        with scope_with(desk.pk):
            notify(desk, holders_of(desk, "review_submission"), "signing_key_revoked", desk, note=note, by=actor)
