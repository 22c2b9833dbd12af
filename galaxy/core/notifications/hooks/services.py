"""What a person does with their webhook. Each change is an event of the trail, which names the host and no more."""

import secrets
from datetime import timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from galaxy.core import audit
from galaxy.core.audit.streams.messages import KEY_BYTES, written_key
from galaxy.core.errors import Conflict, DomainError, Invalid
from galaxy.core.models import NewsHook, NewsHookKey, Notification, User, Workspace
from galaxy.core.notifications import sending
from galaxy.core.notifications.hooks import delivering
from galaxy.core.notifications.hooks.messages import trial_of
from galaxy.core.notifications.hooks.places import NotAnAddress, host_of, key_place, place_of
from galaxy.core.vault.envelope import Envelope
from galaxy.core.vault.hook_keys import in_force, next_number, seal_key, store_key

OLD_KEY_LASTS = timedelta(hours=24)


class NotTaken(DomainError):
    """The other side did not take a trial message."""

    status = 422
    code = "hook_not_taken"
    next_step = "Look whether its address is right, then try again."


def hook_of(user: User, workspace: Workspace) -> NewsHook | None:
    return NewsHook.objects.in_workspace(workspace).of(user).select_related("workspace", "person").first()


def keys_of(hook: NewsHook) -> list[NewsHookKey]:
    """Those that sign, newest first."""
    rows = NewsHookKey.objects.in_workspace(hook.workspace).filter(hook=hook)
    return list(in_force(rows, timezone.now()))


@sensitive_variables("value")
def create_hook(workspace: Workspace, *, address: str, actor: User) -> tuple[NewsHook, str]:
    """Begin to send the actor's news there; returns the hook and its key, in the clear for this once.

    Only https, and what is reached is asked of the egress rules with each message. Raises Invalid, Conflict where they
    have one, or VaultClosed.
    """
    address = address.strip()
    try:
        host = place_of(address).host
    except NotAnAddress as error:
        raise Invalid("This is no address to send to.", {"address": str(error)}) from error
    hook = NewsHook(workspace=workspace, person=actor, address=address)
    value, sealed = _new_key(hook, 1, host)
    try:
        with transaction.atomic():
            hook.save(force_insert=True)
            store_key(NewsHookKey, sealed, workspace_id=workspace.pk, hook=hook, number=1, host=host)
            audit.record("news_hook.created", actor=actor, target=hook, after={"host": host})
    except IntegrityError as error:
        raise Conflict("You have a webhook here already.", "Remove it, then add the other.") from error
    return hook, value


@sensitive_variables("value")
def rotate_key(hook: NewsHook, *, actor: User) -> str:
    """A new key, in the clear for this once; the one before signs beside it for another day. Raises VaultClosed or
    Conflict."""
    rows = NewsHookKey.objects.in_workspace(hook.workspace).filter(hook=hook)
    number = next_number(rows)
    host = host_of(hook.address)
    value, sealed = _new_key(hook, number, host)
    try:
        with transaction.atomic():
            _locked(hook)
            rows.filter(ends_at=None).update(ends_at=timezone.now() + OLD_KEY_LASTS)
            store_key(NewsHookKey, sealed, workspace_id=hook.workspace_id, hook=hook, number=number, host=host)
            audit.record("news_hook.key_rotated", actor=actor, target=hook, after={"key": number})
    except IntegrityError as error:
        raise Conflict("A new key was made a moment ago.") from error
    return value


def try_hook(hook: NewsHook, *, actor: User) -> None:
    """Send a message without news, to see whether it is taken. Raises NotTaken."""
    answer = delivering.send_now(trial_of(hook.workspace, str(hook.pk), timezone.now()))
    with transaction.atomic():
        audit.record("news_hook.tried", actor=actor, target=hook, accepted=answer["accepted"], code=answer["code"])
    if not answer["accepted"]:
        raise NotTaken(answer["sentence"])


@transaction.atomic
def switch_on(hook: NewsHook, *, actor: User) -> NewsHook:
    """Send again, from now on; what happened while it was off stands in the console."""
    found = _locked(hook)
    _waiting(found).update(hook_at=None)
    on: dict[str, Any] = {"off_at": None, "off_because": "", "failures": 0, "failing_since": None, "last_error": ""}
    _set(found, **on, next_at=timezone.now())
    sending.settle(found.workspace, found, "hook_off")
    audit.record("news_hook.switched_on", actor=actor, target=found)
    return found


@transaction.atomic
def switch_off(hook: NewsHook, *, actor: User) -> NewsHook:
    found = _locked(hook)
    _waiting(found).update(hook_at=None)
    _set(found, off_at=timezone.now(), off_because="You switched it off.")
    audit.record("news_hook.switched_off", actor=actor, target=found, why="by its person")
    return found


@transaction.atomic
def remove_hook(hook: NewsHook, *, actor: User) -> None:
    """For good: its keys are destroyed, and nothing that waits is sent."""
    found = _locked(hook)
    _waiting(found).update(hook_at=None)
    audit.record("news_hook.removed", actor=actor, target=found, before={"host": host_of(found.address)})
    sending.take_back(found.workspace, found, "hook_off")
    drop_hooks(NewsHook.objects.in_workspace(found.workspace).filter(pk=found.pk))


def drop_hooks(hooks: QuerySet[NewsHook]) -> None:
    """Delete ``hooks`` (a queryset) with their keys, in the caller's transaction."""
    NewsHookKey.objects.filter(hook__in=hooks).delete()
    hooks.delete()


def _waiting(hook: NewsHook) -> QuerySet[Notification]:
    rows = Notification.objects.in_workspace(hook.workspace).of(hook.person)
    return rows.filter(hook_at__isnull=False)


def _locked(hook: NewsHook) -> NewsHook:
    rows = NewsHook.objects.in_workspace(hook.workspace).select_for_update(of=("self",))
    found = rows.select_related("workspace", "person").filter(pk=hook.pk).first()
    if found is None:
        raise Conflict("This webhook was removed a moment ago.")
    return found


def _set(hook: NewsHook, **values: Any) -> None:
    for name, value in values.items():
        setattr(hook, name, value)
    hook.save(update_fields=list(values))


@sensitive_variables("value")
def _new_key(hook: NewsHook, number: int, host: str) -> tuple[str, Envelope]:
    value = written_key(secrets.token_bytes(KEY_BYTES))
    return value, seal_key(key_place(hook, number, host), value)
