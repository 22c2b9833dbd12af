"""A workspace's own roles: sets of permissions that nobody fills beyond what they hold, felt at once."""

import pytest
from django.contrib.auth.models import Group
from django.db import connections
from django.urls import reverse
from guardian.models import GroupObjectPermission

from galaxy.core.errors import Invalid
from galaxy.core.members import add_member, grant_on
from galaxy.core.members.invitations import invite
from galaxy.core.members.limits import AboveYou
from galaxy.core.members.people import change_role
from galaxy.core.members.roles import NotYourRole, RoleInUse, change_role_definition, create_role, delete_role
from galaxy.core.models import AuditEvent, Membership, RoleGroup
from galaxy.core.permissions import NotGranted, can
from galaxy.core.roles import sync_roles
from galaxy.core.scope import workspace_scope
from tests.factories import make_user


def url(name, workspace, *args) -> str:
    return reverse(f"core:{name}", args=[workspace.slug, *args])


@pytest.fixture
def export_only(workspace, owner):
    return create_role(workspace, name="Trail reader", permissions={"view_auditevent"}, actor=owner)


@pytest.fixture
def reader(workspace, owner, export_only):
    user = make_user("Reader")
    add_member(workspace, user=user, role=export_only, actor=owner)
    return user


def test_an_owner_makes_a_role_and_it_is_used_like_the_six(client_of, workspace, owner, member):
    sent = {"name": "Desk", "permissions": ["view_listing", "view_run"]}
    assert client_of(owner).post(url("role-create", workspace), sent).status_code == 302
    role = RoleGroup.objects.get(name="Desk")
    client_of(owner).post(url("member-role", workspace, Membership.objects.get(user=member).pk), {"role": str(role.pk)})
    assert can(member, "core.view_run", workspace) and not can(member, "core.run_installation", workspace)
    assert Membership.objects.get(user=member).role_label == "Desk"
    assert AuditEvent.objects.filter(action="role.created", actor_id=str(owner.pk)).count() == 1
    assert ">Desk<" in client_of(member).get(workspace.get_absolute_url()).content.decode()


def test_a_role_with_one_permission_can_do_only_that(client_of, workspace, reader):
    client = client_of(reader)
    assert client.get(reverse("core:audit-list", args=[workspace.slug])).status_code == 200
    for name in ("core:member-list", "core:role-list", "registry:installation-list"):
        assert client.get(reverse(name, args=[workspace.slug])).status_code == 403, name
    own = Membership.objects.get(user=reader)
    assert client.get(own.get_absolute_url()).status_code == 200, "what oneself may do is for everybody to see"


def test_an_edit_is_felt_by_everybody_in_it_at_once(client_of, workspace, owner, export_only, reader):
    client = client_of(reader)
    sent = {"name": "Trail reader", "permissions": ["view_member"]}
    assert client_of(owner).post(url("role-detail", workspace, export_only.pk), sent).status_code == 302
    assert client.get(reverse("core:audit-list", args=[workspace.slug])).status_code == 403
    assert client.get(url("member-list", workspace)).status_code == 200


def test_a_role_that_grants_what_its_maker_lacks_is_refused(client_of, workspace, owner, member):
    keeper = create_role(workspace, name="Keeper", permissions={"manage_role", "view_member"}, actor=owner)
    change_role(Membership.objects.get(user=member), to=keeper, actor=owner)
    with pytest.raises(AboveYou, match="Install and remove extensions"):
        create_role(workspace, name="More", permissions={"view_member", "install_extension"}, actor=member)
    answer = client_of(member).post(
        url("role-create", workspace), {"name": "More", "permissions": ["view_member", "install_extension"]}
    )
    assert answer.status_code == 422 and "Install and remove extensions" in answer.content.decode()
    with pytest.raises(AboveYou):
        change_role_definition(keeper, name="Keeper", permissions={"manage_role", "decide_approval"}, actor=member)
    assert not RoleGroup.objects.filter(name="More").exists()


@pytest.mark.parametrize("name", ["admin", "approver", "creator", "auditor", "member"])
def test_only_owners_define_roles(cast, client_of, workspace, export_only, name):
    client = client_of(cast[name])
    sent = {"name": "Mine", "permissions": ["view_listing"]}
    assert client.post(url("role-create", workspace), sent).status_code == 403
    assert client.post(url("role-detail", workspace, export_only.pk), sent).status_code == 403
    assert client.post(url("role-removal", workspace, export_only.pk)).status_code == 403
    with pytest.raises(NotGranted):
        create_role(workspace, name="Mine", permissions=set(), actor=cast[name])


