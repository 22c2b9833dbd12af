"""Secrets: stored, rotated from stage to stage, and shredded. No value leaves the functions that take one."""

from collections.abc import Iterable
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from galaxy.core import audit
from galaxy.core.egress.placeholders import FEWEST_SIGNS, SHORTEST, can_be_scrubbed
from galaxy.core.errors import Conflict, Invalid
from galaxy.core.models import Secret, SecretVersion, User, Workspace, WorkspaceKey
from galaxy.core.permissions import require
from galaxy.core.vault.envelope import Envelope, Place
from galaxy.core.vault.errors import SecretGone, WrongStage
from galaxy.core.vault.sealing import sealer

LONGEST_VALUE_BYTES = 32_768
Stage = SecretVersion.Stage


@sensitive_variables("value")
def create_secret(
    workspace: Workspace,
    *,
    name: str,
    purpose: str,
    value: str,
    hosts: Iterable[str],
    places: Iterable[str],
    actor: User,
) -> Secret:
    """Store a new secret; its first version is current at once.

    ``hosts`` are exact host names in lower case, ``places`` values of SecretVersion.Place; without places the value
    only ever signs. Raises NotGranted, Invalid, Conflict for a name that is taken, or VaultClosed.
    """
    require(actor, "core.manage_secret", workspace)
    hosts, places = _bounds(hosts, places, value)
    secret = Secret(workspace=workspace, name=name, purpose=purpose, created_by=actor)
    place = Place(workspace.pk, secret.pk, name, 1, hosts, places)
    envelope = sealer().seal(place, value)  # before any row is locked: sandboxd reads rows of its own
    try:
        with transaction.atomic():
            secret.save(force_insert=True)
            version = _add(secret, place, envelope, actor, Stage.CURRENT)
            after = {"purpose": purpose, "hosts": hosts, "places": places, "version": version.number}
            audit.record("secret.created", actor=actor, target=secret, after=after)
    except IntegrityError as error:
        sentence = "A secret of this name is there already."
        raise Invalid(sentence, {"name": "This name is taken: choose another, or rotate that one."}) from error
    return secret


@sensitive_variables("value")
def stage_version(
    secret: Secret, *, value: str, hosts: Iterable[str], places: Iterable[str], actor: User
) -> SecretVersion:
    """Store the next value beside the current one; nothing uses it until it is switched to.

    Raises NotGranted, Invalid, SecretGone, WrongStage where one is staged already, Conflict, or VaultClosed.
    """
    require(actor, "core.manage_secret", secret)
    hosts, places = _bounds(hosts, places, value)
    number = _next_number(secret)
    place = Place(secret.workspace_id, secret.pk, secret.name, number, hosts, places)
    envelope = sealer().seal(place, value)
    with transaction.atomic():
        _lock(secret)
        if _in_stage(secret, Stage.STAGED):
            raise WrongStage("A value is staged already.", "Switch to it or discard it first.")
        if _next_number(secret) != number:
            raise Conflict("Somebody else stored a value for this secret a moment ago.")
        version = _add(secret, place, envelope, actor, Stage.STAGED)
        after = {"version": number, "hosts": hosts, "places": places}
        audit.record("secret.version_staged", actor=actor, target=secret, before=_binding(secret), after=after)
    return version


@transaction.atomic
def switch_version(version: SecretVersion, *, actor: User) -> SecretVersion:
    """Make a staged version current, or the previous one again; the one that was current stays openable as previous.

    A previous version that has to make room is retired. Raises NotGranted, SecretGone or WrongStage.
    """
    secret = version.secret
    require(actor, "core.manage_secret", secret)
    _lock(secret)
    version.refresh_from_db(fields=["stage"])
    staged, previous, current = (_in_stage(secret, stage) for stage in (Stage.STAGED, Stage.PREVIOUS, Stage.CURRENT))
    if version not in {staged, previous}:
        raise WrongStage(f"{version} is {version.get_stage_display().lower()}, so it cannot become current.")
    if version == previous:
        if staged:
            raise WrongStage(f"{staged} is staged, and would lose its place.", "Discard it, then switch back.")
        # One version a stage holds at every statement, so the two change places by way of the free one.
        _move(version, stage=Stage.STAGED)
    elif previous:
        _end(previous, Stage.RETIRED, actor)
    if current:
        _move(current, stage=Stage.PREVIOUS)
    _move(version, stage=Stage.CURRENT, switched_by=actor, switched_at=timezone.now())
    before = {"version": current.number if current else None}
    audit.record("secret.switched", actor=actor, target=secret, before=before, after={"version": version.number})
    return version


