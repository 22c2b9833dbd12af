"""Moving an installation to another version, with consent to what that one asks for beyond what was agreed to."""

from collections.abc import Collection
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from galaxy.core import audit
from galaxy.core.audit import Actor
from galaxy.core.models import User
from galaxy.core.permissions import NotGranted
from registry.compat import compare
from registry.courses import Course
from registry.errors import AlreadyRemoved, ConsentNeeded, HeldHere, NotInstallable, PacksStop, RequirementsMissing
from registry.gates import UPGRADE, Step, pass_gates
from registry.manifests import Manifest
from registry.models import Connection, Hold, Installation, Kind, PackPin, Pin, Version
from registry.moves import report_of, require_fit, told_of_move
from registry.services.closing import close, proves_itself_otherwise
from registry.services.endings import end_open_rollout
from registry.services.holding import why_not_move
from registry.services.installing import missing_requirements
from registry.services.naming import refuse_shared_names
from registry.services.quarantining import hold_still, refuse_quarantined
from registry.services.resolving import reaches_out, verified_manifest
from registry.services.retired import refuse_retired
from registry.signals import pin_moved
from registry.signing import verify


@dataclass(frozen=True)
class Widening:
    """What a version asks for beyond what its installation agreed to: canonical scopes, hosts, and ``asks``, sentences
    on what would not wait for a person any more, on data that it would handle or send as well, and on what it would
    reach or call besides."""

    scopes: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    asks: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.words)

    @property
    def words(self) -> tuple[str, ...]:
        """All of it, as a form names what was shown and agreed to."""
        return (*self.scopes, *self.hosts, *self.asks)


def widening_of(installation: Installation, manifest: Manifest) -> Widening:
    return widening_between(installation.scopes, installation.hosts, installation.pin.version.parsed, manifest)


def widening_between(
    scopes: Collection[str], hosts: Collection[str], current: Manifest, manifest: Manifest
) -> Widening:
    """The same where ``scopes`` and ``hosts`` are what was agreed to, and ``current`` is in use."""
    return Widening(
        tuple(scope for scope in manifest.scopes if scope not in scopes),
        tuple(host for host in manifest.hosts if host not in hosts),
        compare(current, manifest).asks,
    )


def move_pin(
    installation: Installation,
    *,
    version: Version,
    actor: User,
    agrees: bool = False,
    keeps: bool = False,
    stops: bool = False,
) -> Pin:
    """Pin ``installation`` to ``version``. Runs that began keep the version they began with.

    ``agrees``: the actor was shown what it asks for beyond what was agreed to. ``keeps``: what was agreed to stays as
    it is, so that new scopes are off and calls that need them are blocked until somebody agrees; new hosts cannot stay
    off. ``stops``: the actor was shown which packs would not run with it, itself among them. Its connections are closed
    where the version signs in otherwise or sends what they prove themselves with to another host. ``pin_moved`` follows
    the commit. Raises NotGranted, NeedsApproval or RuledOut (registry.gates), AlreadyRemoved, NotInstallable,
    Quarantined, HeldHere, ConsentNeeded, PacksStop, NameInUse, RequirementsMissing, or of a pack MappingsUnfit.
    """
    clear_move(installation, version=version, actor=actor, agrees=agrees, keeps=keeps)
    if not stops:
        _require_packs(installation, version)
    by = Actor.of(actor)
    return _move(installation, version, actor, agrees=agrees, keeps=keeps, is_approved=False, by=by, stops=stops)


def _require_packs(installation: Installation, version: Version) -> None:
    """Raises PacksStop, naming none: whoever moves it need not see them."""
    from registry.pack_fits import stopped_by_move  # which looks at packs by this package

    if installation.is_active and version.extension_id == installation.extension_id:
        count = len(stopped_by_move(installation, version))
        if count:
            packs = "1 pack here" if count == 1 else f"{count} packs here"
            raise PacksStop(f"{packs} would not run with {version}.")


def clear_move(installation: Installation, *, version: Version, actor: User, agrees: bool, keeps: bool) -> None:
    """Whether ``actor`` may move it there, here and now; raises what move_pin does of that. To be asked outside the
    transaction of the move, so that what a gate stores of a refusal stays."""
    if installation.is_active and version.extension_id == installation.extension_id:
        step = upgrade_step(installation, version, actor, keeps=keeps)
        if keeps:
            _check_can_stay_off(step)
        _check_move(installation, step, agrees=agrees)
        pass_gates(step)


