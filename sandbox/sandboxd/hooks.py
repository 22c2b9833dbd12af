"""Whether a webhook is signed: asked here, since nothing else opens the keys of triggers. The answer is a word."""

import base64
import binascii
from typing import Any
from uuid import UUID

from django.conf import settings
from django.utils import timezone

from galaxy.core.scope import workspace_scope
from galaxy.core.vault.errors import KeyDestroyed
from galaxy.core.vault.opening import open_envelope
from sandbox.models import Trigger, TriggerKey
from sandbox.sandboxd.client import ask
from sandbox.sandboxd.orders import BadOrder, only, parsed, typed
from sandbox.sandboxd.under_way import briefly
from sandbox.triggers.keys import keys_in_force, place_of_key
from sandbox.triggers.signing import Proof, judge

SECONDS = 5.0
_TEXTS = ("id", "timestamp", "signature", "header")


def ask_whether_signed(trigger: Trigger, proof: Proof) -> str:
    """GOOD, UNSIGNED or LATE, of sandboxd, or here where this process has a root key. Raises what ``client.ask`` does,
    and VaultClosed, KeyDestroyed or CannotOpen."""
    if settings.GALAXY_KMS:
        return _verdict(trigger, proof)
    body = {name: getattr(proof, name) for name in _TEXTS}
    about = {"workspace": str(trigger.workspace_id), "trigger": str(trigger.pk)}
    about["body"] = base64.b64encode(proof.body).decode()
    return ask("trigger.verify", about | body, seconds=SECONDS)["verdict"]


def verify(body: dict[str, Any]) -> dict[str, Any]:
    """{verdict}. By which keys and which scheme is read from the trigger's own row."""
    only(body, {"workspace", "trigger", "body", *_TEXTS})
    workspace, pk = parsed(body, "workspace", UUID), parsed(body, "trigger", UUID)
    try:
        content = base64.b64decode(typed(body, "body", str), validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadOrder("body is base64.") from error
    proof = Proof(content, **{name: typed(body, name, str) for name in _TEXTS})
    with workspace_scope([workspace]), briefly():
        trigger = Trigger.objects.filter(workspace=workspace, pk=pk).kept().first()  # type: ignore[attr-defined]
        if trigger is None:
            raise BadOrder("There is no such trigger.")
        return {"verdict": _verdict(trigger, proof)}


def _verdict(trigger: Trigger, proof: Proof) -> str:
    now = timezone.now()
    keys = [_opened(row) for row in keys_in_force(trigger, now).select_related("key")]
    return judge(trigger.signature, keys, proof, now.timestamp())


def _opened(row: TriggerKey) -> str:
    try:
        return open_envelope(row.key, place_of_key(row), row.wrapped_key, row.ciphertext)
    except KeyDestroyed:  # re-wrapped between our reading of the two rows
        row = TriggerKey.objects.select_related("key").get(pk=row.pk)
        return open_envelope(row.key, place_of_key(row), row.wrapped_key, row.ciphertext)
