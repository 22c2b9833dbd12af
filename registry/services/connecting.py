"""Letting an installation of Python reach out: which secrets of the workspace it may use, and that it may run live.

What its code reaches is fixed by its manifest. Each change here raises the connection's generation, so that an approval
given before it no longer fits.
"""

import re

from django.db import IntegrityError, transaction
from django.db.models import F

from galaxy.core import audit
from galaxy.core.errors import Invalid
from galaxy.core.models import Secret, SecretVersion, User
from galaxy.core.permissions import require
from registry.errors import AlreadyRemoved, NeedsSignIn
from registry.manifests import Manifest
from registry.models import Connection, Installation, SecretUse
from registry.services.resolving import verified_manifest

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}", re.ASCII)
MOST_SECRETS = 32


def secrets_of(installation: Installation) -> dict[str, Secret]:
    """The secrets that the installation's code may use, by the name it calls them by; those that are gone left out."""
    uses = SecretUse.objects.filter(workspace=installation.workspace_id, installation=installation)
    kept = uses.filter(secret__shredded_at=None).select_related("secret")
    return {use.name: use.secret for use in kept}


def secret_generations(installation: Installation) -> list[list[str]]:
    """Which version of which secret the code would use now, as triples of name, id and number."""
    secrets = secrets_of(installation)
    current = SecretVersion.objects.filter(
        workspace=installation.workspace_id, stage=SecretVersion.Stage.CURRENT, secret__in=list(secrets.values())
    )
    numbers = dict(current.values_list("secret_id", "number"))
    return sorted([name, str(secret.pk), str(numbers.get(secret.pk, ""))] for name, secret in secrets.items())


def needs_no_sign_in(manifest: Manifest) -> bool:
    """Whether it can run live with nothing but its secrets: Python that names no provider to sign in at."""
    actions = manifest.actions.values()
    is_python = bool(actions) and all(action.runner == "python" for action in actions)
    return is_python and manifest.canonical.get("auth", {}).get("type", "none") == "none"


def require_no_sign_in(installation: Installation) -> None:
    """Raises NeedsSignIn for what connects by signing in at a provider."""
    if not needs_no_sign_in(verified_manifest(installation.pin.digest)):
        raise NeedsSignIn(f"{installation} connects by signing in at its provider.")


@transaction.atomic
def give_secret(installation: Installation, *, secret: Secret, name: str, actor: User) -> SecretUse:
    """Let the installation's code use ``secret`` under ``name``, as in ``ctx.secrets["TOKEN"]``.

    Raises NotGranted, AlreadyRemoved, NeedsSignIn or Invalid.
    """
    _require(installation, actor)
    require_no_sign_in(installation)
    if not NAME.fullmatch(name):
        sentence = "The name begins with a letter, and has letters, digits and _, 64 at most."
        raise Invalid(sentence, {"name": sentence})
    if secret.workspace_id != installation.workspace_id or secret.shredded_at:
        raise Invalid("That secret is gone.", {"secret": "Choose another secret."})
    if installation.secret_uses.count() >= MOST_SECRETS:
        raise Invalid(f"One installation uses at most {MOST_SECRETS} secrets.")
    try:
        with transaction.atomic():
            use = SecretUse.objects.create(
                workspace=installation.workspace, installation=installation, secret=secret, name=name, given_by=actor
            )
    except IntegrityError as error:
        sentence = "The code has a secret of that name already."
        raise Invalid(sentence, {"name": sentence}) from error
    _next_generation(installation)
    audit.record("installation.secret_given", actor=actor, target=installation, after=_facts(use))
    return use


@transaction.atomic
def take_secret(use: SecretUse, *, actor: User) -> None:
    """End it. Raises NotGranted."""
    installation = use.installation
    require(actor, "core.manage_secret", installation.workspace)
    before = _facts(use)
    use.delete()
    _next_generation(installation)
    audit.record("installation.secret_taken", actor=actor, target=installation, before=before)


@transaction.atomic
def set_live(installation: Installation, *, live: bool, actor: User) -> Connection:
    """Let the installation's Python go out, or hold it in Sim Mode again.

    Raises NotGranted, AlreadyRemoved, or NeedsSignIn for what connects by signing in at a provider.
    """
    _require(installation, actor)
    require_no_sign_in(installation)
    found = installation.connections.filter(owner=None).first()
    if found is None:
        raise NeedsSignIn(f"{installation} reaches nothing outside, so there is nothing to switch.")
    connection = Connection.objects.select_for_update().get(pk=found.pk)
    status = Connection.Status.AUTHENTICATED if live else Connection.Status.UNAUTHENTICATED
    if connection.status == status:
        return connection
    before = {"status": connection.status, "generation": connection.generation}
    connection.status, connection.generation = status, connection.generation + 1
    connection.save(update_fields=["status", "generation"])
    after = {"status": connection.status, "generation": connection.generation, "hosts": installation.hosts}
    audit.record(
        f"connection.{'opened' if live else 'closed'}", actor=actor, target=connection, before=before, after=after
    )
    return connection


def _require(installation: Installation, actor: User) -> None:
    require(actor, "core.manage_secret", installation.workspace)
    if not installation.is_active:
        raise AlreadyRemoved(f"{installation} was removed.")


def _next_generation(installation: Installation) -> None:
    Connection.objects.filter(workspace=installation.workspace_id, installation=installation).update(
        generation=F("generation") + 1
    )


def _facts(use: SecretUse) -> dict[str, str]:
    return {"name": use.name, "secret": str(use.secret)}
