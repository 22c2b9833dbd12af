"""Agreeing to what an installed version asks for and was not given: after it moved there with the old permissions."""

from collections.abc import Collection

from django.db import transaction

from galaxy.core import audit
from galaxy.core.audit import Actor
from galaxy.core.models import User
from registry.errors import AlreadyRemoved, ConsentNeeded, NothingToAgree
from registry.gates import WIDEN, Step, pass_gates
from registry.models import Installation
from registry.services.holding import require_hold
from registry.services.moving import Widening, widening_of
from registry.services.resolving import verified_manifest


def widen(installation: Installation, *, actor: User, agreed: Collection[str]) -> Installation:
    """Agree to all that the pinned version asks for, which ``agreed`` names as it was shown. Felt by the next call.

    Raises NotGranted, ConsentNeeded, NeedsApproval or RuledOut (registry.gates), AlreadyRemoved or NothingToAgree.
    """
    require_hold(actor, installation.workspace, installation.extension)
    step = widen_step(installation, actor)
    if unseen := [one for one in unagreed(installation).words if one not in agreed]:
        raise ConsentNeeded(f"{installation} asks for {', '.join(unseen)}, which you were not shown.")
    pass_gates(step)
    return widen_agreed(installation, actor=actor)


def widen_step(installation: Installation, actor: User) -> Step:
    """What agreeing would do, for whoever has a say (registry.gates). Raises AlreadyRemoved or NothingToAgree."""
    wider = unagreed(installation)
    manifest = installation.pin.version.parsed
    return Step(
        WIDEN,
        installation.workspace,
        installation.extension,
        installation.pin.version,
        actor,
        installation=installation,
        scopes=tuple(manifest.scopes),
        hosts=tuple(manifest.hosts),
        new_scopes=wider.scopes,
        new_hosts=wider.hosts,
    )


@transaction.atomic
def widen_agreed(installation: Installation, *, actor: User, chain: Actor | None = None) -> Installation:
    """The same for what ``actor`` may agree to, or what somebody approved for them: the caller answers for that, as
    long as it is held at the version that ``installation`` was read with."""
    row = Installation.objects.active().select_for_update(of=("self",)).filter(pk=installation.pk).first()
    if row is None:
        raise AlreadyRemoved(f"{installation} was removed.")
    if row.pin.digest != installation.pin.digest:
        raise ConsentNeeded(f"{installation} moved to {row.pin.version} meanwhile, which may ask for something else.")
    wider = unagreed(row)
    before = {"scopes": row.scopes, "hosts": row.hosts}
    row.scopes, row.hosts = [*row.scopes, *wider.scopes], [*row.hosts, *wider.hosts]
    row.save(update_fields=["scopes", "hosts"])
    after = {"scopes": row.scopes, "hosts": row.hosts}
    audit.record("installation.widened", actor=chain or Actor.of(actor), target=row, before=before, after=after)
    return row


def unagreed(installation: Installation) -> Widening:
    """What the pinned version asks for and was not given. Raises AlreadyRemoved or NothingToAgree."""
    if not installation.is_active:
        raise AlreadyRemoved(f"{installation} was removed.")
    wider = widening_of(installation, verified_manifest(installation.pin.digest))
    if not wider:
        raise NothingToAgree(f"{installation} has all that {installation.pin.version} asks for.")
    return wider
