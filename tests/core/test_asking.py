"""Asking for a permission in one click from a control that is off, and the answer."""

import re

import pytest
from django.core import mail
from django.db import IntegrityError, transaction
from django.urls import reverse

from galaxy.core.errors import Conflict, Invalid
from galaxy.core.members import add_member, grant_on
from galaxy.core.members.asking import (
    NotYourRequest,
    SelfAnswer,
    ask_for,
    decline_what_is_asked,
    give_what_is_asked,
    withdraw_what_is_asked,
)
from galaxy.core.members.people import change_role, remove_member
from galaxy.core.members.roles import create_role
from galaxy.core.models import AuditEvent, Membership, PermissionRequest, RoleGroup
from galaxy.core.permissions import NotGranted, can, givers_of, holders_of, why_not
from galaxy.core.scope import workspace_scope
from tests.extensions import PROBE, installed
from tests.factories import make_user
from tests.playhouse import staged


@pytest.fixture
@staged
def probe(workspace, admin):
    return installed(workspace, admin, PROBE)[0]


@pytest.fixture
def asked(workspace, member, probe):
    return ask_for(
        workspace, perm="registry.write_installation", kind="registry.installation", id=probe.pk, actor=member
    )


def url(name, workspace, *args) -> str:
    return reverse(f"core:{name}", args=[workspace.slug, *args])


def test_a_control_that_is_off_asks_in_one_click(client_of, workspace, member, auditor, owner, admin, probe):
    client = client_of(auditor)
    page = probe.get_absolute_url()
    body = client.get(page).content.decode()
    value = re.search(r'form="ask" name="ask" value="(core\.install_extension[^"]+)"', body)[1]
    assert '<form id="ask" method="post"' in body and f'action="{url("request-create", workspace)}"' in body
    answer = client.post(url("request-create", workspace), {"ask": value, "next": page})
    assert (answer.status_code, answer["Location"]) == (302, page)
    assert {letter.to[0] for letter in mail.outbox} == {owner.email, admin.email}
    assert auditor.name in mail.outbox[0].subject
    again = client.get(page).content.decode()
    assert "You asked; they have not answered yet." in again and value not in again
    assert AuditEvent.objects.filter(action="permission_request.created", actor_id=str(auditor.pk)).count() == 1


def test_the_people_who_can_give_it_see_and_give_it(client_of, workspace, admin, member, asked, probe):
    client = client_of(admin)
    body = client.get(url("member-list", workspace)).content.decode()
    assert f"{member.name}</b> asks for" in body and probe.extension.name in body
    answer = client.post(url("request-decision", workspace, asked.pk), {"answer": "given", "reason": ""})
    assert answer.status_code == 302
    assert can(member, "registry.write_installation", probe)
    [letter] = mail.outbox
    assert letter.to == [member.email] and admin.name in letter.body and "gave it" in letter.body
    actions = list(AuditEvent.objects.filter(actor_id=str(admin.pk)).values_list("action", flat=True))
    assert "permission_request.given" in actions and "grant.created" in actions
    own = client_of(member).get(Membership.objects.get(user=member).get_absolute_url()).content.decode()
    assert "Given" in own and f"Given by {admin.name}" in own


def test_declining_needs_a_reason_and_the_requester_reads_it(client_of, workspace, admin, member, asked, probe):
    client = client_of(admin)
    bare = client.post(url("request-decision", workspace, asked.pk), {"answer": "declined", "reason": "  "})
    assert bare.status_code == 422
    client.post(url("request-decision", workspace, asked.pk), {"answer": "declined", "reason": "Ask me in May"})
    asked.refresh_from_db()
    assert (asked.status, asked.decided_by) == ("declined", admin) and not can(
        member, "registry.write_installation", probe
    )
    assert "Ask me in May" in mail.outbox[-1].body
    assert (
        "Ask me in May"
        in client_of(member).get(Membership.objects.get(user=member).get_absolute_url()).content.decode()
    )


def test_a_permission_on_the_whole_workspace_is_given_by_name(client_of, workspace, admin, member):
    asked = ask_for(workspace, perm="core.view_run", kind="core.workspace", id=workspace.pk, actor=member)
    client_of(admin).post(url("request-decision", workspace, asked.pk), {"answer": "given", "reason": ""})
    assert can(member, "core.view_run", workspace)


