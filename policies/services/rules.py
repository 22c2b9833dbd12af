"""Rules: made, changed, ended, and an earlier set of them restored.

What holds is always one whole set (RuleSet), named by the workspace's policy version. Every verb here writes the next
set and moves that number in one transaction, under a lock on the workspace's row; so two people who save at once come
one after the other, and the second is told what the first one did. Nothing is ever rewritten: restoring writes a new
set with an old content.
"""

from collections.abc import Sequence
from typing import Any
from uuid import uuid4

from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from galaxy.core import audit
from galaxy.core.errors import Conflict, Invalid
from galaxy.core.models import User, Workspace
from galaxy.core.permissions import can, require
from policies.known import Known
from policies.models import Rule, RuleSet
from policies.rules import vocabulary
from policies.rules.checking import Finding, findings_of
from policies.rules.vocabulary import digest_of, rules_of

MOST_NAMED = 3  # changes of others that one sentence tells
_PARTS = {
    "title": "name",
    "effect": "effect",
    "who": "who",
    "what": "what",
    "when": "when",
    "ask": "who is asked",
    "obligations": "obligations",
}


class StaleRules(Conflict):
    """The rules changed since the form was opened; ``since`` are the sets that came meanwhile, newest first."""

    code = "rules_changed"
    next_step = "Look at what changed. What you filled in is kept: save it again if it still holds."

    def __init__(self, since: Sequence[RuleSet]):
        told = [f"{one.change} ({one.author})" for one in since[:MOST_NAMED]]
        more = len(since) - len(told)
        words = " ".join(told) + (f" And {more} more." if more > 0 else "")
        super().__init__(f"The rules changed while you worked on this. {words}".strip())
        self.since = since


class RuleEnded(Conflict):
    """It does not hold any more, so there is nothing to change or end."""

    code = "rule_ended"
    next_step = "Restore the rules as they were, or make another one."


class Unconfirmed(Invalid):
    """It may be meant, and looks as if it were not; ``warnings`` say why. Sent again with ``confirmed`` it is saved."""

    code = "unconfirmed"
    next_step = "Confirm it to save it all the same."

    def __init__(self, warnings: list[Finding]):
        super().__init__(" ".join(one.sentence for one in warnings), next_step="Confirm it to save it all the same.")
        self.warnings = warnings


@transaction.atomic
def create_rule(
    workspace: Workspace,
    *,
    actor: User,
    values: dict[str, Any],
    reason: str,
    seen: int,
    owner: User | None = None,
    confirmed: bool = False,
) -> Rule:
    """Make a rule that holds from now on; ``values`` are {title, effect, who, what, when, ask, obligations}.

    ``seen`` is the policy version it was made against. Raises NotGranted, StaleRules, BadRule or Invalid (both with
    ``fields`` by place, such as ``when.over``), or Unconfirmed.
    """
    reason = _begin(workspace, actor, reason, seen)
    number = next_number(workspace)
    said = vocabulary.Rule.from_json({**values, "id": str(uuid4()), "number": number})
    others = rules_in_force(workspace)
    _check(said, others, Known(workspace), confirmed)
    row = Rule(id=said.id, workspace=workspace, number=number, owner=_owner(workspace, owner or actor), reason=reason)
    _write(row, said)
    _put_in_force(workspace, actor, [*others, said], f"Rule {number}, {said.title}, made.", reason)
    audit.record("rule.created", actor=actor, target=row, after=_facts(row), reason=reason)
    return row


