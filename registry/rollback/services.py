"""Going back to another version: the checks first, then a new pin event with its reason."""

from collections.abc import Collection
from datetime import datetime

from django.db import transaction

from galaxy.core.audit import Actor
from galaxy.core.errors import Conflict, Invalid
from galaxy.core.models import User
from galaxy.core.permissions import NotGranted, require
from registry.errors import AlreadyRemoved, NotInstallable
from registry.gates import pass_gates
from registry.models import Installation, Pin, Version
from registry.rollback.checks import Check, checks_of
from registry.rollback.targets import refusal_of, targets_of
from registry.services.holding import why_not_move
from registry.services.moving import move_back, upgrade_step, widening_of
from registry.services.resolving import verified_manifest

MOST_REASON = 300


class NoWayBack(Conflict):
    """The version may not be gone back to: it was yanked, is in quarantine, or came to its end."""

    code = "no_way_back"
    next_step = "Choose the version that is named, or wait for a fixed one."


class NotSeen(Conflict):
    """Something would stop, and whoever asks did not say that they saw it."""

    code = "not_seen"
    next_step = "Open the page of the rollback, read what would stop, and say that you saw it."


def roll_back(
    installation: Installation,
    *,
    version: Version,
    actor: User,
    reason: str,
    agreed: Collection[str] = (),
    accepted: Collection[str] = (),
    now: datetime | None = None,
) -> Pin:
    """Pin ``installation`` back to ``version``, one that it was held at or an older one. Runs that began keep theirs.

    ``reason`` is plain text for the trail and the timeline. ``agreed`` names what the version asks for beyond what was
    agreed to, ``accepted`` the codes of the checks that block, as the page showed both. ``pin_moved`` follows the
    commit. Raises Invalid without a reason, NotGranted, NeedsApproval or RuledOut (registry.gates), AlreadyRemoved,
    NotInstallable, NoWayBack, NotSeen, ConsentNeeded, NameInUse or RequirementsMissing.
    """
    reason = " ".join(reason.split())
    if not reason or len(reason) > MOST_REASON:
        sentence = f"Say why, in at most {MOST_REASON} characters."
        raise Invalid(f"A rollback has a reason. {sentence}", {"reason": sentence})
    if installation.is_active:
        require_target(installation, version, now)
        if denied := why_not_move(actor, installation, widens=bool(widening_of(installation, version.parsed))):
            raise NotGranted(denied)
        pass_gates(upgrade_step(installation, version, actor))
    with transaction.atomic():
        rows = Installation.objects.active().select_for_update(of=("self",)).select_related("workspace", "extension")
        row = rows.filter(pk=installation.pk).first()
        if row is None:
            raise AlreadyRemoved(f"{installation} was removed.")
        fresh = Version.objects.select_related("extension").get(pk=version.pk)
        require_target(row, fresh, now)
        _check_seen(checks_of(row, fresh, actor), row, actor, accepted)
        wider = widening_of(row, verified_manifest(fresh.digest))
        agrees = set(wider.words) <= set(agreed)
        return move_back(row, version=fresh, actor=actor, by=Actor.of(actor), reason=reason, agrees=agrees)


def require_target(installation: Installation, version: Version, now: datetime | None = None) -> None:
    """Raises NotInstallable for what is not a version to go back to, NoWayBack for one that nobody goes back to."""
    if version.pk == installation.pin.version_id:
        raise NotInstallable(f"{installation} is held at {version.number} already.")
    if version.extension_id != installation.extension_id or version.pk not in {
        one.pk for one in targets_of(installation)
    }:
        raise NotInstallable(f"{version} is no version that {installation} can go back to.")
    if refused := refusal_of(installation, version, now):
        raise NoWayBack(refused.whole)


def _check_seen(checks: list[Check], installation: Installation, actor: User, accepted: Collection[str]) -> None:
    blocking = [check for check in checks if check.blocks]
    if blocking:
        require(actor, "core.install_extension", installation.workspace)
    if unseen := [check for check in blocking if check.code not in accepted]:
        raise NotSeen(f"{unseen[0].title}. {unseen[0].text}".strip())
