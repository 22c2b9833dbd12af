"""People of a workspace: the list, roles, removal with all that ends with it, and the last owner."""

import json
import threading
from datetime import timedelta

import pytest
from django.db import connection, connections, transaction
from django.urls import reverse
from django.utils import timezone
from guardian.models import UserObjectPermission

from galaxy.core.audit.reading import view_of
from galaxy.core.errors import DomainError
from galaxy.core.members import add_member, grant_on
from galaxy.core.members.invitations import invite
from galaxy.core.members.limits import AboveYou
from galaxy.core.members.people import LastOwner, change_role, remove_member, transfer_ownership
from galaxy.core.models import AuditEvent, HistoryRow, Invitation, Membership, Role, RoleGroup
from galaxy.core.permissions import LABELS, NotGranted, can, grant, remember_grants, require
from galaxy.core.scope import workspace_scope
from sandbox.services import invoke, perform
from tests.approving import approve
from tests.extensions import PROBE, installed
from tests.factories import make_user
from tests.playhouse import staged


@pytest.fixture
@staged
def probe(workspace, admin):
    return installed(workspace, admin, PROBE)[0]


def role(workspace, name) -> RoleGroup:
    return RoleGroup.objects.get(workspace=workspace, role=name)


def membership_of(user) -> Membership:
    return Membership.objects.select_related("workspace", "user").get(user=user)


def url(name, workspace, *args) -> str:
    return reverse(f"core:{name}", args=[workspace.slug, *args])


def test_the_list_shows_people_with_role_and_sign_in(client_of, workspace, auditor, owner):
    body = client_of(auditor).get(url("member-list", workspace)).content.decode()
    assert owner.name in body and owner.email in body and ">Owner<" in body.replace("\n", "")
    assert 'aria-describedby="denied-invite"' in body and f"{owner.name} can give it" not in body.split("<h1>")[0]


def test_the_list_filters_sorts_and_turns_pages_within_a_budget(
    as_htmx, workspace, owner, django_assert_max_num_queries
):
    for number in range(90):
        add_member(workspace, user=make_user(f"Crowd {number:02}"), role=Role.MEMBER, actor=owner)
    client = as_htmx(owner)
    client.get(url("member-list", workspace))
    with django_assert_max_num_queries(12):
        page = client.get(url("member-list", workspace), {"q": "crowd", "sort": "-joined", "page": "2"})
    body = page.content.decode()
    assert "41 to 80 of 90" in body and "<h1>" not in body
    auditors = client.get(url("member-list", workspace), {"role": str(role(workspace, "auditor").pk)})
    assert auditors.content.decode().count("cell-id") == 1
    assert "Nobody fits" in client.get(url("member-list", workspace), {"q": "\x00nobody"}).content.decode()


@pytest.mark.asvs("8.3.2")
def test_an_admin_changes_a_role_and_the_next_request_feels_it(client_of, workspace, admin, member):
    target = membership_of(member)
    answer = client_of(admin).post(url("member-role", workspace, target.pk), {"role": role(workspace, "auditor").pk})
    assert answer.status_code == 302
    assert can(member, "core.view_auditevent", workspace) and not can(member, "core.run_installation", workspace)
    event = AuditEvent.objects.get(action="membership.changed")
    assert (event.actor_id, event.target_id) == (str(admin.pk), str(target.pk))
    states = HistoryRow.objects.filter(kind="core_membership", row_id=str(target.pk))
    assert [state.row["role"] for state in states] == ["auditor"]


def test_whoever_changes_a_role_sees_what_is_held_by_name(client_of, workspace, admin, auditor, probe):
    page = client_of(admin).get(membership_of(auditor).get_absolute_url()).content.decode()
    assert "Grants by name" not in page
    grant_on(workspace, perm="core.install_extension", user=auditor, actor=admin)
    grant_on(probe, perm="registry.run_installation", user=auditor, actor=admin)
    page = client_of(admin).get(membership_of(auditor).get_absolute_url()).content.decode()
    assert "Grants by name" in page and 'value="if_weaker"' in page
    assert f"“{LABELS['install_extension']}” everywhere" in page
    assert f"on {probe}</li>" in page


