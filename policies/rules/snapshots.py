"""The rules in force, compiled once per process and version."""

import logging
from collections import OrderedDict
from threading import Lock
from uuid import UUID

from django.db.models import BooleanField
from django.db.models.expressions import RawSQL

from galaxy.core.errors import DomainError
from galaxy.core.models import Workspace
from policies.models import RuleSet
from policies.rules.compiling import Snapshot
from policies.rules.vocabulary import digest_of, rules_of

log = logging.getLogger(__name__)

MAX_RULES_KEPT = 50_000  # of all workspaces; ten thousand compiled rules take about 20 MB
NO_RULES = Snapshot()

# Whether the row is committed. Ours is not before this transaction is, and would leave its number to other rules if it
# were rolled back. Transactions within it have higher ids than it has; it has none before it writes.
_COMMITTED = RawSQL(
    "coalesce(policies_ruleset.xmin::text::bigint"
    " < mod(pg_current_xact_id_if_assigned()::text::numeric, 4294967296), true)",
    (),
    output_field=BooleanField(),
)

_kept: OrderedDict[tuple[UUID, int], Snapshot] = OrderedDict()  # least recently used first
_lock = Lock()


def snapshot_of(workspace: Workspace) -> Snapshot:
    """The rules that ``workspace.policy_version`` numbers."""
    return snapshot_at(workspace, workspace.policy_version)


def snapshot_at(workspace: Workspace, number: int) -> Snapshot:
    """The rules of policy ``number``; 0 is the defaults alone.

    A set that is missing, altered or unreadable makes a snapshot with a ``fault``, to which every answer is no. It is
    looked at anew each time, until it is repaired.
    """
    if number == 0:
        return NO_RULES
    key = (workspace.pk, number)
    with _lock:
        found = _kept.get(key)
        if found is not None:
            _kept.move_to_end(key)
            return found
    snapshot, is_committed = _load(workspace, number)
    if snapshot.fault:
        log.error("policy %s of workspace %s cannot be used: %s", number, workspace.pk, snapshot.fault)
    elif is_committed:
        _keep(key, snapshot)
    return snapshot


def _load(workspace: Workspace, number: int) -> tuple[Snapshot, bool]:
    rows = RuleSet.objects.in_workspace(workspace).filter(number=number).annotate(committed=_COMMITTED)
    row = rows.values_list("content", "digest", "committed").first()
    if row is None:
        return Snapshot(number, fault=f"policy {number} is not there"), False
    content, digest, is_committed = row
    try:
        if digest_of(content) != digest:
            return Snapshot(number, fault=f"policy {number} was altered: its content has another digest"), False
        return Snapshot(number, rules_of(content)), is_committed
    except (DomainError, ValueError) as error:  # ValueError: what RFC 8785 cannot write
        return Snapshot(number, fault=f"policy {number} cannot be read: {error}"), False


def _keep(key: tuple[UUID, int], snapshot: Snapshot) -> None:
    """Remember ``snapshot``, and forget those that were asked for longest ago where that makes too many rules."""
    with _lock:
        _kept[key] = snapshot
        _kept.move_to_end(key)
        total = sum(len(one) + 1 for one in _kept.values())
        while total > MAX_RULES_KEPT and len(_kept) > 1:
            _, forgotten = _kept.popitem(last=False)
            total -= len(forgotten) + 1