def move_approved(
    installation: Installation,
    *,
    version: Version,
    actor: User,
    chain: Actor,
    keeps: bool = False,
    reason: str = "",
    approval: UUID | None = None,
    is_back: bool = False,
) -> Pin:
    """The same for what somebody approved, who was shown what it asks for: the caller answers for that. ``actor`` asked
    for it, ``chain`` is who acts, ``approval`` the id of the request. ``is_back``: it goes back, as ``move_back``."""
    return _move(
        installation,
        version,
        actor,
        agrees=True,
        keeps=keeps,
        is_approved=True,
        by=chain,
        reason=reason,
        approval=approval,
        is_back=is_back,
    )


def move_back(
    installation: Installation, *, version: Version, actor: User, by: Actor, reason: str, agrees: bool = False
) -> Pin:
    """The same for a version that may be gone back to, deprecated ones too (registry.rollback), past its gates."""
    return _move(
        installation, version, actor, agrees=agrees, keeps=False, is_approved=False, by=by, reason=reason, is_back=True
    )


def upgrade_step(
    installation: Installation, version: Version, actor: User, *, keeps: bool = False, course: Course | None = None
) -> Step:
    """What moving it there would do, for whoever has a say (registry.gates). ``course``: step by step, and how."""
    manifest = verified_manifest(version.digest)
    wider = widening_of(installation, manifest)
    scopes, hosts = _agreed_after(installation, manifest, keeps=keeps)
    return Step(
        UPGRADE,
        installation.workspace,
        installation.extension,
        version,
        actor,
        installation=installation,
        scopes=tuple(scopes),
        hosts=tuple(hosts),
        new_scopes=() if keeps else wider.scopes,
        new_hosts=wider.hosts,
        weaker=wider.asks,
        course=course,
    )


def move_as_policy(
    installation: Installation,
    *,
    version: Version,
    actor: User,
    chain: Actor,
    agrees: bool = False,
    keeps: bool = False,
    reason: str,
) -> Pin:
    """The same for what ``actor`` said beforehand, once the gates let it pass: the caller answers for that. Whether
    they may, and whether what is new was agreed to, is looked at here again."""
    return _move(installation, version, actor, agrees=agrees, keeps=keeps, is_approved=False, by=chain, reason=reason)


def move_rolled_out(
    installation: Installation,
    *,
    version: Version,
    actor: User,
    chain: Actor,
    reason: str,
    approval: UUID | None = None,
) -> Pin:
    """The same for what a roll-out led to, when it began with somebody who agreed to what is new."""
    return _move(
        installation,
        version,
        actor,
        agrees=True,
        keeps=False,
        is_approved=True,
        by=chain,
        reason=reason,
        approval=approval,
        is_rolled_out=True,
    )