@transaction.atomic
def change_rule(
    rule: Rule,
    *,
    actor: User,
    values: dict[str, Any],
    reason: str,
    seen: int,
    owner: User | None = None,
    confirmed: bool = False,
) -> Rule:
    """Change a rule from now on; arguments and errors as in ``create_rule``, and RuleEnded."""
    workspace = rule.workspace
    reason = _begin(workspace, actor, reason, seen)
    row = _in_force(rule)
    before = _facts(row)
    said = vocabulary.Rule.from_json({**values, "id": str(row.pk), "number": row.number})
    in_force = rules_in_force(workspace)
    was = next(one for one in in_force if one.number == row.number)
    if owner is not None and owner.pk != row.owner_id:
        row.owner = _owner(workspace, owner)
    changed = changed_parts(was, said)
    if not changed and str(row.owner_id) == before["owner"]:
        raise Invalid("Nothing is changed, so there is nothing to save.")
    others = [one for one in in_force if one.number != row.number]
    _check(said, others, Known(workspace), confirmed)
    row.reason, row.changed_at = reason, timezone.now()
    _write(row, said)
    words = ", ".join(changed) or "owner"
    _put_in_force(workspace, actor, [*others, said], f"Rule {row.number}, {said.title}, changed: {words}.", reason)
    audit.record("rule.changed", actor=actor, target=row, before=before, after=_facts(row), reason=reason)
    return row


@transaction.atomic
def end_rule(rule: Rule, *, actor: User, reason: str, seen: int) -> Rule:
    """Let a rule hold no longer. Its row stays, and the set before can be restored. Errors as in ``change_rule``."""
    workspace = rule.workspace
    reason = _begin(workspace, actor, reason, seen)
    row = _in_force(rule)
    before = _facts(row)
    rest = [one for one in rules_in_force(workspace) if one.number != row.number]
    row.ended_at = row.changed_at = timezone.now()
    row.reason = reason
    row.save(update_fields=["ended_at", "changed_at", "reason"])
    _put_in_force(workspace, actor, rest, f"Rule {row.number}, {row.title}, ended.", reason)
    audit.record("rule.ended", actor=actor, target=row, before=before, after=_facts(row), reason=reason)
    return row


@transaction.atomic
def restore(workspace: Workspace, *, actor: User, number: int, reason: str, seen: int) -> RuleSet:
    """Let the rules of policy ``number`` hold again, as a new policy; their rows follow.

    Raises Conflict where they hold already, and Invalid where one of them can hold no more: people it asks have left,
    a group has ended. Other errors as in ``create_rule``.
    """
    reason = _begin(workspace, actor, reason, seen)
    wanted = RuleSet.objects.in_workspace(workspace).filter(number=number).first()
    if wanted is None:
        raise Invalid(f"There never was a policy {number} here.")
    rules, now = rules_of(wanted.content), rules_in_force(workspace)
    if list(rules) == list(now):
        raise Conflict(f"The rules of policy {number} hold already.", "There is nothing to restore.")
    refused = [one for one in restoring_findings(workspace, rules) if one.is_refusal]
    if refused:
        raise Invalid(refused[0].sentence, next_step="Change that rule instead, or restore another policy.")
    _make_rows_follow(workspace, rules, reason)
    words = f"Policy {number} restored."
    new = _put_in_force(workspace, actor, rules, words, reason, restored_from=number)
    before = {"policy_version": seen, "rules": [one.as_json() for one in now]}
    after = {"policy_version": new.number, "rules": new.content}
    audit.record("policy.restored", actor=actor, target=new, before=before, after=after, reason=reason, number=number)
    return new


def rules_in_force(workspace: Workspace) -> tuple[vocabulary.Rule, ...]:
    """The rules that hold, by number; none where nobody ever made one."""
    found = RuleSet.objects.in_workspace(workspace).filter(number=workspace.policy_version).first()
    return rules_of(found.content) if found else ()


def restoring_findings(workspace: Workspace, rules: Sequence[vocabulary.Rule]) -> list[Finding]:
    """What stands against ``rules`` holding again that do not hold now; each sentence names its rule."""
    known, in_force = Known(workspace), set(rules_in_force(workspace))
    found = []
    for rule in rules:
        if rule not in in_force:
            others = [one for one in rules if one.number != rule.number]
            for one in findings_of(rule, others, known):
                found.append(Finding(one.place, f"Rule {rule.number}: {one.sentence}", one.is_refusal))
    return found


def next_number(workspace: Workspace) -> int:
    """What the next rule would be called by."""
    return (Rule.objects.in_workspace(workspace).aggregate(last=Max("number"))["last"] or 0) + 1