@transaction.atomic
def retire_version(version: SecretVersion, *, actor: User) -> SecretVersion:
    """End a previous version, or discard a staged one: its data key is destroyed. Raises as ``switch_version``."""
    require(actor, "core.manage_secret", version.secret)
    _lock(version.secret)
    version.refresh_from_db(fields=["stage"])
    if version.stage not in {Stage.STAGED, Stage.PREVIOUS}:
        raise WrongStage(f"{version} is {version.get_stage_display().lower()}: only what is not in use is retired.")
    _end(version, Stage.RETIRED, actor)
    return version


@transaction.atomic
def shred_secret(secret: Secret, *, actor: User) -> Secret:
    """Destroy the data keys of every version, so that nobody opens them again; the row and its trail stay.

    Its name is free from then on. Raises NotGranted or SecretGone.
    """
    require(actor, "core.manage_secret", secret)
    _lock(secret)
    versions = list(secret.versions.openable())
    for version in versions:
        _move(version, stage=Stage.SHREDDED, wrapped_key=None, ended_by=actor, ended_at=timezone.now())
    secret.shredded_by, secret.shredded_at = actor, timezone.now()
    secret.save(update_fields=["shredded_by", "shredded_at"])
    audit.record("secret.shredded", actor=actor, target=secret, versions=[version.number for version in versions])
    return secret


def _bounds(hosts: Iterable[str], places: Iterable[str], value: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Hosts and places as they are stored. Raises Invalid, with a sentence for each field, and never the value."""
    hosts, places = tuple(sorted(set(hosts))), tuple(sorted(set(places)))
    fields = {}
    if "\0" in value:
        fields["value"] = "A value has no null characters."
    elif not can_be_scrubbed(value):
        fields["value"] = f"A value has {SHORTEST} letters at least, and {FEWEST_SIGNS} different ones."
    elif len(value.encode()) > LONGEST_VALUE_BYTES:
        fields["value"] = f"A value has {LONGEST_VALUE_BYTES // 1024} KB at most."
    elif SecretVersion.Place.HEADER in places and "\n" in value:
        fields["places"] = "A value of several lines cannot stand in a header."
    if places and not hosts:
        fields["hosts"] = "Name at least one host: a value is sent nowhere else."
    if fields:
        raise Invalid("The secret cannot be stored like this.", fields)
    return hosts, places


def _add(secret: Secret, place: Place, envelope: Envelope, actor: User, stage: str) -> SecretVersion:
    """The row of a sealed version. Raises Conflict where its key was destroyed since it was sealed."""
    # The lock keeps a re-wrapping from destroying the key before it can see this row.
    key = WorkspaceKey.objects.select_for_update().get(workspace=secret.workspace_id, pk=envelope.key_id)
    if key.wrapped is None:
        raise Conflict("The key of the workspace was rotated at this very moment.", "Store the value once more.")
    return SecretVersion.objects.create(
        workspace_id=secret.workspace_id,
        secret=secret,
        number=place.version,
        stage=stage,
        hosts=list(place.hosts),
        places=list(place.places),
        key=key,
        wrapped_key=envelope.wrapped_key,
        ciphertext=envelope.ciphertext,
        staged_by=actor,
        **({"switched_by": actor, "switched_at": timezone.now()} if stage == Stage.CURRENT else {}),
    )


def _lock(secret: Secret) -> None:
    """One change of a secret at a time. Raises SecretGone."""
    if Secret.objects.select_for_update().get(pk=secret.pk).shredded_at:
        raise SecretGone(f"{secret} is shredded.", "Store it anew under the same name or another.")


def _in_stage(secret: Secret, stage: str) -> SecretVersion | None:
    return secret.versions.filter(stage=stage).select_related("secret").first()


def _next_number(secret: Secret) -> int:
    return (secret.versions.values_list("number", flat=True).first() or 0) + 1


def _binding(secret: Secret) -> dict[str, Any]:
    current = _in_stage(secret, Stage.CURRENT)
    return {"hosts": current.hosts, "places": current.places} if current else {}


def _end(version: SecretVersion, stage: str, actor: User) -> None:
    was = version.stage
    _move(version, stage=stage, wrapped_key=None, ended_by=actor, ended_at=timezone.now())
    audit.record("secret.retired", actor=actor, target=version.secret, version=version.number, was=was)


def _move(version: SecretVersion, **changes: Any) -> None:
    for name, value in changes.items():
        setattr(version, name, value)
    version.save(update_fields=list(changes))
