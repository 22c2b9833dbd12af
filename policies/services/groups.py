"""Groups of approvers: made, filled and ended by whoever manages rules, and never too small for a rule in force."""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils import timezone

from galaxy.core import audit
from galaxy.core.errors import Conflict, Invalid
from galaxy.core.members.people import lock
from galaxy.core.models import Membership, User, Workspace
from galaxy.core.notifications import notify
from galaxy.core.permissions import holders_of, require
from policies.known import Known
from policies.models import ApproverGroup, ApproverGroupMember, Rule, RuleSet


class GroupNameUsed(Conflict):
    code = "group_name_taken"
    next_step = "Choose another name."


class GroupOver(Conflict):
    code = "group_ended"
    next_step = "Create another group: what has ended stays so."


class GroupInUse(Conflict):
    """Rules in force ask this group, and would find nobody, or too few."""

    code = "group_in_use"
    next_step = "Change those rules first, or add somebody else to the group."


@dataclass(frozen=True)
class Use:
    """A rule in force that asks a group or a role; ``needed`` of its people have to say yes."""

    id: str
    number: int
    title: str
    needed: int

    def __str__(self) -> str:
        return f"rule {self.number} ({self.title}) asks {self.needed} of them"


@transaction.atomic
def create_group(
    workspace: Workspace, *, name: str, purpose: str = "", members: Iterable[User] = (), actor: User
) -> ApproverGroup:
    """A new group, with those ``members`` in it from the start. Raises NotGranted, GroupNameUsed or Invalid."""
    require(actor, "core.manage_rule", workspace)
    lock(workspace)
    group = ApproverGroup(workspace=workspace, name=name.strip(), purpose=purpose.strip(), created_by=actor)
    try:
        with transaction.atomic():
            group.save(force_insert=True)
    except IntegrityError as error:
        raise GroupNameUsed(f"There is a group called {group.name} already.") from error
    people = sorted(set(members), key=str)
    _check_members(workspace, people)
    ApproverGroupMember.objects.bulk_create(
        ApproverGroupMember(workspace=workspace, group=group, user=one, added_by=actor) for one in people
    )
    after = {"name": group.name, "purpose": group.purpose, "members": people}
    audit.record("approver_group.created", actor=actor, target=group, after=after)
    return group


@transaction.atomic
def add_to_group(group: ApproverGroup, *, user: User, actor: User) -> ApproverGroupMember:
    """Put a member of the workspace into a group; somebody who is in it already stays. Raises NotGranted, GroupOver or
    Invalid."""
    group = _held(group, actor)
    _check_members(group.workspace, [user])
    member, is_new = ApproverGroupMember.objects.get_or_create(
        workspace=group.workspace, group=group, user=user, defaults={"added_by": actor}
    )
    if is_new:
        audit.record("approver_group.member_added", actor=actor, target=group, after={"member": user})
    return member


@transaction.atomic
def remove_from_group(group: ApproverGroup, *, user: User, actor: User) -> None:
    """Take somebody out of a group. Raises NotGranted, GroupOver, or GroupInUse where rules need as many as are in."""
    group = _held(group, actor)
    row = group.members.filter(user=user).first()
    if row is None:
        return
    left = group.members.count() - 1
    short = [use for use in uses_of(group) if use.needed > left]
    if short:
        raise GroupInUse(f"{user} cannot leave {group}: {_listed(short)}, and {left or 'nobody'} would be left.")
    row.delete()
    audit.record("approver_group.member_removed", actor=actor, target=group, before={"member": user})


@transaction.atomic
def end_group(group: ApproverGroup, *, actor: User) -> ApproverGroup:
    """End a group for good; its row stays for what it decided. Raises NotGranted, GroupOver or GroupInUse."""
    group = _held(group, actor)
    if uses := uses_of(group):
        raise GroupInUse(f"{group} cannot end: {_listed(uses)}.")
    group.ended_at = timezone.now()
    group.save(update_fields=["ended_at"])
    audit.record("approver_group.ended", actor=actor, target=group, before={"name": group.name})
    return group


