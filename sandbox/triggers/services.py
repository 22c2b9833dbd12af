"""What people do with triggers. Each change is an event of the trail.

Whoever makes a trigger, changes what it does, gives it another secret or switches it on answers for it from then on:
it never holds more than they do, so nobody lends a trigger the rights of somebody else.
"""

import re
import secrets
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from galaxy.core import audit
from galaxy.core.errors import Conflict, Invalid
from galaxy.core.models import User, Workspace
from galaxy.core.permissions import require
from registry.manifests.cron import BadCron, check_cron
from registry.models import Installation
from sandbox.issues import close_issues
from sandbox.models import Issue, Trigger, TriggerFiring, TriggerKey
from sandbox.plain_json import NotPlain, require_plain
from sandbox.triggers import keys, timing
from sandbox.triggers.checking import check_expression
from sandbox.triggers.firing import fire
from sandbox.triggers.mapping import misfits_of, problems_of, resolved_target, sample_event
from sandbox.triggers.pausing import put_off
from sandbox.triggers.silence import quiet_from

MANAGE = "core.manage_trigger"
MOST_TRIGGERS = 200  # of a workspace
MOST_PER_MINUTE = 10_000
LONGEST_WAIT_MS = 3_600_000
MOST_SAMPLE_BYTES = 64 * 1024
LONGEST_SILENCE_S = 30 * 86_400
OVERLAPS_H = (0, 1, 24, 72)
ADDRESS_BYTES = 24
_SLUG = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")

# What people say of a trigger, by the names of its fields; ``made_from`` and ``classes`` come of an installed one.
OF_ALL = ("name", "slug", "purpose", "target", "inputs", "scopes", "simulates", "sample")
OF_WEBHOOK = (
    "signature", "header", "per_minute", "debounce_key", "quiet_ms", "longest_ms", "uses", "every_s", "poll_target",
)  # fmt: skip
OF_SCHEDULE = ("cron", "zone")


class NotReady(Invalid):
    """It cannot be switched on as it is."""

    code = "trigger_not_ready"
    next_step = "Correct what is named on the trigger's page, then switch it on again."


class SlugUsed(Conflict):
    code = "trigger_name_taken"
    next_step = "Choose another short name."


@sensitive_variables("secret", "value")
def create_trigger(
    workspace: Workspace,
    *,
    actor: User,
    kind: str,
    values: dict[str, Any],
    made_from: Installation | None = None,
    classes: dict[str, str] | None = None,
    secret: str = "",
) -> tuple[Trigger, str]:
    """A new trigger, switched off; and of a signed webhook its secret, in the clear for this once.

    ``values`` are by field, as ``OF_ALL`` and those of its kind name them; ``secret`` is the sender's own where it
    gives one. Raises NotGranted, Invalid, SlugUsed, or VaultClosed.
    """
    require(actor, MANAGE, workspace)
    trigger = Trigger(workspace=workspace, kind=kind, owner=actor, created_by=actor, made_from=made_from)
    trigger.classes = classes or {}
    if trigger.is_webhook:
        trigger.address = secrets.token_urlsafe(ADDRESS_BYTES)
    _put(trigger, values)
    value, number, sealed = ("", 0, None)
    if trigger.is_webhook and trigger.is_signed:
        value, number, sealed = keys.seal_key(trigger, secret)
    with transaction.atomic():
        Workspace.objects.select_for_update(no_key=True).get(pk=workspace.pk)
        if Trigger.objects.in_workspace(workspace).kept().count() >= MOST_TRIGGERS:
            raise Invalid(f"A workspace has {MOST_TRIGGERS} triggers at most. Delete one that nobody needs.")
        _save(trigger, is_new=True)
        if sealed:
            keys.store_key(trigger, number, sealed)
        audit.record("trigger.created", actor=actor, target=trigger, after=facts_of(trigger))
    return trigger, value


@transaction.atomic
def change_trigger(trigger: Trigger, *, actor: User, values: dict[str, Any]) -> Trigger:
    """Put what a trigger does as given. One that is on goes on where it still may, else it is switched off.

    Raises NotGranted, Invalid, SlugUsed, Conflict.
    """
    trigger = _locked(trigger, actor)
    before = facts_of(trigger)
    if values.get("slug", trigger.slug) != trigger.slug:  # issues go by it; what still holds opens one anew
        _close_issues(trigger, "The trigger was renamed.")
    _put(trigger, values)
    trigger.owner = actor
    now = timezone.now()
    problems = problems_of(trigger, actor) if trigger.is_on else {}
    if trigger.is_on:
        trigger.next_at = None if trigger.is_webhook else timing.next_of(trigger, now)
        trigger.quiet_at, trigger.silent_since = quiet_from(trigger, now), None
    _save(trigger)
    after = facts_of(trigger)
    changed = {name for name in after if after[name] != before[name]}
    if changed:
        old, new = ({name: facts[name] for name in sorted(changed)} for facts in (before, after))
        audit.record("trigger.changed", actor=actor, target=trigger, before=old, after=new)
    if problems:
        put_off(trigger, because=next(iter(problems.values())), actor=actor)
    return trigger