def test_a_role_in_use_is_not_deleted(client_of, workspace, owner, export_only, reader):
    with pytest.raises(RoleInUse, match="1 member"):
        delete_role(export_only, actor=owner)
    assert client_of(owner).post(url("role-removal", workspace, export_only.pk)).status_code == 409


def test_an_open_invitation_counts_as_use(workspace, owner, export_only):
    invite(workspace, address="soon@example.test", role=export_only, actor=owner)
    with pytest.raises(RoleInUse, match="1 open invitation"):
        delete_role(export_only, actor=owner)


def test_an_unused_role_goes_with_its_group_and_grants(client_of, workspace, owner, export_only):
    group = export_only.group_id
    assert client_of(owner).post(url("role-removal", workspace, export_only.pk)).status_code == 302
    assert not Group.objects.filter(pk=group).exists()
    assert not GroupObjectPermission.objects.filter(group=group).exists()
    assert AuditEvent.objects.filter(action="role.deleted").count() == 1


def test_the_six_cannot_be_changed(client_of, workspace, owner):
    auditor = RoleGroup.objects.get(role="auditor")
    with pytest.raises(NotYourRole):
        change_role_definition(auditor, name="Auditor", permissions={"manage_role"}, actor=owner)
    with pytest.raises(NotYourRole):
        delete_role(auditor, actor=owner)
    assert client_of(owner).get(url("role-detail", workspace, auditor.pk)).status_code == 404


@pytest.mark.parametrize("name", ["owner", " ADMIN ", "trail  reader", "   "])
def test_a_name_is_given_once(client_of, workspace, owner, export_only, name):
    with pytest.raises(Invalid):
        create_role(workspace, name=name, permissions={"view_listing"}, actor=owner)
    answer = client_of(owner).post(url("role-create", workspace), {"name": name, "permissions": ["view_listing"]})
    assert answer.status_code == 422


def test_a_permission_that_does_not_exist_is_refused(client_of, workspace, owner):
    for bad in ("is_superuser", "delete_workspace", ""):
        answer = client_of(owner).post(url("role-create", workspace), {"name": "Odd", "permissions": [bad]})
        assert answer.status_code == 422
    with pytest.raises(Invalid):
        create_role(workspace, name="Odd", permissions={"delete_workspace"}, actor=owner)


def test_a_role_of_another_workspace_is_not_found(client_of, other_workspace, stranger, export_only):
    assert client_of(stranger).get(url("role-detail", other_workspace, export_only.pk)).status_code == 404


def test_a_grant_to_a_role_reaches_everybody_in_it(workspace, admin, export_only, reader):
    from tests.extensions import PROBE, installed

    probe = installed(workspace, admin, PROBE)[0]
    assert not can(reader, "registry.run_installation", probe)
    grant_on(probe, perm="registry.run_installation", role=export_only, actor=admin)
    assert can(reader, "registry.run_installation", probe)


@pytest.mark.django_db(transaction=True, databases=["default", "owner"])
def test_a_release_with_new_permissions_reaches_workspaces_that_are_older(cast):
    """What ``migrate`` does at its end, on a workspace whose six roles lack one permission and have one too many."""
    workspace, owner, member = cast["meridian"], cast["owner"], cast["member"]
    with workspace_scope([workspace.pk]):
        GroupObjectPermission.objects.filter(permission__codename="manage_member").delete()
        group = RoleGroup.objects.get(role="member").group
        from galaxy.core.permissions import grant

        grant("core.manage_role", group, workspace)
        assert not can(owner, "core.manage_member", workspace) and can(member, "core.manage_role", workspace)
        own = create_role(workspace, name="Own", permissions={"view_run"}, actor=owner)
    assert sync_roles("owner") >= 3
    assert sync_roles("owner") == 0
    assert sync_roles("default") == 0, "only the owner's connection changes roles"
    with workspace_scope([workspace.pk]):
        assert can(owner, "core.manage_member", workspace) and not can(member, "core.manage_role", workspace)
        assert can(cast["admin"], "core.manage_member", workspace)
        assert not can(cast["admin"], "core.manage_role", workspace)
        assert GroupObjectPermission.objects.filter(group=own.group).count() == 1
    connections["owner"].close()