@pytest.mark.parametrize(
    ("to", "choice", "is_kept"),
    [
        ("member", {}, False),  # may do less than an auditor
        ("member", {"by_name": "keep"}, True),
        ("admin", {}, True),
        ("admin", {"by_name": "if_weaker"}, True),
        ("admin", {"by_name": "drop"}, False),
    ],
)
def test_grants_by_name_go_with_a_role_unless_the_new_one_may_do_more(
    client_of, workspace, owner, auditor, probe, other_workspace, to, choice, is_kept
):
    grant_on(workspace, perm="core.install_extension", user=auditor, actor=owner)
    grant_on(probe, perm="registry.run_installation", user=auditor, actor=owner)
    with workspace_scope([workspace.pk, other_workspace.pk]):
        grant("core.view_run", auditor, other_workspace)
    membership = membership_of(auditor)
    sent = {"role": str(role(workspace, to).pk)} | choice
    done = client_of(owner).post(url("member-role", workspace, membership.pk), sent, follow=True)
    assert ("2 grants by name went with the old role." in done.content.decode()) is not is_kept
    held = UserObjectPermission.objects.filter(user=auditor).values_list("permission__codename", flat=True)
    assert set(held) == {"view_run"} | ({"install_extension", "run_installation"} if is_kept else set())
    fields = view_of(AuditEvent.objects.get(action="membership.changed")).data
    named = [
        f"install_extension on core.workspace {workspace.pk}",
        f"run_installation on registry.installation {probe.pk}",
    ]
    assert dict(fields) == ({} if is_kept else {"grants_taken_back": json.dumps(named)})


def test_what_becomes_of_grants_is_one_of_three(client_of, workspace, owner, auditor):
    sent = {"role": str(role(workspace, "member").pk), "by_name": "whatever"}
    assert client_of(owner).post(url("member-role", workspace, membership_of(auditor).pk), sent).status_code == 422
    assert membership_of(auditor).role == "auditor"


def test_an_admin_can_neither_make_an_owner_nor_touch_one(client_of, workspace, admin, owner, member):
    client = client_of(admin)
    answer = client.post(url("member-role", workspace, membership_of(member).pk), {"role": role(workspace, "owner").pk})
    assert answer.status_code == 422, "an owner is not among what an admin may give"
    with pytest.raises(AboveYou, match="Define roles"):
        change_role(membership_of(member), to=role(workspace, "owner"), actor=admin)
    with pytest.raises(AboveYou):
        remove_member(membership_of(owner), actor=admin)
    answer = client.post(url("member-removal", workspace, membership_of(owner).pk), {"reason": ""})
    assert answer.status_code == 403
    assert membership_of(owner).role == "owner"


@pytest.mark.parametrize("name", ["approver", "creator", "auditor", "member"])
def test_nobody_else_changes_people(cast, client_of, workspace, owner, name):
    client = client_of(cast[name])
    for route in ("member-role", "member-removal", "member-ownership"):
        answer = client.post(url(route, workspace, membership_of(owner).pk), {"role": role(workspace, "member").pk})
        assert answer.status_code == 403, route
    assert membership_of(owner).role == "owner"


def test_the_last_owner_can_neither_leave_nor_be_demoted(client_of, workspace, owner, admin):
    with pytest.raises(LastOwner):
        remove_member(membership_of(owner), actor=owner)
    with pytest.raises(LastOwner):
        change_role(membership_of(owner), to=role(workspace, "admin"), actor=owner)
    answer = client_of(owner).post(url("member-removal", workspace, membership_of(owner).pk), {"reason": "tired"})
    assert answer.status_code == 409 and "last owner" in answer.content.decode()
    page = client_of(owner).get(url("member-removal", workspace, membership_of(owner).pk)).content.decode()
    assert "btn-danger-solid" not in page and "is the last owner" in page