@transaction.atomic
def leave_groups(user: User, workspace: Workspace, *, actor: User | None) -> int:
    """Take somebody who is a member no more out of every group; returns how many.

    Nobody is kept in a workspace by a rule, so a group may become too small here: whoever manages rules is told.
    """
    lock(workspace)
    rows = ApproverGroupMember.objects.in_workspace(workspace).filter(user=user).select_related("group__workspace")
    left = 0
    for row in rows:
        group = row.group
        row.delete()
        left += 1
        audit.record("approver_group.member_removed", actor=actor, target=group, before={"member": user}, why="left")
        if short := shortage_of(group):
            notify(workspace, holders_of(workspace, "manage_rule"), "group_short", group, note=short)
    return left


def tell_of_short_role(workspace: Workspace, role: str) -> int:
    """The same for a role that somebody left: tell of each rule in force that asks more of it than have it by now.

    ``role`` is a word of Role or the id of a role of the workspace's own. Returns how many rules those are.
    """
    if not (uses := uses_by_ref(workspace).get(f"role:{role}")):
        return 0
    known = Known(workspace)
    count = len(known.in_role(role))
    short = [use for use in uses if use.needed > count]
    rules = Rule.objects.in_workspace(workspace).in_bulk([use.id for use in short])
    for use in short:
        note = f"{_sentence([use])}, and the role {known.roles[role]} has {count or 'nobody'}."
        notify(workspace, holders_of(workspace, "manage_rule"), "rule_short", rules[UUID(use.id)], note=note)
    return len(short)


def shortage_of(group: ApproverGroup) -> str:
    """The sentence that says which rules ask for more people than the group has; "" where it has enough."""
    count = group.members.count()
    short = [use for use in uses_of(group) if use.needed > count]
    return f"{_sentence(short)}, and it has {count or 'nobody'}." if short else ""


def uses_of(group: ApproverGroup) -> list[Use]:
    """The rules in force that ask this group, first or after a while, by number."""
    return uses_by_group(group.workspace).get(str(group.pk), [])


def uses_by_group(workspace: Workspace) -> dict[str, list[Use]]:
    """The same for every group that a rule asks, by the group's id as text."""
    uses = uses_by_ref(workspace).items()
    return {ref.removeprefix("group:"): found for ref, found in uses if ref.startswith("group:")}


def uses_by_ref(workspace: Workspace) -> dict[str, list[Use]]:
    """The same for whomever a rule asks, as it names them: approvers, role:…, group:…, person:…."""
    found: dict[str, list[Use]] = {}
    for rule in sorted(_rules_in_force(workspace), key=lambda rule: rule["number"]):
        ask = rule.get("ask") or {}
        needed = {step["to"]: 1 for step in ask.get("escalate", ())} | {ask.get("reviewers", ""): ask.get("needed", 1)}
        for ref, count in needed.items():
            found.setdefault(ref, []).append(Use(rule["id"], rule["number"], rule["title"], count))
    return found


def _rules_in_force(workspace: Workspace) -> list[dict]:
    """The rules as they hold now: the workspace's row is read anew, since ``workspace`` may have been read before."""
    number = Workspace.objects.filter(pk=workspace.pk).values("policy_version")
    found = RuleSet.objects.in_workspace(workspace).filter(number__in=number).values_list("content", flat=True).first()
    return found or []


def _held(group: ApproverGroup, actor: User) -> ApproverGroup:
    """The group, with nobody else changing it or the rules until the transaction ends."""
    require(actor, "core.manage_rule", group.workspace)
    lock(group.workspace)
    row = ApproverGroup.objects.select_related("workspace").get(pk=group.pk)
    if row.ended_at:
        raise GroupOver(f"{row} has ended.")
    return row


def _check_members(workspace: Workspace, people: list[User]) -> None:
    members = Membership.objects.in_workspace(workspace).filter(user__in=people, user__is_active=True)
    found = set(members.values_list("user_id", flat=True))
    if strangers := [one for one in people if one.pk not in found]:
        sentence = f"{strangers[0]} is not in this workspace."
        raise Invalid(sentence, {"user": sentence, "members": sentence})


def _listed(uses: list[Use]) -> str:
    *first, last = map(str, uses)
    return f"{', '.join(first)} and {last}" if first else last


def _sentence(uses: list[Use]) -> str:
    words = _listed(uses)
    return words[:1].upper() + words[1:]
