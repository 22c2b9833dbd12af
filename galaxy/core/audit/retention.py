"""How long values of events are kept, what is held back from that, and their deletion.

What goes are values and salts. The event, its commitments and its place in the tree stay, and each deletion is an
event itself (``retention.purged``, the tombstone) with its rule and the range of positions: it is sealed like any
other, travels with every pack and explains there what is missing. Nothing goes where no rule is set, nothing that a
legal hold covers, and nothing of what tells of retention. The application has no right to delete values; a function of
the owner does it, and only as a stored rule says (migration core 0016).
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils import timezone

from galaxy.core import audit
from galaxy.core.audit.reading import in_words
from galaxy.core.errors import Conflict, Invalid
from galaxy.core.members.people import lock
from galaxy.core.models import ExportJob, LegalHold, RetentionRule, User, Workspace
from galaxy.core.models.retention import LONGEST_DAYS
from galaxy.core.permissions import require
from galaxy.core.sweeps import apart

MANAGE = "core.manage_audit"
BATCH = 20_000  # events under one tombstone
SHORTEST_REASON = 10
_COUNT = """
SELECT count(*) FILTER (WHERE NOT is_held), count(*) FILTER (WHERE is_held), min(occurred_at) FILTER (WHERE NOT is_held)
FROM core_due_details(%s, %s, %s)
"""


@dataclass(frozen=True)
class Preview:
    """What a rule would let go at once: how many events lose their values, how many a hold keeps, and the oldest."""

    events: int
    held: int
    oldest: datetime | None


def class_in_words(prefix: str) -> str:
    """``run.`` as "Run: all", ``run.failed`` as "Run failed", "" as "Every event"."""
    if not prefix:
        return "Every event"
    return f"{in_words(prefix[:-1])}: all" if prefix.endswith(".") else in_words(prefix)


def preview_rule(workspace: Workspace, *, prefix: str, keep_days: int) -> Preview:
    """What ``set_rule`` with the same would lead to."""
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, [workspace.pk, prefix, keep_days])
        return Preview(*cursor.fetchone())


@transaction.atomic
def set_rule(workspace: Workspace, *, prefix: str, keep_days: int, actor: User) -> RetentionRule:
    """Keep the values of events whose action begins with ``prefix`` for ``keep_days``, from now on; audited with what
    held before. Raises NotGranted or Invalid."""
    require(actor, MANAGE, workspace)
    if not 1 <= keep_days <= LONGEST_DAYS:
        raise Invalid("Values are kept for a day at least.", {"keep_days": f"Choose 1 to {LONGEST_DAYS} days."})
    lock(workspace)
    rule = RetentionRule.objects.in_workspace(workspace).filter(prefix=prefix).first()
    before = rule.keep_days if rule else None
    if rule is None:
        rule = RetentionRule(workspace=workspace, prefix=prefix)
    if before == keep_days:
        return rule
    rule.keep_days, rule.set_by, rule.set_at = keep_days, actor, timezone.now()
    rule.save()
    gone = preview_rule(workspace, prefix=prefix, keep_days=keep_days).events
    _tell("retention.changed", rule, actor, before=before, after=keep_days, events_due=gone)
    return rule


@transaction.atomic
def end_rule(rule: RetentionRule, *, actor: User) -> None:
    """Keep the values for good again, or as long as a rule with a shorter prefix says; audited. Raises NotGranted."""
    require(actor, MANAGE, rule.workspace)
    lock(rule.workspace)
    if RetentionRule.objects.in_workspace(rule.workspace).filter(pk=rule.pk).delete()[0]:
        _tell("retention.ended", rule, actor, before=rule.keep_days, after=None)


@transaction.atomic
def place_hold(workspace: Workspace, *, reason: str, actor: User, **scope: Any) -> LegalHold:
    """Let nothing of ``scope`` be purged until the hold is released; audited.

    ``scope``: prefix, actor_id, target_id (text, "" for any), since, until (moments, None for any). Waits for a purge
    that is under way. Raises NotGranted or Invalid.
    """
    require(actor, MANAGE, workspace)
    if len(reason.strip()) < SHORTEST_REASON:
        raise Invalid("Say why.", {"reason": f"Say in at least {SHORTEST_REASON} characters why this is held."})
    if scope.get("since") and scope.get("until") and scope["until"] <= scope["since"]:
        raise Invalid("It ends before it begins.", {"until": "This is before the first day."})
    lock(workspace)
    hold = LegalHold.objects.create(workspace=workspace, reason=reason.strip(), placed_by=actor, **scope)
    after = {name: value for name, value in scope.items() if value}
    audit.record("legal_hold.placed", actor=actor, target=hold, after=after, reason=hold.reason)
    return hold


@transaction.atomic
def release_hold(hold: LegalHold, *, reason: str, actor: User) -> None:
    """Let the rules have what the hold kept; audited. Raises NotGranted, Invalid or Conflict."""
    require(actor, MANAGE, hold.workspace)
    if len(reason.strip()) < SHORTEST_REASON:
        raise Invalid("Say why.", {"reason": f"Say in at least {SHORTEST_REASON} characters why it is released."})
    changes = {"released_by": actor, "released_at": timezone.now(), "release_reason": reason.strip()}
    if not LegalHold.objects.in_workspace(hold.workspace).in_force().filter(pk=hold.pk).update(**changes):
        raise Conflict("It is released already.")
    audit.record("legal_hold.released", actor=actor, target=hold, reason=reason.strip(), held_for=hold.reason)


def purge_everywhere() -> int:
    """Purge by every rule of every workspace; returns of how many events the values went.

    A rule that fails is logged, holds up no other, and is tried again by the next purge.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT workspace_id, rule_id FROM core_retention_rules()")
        found = cursor.fetchall()
    count = 0
    for workspace_id, rule_id in found:
        with apart("purge", workspace_id, rule=rule_id):
            rule = RetentionRule.objects.select_related("workspace").filter(pk=rule_id).first()
            count += purge(rule) if rule else 0
    return count


