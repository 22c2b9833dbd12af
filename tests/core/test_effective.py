"""The page that says what somebody may do, and why: equal to what ``can`` answers, whatever was granted."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from galaxy.core.effective import effective_of
from galaxy.core.grantables import grantables
from galaxy.core.members import add_member, grant_on
from galaxy.core.members.people import change_role
from galaxy.core.members.roles import create_role
from galaxy.core.models import Membership, Role, RoleGroup
from galaxy.core.permissions import LABELS, can
from registry.access import GRANTABLE_ACTS
from registry.models import Installation
from tests.extensions import PROBE, TIDY, installed
from tests.factories import make_user
from tests.matrix.routes import table
from tests.playhouse import staged

SLOW = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
CODENAMES = st.sets(st.sampled_from(sorted(LABELS)))
ON_OBJECTS = st.sets(st.tuples(st.integers(0, 1), st.sampled_from(sorted(GRANTABLE_ACTS)), st.booleans()))


@pytest.fixture
@staged
def things(workspace, admin):
    return installed(workspace, admin, PROBE, TIDY)


@SLOW
@given(role=st.sampled_from([*Role.values, "custom"]), custom=CODENAMES, by_name=CODENAMES, on_objects=ON_OBJECTS)
def test_the_page_equals_what_can_answers(workspace, owner, things, role, custom, by_name, on_objects):
    user = make_user("Somebody")
    if role == "custom":
        role = create_role(workspace, name=f"Custom {user.pk}"[:40], permissions=custom, actor=owner)
    membership = add_member(workspace, user=user, role=role, actor=owner)
    group = membership.custom_role or RoleGroup.objects.get(role=membership.role)
    for codename in by_name:
        grant_on(workspace, perm=f"core.{codename}", user=user, actor=owner)
    for which, codename, to_role in on_objects:
        whom = {"role": group} if to_role else {"user": user}
        grant_on(things[which], perm=f"registry.{codename}", actor=owner, **whom)

    effective = effective_of(membership)

    assert [line.codename for line in effective.lines] == list(LABELS), "every permission, held or missing"
    for line in effective.lines:
        assert line.is_held == can(user, line.perm, workspace), line
    for thing in things:
        for codename in GRANTABLE_ACTS:
            assert effective.may(codename, thing) == can(user, f"registry.{codename}", thing), (thing, codename)
    visible = set(Installation.objects.visible_to(user))
    assert visible == {thing for thing in things if effective.may("view_installation", thing)}


def test_each_permission_has_its_reasons(client_of, workspace, owner, admin, auditor, things):
    grant_on(workspace, perm="core.view_auditevent", user=auditor, actor=owner)
    grant_on(things[0], perm="registry.run_installation", user=auditor, actor=admin)
    grant_on(things[1], perm="registry.run_installation", role=RoleGroup.objects.get(role="auditor"), actor=admin)
    membership = Membership.objects.select_related("workspace").get(user=auditor)
    effective = effective_of(membership)
    reasons = {line.codename: line.reasons for line in effective.lines}
    assert [reason.role for reason in reasons["view_run"]] == ["Auditor"]
    by_name = next(reason for reason in reasons["view_auditevent"] if not reason.role)
    assert by_name.by == str(owner) and by_name.at is not None
    assert reasons["install_extension"] == []
    assert [(line.target, line.reason.role, line.reason.by) for line in effective.objects] == [
        (things[0], "", str(admin)),
        (things[1], "Auditor", ""),
    ]
    body = client_of(auditor).get(membership.get_absolute_url()).content.decode()
    assert "Role Auditor" in body and f"Given by {owner}" in body and "Neither role nor grant" in body


def test_the_page_equals_the_matrix(cast, workspace, admin):
    """A route whose GET is guarded by one permission answers 200 to exactly those whom the page says hold it."""
    guarded = {
        "core:audit-list": "view_auditevent",
        "core:role-create": "manage_role",
        "core:member-list": "view_member",
    }
    rows = {row.route: row for row in table() if row.method == "GET" and row.route in guarded}
    assert set(rows) == set(guarded)
    for route, codename in guarded.items():
        for role in Role.values:
            effective = effective_of(Membership.objects.select_related("workspace", "user").get(user=cast[role]))
            assert effective.may(codename) == (rows[route].answers[role] == 200), (route, role)


def test_a_person_who_cannot_sign_in_may_nothing(workspace, member):
    member.is_active = False
    member.save()
    effective = effective_of(Membership.objects.select_related("workspace", "user").get(user=member))
    assert not any(line.is_held for line in effective.lines) and not can(member, "core.view_listing", workspace)


def test_its_queries_do_not_grow_with_the_grants(workspace, owner, auditor, things, django_assert_num_queries):
    membership = Membership.objects.select_related("workspace", "user").get(user=auditor)
    grant_on(things[0], perm="registry.run_installation", user=auditor, actor=owner)
    effective_of(membership)
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as few:
        effective_of(membership)
    for thing in things:
        for codename in GRANTABLE_ACTS:
            grant_on(thing, perm=f"registry.{codename}", user=auditor, actor=owner)
    with django_assert_num_queries(len(few)):
        assert len(effective_of(membership).objects) == 2 * len(GRANTABLE_ACTS)


def test_a_change_of_role_shows_at_once(client_of, workspace, owner, member):
    membership = Membership.objects.select_related("workspace", "user").get(user=member)
    assert not effective_of(membership).may("view_auditevent")
    change_role(membership, to=RoleGroup.objects.get(role="auditor"), actor=owner)
    assert effective_of(Membership.objects.select_related("workspace", "user").get(user=member)).may("view_auditevent")


def test_every_grantable_permission_has_its_twin_on_the_workspace():
    """``can`` looks for the same codename on the workspace: a grantable one without twin could never come by a role."""
    for grantable in grantables():
        assert set(grantable.permissions) <= set(LABELS), grantable.kind