@transaction.atomic
def switch_on(trigger: Trigger, *, actor: User) -> Trigger:
    """Let it start runs from now on. Raises NotGranted, or NotReady whose ``fields`` say what is missing."""
    trigger = _locked(trigger, actor)
    problems = problems_of(trigger, actor)
    if problems:
        raise NotReady(next(iter(problems.values())), problems)
    if trigger.is_on:
        return trigger
    now = timezone.now()
    found = resolved_target(trigger.workspace, trigger.target)
    before = {"owner": trigger.owner}
    _close_issues(trigger, "It was switched on again.")
    trigger.owner, trigger.installation = actor, found.installation
    trigger.enabled_at, trigger.failures, trigger.paused_because, trigger.paused_by = now, 0, "", None
    trigger.next_at = None if trigger.is_webhook else timing.next_of(trigger, now)
    trigger.quiet_at = quiet_from(trigger, now)
    trigger.save()
    audit.record(
        "trigger.switched_on", actor=actor, target=trigger, before=before, after={"state": "on", "owner": actor}
    )
    return trigger


@transaction.atomic
def switch_off(trigger: Trigger, *, actor: User, reason: str) -> Trigger:
    """Start nothing any more, until somebody switches it on; what waits for more events is not started either.

    Raises NotGranted, or Invalid without a reason.
    """
    if not reason.strip():
        raise Invalid("Say why it is switched off.", {"reason": "Write why, for whoever finds it off."})
    trigger = _locked(trigger, actor)
    if trigger.is_on:
        put_off(trigger, because=reason.strip(), actor=actor)
        _close_issues(trigger, "It was switched off.", Issue.Kind.TRIGGER_SILENT)
    return trigger


@sensitive_variables("secret", "value")
def rotate_secret(trigger: Trigger, *, actor: User, overlap_h: int, secret: str = "") -> str:
    """Another secret, in the clear for this once; the one before signs beside it for so many hours more.

    Raises NotGranted, Conflict (nothing is signed), Invalid, or VaultClosed.
    """
    require(actor, MANAGE, trigger.workspace)
    if not trigger.is_webhook or not trigger.is_signed:
        raise Conflict("Nothing that comes in here is signed, so there is no secret.")
    if overlap_h not in OVERLAPS_H:
        raise Invalid("The time cannot be used.", {"overlap_h": "Choose one of those that are offered."})
    value, number, sealed = keys.seal_key(trigger, secret)
    with transaction.atomic():
        trigger = _locked(trigger, actor)
        trigger.owner = actor
        trigger.save(update_fields=["owner"])
        keys.store_key(trigger, number, sealed, keys.overlap(overlap_h))
        audit.record("trigger.secret_made", actor=actor, target=trigger, after={"key": number, "overlap_h": overlap_h})
    return value


@transaction.atomic
def end_older_secrets(trigger: Trigger, *, actor: User) -> int:
    """End at once what is only in force until a time; returns how many secrets."""
    trigger = _locked(trigger, actor)
    ended = keys.end_older_keys(trigger)
    if ended:
        audit.record("trigger.secret_ended", actor=actor, target=trigger, ended=ended)
    return ended


@transaction.atomic
def remove_trigger(trigger: Trigger, *, actor: User) -> Trigger:
    """Delete it: its address answers nobody, its secrets are destroyed, what it started stays as it is."""
    trigger = _locked(trigger, actor)
    if trigger.is_on:
        put_off(trigger, because="It was deleted.", actor=actor)
    trigger.removed_at = timezone.now()
    trigger.save(update_fields=["removed_at"])
    TriggerKey.objects.in_workspace(trigger.workspace).filter(trigger=trigger).delete()
    _close_issues(trigger, "The trigger was deleted.")
    audit.record("trigger.removed", actor=actor, target=trigger, before=facts_of(trigger))
    return trigger


@transaction.atomic
def try_trigger(trigger: Trigger, *, actor: User) -> TriggerFiring:
    """Start it once with its sample event, simulated; the firing says which run that is, or why there is none."""
    trigger = _locked(trigger, actor)
    now = timezone.now()
    firing = TriggerFiring.objects.create(
        workspace=trigger.workspace,
        trigger=trigger,
        why=TriggerFiring.Why.TRIAL,
        opened_at=now,
        due_at=now,
        events=[sample_event(trigger)],
    )
    audit.record("trigger.tried", actor=actor, target=trigger)
    fire(firing, trigger, now)
    return firing


def facts_of(trigger: Trigger) -> dict[str, Any]:
    """What the trail keeps of it; never a secret. The sample stays out, for it may hold people's data."""
    names = [name for name in (*OF_ALL, *(OF_WEBHOOK if trigger.is_webhook else OF_SCHEDULE)) if name != "sample"]
    return {name: getattr(trigger, name) for name in ("kind", "owner", *names)}


