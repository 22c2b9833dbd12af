"""``manage.py marketplace key``: make, new, list, sign and revoke, for who runs Galaxy."""

from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from typing import Any

from django.core.management.base import CommandError
from django.db import transaction

from galaxy.core.errors import DomainError
from galaxy.core.management.workspaces import workspaces_named
from galaxy.core.vault.signing import VERSIONS, add_signing_key, make_signing_keys
from registry.models import SigningKey, Version, VersionSignature
from registry.signing import signers
from registry.signing.keys import believed, current
from registry.signing.releasing import sign_with
from registry.signing.revoking import revoke_key
from registry.signing.verifying import holds, needs_signature

Say = Callable[[str], Any]


def add_key_verbs(parser: ArgumentParser) -> None:
    acts = parser.add_subparsers(dest="act", required=True)
    acts.add_parser("make", help="make the file of private keys where there is none, and introduce its key")
    new = acts.add_parser("new", help="add a key that signs from now on; the one before hands over to it")
    new.add_argument("--new-root", action="store_true", help="begin anew: the keys before are lost or revoked")
    acts.add_parser("list", help="show every key of the marketplace")
    acts.add_parser("sign", help="sign with the current key what the keys before signed, and what nobody signed yet")
    revoke = acts.add_parser("revoke", help="take a key back for good; what it alone vouched for stops")
    revoke.add_argument("key", help="the key's id")
    revoke.add_argument("--reason", required=True)


def handle(act: str, say: Say, **options: Any) -> None:
    """Raises CommandError."""
    try:
        {"make": _make, "new": _new, "list": _list, "sign": _sign, "revoke": _revoke}[act](say, **options)
    except DomainError as error:
        raise CommandError(f"{error} {error.next_step}") from error


def _make(say: Say, **options: Any) -> None:
    path = signers.key_file()
    made = make_signing_keys(path, VERSIONS)
    with signers.operator_keys():
        key = current(signers.required())
    say(f"{path} is {'made. Keep a copy elsewhere' if made else 'there already'}; key {key} signs.")


def _new(say: Say, *, new_root: bool, **options: Any) -> None:
    with signers.operator_keys():
        if not new_root and SigningKey.objects.filter(owner=SigningKey.Owner.MARKETPLACE).exists():
            current(signers.required())  # or the new one could not be introduced
        add_signing_key(signers.key_file(), VERSIONS)
        key = current(signers.required(), new_root=new_root)
    say(f"Key {key} signs from now on. Keep a copy of {signers.key_file()}.")
    say("Restart sandboxd, which signs with the keys that it read when it began.")
    if new_root:
        say(f"It begins anew: set GALAXY_MARKETPLACE_ROOTS={key} for every process, or nothing that it signs counts.")


def _list(say: Say, **options: Any) -> None:
    trusted = believed()
    for key in SigningKey.objects.filter(owner=SigningKey.Owner.MARKETPLACE).order_by("number"):
        doubt = "" if key.pk in trusted else ", not believed: nothing that is believed introduced it"
        why = f": {key.revoke_reason}" if key.revoke_reason else ""
        say(f"{key.number}. {key} {key.state}{doubt}, since {key.introduced_at:%Y-%m-%d %H:%M} UTC{why}")


def _sign(say: Say, **options: Any) -> None:
    """Only what a key of the marketplace signed before, be it revoked since, or what was let out and waits."""
    signed = 0
    with signers.operator_keys(), transaction.atomic():
        keys = signers.required()
        key = current(keys)
        for version in _releases():
            if not VersionSignature.objects.filter(version=version, key=key).exists():
                sign_with(keys, version)
                signed += 1
    say(f"{signed} versions are signed with {key}.")


def _releases() -> Iterator[Version]:
    rows = Version.objects.select_related("extension__owner").order_by("pk")
    yield from filter(_is_ours, rows.public().iterator(chunk_size=200))
    for workspace in workspaces_named():
        yield from filter(_is_ours, rows.filter(workspace=workspace))


def _is_ours(version: Version) -> bool:
    if not needs_signature(version):
        return False
    before = version.signatures.filter(key__owner=SigningKey.Owner.MARKETPLACE).select_related("key")
    return any(map(holds, before)) or signers.is_released(version)


def _revoke(say: Say, *, key: str, reason: str, **options: Any) -> None:
    row = SigningKey.objects.filter(pk=key).first()
    if row is None:
        raise CommandError(f"There is no key {key}.")
    stopped = revoke_key(row, reason=reason, actor=None)
    say(f"Key {row} is revoked, and {len(stopped)} versions that nothing else vouches for are stopped.")