def test_what_nobody_below_can_give_waits_for_an_owner(client_of, workspace, owner, admin, member):
    asked = ask_for(workspace, perm="core.manage_role", kind="core.workspace", id=workspace.pk, actor=member)
    assert "asks for" not in client_of(admin).get(url("member-list", workspace)).content.decode()
    refused = client_of(admin).post(url("request-decision", workspace, asked.pk), {"answer": "given", "reason": ""})
    assert refused.status_code == 403
    assert "asks for" in client_of(owner).get(url("member-list", workspace)).content.decode()


def test_nobody_answers_their_own_request(workspace, owner):
    helper = create_role(workspace, name="Helper", permissions={"manage_member", "view_member"}, actor=owner)
    user = make_user("Helper")
    membership = add_member(workspace, user=user, role=helper, actor=owner)
    asked = ask_for(workspace, perm="core.view_run", kind="core.workspace", id=workspace.pk, actor=user)
    with pytest.raises(NotGranted):
        give_what_is_asked(asked, actor=user)
    change_role(membership, to=RoleGroup.objects.get(role="admin"), actor=owner)  # holds it now, by role
    with pytest.raises(SelfAnswer):
        give_what_is_asked(asked, actor=user)
    change_role(membership, to=helper, actor=owner)
    assert not can(user, "core.view_run", workspace)


@pytest.mark.parametrize("name", ["approver", "creator", "auditor", "member"])
def test_who_may_not_give_may_not_answer(cast, client_of, workspace, asked, name):
    for answer in ("given", "declined"):
        sent = {"answer": answer, "reason": "No"}
        assert client_of(cast[name]).post(url("request-decision", workspace, asked.pk), sent).status_code == 403
    asked.refresh_from_db()
    assert asked.status == "pending"


def test_an_answer_stands(workspace, owner, admin, asked):
    decline_what_is_asked(asked, actor=admin, reason="No")
    late = PermissionRequest.objects.get(pk=asked.pk)
    with pytest.raises(Conflict, match="a moment ago"):
        give_what_is_asked(late, actor=owner)


def test_asked_twice_it_is_one_request(workspace, member, asked, probe):
    again = ask_for(
        workspace, perm="registry.write_installation", kind="registry.installation", id=probe.pk, actor=member
    )
    assert again == asked and PermissionRequest.objects.count() == 1


def test_asked_again_and_again_it_is_one_mail(client_of, workspace, member, owner, admin):
    client = client_of(member)
    for _ in range(3):
        client.post(url("request-create", workspace), {"ask": f"core.view_run|core.workspace|{workspace.pk}"})
    assert sorted(letter.to[0] for letter in mail.outbox) == sorted([owner.email, admin.email])


def test_what_is_held_already_is_not_asked_for(workspace, admin, probe):
    with pytest.raises(Invalid, match="already"):
        ask_for(workspace, perm="core.view_run", kind="core.workspace", id=workspace.pk, actor=admin)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "core.view_run",
        "core.view_run|core.workspace|nonsense",
        "core.view_run|core.workspace|00000000-0000-0000-0000-000000000000",
        "core.delete_workspace|core.workspace|{workspace}",
        "registry.run_installation|core.workspace|{workspace}",
        "core.user|core.user|{workspace}",
        "a|b|c|d",
    ],
)
def test_made_up_requests_are_refused(client_of, workspace, member, value):
    sent = {"ask": value.format(workspace=workspace.pk)}
    assert client_of(member).post(url("request-create", workspace), sent).status_code in {404, 422}
    assert not PermissionRequest.objects.exists()


def test_an_object_next_door_cannot_be_asked_for(client_of, other_workspace, stranger, probe):
    value = f"registry.write_installation|registry.installation|{probe.pk}"
    assert client_of(stranger).post(url("request-create", other_workspace), {"ask": value}).status_code == 404


def test_a_request_of_another_workspace_is_not_there(client_of, other_workspace, stranger, asked):
    sent = {"answer": "given", "reason": ""}
    assert client_of(stranger).post(url("request-decision", other_workspace, asked.pk), sent).status_code == 404
    with workspace_scope([other_workspace.pk]):
        assert not PermissionRequest.objects.exists()