@transaction.atomic
def _move(
    installation: Installation,
    version: Version,
    actor: User,
    *,
    agrees: bool,
    keeps: bool,
    is_approved: bool,
    by: Actor,
    reason: str = "",
    approval: UUID | None = None,
    is_back: bool = False,
    is_rolled_out: bool = False,
    stops: bool = False,
) -> Pin:
    workspace = installation.workspace
    row = Installation.objects.active().select_for_update(of=("self",)).filter(pk=installation.pk).first()
    if row is None:
        raise AlreadyRemoved(f"{installation} was removed.")
    if version.extension_id != row.extension_id:
        raise NotInstallable(f"{version} can not be installed.")
    hold_still(version)
    refuse_quarantined(version)
    if not (is_back and version.is_deprecated):
        refuse_retired(version)
    check_not_held(row, version)
    verify(version)
    before, manifest = verified_manifest(row.pin.digest), verified_manifest(version.digest)
    connections = list(row.connections.select_for_update())  # moved for not being connected, it stays so until then
    step = upgrade_step(row, version, actor, keeps=keeps)
    if keeps:
        _check_can_stay_off(step)
    if not is_approved:
        _check_move(row, step, agrees=agrees)
    refuse_shared_names(workspace, manifest, row.extension)
    if missing := missing_requirements(workspace, manifest, pack=row, lock=True):
        raise RequirementsMissing(f"{version} needs {', '.join(slug for slug, _ in missing)} first.")
    pin = row.pin
    facts = {"version": pin.version.number, "digest": pin.digest, "scopes": row.scopes, "hosts": row.hosts}
    if not is_rolled_out:
        end_open_rollout(row, by=by, why=f"It was moved to {version.number}.")
    row.scopes, row.hosts = _agreed_after(row, manifest, keeps=keeps)
    _keep_for_packs(row, facts)
    row.paused_at, row.paused_reason = None, ""  # it was for the version that it leaves
    row.save(update_fields=["scopes", "hosts", "paused_at", "paused_reason"])
    is_back = is_back or version.sort_key < pin.version.sort_key
    pin.report = report_of(row, version)
    pin.version, pin.digest, pin.pinned_by, pin.pinned_at = version, version.digest, actor, timezone.now()
    pin.reason, pin.approval = reason[: Pin.MOST_REASON], approval
    pin.save(update_fields=["version", "digest", "pinned_by", "pinned_at", "reason", "approval", "report"])
    agreed = {"version": version.number, "digest": version.digest, "scopes": row.scopes, "hosts": row.hosts}
    agreed |= {"report": str(pin.report)} if pin.report else {}
    told: dict[str, Any] = {"reason": pin.reason} if pin.reason else {}
    event = "pin.rolled_back" if is_back else "pin.moved"
    audit.record(event, actor=by, target=pin, before=facts, after=agreed, **told)
    told_of_move(row, before, manifest, actor)
    # The way back is shown what does not fit, and a roll-out looked when it began; each run looks once more.
    if manifest.kind == Kind.PACK and not (stops or is_back or is_rolled_out):
        require_fit(row, manifest)
    for connection in connections:
        if proves_itself_otherwise(before, manifest, connection.host):
            close(connection, actor)
    if not connections and reaches_out(manifest):
        made = Connection.objects.create(workspace=workspace, installation=row, name=row.extension.name)
        audit.record("connection.created", actor=by, target=made, after={"status": made.status})
    transaction.on_commit(partial(pin_moved.send_robust, sender=Pin, installation=row))
    return pin


def _check_move(installation: Installation, step: Step, *, agrees: bool) -> None:
    wider = (*step.new_scopes, *step.new_hosts, *step.weaker)
    if denied := why_not_move(step.actor, installation, widens=bool(wider)):
        raise NotGranted(denied)
    if wider and not agrees:
        raise ConsentNeeded(f"{step.version} asks for {', '.join(wider)} beyond what was agreed to.")


def check_not_held(row: Installation, version: Version) -> None:
    """A hold keeps it from going forward; going back stays possible."""
    if held := hold_against(row, version):
        raise held


def hold_against(row: Installation, version: Version) -> HeldHere | None:
    """Why ``row`` is not moved to ``version`` by anybody, if somebody holds it where it is."""
    held = Hold.objects.filter(workspace=row.workspace_id, installation=row).select_related("held_by").first()
    if held is None or not held.holds(timezone.now()) or version.sort_key <= row.pin.version.sort_key:
        return None
    return HeldHere(f"{row} is held at {row.pin.version.number} by {held.held_by}: “{held.reason}”")


def _check_can_stay_off(step: Step) -> None:
    if fixed := (*step.new_hosts, *step.weaker):
        raise ConsentNeeded(f"{step.version} brings what cannot stay off: {', '.join(fixed)}.")


def _agreed_after(installation: Installation, manifest: Manifest, *, keeps: bool) -> tuple[list[str], list[str]]:
    """The scopes and hosts agreed to once it is moved: what the version asks for, or that of it which was before."""
    if not keeps:
        return list(manifest.scopes), list(manifest.hosts)
    scopes = [scope for scope in manifest.scopes if scope in installation.scopes]
    return scopes, [host for host in manifest.hosts if host in installation.hosts]


def _keep_for_packs(row: Installation, before: dict[str, Any]) -> None:
    """What was agreed to stays so where a pack calls a version of its own that asks for it."""
    pins = PackPin.objects.filter(workspace=row.workspace_id, installation=row)
    for digest in pins.values_list("digest", flat=True):
        own = verified_manifest(digest)
        row.scopes = sorted({*row.scopes, *(scope for scope in own.scopes if scope in before["scopes"])})
        row.hosts = sorted({*row.hosts, *(host for host in own.hosts if host in before["hosts"])})
