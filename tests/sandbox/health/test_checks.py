"""Checks of connections: when they are asked for, in whose name, and what is kept of them."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from galaxy.core.members.people import remove_member
from galaxy.core.models import AuditEvent, Membership, Notification
from galaxy.core.permissions import NotGranted
from galaxy.core.scope import workspace_scope
from policies.models import Approval
from registry.models import Connection
from registry.services import install
from sandbox.errors import RunError
from sandbox.health.checks import NotCheckable, check_now, delete_old_checks, ring_due_checks
from sandbox.models import Breaker, CheckSchedule, HealthCheck, Issue, Run
from sandbox.runners import Reply
from sandbox.services import perform
from sandbox.services.ending import end
from tests.extensions import installed
from tests.playhouse import staged
from tests.sandbox.health.calls import CHECKED, connect
from tests.sandbox.run_rows import make_run


@pytest.fixture
@staged
def pulse(workspace, admin):
    return installed(workspace, admin, CHECKED)[0]


@pytest.fixture
def shared(pulse):
    return connect(pulse)


def ended(run: Run, category: str = "", *, status: int | None = 500) -> None:
    """The run as a worker would end it."""
    run = Run.objects.select_related("workspace", "installation__workspace", "connection", "requested_by").get(
        pk=run.pk
    )
    run.started_at = run.created_at
    run.attempt = 1
    error = RunError(category, "made_up", status=status, sentence="It did not answer.") if category else None
    with transaction.atomic():
        end(run, error=error)


def check_of(connection: Connection) -> Run:
    return Run.objects.filter(connection=connection, is_check=True).latest("created_at")


def due_again(connection: Connection) -> None:
    CheckSchedule.objects.filter(connection=connection).update(next_at=timezone.now() - timedelta(seconds=1))


def test_a_connection_is_checked_at_once_and_then_after_its_time(shared, admin):
    assert (ring_due_checks(), ring_due_checks()) == (1, 0)
    run = check_of(shared)
    assert (run.target, run.mode, run.state, run.inputs) == ("pulse.list", "live", "queued", {})
    assert (run.requested_by, run.connection, run.is_check) == (admin, shared, True)
    assert [link["label"] for link in run.chain] == ["Health check", str(admin)]
    pause = CheckSchedule.objects.get(connection=shared).next_at - timezone.now()
    assert timedelta(seconds=530) < pause < timedelta(seconds=670)
    ended(run)
    assert ring_due_checks() == 0
    assert ring_due_checks(timezone.now() + timedelta(seconds=670)) == 1


def test_what_came_of_it_is_kept(shared):
    ring_due_checks()
    ended(check_of(shared))
    check = HealthCheck.objects.get()
    assert (check.connection, check.passed, check.category, check.run) == (shared, True, "", check_of(shared))
    assert check.duration_ms > 0


@pytest.mark.parametrize("status", ["unauthenticated", "exhausted"])
def test_what_is_not_connected_is_not_checked(pulse, status):
    connect(pulse, status=status)
    assert ring_due_checks() == 0


def test_a_removed_connector_is_not_checked(pulse, shared):
    pulse.removed_at = timezone.now()
    pulse.save()
    assert ring_due_checks() == 0


def test_each_own_connection_is_checked_in_its_owners_name(pulse, member, shared):
    own = connect(pulse, owner=member)
    assert ring_due_checks() == 2
    assert (check_of(own).requested_by, check_of(own).connection) == (member, own)


def test_only_one_check_of_a_connection_is_under_way(shared, admin):
    ring_due_checks()
    due_again(shared)
    assert ring_due_checks() == 0
    with pytest.raises(NotCheckable, match="under way"):
        check_now(shared, admin)
    run = check_of(shared)
    with pytest.raises(IntegrityError), transaction.atomic():
        make_run(run.workspace, run.installation, admin, mode="live", state="queued", connection=shared, is_check=True)
    ended(run)
    assert check_now(shared, admin).state == "queued"


def test_checks_of_every_workspace_are_rung_in_its_own_scope(shared, other_workspace, stranger):
    version = shared.installation.pin.version
    with workspace_scope([other_workspace.pk]):
        theirs = connect(install(other_workspace, version.extension, version=version, actor=stranger))
    assert ring_due_checks() == 2
    with workspace_scope([other_workspace.pk]):
        assert check_of(theirs).requested_by == stranger


def test_two_failures_in_a_row_open_an_issue_and_a_passing_check_closes_it(shared):
    for _ in range(3):
        due_again(shared)
        ring_due_checks()
        ended(check_of(shared), "transient")
        if HealthCheck.objects.count() == 1:
            assert not Issue.objects.exists()
    issue = Issue.objects.get()
    assert (issue.kind, issue.target, issue.connection, issue.times) == ("health_failing", "pulse.list", shared, 2)
    assert issue.sentence == "3 checks in a row failed. It did not answer."
    assert issue.facts == {"failures": 3, "category": "transient", "status": 500}
    due_again(shared)
    ring_due_checks()
    ended(check_of(shared))
    issue.refresh_from_db()
    assert (issue.closed_because, issue.closed_by) == ("A check passed.", None)


def test_a_passing_check_closes_the_issue_of_its_own_connection_alone(pulse, member, shared):
    own = connect(pulse, owner=member)
    for _ in range(2):
        CheckSchedule.objects.update(next_at=timezone.now())
        ring_due_checks()
        ended(check_of(shared), "transient")
        ended(check_of(own), "transient")
    assert Issue.objects.open().count() == 2
    ended(check_now(own, member))
    assert Issue.objects.open().get().connection == shared


@pytest.mark.parametrize(("category", "status"), [("policy_block", None), ("rate_limit", None), ("quota", None)])
def test_what_never_left_says_nothing_of_health(shared, category, status):
    ring_due_checks()
    ended(check_of(shared), category, status=status)
    schedule = CheckSchedule.objects.get(connection=shared)
    assert (HealthCheck.objects.count(), schedule.failures, schedule.hindrance) == (0, 0, "It did not answer.")


def test_a_failed_check_tells_nobody_by_itself(shared, admin):
    ring_due_checks()
    ended(check_of(shared), "transient")
    assert not Notification.objects.filter(person=admin).exists()


def test_a_rule_that_asks_first_stops_a_check_and_asks_nobody(shared, monkeypatch):
    from policies.engine import Effect, Evaluation, Reason
    from policies.services import decisions

    asks = Evaluation(Effect.REQUIRE_APPROVAL, (Reason(code="asks", text="A person says yes first."),), {})
    monkeypatch.setattr(decisions, "evaluate", lambda *args, **question: asks)
    ring_due_checks()
    assert (check_of(shared).state, check_of(shared).error_category) == ("failed", "policy_block")
    assert not Approval.objects.exists()
    assert CheckSchedule.objects.get(connection=shared).hindrance == "A person says yes first."


def test_when_whoever_connected_has_left_nobody_asks_and_the_page_says_so(workspace, owner, admin, shared):
    remove_member(Membership.objects.get(workspace=workspace, user=admin), actor=owner)
    assert ring_due_checks() == 0
    assert "Reconnect it" in CheckSchedule.objects.get(connection=shared).hindrance


def test_an_open_breaker_holds_checks_back_until_its_trial(shared):
    until = timezone.now() + timedelta(seconds=40)
    Breaker.objects.create(workspace=shared.workspace, connection=shared, action="list", state="open", until=until)
    assert ring_due_checks() == 0
    schedule = CheckSchedule.objects.get(connection=shared)
    assert (schedule.next_at, schedule.hindrance) == (until, "Calls of list are held back, and checks with them.")
    assert ring_due_checks(until) == 1


def test_a_breaker_of_another_action_does_not(shared):
    Breaker.objects.create(workspace=shared.workspace, connection=shared, action="add", state="open")
    assert ring_due_checks() == 1


def test_a_breaker_that_a_person_tripped_holds_checks_too(shared):
    Breaker.objects.create(workspace=shared.workspace, connection=shared, action="list", state="open", is_manual=True)
    assert ring_due_checks() == 0
    assert "by hand" in CheckSchedule.objects.get(connection=shared).hindrance


def test_whoever_manages_connections_may_check_now(shared, admin):
    run = check_now(shared, admin)
    assert (run.requested_by, run.is_check, [link["kind"] for link in run.chain]) == (admin, True, ["person"])
    assert AuditEvent.objects.filter(action="run.requested", target_id=str(run.pk)).exists()


def test_a_member_may_check_their_own_and_no_other(pulse, member, admin, shared):
    own = connect(pulse, owner=member)
    assert check_now(own, member).connection == own
    for connection, person in ((shared, member), (own, admin)):
        with pytest.raises(NotGranted):
            check_now(connection, person)


def test_a_check_of_what_is_not_connected_is_refused(pulse, admin):
    with pytest.raises(NotCheckable, match="not connected"):
        check_now(connect(pulse, status="unauthenticated"), admin)


def test_a_check_runs_through_the_worker_like_any_call(shared, admin, monkeypatch):
    class Answers:
        endpoint, is_virtual = "https://api.pulse.example/beats", False

        def attempt(self, inputs, number):
            return Reply(200, {"id": "b1"}, outputs={"id": "b1"})

    monkeypatch.setattr("sandbox.services.performing.runner_for", lambda run: Answers())
    run = perform(check_now(shared, admin).pk)
    assert (run.state, HealthCheck.objects.get().passed) == ("succeeded", True)


def test_a_check_that_finds_the_connection_worn_out_fails_and_does_not_wait(shared, admin):
    run = check_now(shared, admin)
    Connection.objects.filter(pk=shared.pk).update(status="exhausted")
    perform(run.pk)
    run.refresh_from_db()
    assert (run.state, run.error_category, HealthCheck.objects.get().category) == ("failed", "auth_error", "auth_error")


def test_old_checks_go_and_their_runs_stay(shared, other_workspace):
    ring_due_checks()
    ended(check_of(shared))
    run = check_of(shared)
    HealthCheck.objects.update(checked_at=timezone.now() - timedelta(days=31))
    due_again(shared)
    ring_due_checks()
    ended(check_of(shared))
    assert (delete_old_checks(), HealthCheck.objects.count()) == (1, 1)
    assert Run.objects.filter(pk=run.pk).exists()