def purge(rule: RetentionRule) -> int:
    """Delete what ``rule`` lets go, BATCH by BATCH, each with its tombstone; returns of how many events.

    While an export of the workspace is being written nothing goes: it would be half with and half without.
    """
    count = 0
    while batch := _purge_batch(rule):
        count += batch
        if batch < BATCH:
            break
    return count


@transaction.atomic
def _purge_batch(rule: RetentionRule) -> int:
    lock(rule.workspace)
    if ExportJob.objects.in_workspace(rule.workspace).unfinished().exists():
        return 0
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM core_purge_details(%s, %s)", [rule.pk, BATCH])
        events, first, last, first_at, last_at = cursor.fetchone()
    if events:
        told = {"count": events, "first_position": first, "last_position": last, "first_at": first_at}
        told |= {"last_at": last_at, "events": rule.prefix, "keep_days": rule.keep_days}
        audit.record("retention.purged", actor=None, target=rule, **told)
    return events


def _tell(action: str, rule: RetentionRule, actor: User, *, before: int | None, after: int | None, **data: Any) -> None:
    sides: dict[str, Any] = {"before": {"keep_days": before}, "after": {"keep_days": after}}
    audit.record(action, actor=actor, target=rule, events=rule.prefix, **sides, **data)


def rules_of(workspace: Workspace) -> QuerySet[RetentionRule]:
    return RetentionRule.objects.in_workspace(workspace).select_related("set_by", "workspace")


def holds_of(workspace: Workspace) -> QuerySet[LegalHold]:
    """Those in force first, then the newest."""
    rows = LegalHold.objects.in_workspace(workspace).select_related("placed_by", "released_by")
    return rows.order_by("released_at", "-placed_at")