def changed_parts(was: vocabulary.Rule, now: vocabulary.Rule) -> list[str]:
    """What is otherwise in ``now``, in words."""
    return [words for name, words in _PARTS.items() if getattr(was, name) != getattr(now, name)]


def _begin(workspace: Workspace, actor: User, reason: str, seen: int) -> str:
    """Check who acts and why, take the lock, and see that nothing changed; returns the reason as it is stored.

    The lock leaves room for rows that point at the workspace, so that calls go on meanwhile.
    """
    require(actor, "core.manage_rule", workspace)
    reason = " ".join(reason.split())
    if not reason:
        raise Invalid("Say why.", {"reason": "Say why: whoever reads the history will ask."})
    locked = Workspace.objects.select_for_update(no_key=True).get(pk=workspace.pk)
    workspace.policy_version = locked.policy_version
    if locked.policy_version != seen:
        since = RuleSet.objects.in_workspace(workspace).filter(number__gt=seen).select_related("author")
        raise StaleRules(list(since))
    return reason


def _in_force(rule: Rule) -> Rule:
    row = (
        Rule.objects.in_workspace(rule.workspace)
        .select_for_update(of=("self",))
        .select_related("owner")
        .get(pk=rule.pk)
    )
    if row.ended_at:
        raise RuleEnded(f"Rule {row.number} has ended.")
    row.workspace = rule.workspace
    return row


def _check(said: vocabulary.Rule, others: Sequence[vocabulary.Rule], known: Known, confirmed: bool) -> None:
    """Raise what stands against a rule: refusals always, warnings until somebody confirmed them."""
    found = findings_of(said, others, known)
    refused = {one.place: one.sentence for one in reversed(found) if one.is_refusal}
    if refused:
        first = next(one for one in found if one.is_refusal)
        raise Invalid(first.sentence, refused)
    if found and not confirmed:
        raise Unconfirmed(found)


def _owner(workspace: Workspace, owner: User) -> User:
    if not can(owner, "core.manage_rule", workspace):
        raise Invalid("The owner of a rule may write rules.", {"owner": f"{owner} may not write rules here."})
    return owner


def _write(row: Rule, said: vocabulary.Rule) -> None:
    """Store ``said`` in its row, which does not end by it."""
    for name, value in said.as_json().items():
        if name not in ("id", "number"):
            setattr(row, name, value)
    row.ended_at = None
    row.save()


def _make_rows_follow(workspace: Workspace, rules: Sequence[vocabulary.Rule], reason: str) -> None:
    now = timezone.now()
    said = {one.number: one for one in rules}
    for row in Rule.objects.in_workspace(workspace).select_for_update():
        wanted = said.get(row.number)
        if wanted and (row.ended_at or row.content != wanted.as_json()):
            row.reason, row.changed_at = reason, now
            _write(row, wanted)
        elif wanted is None and row.ended_at is None:
            row.ended_at = row.changed_at = now
            row.reason = reason
            row.save(update_fields=["ended_at", "changed_at", "reason"])


def _put_in_force(
    workspace: Workspace,
    actor: User,
    rules: Sequence[vocabulary.Rule],
    change: str,
    reason: str,
    restored_from: int | None = None,
) -> RuleSet:
    """Write the next set and move the number, by which every process knows that its rules are old."""
    content = [one.as_json() for one in sorted(rules, key=lambda one: one.number)]
    new = RuleSet.objects.create(
        workspace=workspace,
        number=workspace.policy_version + 1,
        content=content,
        digest=digest_of(content),
        change=change[:200],
        reason=reason[:500],
        author=actor,
        restored_from=restored_from,
    )
    Workspace.objects.filter(pk=workspace.pk).update(policy_version=new.number)
    workspace.policy_version = new.number
    return new


def _facts(row: Rule) -> dict[str, Any]:
    """What the trail keeps of a rule: all of it, with whose it is and whether it holds."""
    facts = {name: value for name, value in row.content.items() if name != "id"}
    return facts | {"owner": str(row.owner_id), "in_force": row.ended_at is None}
