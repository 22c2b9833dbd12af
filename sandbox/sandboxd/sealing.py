"""The vault's sealer across the socket: what web and workers ask, and what sandboxd answers. No operation opens."""

import base64
from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

from django.views.decorators.debug import sensitive_variables

from galaxy.core.errors import Conflict
from galaxy.core.vault.envelope import Envelope, Place
from galaxy.core.vault.errors import CannotOpen, KeyDestroyed, VaultClosed
from galaxy.core.vault.sealing import LocalSealer, Wrapped
from sandbox.sandboxd.client import Lost, Refused, Unreachable, ask
from sandbox.sandboxd.orders import BadOrder

SECONDS = 10.0
_ERRORS = {error.code: error for error in (VaultClosed, KeyDestroyed, CannotOpen, Conflict)}


class RemoteSealer:
    """A Sealer for processes without a root key."""

    def check(self) -> None:
        self._ask("vault.check", {})

    @sensitive_variables("value")
    def seal(self, place: Place, value: str) -> Envelope:
        answer = self._ask("vault.seal", {"place": _written(place), "value": value})
        return Envelope(UUID(answer["key_id"]), _bytes(answer["wrapped_key"]), _bytes(answer["ciphertext"]))

    def add_key(self, workspace_id: UUID) -> UUID:
        return UUID(self._ask("vault.add_key", {"workspace": str(workspace_id)})["key_id"])

    def rewrap(self, workspace_id: UUID, items: Sequence[Wrapped]) -> tuple[UUID, list[bytes]]:
        sent = [
            {"place": _written(item.place), "key_version": item.key_version, "wrapped_key": _text(item.wrapped_key)}
            for item in items
        ]
        answer = self._ask("vault.rewrap", {"workspace": str(workspace_id), "items": sent})
        return UUID(answer["key_id"]), [_bytes(one) for one in answer["wrapped_keys"]]

    def _ask(self, op: str, body: dict[str, Any]) -> dict[str, Any]:
        try:
            return ask(op, body, seconds=SECONDS)
        except (Unreachable, Lost) as error:
            raise VaultClosed("The vault is closed: sandboxd does not answer on this host.") from error
        except Refused as error:
            if kind := _ERRORS.get(error.code):
                raise kind(str(error), error.next_step) from error
            raise


def is_open() -> bool:
    """Whether this process has a root key."""
    try:
        LocalSealer().check()
    except VaultClosed:
        return False
    return True


def _check(body: dict[str, Any]) -> dict[str, Any]:
    LocalSealer().check()
    return {}


@sensitive_variables("body", "value")
def _seal(body: dict[str, Any]) -> dict[str, Any]:
    value = body.get("value")
    if not isinstance(value, str):
        raise BadOrder("value is a text.")
    envelope = LocalSealer().seal(_read(body.get("place")), value)
    return {
        "key_id": str(envelope.key_id),
        "wrapped_key": _text(envelope.wrapped_key),
        "ciphertext": _text(envelope.ciphertext),
    }


def _add_key(body: dict[str, Any]) -> dict[str, Any]:
    return {"key_id": str(LocalSealer().add_key(_uuid(body.get("workspace"))))}


def _rewrap(body: dict[str, Any]) -> dict[str, Any]:
    workspace = _uuid(body.get("workspace"))
    try:
        items = [
            Wrapped(_read(item["place"]), int(item["key_version"]), _bytes(item["wrapped_key"]))
            for item in body["items"]
        ]
    except (KeyError, TypeError, ValueError) as error:
        raise BadOrder("items is a list of {place, key_version, wrapped_key}.") from error
    if any(item.place.workspace_id != workspace for item in items):
        raise BadOrder("Every item is of the workspace named.")
    key_id, wrapped = LocalSealer().rewrap(workspace, items)
    return {"key_id": str(key_id), "wrapped_keys": [_text(one) for one in wrapped]}


OPERATIONS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "vault.check": _check,
    "vault.seal": _seal,
    "vault.add_key": _add_key,
    "vault.rewrap": _rewrap,
}


def _written(place: Place) -> dict[str, Any]:
    return {
        "workspace": str(place.workspace_id),
        "secret": str(place.secret_id),
        "name": place.name,
        "version": place.version,
        "hosts": list(place.hosts),
        "places": list(place.places),
    }


def _read(value: Any) -> Place:
    try:
        return Place(
            workspace_id=_uuid(value["workspace"]),
            secret_id=_uuid(value["secret"]),
            name=str(value["name"]),
            version=int(value["version"]),
            hosts=tuple(map(str, value["hosts"])),
            places=tuple(map(str, value["places"])),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise BadOrder("place is {workspace, secret, name, version, hosts, places}.") from error


def _uuid(value: Any) -> UUID:
    try:
        return UUID(str(value))
    except ValueError as error:
        raise BadOrder("An id cannot be read.") from error


def _text(value: bytes) -> str:
    return base64.b64encode(value).decode()


def _bytes(value: str) -> bytes:
    return base64.b64decode(value, validate=True)
