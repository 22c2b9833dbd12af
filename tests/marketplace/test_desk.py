"""The marketplace's own workspace: there is one, it is made by a command, and its reviewers hold their permission."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction
from django.db.utils import DatabaseError

from galaxy.core import demo
from galaxy.core.members import create_workspace, scope_of
from galaxy.core.models import AuditEvent, Membership, User, Workspace
from galaxy.core.permissions import can
from galaxy.core.scope import scope_with, scoped_workspace_ids, workspace_scope
from marketplace.desk import MAY_REVIEW, desk, open_desk
from tests.factories import make_user


def _command(*words: str) -> str:
    out = StringIO()
    call_command("marketplace", *words, stdout=out)
    return out.getvalue()


def test_the_command_makes_the_desk_and_lets_further_owners_in(db):
    first, second = make_user("Ada", "ada@example.test"), make_user("Ben", "ben@example.test")
    assert desk() is None
    assert "Galaxy Marketplace at /w/marketplace/. ada@example.test owns it now." in _command(
        "desk", "--owner", first.email
    )
    made = desk()
    assert made.is_marketplace
    with workspace_scope([made.pk]):
        assert can(first, MAY_REVIEW, made)
    assert "nothing changed" in _command("desk", "--owner", "ADA@example.test")
    assert "ben@example.test owns it now" in _command("desk", "--owner", second.email)
    with workspace_scope([made.pk]):
        assert list(Membership.objects.values_list("user", "role")) == [(first.pk, "owner"), (second.pk, "owner")]
        assert AuditEvent.objects.filter(action="workspace.opened").count() == 1


def test_the_command_refuses_whom_and_what_it_does_not_know(cast):
    with pytest.raises(CommandError, match=r"Nobody signs in as nobody@example.test"):
        _command("desk", "--owner", "nobody@example.test")
    with pytest.raises(CommandError, match=r"Another workspace has the address meridian. Give it another one"):
        _command("desk", "--owner", cast["owner"].email, "--slug", "meridian")
    with pytest.raises(CommandError, match=r"slug: "):
        _command("desk", "--owner", cast["owner"].email, "--slug", "a/b")
    assert desk() is None


def test_there_is_one_desk_and_it_stays_the_desk(desk):
    with pytest.raises(IntegrityError, match="workspace_one_marketplace"), transaction.atomic():
        create_workspace(name="Another", slug="another", owner=desk.owner, is_marketplace=True)
    with (
        workspace_scope([desk.workspace.pk]),
        pytest.raises(DatabaseError, match="UPDATE refused"),
        transaction.atomic(),
    ):
        Workspace.objects.filter(pk=desk.workspace.pk).update(is_marketplace=False)
    assert open_desk(desk.reviewer)[0] == desk.workspace


def test_no_workspace_turns_into_the_desk(workspace):
    with pytest.raises(DatabaseError, match="UPDATE refused"), transaction.atomic():
        Workspace.objects.filter(pk=workspace.pk).update(is_marketplace=True)


def test_owner_admin_and_approver_review_and_nobody_else(workspace, cast):
    roles = ("owner", "admin", "approver", "creator", "auditor", "member")
    assert [role for role in roles if can(cast[role], MAY_REVIEW, workspace)] == ["owner", "admin", "approver"]


def test_the_desk_is_known_from_everywhere_and_its_rows_are_not(workspace, desk):
    from marketplace.desk import desk as found

    assert found() == desk.workspace
    assert not Workspace.objects.filter(pk=desk.workspace.pk).exists()
    with scope_with(desk.workspace.pk):
        assert scoped_workspace_ids() == sorted([str(workspace.pk), str(desk.workspace.pk)])
        assert Workspace.objects.count() == 2
    assert scoped_workspace_ids() == [str(workspace.pk)]


def test_the_demo_has_a_desk_with_its_reviewers(db):
    call_command("seed_demo", stdout=StringIO())
    call_command("seed_demo", stdout=StringIO())
    assert (desk().name, desk().slug) == demo.DESK
    reviewer = User.objects.get(email="reviewer@demo.example")
    with scope_of(reviewer):
        assert can(reviewer, MAY_REVIEW, desk())
        assert Membership.objects.count() == len(demo.DESK_PEOPLE)
    assert {email for _, email, _ in demo.LOGINS} >= {email for _, _, email in demo.DESK_PEOPLE}


def test_the_demo_leaves_a_desk_that_is_there(db):
    open_desk(make_user(), slug="our-desk", name="Ours")
    call_command("seed_demo", stdout=StringIO())
    assert desk().slug == "our-desk"