def test_whoever_leaves_asks_for_nothing_more(workspace, admin, member, asked):
    remove_member(Membership.objects.get(user=member), actor=admin)
    asked.refresh_from_db()
    assert asked.status == "withdrawn"
    with pytest.raises(Conflict):
        give_what_is_asked(asked, actor=admin)


def test_the_people_named_are_those_who_can_give_it(workspace, owner, admin, member):
    denied = why_not(member, "core.view_run", workspace)
    assert owner.name in denied.who and admin.name in denied.who
    assert why_not(member, "core.manage_role", workspace).who == owner.name


def test_whoever_holds_it_by_role_and_by_name_comes_once(workspace, owner, admin):
    grant_on(workspace, perm="core.view_run", user=admin, actor=owner)
    assert list(givers_of(workspace, "view_run").order_by("name")) == sorted([owner, admin], key=lambda one: one.name)
    assert list(holders_of(workspace, "view_run")).count(admin) == 1


def test_the_refusal_page_offers_to_ask(client_of, workspace, creator):
    body = client_of(creator).get(reverse("core:audit-list", args=[workspace.slug])).content.decode()
    assert 'form="ask" name="ask" value="core.view_auditevent|core.workspace|' in body


def test_the_database_keeps_a_reason_with_each_no(workspace, asked):
    with pytest.raises(IntegrityError, match="declined_has_reason"), transaction.atomic():
        PermissionRequest.objects.update(status="declined", decided_at=asked.asked_at)


def test_whoever_asked_withdraws_in_one_click_and_it_leaves_the_owners_list(
    client_of, workspace, owner, member, asked, probe
):
    assert "asks for" in client_of(owner).get(url("member-list", workspace)).content.decode()
    client = client_of(member)
    page = Membership.objects.get(user=member).get_absolute_url()
    where = url("request-withdrawal", workspace, asked.pk)
    assert f'action="{where}"' in client.get(page).content.decode()
    answer = client.post(where, {"next": page})
    assert (answer.status_code, answer["Location"]) == (302, page)
    asked.refresh_from_db()
    assert asked.status == "withdrawn"
    body = client.get(page).content.decode()
    assert "Withdrawn" in body and where not in body
    assert "asks for" not in client_of(owner).get(url("member-list", workspace)).content.decode()
    event = AuditEvent.objects.get(action="permission_request.withdrawn")
    assert (event.actor_id, event.target_id) == (str(member.pk), str(asked.pk))


def test_the_control_that_is_off_withdraws_as_well(client_of, workspace, auditor, probe):
    client, page = client_of(auditor), probe.get_absolute_url()
    asked = ask_for(workspace, perm="core.install_extension", kind="core.workspace", id=workspace.pk, actor=auditor)
    denied = why_not(auditor, "core.install_extension", workspace)
    assert denied.asked == str(asked.pk)
    where = url("request-withdrawal", workspace, asked.pk)
    button = re.search(rf'<button [^>]*form="ask" formaction="{where}"', client.get(page).content.decode())
    assert button, "the button sends the form that stands in every page"
    assert client.post(where, {"next": page}).status_code == 302
    assert where not in client.get(page).content.decode()


def test_what_is_answered_is_not_withdrawn_any_more(client_of, workspace, owner, member, asked):
    decline_what_is_asked(asked, actor=owner, reason="No")
    assert client_of(member).post(url("request-withdrawal", workspace, asked.pk)).status_code == 409
    asked.refresh_from_db()
    assert asked.status == "declined"


def test_what_is_withdrawn_is_not_answered_any_more(workspace, owner, member, asked, probe):
    late = PermissionRequest.objects.get(pk=asked.pk)
    withdraw_what_is_asked(asked, actor=member)
    with pytest.raises(Conflict):
        give_what_is_asked(late, actor=owner)
    assert not can(member, "registry.write_installation", probe)


def test_nobody_withdraws_for_another(client_of, workspace, owner, asked):
    assert client_of(owner).post(url("request-withdrawal", workspace, asked.pk)).status_code == 404
    with pytest.raises(NotYourRequest):
        withdraw_what_is_asked(asked, actor=owner)
