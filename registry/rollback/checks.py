"""What is looked at before an installation goes back, each point in a sentence with a tone.

This floor knows the schema, the permissions, the connection and the secrets. What runs, waits or is scheduled, the
floors above know, and register themselves here.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from galaxy.core.models import SecretVersion, User
from registry.compat import compare
from registry.manifests import Manifest
from registry.models import Connection, Installation, Version
from registry.pack_fits import misfit_of, stopped_by_move, told_to
from registry.services.closing import proves_itself_otherwise
from registry.services.connecting import secrets_of
from registry.services.moving import widening_of
from registry.services.resolving import verified_manifest

OK, CARE, BAD = "ok", "care", "bad"


@dataclass(frozen=True)
class Check:
    """One point. ``tone`` is ok, care (to know) or bad (something stops); ``blocks``: it takes somebody who may
    install, and who says that they saw it."""

    code: str
    tone: str
    title: str
    text: str = ""
    blocks: bool = False


Reader = Callable[[Installation, Version], Iterable[Check]]
_readers: list[Reader] = []


def register(reader: Reader) -> None:
    """Called once when an app starts, by a floor that knows more of what a move back means."""
    if reader not in _readers:
        _readers.append(reader)


def checks_of(installation: Installation, version: Version, user: User) -> list[Check]:
    """Every point about going back to ``version`` as things stand, in the order people read them, as ``user`` may."""
    now, after = verified_manifest(installation.pin.digest), verified_manifest(version.digest)
    found = [
        Check(
            "pin",
            OK,
            f"The pin moves from {installation.pin.version.number} to {version.number}",
            f"The next run uses it, and {installation.pin.version.number} is not run by anything new.",
        )
    ]
    found += [check for reader in _readers for check in reader(installation, version)]
    found += [
        _permissions(installation, after),
        _schema(now, after, version),
        *_own_mappings(installation, version),
        *_packs(told_to(user, stopped_by_move(installation, version), installation.workspace)),
        *_connections(installation, now, after),
        *_secrets(installation),
        *_state(version),
    ]
    order = {BAD: 0, OK: 1, CARE: 2}
    return [found[0], *sorted(found[1:], key=lambda check: order[check.tone])]


def _permissions(installation: Installation, after: Manifest) -> Check:
    wider = widening_of(installation, after)
    back = [one for one in (*installation.scopes, *installation.hosts) if one not in (*after.scopes, *after.hosts)]
    if wider:
        return Check("permissions", BAD, "It asks for more than was agreed to", f"{', '.join(wider.words)}.")
    if back:
        return Check("permissions", OK, f"Permissions shrink by {len(back)}", f"{', '.join(back)}: given back.")
    return Check("permissions", OK, "Permissions stay as they are", "It asks for what was agreed to.")


def _schema(now: Manifest, after: Manifest, version: Version) -> Check:
    gone = sorted(set(now.actions) - set(after.actions))
    found = [one.term for one in compare(now, after).rows if one.term not in ("Scopes", "Hosts", "Actions")]
    if gone:
        return Check("schema", CARE, f"{version.number} does not have {', '.join(gone)}", "Calls of it fail.")
    if found:
        return Check("schema", CARE, "Some calls look otherwise", f"{'; '.join(found)}: compared below.")
    return Check("schema", OK, "Calls look the same", "Actions and the fields they take are those of now.")


def _own_mappings(installation: Installation, version: Version) -> list[Check]:
    """Of a pack: whether it would run. One that does not run now either loses nothing."""
    why = misfit_of(installation, version)
    if not why:
        return []
    title = f"{version.number} does not run with what is installed"
    runs = not misfit_of(installation, installation.pin.version)
    return [Check("mappings", BAD if runs else CARE, title, why, blocks=runs)]


def _packs(stopped: list[tuple[str, str]]) -> list[Check]:
    if not stopped:
        return []
    names = ", ".join(name for name, _ in stopped)
    sentences = " ".join(f"{name}: {why}" for name, why in stopped)
    return [Check("packs", BAD, f"{names} would stop", sentences, blocks=True)]


def _connections(installation: Installation, now: Manifest, after: Manifest) -> list[Check]:
    rows = installation.connections.exclude(status=Connection.Status.UNAUTHENTICATED).select_related("owner")
    found = []
    for one in rows:
        if proves_itself_otherwise(now, after, one.host):
            text = "It signs in otherwise, or sends what it proves itself with to another host. Connect it again after."
            found.append(Check("connection", CARE, f"{one.label} is disconnected", text))
        else:
            text = "Tokens do not roll back: those of now stay in use."
            found.append(Check("connection", OK, f"{one.label} stays connected", text))
    return found


def _secrets(installation: Installation) -> list[Check]:
    secrets = secrets_of(installation)
    if not secrets:
        return []
    current = SecretVersion.objects.filter(
        workspace=installation.workspace_id, stage=SecretVersion.Stage.CURRENT, secret__in=list(secrets.values())
    )
    numbers = dict(current.values_list("secret_id", "number"))
    words = [
        f"{name}, version {numbers[secret.pk]}" if secret.pk in numbers else f"{name}, which has no value"
        for name, secret in sorted(secrets.items())
    ]
    return [Check("secrets", CARE, "Secrets do not roll back", f"They stay as they are: {'; '.join(words)}.")]


def _state(version: Version) -> list[Check]:
    if version.status != Version.Status.DEPRECATED:
        return []
    ends_on = getattr(version, "ends_on", None)
    until = f"It comes to its end on {ends_on:%d %B %Y}." if ends_on else "Its publisher names another in its place."
    return [Check("deprecated", CARE, f"{version.number} is deprecated", until)]
