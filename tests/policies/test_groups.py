"""Groups of approvers, by their services and pages: rules in force are never left without anybody to ask."""

import pytest
from django.urls import reverse

from galaxy.core.errors import Invalid
from galaxy.core.members.people import change_role, remove_member
from galaxy.core.members.roles import create_role
from galaxy.core.models import AuditDetail, AuditEvent, Membership, Notification, RoleGroup, Workspace
from galaxy.core.permissions import NotGranted
from policies.models import ApproverGroup, ApproverGroupMember, RuleSet
from policies.services.groups import (
    GroupInUse,
    GroupNameUsed,
    GroupOver,
    add_to_group,
    create_group,
    end_group,
    leave_groups,
    remove_from_group,
    shortage_of,
)
from policies.services.rules import create_rule


@pytest.fixture
def group(workspace, admin, approver, owner):
    return create_group(workspace, name="Sales-Ops", purpose="Sends", members=[approver, owner], actor=admin)


@pytest.fixture
def in_force(workspace, admin):
    """``in_force(rule, …)``: the rules that hold from now on, as JSON."""

    def save(*rules):
        number = Workspace.objects.get(pk=workspace.pk).policy_version + 1
        RuleSet.objects.create(
            workspace=workspace, number=number, content=list(rules), digest="0" * 64, change="Test", author=admin
        )
        Workspace.objects.filter(pk=workspace.pk).update(policy_version=number)

    return save


RULE = {
    "title": "Deletes",
    "effect": "require_approval",
    "who": {},
    "what": {"effects": ["delete"]},
    "when": {},
    "obligations": {},
}


def asking(group, number=3, needed=1, **ask):
    who = {"reviewers": f"group:{group.pk}", "needed": needed}
    return {
        "id": f"00000000-0000-4000-8000-{number:012}",
        "number": number,
        "title": "Sends",
        "effect": "require_approval",
        "ask": who | ask,
    }


def test_a_group_is_made_with_its_members_and_the_trail_says_so(group, approver, owner):
    assert set(group.members.values_list("user", flat=True)) == {approver.pk, owner.pk}
    fields = AuditDetail.objects.get(event_id=AuditEvent.objects.get(action="approver_group.created").pk).fields
    assert fields["after.name"] == "Sales-Ops"
    assert set(fields["after.members"]) == {str(approver.pk), str(owner.pk)}


def test_members_come_and_go_once_each_and_each_time_is_in_the_trail(group, admin, member, trail):
    add_to_group(group, user=member, actor=admin)
    add_to_group(group, user=member, actor=admin)
    remove_from_group(group, user=member, actor=admin)
    remove_from_group(group, user=member, actor=admin)
    assert trail("approver_group.") == [
        "approver_group.created",
        "approver_group.member_added",
        "approver_group.member_removed",
    ]


def test_only_who_manages_rules_changes_a_group(workspace, group, approver, member):
    for act in (
        lambda: create_group(workspace, name="Other", actor=approver),
        lambda: add_to_group(group, user=member, actor=approver),
        lambda: remove_from_group(group, user=approver, actor=approver),
        lambda: end_group(group, actor=approver),
    ):
        with pytest.raises(NotGranted):
            act()
    assert group.members.count() == 2


def test_nobody_from_elsewhere_joins_and_no_name_comes_twice(workspace, group, admin, stranger):
    with pytest.raises(Invalid, match="not in this workspace"):
        add_to_group(group, user=stranger, actor=admin)
    with pytest.raises(GroupNameUsed):
        create_group(workspace, name="sales-ops", actor=admin)
    with pytest.raises(Invalid):
        create_group(workspace, name="Other", members=[stranger], actor=admin)
    assert ApproverGroup.objects.count() == 1


def test_a_group_that_rules_ask_keeps_as_many_as_they_need(group, admin, approver, in_force):
    in_force(asking(group, needed=2))
    with pytest.raises(GroupInUse, match=r"rule 3 \(Sends\) asks 2 of them"):
        remove_from_group(group, user=approver, actor=admin)
    in_force(asking(group, needed=1))
    remove_from_group(group, user=approver, actor=admin)
    assert group.members.count() == 1


@pytest.mark.parametrize("ask", [{}, {"reviewers": "approvers", "escalate": [{"after_h": 4, "to": "SELF"}]}])
def test_a_group_in_use_cannot_end_and_the_refusal_names_the_rules(group, admin, in_force, ask):
    if ask:
        ask["escalate"][0]["to"] = f"group:{group.pk}"
    in_force(asking(group, number=7, **ask), {"id": "", "number": 8, "title": "No", "effect": "deny", "ask": {}})
    with pytest.raises(GroupInUse, match="rule 7"):
        end_group(group, actor=admin)
    in_force()
    end_group(group, actor=admin)
    with pytest.raises(GroupOver):
        end_group(group, actor=admin)
    create_group(group.workspace, name="Sales-Ops", actor=admin)  # its name is free again


