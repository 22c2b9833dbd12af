"""Moving an installation to another version, with consent to what that one asks for beyond what was agreed to."""

from dataclasses import dataclass
from functools import partial

from django.db import transaction
from django.utils import timezone

from galaxy.core import audit
from galaxy.core.models import User
from galaxy.core.permissions import NotGranted
from registry.errors import AlreadyRemoved, ConsentNeeded, NotInstallable, RequirementsMissing
from registry.manifests import Manifest
from registry.models import Connection, Installation, Pin, Version
from registry.services.closing import close
from registry.services.credentials import hosts_of
from registry.services.holding import why_not_move
from registry.services.installing import missing_requirements
from registry.services.naming import refuse_shared_names
from registry.services.resolving import reaches_out, verified_manifest
from registry.signals import pin_moved


@dataclass(frozen=True)
class Widening:
    """What a version asks for beyond what its installation agreed to: canonical scopes, and hosts."""

    scopes: tuple[str, ...]
    hosts: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.scopes or self.hosts)


def widening_of(installation: Installation, manifest: Manifest) -> Widening:
    return Widening(
        tuple(scope for scope in manifest.scopes if scope not in installation.scopes),
        tuple(host for host in manifest.hosts if host not in installation.hosts),
    )


@transaction.atomic
def move_pin(installation: Installation, *, version: Version, actor: User, agrees: bool = False) -> Pin:
    """Pin ``installation`` to ``version``. Runs that began keep the version they began with.

    ``agrees``: the actor was shown what it asks for beyond what was agreed to. Its connections are closed where the
    version signs in otherwise or sends what they prove themselves with to another host. ``pin_moved`` follows the
    commit. Raises NotGranted, AlreadyRemoved, NotInstallable, ConsentNeeded, NameInUse or RequirementsMissing.
    """
    workspace = installation.workspace
    row = Installation.objects.active().select_for_update(of=("self",)).filter(pk=installation.pk).first()
    if row is None:
        raise AlreadyRemoved(f"{installation} was removed.")
    if version.extension_id != row.extension_id or version.status != Version.Status.PUBLISHED:
        raise NotInstallable(f"{version} can not be installed.")
    before, manifest = verified_manifest(row.pin.digest), verified_manifest(version.digest)
    connections = list(row.connections.select_for_update())  # moved for not being connected, it stays so until then
    wider = widening_of(row, manifest)
    if denied := why_not_move(actor, row, widens=bool(wider)):
        raise NotGranted(denied)
    if wider and not agrees:
        raise ConsentNeeded(f"{version} asks for {', '.join((*wider.scopes, *wider.hosts))} beyond what was agreed to.")
    refuse_shared_names(workspace, manifest, row.extension)
    if missing := missing_requirements(workspace, manifest, lock=True):
        raise RequirementsMissing(f"{version} needs {', '.join(slug for slug, _ in missing)} first.")
    pin = row.pin
    facts = {"version": pin.version.number, "digest": pin.digest, "scopes": row.scopes, "hosts": row.hosts}
    row.scopes, row.hosts = list(manifest.scopes), list(manifest.hosts)
    row.save(update_fields=["scopes", "hosts"])
    pin.version, pin.digest, pin.pinned_by, pin.pinned_at = version, version.digest, actor, timezone.now()
    pin.save(update_fields=["version", "digest", "pinned_by", "pinned_at"])
    agreed = {"version": version.number, "digest": version.digest, "scopes": row.scopes, "hosts": row.hosts}
    audit.record("pin.moved", actor=actor, target=pin, before=facts, after=agreed)
    for connection in connections:
        if _proves_itself_otherwise(before, manifest, connection.host):
            close(connection, actor)
    if not connections and reaches_out(manifest):
        made = Connection.objects.create(workspace=workspace, installation=row, name=row.extension.name)
        audit.record("connection.created", actor=actor, target=made, after={"status": made.status})
    transaction.on_commit(partial(pin_moved.send_robust, sender=Pin, installation=row))
    return pin


def _proves_itself_otherwise(before: Manifest, after: Manifest, host: str) -> bool:
    is_same_way = before.canonical.get("auth") == after.canonical.get("auth")
    return not is_same_way or hosts_of(before, host) != hosts_of(after, host)
