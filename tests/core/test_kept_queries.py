"""What somebody may see of one workspace: by the short question as by the long one, and never by a right they lost."""

from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.db.models import Count, F, Func, IntegerField, Value
from django.test.utils import CaptureQueriesContext

from galaxy.core.kept_queries import kept_rows, rows_together
from galaxy.core.members.people import change_role
from galaxy.core.models import Membership, RoleGroup
from galaxy.core.permissions import grant, remember_grants, revoke
from policies.models import Approval, Change
from registry.models import Connection, Installation
from sandbox.models import Issue, Run
from tests.extensions import PROBE, TIDY, installed
from tests.factories import make_user
from tests.playhouse import staged
from tests.sandbox.run_rows import make_run

MODELS = (Installation, Connection, Run, Issue, Approval, Change)


@pytest.fixture
@staged
def parts(workspace, admin):
    return installed(workspace, admin, PROBE, TIDY)


def seen(model, workspace, user) -> list[set]:
    """By the long question, which asks for every workspace where they may, and by the short one."""
    every = model.objects.filter(workspace=workspace).visible_to(user)
    here = model.objects.in_workspace(workspace).visible_to(user)
    return [set(rows.values_list("pk", flat=True)) for rows in (every, here)]


def test_a_workspace_that_is_named_changes_nothing_of_what_is_seen(workspace, other_workspace, cast, parts, admin):
    runs = [make_run(workspace, parts[0], one) for one in (cast["member"], admin)]
    outsider = make_user("Outsider")
    grant("registry.view_installation", outsider, parts[1])
    people = [*(one for name, one in cast.items() if hasattr(one, "email")), outsider]
    for user in people:
        for model in MODELS:
            long, short = seen(model, workspace, user)
            assert long == short, (model, user)
            assert model.objects.in_workspace(other_workspace).visible_to(user).filter(workspace=workspace).count() == 0
    assert seen(Installation, workspace, outsider) == [{parts[1].pk}] * 2
    assert seen(Run, workspace, cast["member"])[1] == {runs[0].pk}


def test_who_holds_it_on_the_workspace_is_asked_a_short_question(workspace, admin, parts):
    with remember_grants():
        rows = Installation.objects.in_workspace(workspace).filter(removed_at=None).visible_to(admin)
        with CaptureQueriesContext(connection) as asked:
            assert len(rows) == 2
    assert "guardian" not in asked.captured_queries[-1]["sql"]


def test_what_was_kept_is_not_asked_of_whoever_lost_a_right(workspace, owner, member, parts):
    def numbers(model) -> list:
        rows = Func(F("pk"), function="COUNT", output_field=IntegerField())

        def ask() -> list:
            return [model.objects.in_workspace(workspace).visible_to(member).order_by().values(at=Value(0), n=rows)]

        with remember_grants():
            return rows_together(member, workspace, model._meta.label, ask)

    make_run(workspace, parts[0], owner)
    make_run(workspace, parts[0], member)
    assert numbers(Run) == [(0, 1)] == numbers(Run)
    membership = Membership.objects.get(workspace=workspace, user=member)
    for role, number in (("auditor", 2), ("member", 1)):
        to = RoleGroup.objects.get(workspace=workspace, role=role)
        membership, _ = change_role(membership, to=to, actor=owner)
        assert numbers(Run) == [(0, number)]
    group = membership.user.groups.get()
    assert numbers(Installation) == [(0, 2)]
    revoke("core.view_installation", group, workspace)
    assert numbers(Installation) == [(0, 0)]
    grant("registry.view_installation", member, parts[0])
    assert numbers(Installation) == [(0, 1)]
    revoke("registry.view_installation", member, parts[0])
    assert numbers(Installation) == [(0, 0)]


def test_nothing_that_could_be_is_no_row(workspace, member):
    assert (
        rows_together(member, workspace, "none", lambda: [Run.objects.none().values("pk").annotate(n=Count("pk"))])
        == []
    )


def test_rows_that_are_kept_are_those_of_the_queryset_with_what_is_related(
    workspace, other_workspace, admin, member, owner, parts, django_assert_num_queries
):
    def ask(run: UUID):
        rows = Run.objects.in_workspace(workspace).visible_to(member).select_related("requested_by", "workspace")
        return rows.filter(pk=run)

    def found(user, run) -> list:
        return kept_rows(user, workspace, "of a test", ask, run=run.pk)

    own, others = make_run(workspace, parts[0], member), make_run(workspace, parts[0], admin)
    with remember_grants():
        assert found(member, own) == [own] and found(member, others) == []
        with django_assert_num_queries(1):
            again = found(member, own)[0]
            assert (again.requested_by, again.workspace, again.inputs) == (member, workspace, own.inputs)
    membership = Membership.objects.get(workspace=workspace, user=member)
    for role, seen_then in (("auditor", [others]), ("member", [])):
        to = RoleGroup.objects.get(workspace=workspace, role=role)
        membership, _ = change_role(membership, to=to, actor=owner)
        member = membership.user
        with remember_grants():
            assert found(member, others) == seen_then


def test_rows_of_which_there_can_be_none_are_none(workspace, member):
    assert kept_rows(member, workspace, "none", lambda run: Run.objects.none().filter(pk=run), run=uuid4()) == []
