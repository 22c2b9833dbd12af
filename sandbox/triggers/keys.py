"""Keys of webhooks: made or brought, sealed, rotated with overlap, ended. In the clear once, for whoever made one."""

import base64
import secrets
from datetime import datetime, timedelta

from django.db import IntegrityError
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from galaxy.core.errors import Conflict, Invalid
from galaxy.core.vault import hook_keys
from galaxy.core.vault.envelope import Envelope, Place
from sandbox.models import Trigger, TriggerKey
from sandbox.triggers.signing import KEY_BYTES, KEY_PREFIX, NotAKey, check_key

_NAME = "trigger"  # one that no secret of the vault can have
MOST_IN_FORCE = 2


@sensitive_variables("brought", "value")
def seal_key(trigger: Trigger, brought: str = "") -> tuple[str, int, Envelope]:
    """A new key, made here or ``brought`` by a sender that gives its own: (in the clear, its number, sealed).

    Nothing is stored yet. Raises Invalid, or VaultClosed.
    """
    value = brought.strip()
    if value:
        try:
            check_key(trigger.signature, value)
        except NotAKey as error:
            raise Invalid("This cannot be a signing secret.", {"secret": str(error)}) from error
    else:
        value = _made(trigger.signature)
    rows = TriggerKey.objects.in_workspace(trigger.workspace_id).filter(trigger=trigger.pk)
    number = hook_keys.next_number(rows)
    return value, number, hook_keys.seal_key(key_place(trigger, number), value)


def store_key(trigger: Trigger, number: int, sealed: Envelope, ends_before: datetime | None = None) -> TriggerKey:
    """Put a sealed key in force, in the caller's transaction; those before it end at ``ends_before`` (None: now)."""
    now = timezone.now()
    before = TriggerKey.objects.in_workspace(trigger.workspace_id).filter(trigger=trigger.pk)
    before.filter(ends_at__lte=now).delete()
    for older in before.order_by("-number")[MOST_IN_FORCE - 1 :]:
        older.delete()
    ends = ends_before or now
    before.filter(Q(ends_at=None) | Q(ends_at__gt=ends)).update(ends_at=ends)
    try:
        return hook_keys.store_key(
            TriggerKey, sealed, workspace_id=trigger.workspace_id, trigger=trigger, number=number
        )
    except IntegrityError as error:
        raise Conflict("Somebody else made a new secret a moment ago.") from error


def keys_in_force(trigger: Trigger, now: datetime) -> QuerySet[TriggerKey]:
    """Newest first, without what is sealed in them being read."""
    rows = TriggerKey.objects.in_workspace(trigger.workspace_id).filter(trigger=trigger.pk)
    return hook_keys.in_force(rows, now).order_by("-number")[:MOST_IN_FORCE]


def end_older_keys(trigger: Trigger) -> int:
    """End whatever key is only in force until a time; returns how many."""
    rows = TriggerKey.objects.in_workspace(trigger.workspace_id).filter(trigger=trigger.pk)
    return rows.exclude(ends_at=None).delete()[0]


def key_place(trigger: Trigger, number: int) -> Place:
    return Place(trigger.workspace_id, trigger.pk, _NAME, number, (), ())


def place_of_key(row: TriggerKey) -> Place:
    """Where a key stands now; what it was sealed for must be the same."""
    return Place(row.workspace_id, row.trigger_id, _NAME, row.number, (), ())


def overlap(hours: int) -> datetime | None:
    """When the key before ends, where it goes on for so many hours; None: at once."""
    return timezone.now() + timedelta(hours=hours) if hours else None


def _made(scheme: str) -> str:
    if scheme == Trigger.Signature.STANDARD:
        return KEY_PREFIX + base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()
    return secrets.token_hex(KEY_BYTES)