def test_an_owner_who_cannot_sign_in_does_not_count(workspace, owner, admin):
    transfer_ownership(membership_of(admin), actor=owner)
    change_role(membership_of(owner), to=role(workspace, "owner"), actor=admin)
    admin.is_active = False
    admin.save()
    with pytest.raises(LastOwner):
        remove_member(membership_of(owner), actor=owner)


def test_ownership_moves_in_one_step(client_of, workspace, owner, admin):
    answer = client_of(owner).post(url("member-ownership", workspace, membership_of(admin).pk))
    assert answer.status_code == 302
    assert (membership_of(admin).role, membership_of(owner).role) == ("owner", "admin")
    assert can(admin, "core.manage_role", workspace) and not can(owner, "core.manage_role", workspace)
    assert AuditEvent.objects.filter(action="workspace.transferred", actor_id=str(owner.pk)).count() == 1
    again = client_of(owner).post(url("member-ownership", workspace, membership_of(admin).pk))
    assert again.status_code == 403


@pytest.mark.django_db(transaction=True, databases=["default", "owner"])
def test_of_two_owners_who_leave_at_once_one_stays(cast):
    workspace, first, second = cast["meridian"], cast["owner"], cast["admin"]
    with workspace_scope([workspace.pk]):
        change_role(membership_of(second), to=role(workspace, "owner"), actor=first)
    start, refused = threading.Barrier(2), []

    def leave(user):
        try:
            with workspace_scope([workspace.pk], user.pk):
                mine = membership_of(user)
                start.wait()
                remove_member(mine, actor=user)
        except LastOwner as error:
            refused.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=leave, args=[user]) for user in (first, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with workspace_scope([workspace.pk]):
        assert Membership.objects.filter(role="owner").count() == 1
    assert len(refused) == 1


@pytest.mark.asvs("8.3.2")
@pytest.mark.django_db(transaction=True, databases=["default", "owner"])
def test_whoever_is_removed_loses_everything_at_once(client_of, workspace, admin, member):
    probe = installed(workspace, admin, PROBE)[0]
    grant_on(probe, perm="registry.write_installation", user=member, actor=admin)
    queued = invoke(workspace, actor=member, target="probe.create", inputs={"key": "a"})
    waiting = invoke(workspace, actor=member, target="probe.remove", inputs={"key": "a"})
    assert (queued.state, waiting.state) == ("queued", "waiting")
    client = client_of(member)
    assert client.get(workspace.get_absolute_url()).status_code == 200

    answer = client_of(admin).post(url("member-removal", workspace, membership_of(member).pk), {"reason": "Gone"})
    assert answer.status_code == 302
    assert client.get(workspace.get_absolute_url()).status_code == 404, "the same session, the next request"
    for run in (queued, waiting):
        run.refresh_from_db()
    waiting.approval.refresh_from_db()
    assert waiting.approval.status == "withdrawn"
    assert (queued.state, waiting.state) == ("cancelled", "cancelled")
    assert not UserObjectPermission.objects.filter(user=member).exists() and not member.groups.exists()
    assert not can(member, "registry.write_installation", probe)
    actions = set(AuditEvent.objects.filter(actor_id=str(admin.pk)).values_list("action", flat=True))
    assert {"membership.removed", "approval.withdrawn", "run.cancelled"} <= actions
    states = HistoryRow.objects.filter(kind="guardian_userobjectpermission")
    assert states.filter(during__upper_inf=True, row__user_id=str(member.pk)).count() == 0


def test_grants_in_another_workspace_stay(workspace, other_workspace, admin, member, stranger):
    with workspace_scope([other_workspace.pk]):
        add_member(other_workspace, user=member, role=Role.MEMBER, actor=stranger)
        grant_on(other_workspace, perm="core.view_auditevent", user=member, actor=stranger)
    remove_member(membership_of(member), actor=admin)
    with workspace_scope([other_workspace.pk]):
        assert can(member, "core.view_auditevent", other_workspace)
        assert can(member, "core.run_installation", other_workspace)


def test_a_request_in_flight_finds_no_grant_any_more(workspace, admin, member):
    """It is past the door, with its membership read; the act itself reads the grants, and they are gone."""
    remove_member(membership_of(member), actor=admin)
    with remember_grants(), pytest.raises(NotGranted):
        require(member, "core.run_installation", workspace)


def test_a_run_that_slips_in_while_its_person_is_removed_does_nothing(workspace, admin, member):
    """Admitted before, committed after: the claim decides anew and meets a person without rights."""
    installed(workspace, admin, PROBE)
    run = invoke(workspace, actor=member, target="probe.look_up", inputs={"key": "a"})
    remove_member(membership_of(member), actor=admin)  # within the test's transaction, so no news reaches the sandbox
    perform(run.pk)
    run.refresh_from_db()
    assert (run.state, run.error_category) == ("failed", "policy_block"), run.error


def test_an_approval_that_is_open_cannot_be_decided_by_a_reviewer_removed_meanwhile(
    client_of, workspace, owner, admin, approver
):
    installed(workspace, admin, PROBE)
    approval = invoke(workspace, actor=admin, target="probe.remove", inputs={"key": "a"}).approval
    client = client_of(approver)
    shown = reverse("policies:approval-detail", args=[workspace.slug, approval.pk])
    assert client.get(shown).status_code == 200
    remove_member(membership_of(approver), actor=owner)
    decision = reverse("policies:approval-decision", args=[workspace.slug, approval.pk])
    sent = {"decision": "approved", "note": "", "digest": approval.digest}
    assert client.post(decision, sent).status_code == 404
    with pytest.raises(NotGranted):
        approve(approval, approver)
    approval.refresh_from_db()
    assert approval.status == "pending"


def test_leaving_is_everybodys_own_and_withdraws_what_they_sent(client_of, workspace, owner, admin):
    invitation, _ = invite(workspace, address="new@example.test", role=role(workspace, "member"), actor=admin)
    mine = membership_of(admin)
    page = client_of(admin).get(url("member-removal", workspace, mine.pk)).content.decode()
    assert f"Leave {workspace.name}" in page
    assert client_of(admin).post(url("member-removal", workspace, mine.pk), {"reason": ""}).status_code == 302
    assert not Membership.objects.filter(user=admin).exists()
    assert Invitation.objects.get(pk=invitation.pk).withdrawn_at
    assert AuditEvent.objects.filter(action="membership.left", actor_id=str(admin.pk)).count() == 1


def test_who_is_gone_already_is_said_so(workspace, owner, member):
    late = membership_of(member)
    remove_member(membership_of(member), actor=owner)
    with pytest.raises(DomainError, match="not a member any more"):
        remove_member(late, actor=owner)


def test_a_membership_has_one_kind_of_role(workspace, member):
    from django.db import IntegrityError

    with pytest.raises(IntegrityError, match="membership_role_or_custom"), transaction.atomic():
        Membership.objects.filter(user=member).update(role="")


def test_a_role_of_another_workspace_is_refused_by_the_database(workspace, other_workspace, member):
    from django.db import IntegrityError

    with workspace_scope([other_workspace.pk]):
        foreign = RoleGroup.objects.filter(workspace=other_workspace).first()
    with pytest.raises(IntegrityError, match="same_workspace"), transaction.atomic():
        Membership.objects.filter(user=member).update(role="", custom_role=foreign)
        connection.cursor().execute("SET CONSTRAINTS ALL IMMEDIATE")


def test_last_sign_in_is_shown(client_of, workspace, owner, member):
    member.last_login = timezone.now() - timedelta(days=3)
    member.save()
    assert "3 days ago" in client_of(owner).get(url("member-list", workspace), {"q": member.email}).content.decode()
