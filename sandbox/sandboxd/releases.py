"""Signatures of versions across the socket: web and workers ask, sandboxd looks for itself and signs.

The request names a version and nothing that would be signed. What is signed is read from the database: a version whose
stored bytes have its digest, and which an approved submission let out (registry.signing.signers).
"""

from typing import Any
from uuid import UUID

from galaxy.core.errors import Conflict
from galaxy.core.scope import workspace_scope
from registry.models import Version
from registry.signing import signers
from registry.signing.releasing import is_signed_by_marketplace, sign_with
from sandbox.sandboxd.client import ask
from sandbox.sandboxd.orders import BadOrder, only, parsed

SECONDS = 5.0


class NotReleased(Conflict):
    """Nobody who may say so let this version out, so it is not signed."""

    code = "not_released"


def ask_for_signature(version: UUID, workspace: UUID | None) -> None:
    """Have sandboxd sign a version; what it signed stands in the database. Raises Unreachable, Lost or Refused."""
    ask("version.sign", {"version": str(version), "workspace": str(workspace or "")}, seconds=SECONDS)


def _sign(body: dict[str, Any]) -> dict[str, Any]:
    """Raises BadOrder, NotReleased, Altered, CannotSign or VaultClosed."""
    only(body, {"version", "workspace"})
    workspace = parsed(body, "workspace", UUID) if body["workspace"] else None
    with workspace_scope([workspace] if workspace else []):
        version = Version.objects.select_related("extension__owner").filter(pk=parsed(body, "version", UUID)).first()
        if version is None or version.workspace_id != workspace:
            raise BadOrder("There is no such version.")
        if is_signed_by_marketplace(version):
            return {}
        if not signers.is_released(version):
            raise NotReleased(f"Nobody let {version} out.")
        sign_with(signers.required(), version)
    return {}


OPERATIONS = {"version.sign": _sign}
