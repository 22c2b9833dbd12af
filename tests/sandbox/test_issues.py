"""Issues: opened once, counted, told to whoever's turn it is, closed when healed or by a person with a reason."""

import pytest
from django.db import connection
from django.utils import timezone

from galaxy.core.errors import Invalid
from galaxy.core.members.people import remove_member
from galaxy.core.models import AuditEvent, Membership, Notification
from galaxy.core.permissions import NotGranted
from registry.models import Connection
from sandbox.issues import AlreadyClosed, close_issue, close_issues, open_issue
from sandbox.models import Issue
from tests.extensions import PROBE, installed
from tests.playhouse import staged


@pytest.fixture
@staged
def probe(workspace, admin):
    return installed(workspace, admin, PROBE)[0]


def opened(probe, **changes):
    asked = {
        "kind": Issue.Kind.BREAKER_OPEN,
        "target": "create",
        "sentence": "Calls of create are held back.",
        "next_step": "Look whether Probe works.",
        "facts": {"failures": 10, "calls": 10},
    } | changes
    return open_issue(probe, asked.pop("kind"), **asked)


def told(issue):
    return set(Notification.objects.filter(kind="issue_opened", target_id=issue.pk).values_list("person", flat=True))


def test_the_same_trouble_is_one_issue_that_counts(probe, admin):
    first = opened(probe)
    again = opened(probe, sentence="Calls of create are held back again.", facts={"failures": 12})
    assert (again.pk, again.times, again.facts, again.sentence) == (
        first.pk, 2, {"failures": 12}, "Calls of create are held back again.",
    )  # fmt: skip
    assert opened(probe, target="put").pk != first.pk
    assert AuditEvent.objects.filter(action="issue.opened").count() == 2
    assert told(first) == {admin.pk}


def test_two_connections_have_an_issue_each_and_whoever_owns_one_is_told(workspace, probe, member):
    shared = probe.connections.get()
    own = Connection.objects.create(workspace=workspace, installation=probe, name="Mine", owner=member)
    theirs = opened(probe, connection=own)
    others = opened(probe, connection=shared)
    assert theirs.pk != others.pk
    assert (theirs.owner, told(theirs)) == (member, {member.pk})
    assert close_issues(probe, Issue.Kind.BREAKER_OPEN, because="It answers again.", connection=own) == 1
    assert [issue.pk for issue in Issue.objects.open()] == [others.pk]


def test_all_who_manage_connections_are_told_where_its_owner_has_left(workspace, probe, owner, admin):
    remove_member(Membership.objects.get(user=admin), actor=owner)
    issue = opened(probe)
    assert (issue.owner, told(issue)) == (None, {owner.pk})


def test_what_heals_is_closed_and_what_breaks_anew_is_another_issue(probe):
    first = opened(probe)
    opened(probe, kind=Issue.Kind.HEALTH_FAILING)
    assert close_issues(probe, Issue.Kind.BREAKER_OPEN, because="It answers again.", target="create") == 1
    assert close_issues(probe, Issue.Kind.BREAKER_OPEN, because="It answers again.", target="create") == 0
    first.refresh_from_db()
    assert (first.closed_by, first.closed_because) == (None, "It answers again.")
    assert not Notification.objects.unread().filter(target_id=first.pk).exists()
    assert AuditEvent.objects.filter(action="issue.closed").count() == 1
    assert opened(probe).pk != first.pk


def test_one_that_is_closed_while_it_is_counted_opens_anew(probe):
    first = opened(probe)

    def closed_meanwhile(execute, sql, params, many, context):
        result = execute(sql, params, many, context)
        if sql.startswith("INSERT") and "sandbox_issue" in sql:
            Issue.objects.filter(pk=first.pk).update(closed_at=timezone.now())
        return result

    with connection.execute_wrapper(closed_meanwhile):
        second = opened(probe)
    assert (second.pk != first.pk, second.is_open, second.times) == (True, True, 1)


def test_a_person_closes_one_with_a_reason_and_once(probe, owner, member):
    issue = opened(probe)
    with pytest.raises(NotGranted):
        close_issue(issue, actor=member, reason="Because")
    with pytest.raises(Invalid):
        close_issue(issue, actor=owner, reason="  ")
    closed = close_issue(issue, actor=owner, reason="The vendor had an outage.")
    assert (closed.closed_by, closed.closed_because) == (owner, "The vendor had an outage.")
    with pytest.raises(AlreadyClosed):
        close_issue(issue, actor=owner, reason="Again")


def test_whoever_owns_the_connection_closes_its_issue(workspace, probe, member):
    own = Connection.objects.create(workspace=workspace, installation=probe, name="Mine", owner=member)
    assert not close_issue(opened(probe, connection=own), actor=member, reason="Mended").is_open