def slug_of(name: str) -> str:
    """A short name of the letters and digits of ``name``; "" where it has none."""
    plain = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-0123456789")
    return plain[:40].strip("-")


def _put(trigger: Trigger, values: dict[str, Any]) -> None:
    """Set what was said, as far as it is of this kind. Raises Invalid with every field that cannot be so, an input as
    ``inputs.<its name>``."""
    wrong: dict[str, str] = {}
    for name in (*OF_ALL, *(OF_WEBHOOK if trigger.is_webhook else OF_SCHEDULE)):
        if name in values:
            setattr(trigger, name, values[name])
    trigger.slug = trigger.slug or slug_of(trigger.name)
    if not _SLUG.fullmatch(trigger.slug):
        wrong["slug"] = "Small letters, digits and hyphens, beginning with a letter."
    trigger.scopes = sorted(set(trigger.scopes))
    wrong |= _wrong_of_webhook(trigger) if trigger.is_webhook else _wrong_of_schedule(trigger)
    try:
        found = resolved_target(trigger.workspace, trigger.target)
    except Invalid as error:
        wrong |= error.fields
    else:
        trigger.installation = found.installation
        if "sample" not in wrong:
            misfits = misfits_of(trigger, (found.action or found.manifest).inputs)
            wrong |= {f"inputs.{name}" if name else "inputs": said for name, said in misfits.items()}
    if wrong:
        raise Invalid(next(iter(wrong.values())), wrong)


def _wrong_of_webhook(trigger: Trigger) -> dict[str, str]:
    wrong: dict[str, str] = {}
    try:
        require_plain(trigger.sample, max_bytes=MOST_SAMPLE_BYTES)
    except NotPlain as error:
        wrong["sample"] = str(error)
    if trigger.signature not in Trigger.Signature.values:
        wrong["signature"] = "Choose how it is signed."
    if trigger.signature == Trigger.Signature.HMAC and not re.fullmatch(r"[A-Za-z0-9-]{1,64}", trigger.header):
        wrong["header"] = "Name the header in which the signature comes, such as X-Hub-Signature-256."
    elif trigger.signature != Trigger.Signature.HMAC:
        trigger.header = ""
    if not 1 <= trigger.per_minute <= MOST_PER_MINUTE:
        wrong["per_minute"] = f"Choose a number from 1 to {MOST_PER_MINUTE:,}."
    if not 0 <= trigger.quiet_ms <= LONGEST_WAIT_MS:
        wrong["quiet_ms"] = "At most an hour."
    if trigger.longest_ms and not trigger.quiet_ms <= trigger.longest_ms <= LONGEST_WAIT_MS:
        wrong["longest_ms"] = "From the quiet time up to an hour."
    if trigger.quiet_ms and not trigger.longest_ms:
        trigger.longest_ms = LONGEST_WAIT_MS
    if trigger.every_s is not None and not 0 <= trigger.every_s <= LONGEST_SILENCE_S:
        wrong["every_s"] = "At most 30 days."
    if trigger.debounce_key and (said := check_expression(trigger.debounce_key)):
        wrong["debounce_key"] = said
    if trigger.poll_target and trigger.every_s is None:
        wrong["poll_target"] = "Say how often something comes, so that silence can be told."
    return wrong


def _wrong_of_schedule(trigger: Trigger) -> dict[str, str]:
    wrong: dict[str, str] = {}
    trigger.zone = trigger.zone or "UTC"
    try:
        ZoneInfo(trigger.zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        wrong["zone"] = "Choose one of the time zones."
    try:
        check_cron(trigger.cron)
    except BadCron as error:
        wrong["cron"] = str(error)
    return wrong


def _save(trigger: Trigger, *, is_new: bool = False) -> None:
    try:
        with transaction.atomic():
            trigger.save(force_insert=is_new)
    except IntegrityError as error:
        raise SlugUsed(f"There is a trigger called {trigger.slug} already.") from error


def _locked(trigger: Trigger, actor: User) -> Trigger:
    """The row as it is now, for whoever manages triggers. Raises NotGranted, or Conflict where it was deleted."""
    require(actor, MANAGE, trigger.workspace)
    rows = Trigger.objects.in_workspace(trigger.workspace_id).kept().select_for_update(no_key=True, of=("self",))
    found = rows.select_related("workspace", "owner", "installation__extension").filter(pk=trigger.pk).first()
    if found is None:
        raise Conflict("This trigger was deleted a moment ago.")
    return found


def _close_issues(trigger: Trigger, because: str, *kinds: str) -> None:
    kinds = kinds or (Issue.Kind.TRIGGER_PAUSED, Issue.Kind.TRIGGER_SILENT)
    close_issues(trigger.installation, *kinds, because=because, target=trigger.slug)


def next_times_of(trigger: Trigger, now: datetime | None = None) -> list[datetime]:
    """The next three times of a schedule, as they are or would be."""
    return timing.coming(trigger, now or timezone.now())