def test_who_leaves_the_workspace_leaves_its_groups_and_a_shortage_is_told(
    workspace, group, admin, owner, approver, in_force, django_capture_on_commit_callbacks
):
    in_force(asking(group, needed=2))
    with django_capture_on_commit_callbacks(execute=True):
        remove_member(Membership.objects.get(user=approver), actor=admin)
    assert not ApproverGroupMember.objects.filter(user=approver).exists()
    assert shortage_of(group) == "Rule 3 (Sends) asks 2 of them, and it has 1."
    told = Notification.objects.filter(kind="group_short", target_id=group.pk)
    assert set(told.values_list("person", flat=True)) == {owner.pk, admin.pk}
    assert leave_groups(approver, workspace, actor=admin) == 0


@pytest.mark.parametrize("way", ["another role", "gone"])
@pytest.mark.parametrize("is_own", [False, True])
def test_a_role_that_nobody_has_any_more_is_told_to_whoever_writes_rules(
    client_of, workspace, admin, owner, approver, member, django_capture_on_commit_callbacks, way, is_own
):
    alone = Membership.objects.get(user=approver)
    ref = "approver"
    if is_own:
        own = create_role(workspace, name="Desk", permissions={"decide_approval"}, actor=owner)
        change_role(alone, to=own, actor=owner)
        ref = str(own.pk)
    rules = [
        create_rule(workspace, actor=admin, values=RULE | values, reason="Trying it out", seen=seen)
        for seen, values in enumerate(
            [{"ask": {"reviewers": f"role:{ref}"}}, {"title": "Reads", "what": {"effects": ["read"]}, "ask": {}}]
        )
    ]
    url = rules[0].get_absolute_url()
    assert "What it asks cannot be answered." not in client_of(admin).get(url).text
    alone.refresh_from_db()
    with django_capture_on_commit_callbacks(execute=True):
        change_role(Membership.objects.get(user=member), to=_role("auditor"), actor=owner)
    assert not Notification.objects.filter(kind="rule_short").exists()
    with django_capture_on_commit_callbacks(execute=True):
        if way == "gone":
            remove_member(alone, actor=owner)
        else:
            change_role(alone, to=_role("member"), actor=owner)
    told = Notification.objects.filter(kind="rule_short")
    called = "Desk" if is_own else "Approver"
    note = f"Rule 1 (Deletes) asks 1 of them, and the role {called} has nobody."
    assert {(row.person_id, str(row.target_id), row.note) for row in told} == {
        (person.pk, str(rules[0].pk), note) for person in (owner, admin)
    }
    text = client_of(admin).get(url).text
    assert f"Role {called}: nobody could answer" in text
    assert f'href="{url}"' in client_of(admin).get(reverse("core:notification-list", args=[workspace.slug])).text


def _role(name):
    return RoleGroup.objects.get(role=name)


def page(name, workspace, *args):
    return reverse(f"policies:group-{name}", args=[workspace.slug, *args])


def test_a_group_is_made_filled_and_ended_on_its_pages(client_of, workspace, admin, member, approver):
    client = client_of(admin)
    made = client.post(
        page("create", workspace), {"name": "Desk", "purpose": "", "members": [approver.pk]}, follow=True
    )
    group = ApproverGroup.objects.get()
    assert made.redirect_chain[-1][0] == group.get_absolute_url() and approver.name in made.text
    client.post(page("member-create", workspace, group.pk), {"user": member.pk})
    assert group.members.count() == 2
    client.post(page("member-removal", workspace, group.pk, member.pk))
    assert group.members.count() == 1
    assert client.post(page("end", workspace, group.pk)).status_code == 302
    assert "Desk" not in client.get(page("list", workspace)).text.split("<main")[1]
    assert "Desk" in client.get(page("list", workspace), {"show": "ended"}).text


def test_a_form_that_does_not_do_comes_back_with_the_reason(client_of, workspace, admin, group, stranger):
    client = client_of(admin)
    again = client.post(page("create", workspace), {"name": "SALES-OPS"})
    assert again.status_code == 422 and "There is a group called" in again.text
    nobody = client.post(page("member-create", workspace, group.pk), {"user": stranger.pk})
    assert nobody.status_code == 422 and group.members.count() == 2


def test_a_refusal_on_the_page_names_the_rule(client_of, workspace, admin, group, in_force):
    in_force(asking(group))
    client = client_of(admin)
    assert client.post(page("end", workspace, group.pk)).status_code == 409
    text = client.get(group.get_absolute_url()).text
    assert "Rule 3" in text and "Sends" in text


def test_everybody_sees_groups_and_the_controls_say_who_may(client_of, workspace, group, member, stranger):
    text = client_of(member).get(group.get_absolute_url()).text
    assert "Sales-Ops" in text and "Needs “" in text
    assert client_of(member).post(page("end", workspace, group.pk)).status_code == 403
    assert client_of(stranger).get(group.get_absolute_url()).status_code == 404


def test_the_list_costs_the_same_however_many_there_are(
    client_of, workspace, admin, group, in_force, django_assert_max_num_queries
):
    in_force(asking(group))
    client = client_of(admin)
    client.get(page("list", workspace))
    with django_assert_max_num_queries(40) as first:
        client.get(page("list", workspace))
    for number in range(5):
        create_group(workspace, name=f"Group {number}", members=[admin], actor=admin)
    with django_assert_max_num_queries(len(first)):
        client.get(page("list", workspace))
