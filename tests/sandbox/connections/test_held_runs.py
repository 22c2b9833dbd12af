"""Runs whose connection has to be renewed are kept, not failed, and go on in the order they were asked for."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from galaxy.core.models import AuditEvent
from policies.models import Approval
from registry.models import Connection
from registry.services import connection_for
from sandbox import tasks
from sandbox.connections.exhaustion import revive
from sandbox.connections.services import connect_with, disconnect, own_connection
from sandbox.errors import HELD
from sandbox.models import Run
from sandbox.runners import Reply
from sandbox.services import invoke, perform, performing, reconcile
from sandbox.services.held import release_run
from tests.approving import approve
from tests.connections import seal_for, vendor
from tests.extensions import PROBE, installed

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "owner"])
VALUES = {"token": "typed-token-0123456789"}


class Outside:
    """The other system: answers each run, or says that the connection is exhausted."""

    is_virtual, endpoint = False, "GET vendor"

    def __init__(self):
        self.is_down, self.seen = False, []

    def __call__(self, run):
        self.run = run
        return self

    def attempt(self, inputs, number):
        if self.is_down:
            return Reply(401, {}, code=HELD, sentence="The provider refused.", has_acted=False, category="auth_error")
        self.seen.append(str(self.run.pk))
        return Reply(200, {"id": "x"}, outputs={"id": "x"}, has_acted=True)


@pytest.fixture
def rung(monkeypatch):
    """Ids of runs in the order in which workers are told of them."""
    found = []
    monkeypatch.setattr(tasks.perform_run, "apply_async", lambda args, **options: found.append(args[1]))
    return found


@pytest.fixture
def outside(monkeypatch):
    found = Outside()
    monkeypatch.setattr(performing, "runner_for", found)
    return found


@pytest.fixture
def connection(vault, workspace, admin):
    installed(workspace, admin, vendor("type: bearer"))
    found = Connection.objects.select_related("installation__workspace", "workspace").get()
    return seal_for(found, VALUES, connected_at=timezone.now())


def exhaust():
    Connection.objects.update(status="exhausted", last_error="The provider refused.", last_error_code="grant_refused")


def ask(workspace, admin, target="vendor.look", **inputs):
    return invoke(workspace, actor=admin, target=target, inputs=inputs)


def reconnect(connection, admin):
    return connect_with(connection, values=VALUES, settings={}, host="", account="", actor=admin)


def test_a_run_keeps_the_connection_it_was_asked_for_with(workspace, connection, admin, sandboxd):
    run = ask(workspace, admin)
    assert (run.mode, run.connection_id) == ("live", connection.pk)
    own = own_connection(connection.installation, actor=admin)
    assert connection_for(connection.installation, admin).pk == connection.pk
    reconnect(own, admin)
    assert connection_for(connection.installation, admin).pk == own.pk
    assert ask(workspace, admin).connection_id == own.pk
    assert Run.objects.get(pk=run.pk).connection_id == connection.pk


def test_a_run_leads_to_its_connection_only_who_finds_its_page(
    workspace, connection, admin, auditor, member, sandboxd, outside, client_of
):
    own = own_connection(connection.installation, actor=member)
    reconnect(own, member)
    run = ask(workspace, member)
    assert run.connection_id == own.pk
    exhaust()
    perform(run.pk)
    for reader, finds in ((member, True), (admin, True), (auditor, False)):
        page = client_of(reader).get(run.get_absolute_url()).content.decode()
        assert "Waiting for its connection." in page
        assert (own.get_absolute_url() in page) == finds
        assert (client_of(reader).get(own.get_absolute_url()).status_code == 200) == finds


def test_on_an_exhausted_connection_runs_wait_and_go_on_in_order(
    workspace, connection, admin, sandboxd, rung, outside, client_of
):
    exhaust()
    runs = [ask(workspace, admin) for _ in range(3)]
    for run in reversed(runs):
        perform(run.pk)
    assert {run.state for run in Run.objects.all()} == {"waiting"}
    page = client_of(admin).get(runs[0].get_absolute_url()).content.decode()
    assert "Waiting for its connection." in page
    detail = (
        client_of(admin).get(reverse("sandbox:connection-detail", args=["meridian", connection.pk])).content.decode()
    )
    assert "Waiting for it" in detail
    assert reconcile() == 0
    rung.clear()
    reconnect(connection, admin)
    assert rung == [str(run.pk) for run in runs]
    for pk in rung:
        perform(pk)
    assert outside.seen == [str(run.pk) for run in runs]
    assert {run.state for run in Run.objects.all()} == {"succeeded"}
    assert AuditEvent.objects.filter(action="run.held").count() == 3
    assert AuditEvent.objects.filter(action="run.released").count() == 3


def test_a_run_under_way_that_finds_it_exhausted_waits_too(workspace, connection, admin, sandboxd, rung, outside):
    outside.is_down = True
    run = ask(workspace, admin)
    perform(run.pk)
    run.refresh_from_db()
    assert (run.state, run.lease_until, run.effect_started_at, run.error) == ("waiting", None, None, None)
    exhaust()
    outside.is_down = False
    row = Connection.objects.select_related("workspace", "installation__extension", "owner").get()
    revive(row)
    perform(run.pk)
    run.refresh_from_db()
    assert run.state == "succeeded"


def test_one_held_while_its_connection_came_back_is_found(workspace, connection, admin, rung, outside):
    outside.is_down = True
    run = ask(workspace, admin)
    perform(run.pk)  # it waits, although the connection is fine by now
    rung.clear()
    assert reconcile() == 1
    assert rung == [str(run.pk)]


def test_one_that_somebody_was_asked_about_meanwhile_is_not_let_go(workspace, admin, vault, rung, outside):
    """The list of the reconciler is a moment old; a run without its yes would end at its claim."""
    installed(workspace, admin, PROBE)
    connection = Connection.objects.select_related("installation__workspace", "workspace").get()
    seal_for(connection, VALUES)
    run = ask(workspace, admin, target="probe.remove", key="a")
    assert release_run(workspace.pk, run.pk) is False
    run.refresh_from_db()
    assert (run.state, run.approval.status) == ("waiting", "pending")


def test_the_time_to_wait_for_a_turn_begins_anew_after_a_hold(workspace, connection, admin, rung, outside):
    """Else a run that was held for a day would fail at the first budget that is spent."""
    run = ask(workspace, admin)
    Run.objects.update(started_at=timezone.now() - timedelta(days=1))
    exhaust()
    perform(run.pk)
    assert Run.objects.get().started_at is None
    Connection.objects.update(status="authenticated")
    Run.objects.update(state="queued", started_at=timezone.now() - timedelta(days=1))
    outside.is_down = True
    perform(run.pk)
    assert (Run.objects.get().state, Run.objects.get().started_at) == ("waiting", None)


def test_an_approval_does_not_outlive_a_reconnect_and_is_asked_for_again(
    workspace, admin, owner, approver, vault, sandboxd, rung, outside
):
    installed(workspace, admin, PROBE)
    connection = Connection.objects.select_related("installation__workspace", "workspace").get()
    seal_for(connection, VALUES, connected_at=timezone.now())
    run = ask(workspace, admin, target="probe.remove", key="a")
    first = run.approval
    approve(first, approver)
    exhaust()
    perform(run.pk)
    run.refresh_from_db()
    first.refresh_from_db()
    assert (run.state, first.consumed_at) == ("waiting", None)
    assert reconcile() == 0
    reconnect(connection, admin)
    run.refresh_from_db()
    assert (run.state, run.approval_id == first.pk, run.approval.status) == ("waiting", False, "pending")
    perform(run.pk)
    assert outside.seen == []
    second = run.approval
    approve(second, approver)
    perform(run.pk)
    run.refresh_from_db()
    assert (run.state, outside.seen) == ("succeeded", [str(run.pk)])
    assert Approval.objects.count() == 2


def test_an_approval_holds_where_the_account_is_the_same(workspace, admin, approver, vault, rung, outside):
    """A token came again without anybody reconnecting: what was approved is what would run."""
    installed(workspace, admin, PROBE)
    connection = Connection.objects.select_related("installation__workspace", "workspace").get()
    seal_for(connection, VALUES)
    run = ask(workspace, admin, target="probe.remove", key="a")
    approve(run.approval, approver)
    exhaust()
    perform(run.pk)
    revive(Connection.objects.select_related("workspace", "installation__extension", "owner").get())
    perform(run.pk)
    run.refresh_from_db()
    assert run.state == "succeeded"


def test_what_waited_for_a_connection_that_is_disconnected_ends_and_says_why(
    workspace, connection, admin, sandboxd, rung, outside, client_of
):
    exhaust()
    run = ask(workspace, admin)
    perform(run.pk)
    address = reverse("sandbox:connection-disconnection", args=["meridian", connection.pk])
    assert "1 run that waits for it ends without" in client_of(admin).get(address).content.decode()
    disconnect(Connection.objects.select_related("installation__pin", "owner", "workspace").get(), actor=admin)
    perform(run.pk)
    run.refresh_from_db()
    assert (run.state, run.error["error_code"], outside.seen) == ("failed", "not_connected", [])


def test_a_held_run_can_be_called_off(workspace, connection, admin, rung, outside, client_of):
    exhaust()
    run = ask(workspace, admin)
    perform(run.pk)
    client_of(admin).post(reverse("sandbox:run-cancellation", args=["meridian", run.pk]))
    run.refresh_from_db()
    assert run.state == "cancelled"
