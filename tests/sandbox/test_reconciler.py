"""The reconciler sees ids of what is due in every workspace, and nothing else of it."""

import re
from datetime import timedelta

import pytest
from django.db import connection, connections, transaction
from django.utils import timezone

from galaxy.core.scope import workspace_scope
from sandbox.models import OutboxMessage, Run
from sandbox.services import invoke, perform, reconcile
from sandbox.services.doorbells import queue
from sandbox.services.leases import is_fresh
from tests.approving import approve
from tests.extensions import PACK, PROBE, TIDY, installed


@pytest.fixture
def run(workspace, admin):
    installed(workspace, admin, PROBE)
    return invoke(workspace, actor=admin, target="probe.look_up", inputs={"key": "a"})


def due(at) -> list:
    with connection.cursor() as cursor:
        cursor.execute("SELECT run_id FROM sandbox_due_runs(%s, 100)", [at])
        return [run_id for (run_id,) in cursor.fetchall()]


def test_a_queued_run_is_due_once_its_message_is_late_and_without_any_scope(run):
    OutboxMessage.objects.update(ring_at=timezone.now() + timedelta(seconds=10))
    with workspace_scope():
        assert Run.objects.count() == 0
        assert due(timezone.now()) == []
        assert due(timezone.now() + timedelta(seconds=11)) == [run.pk]


def test_a_running_run_is_due_once_its_lease_is_over(run):
    now = timezone.now()
    Run.objects.update(state="running", lease_until=now + timedelta(seconds=20))
    OutboxMessage.objects.all().delete()
    assert due(now) == []
    assert due(now + timedelta(seconds=21)) == [run.pk]


@pytest.mark.parametrize(("ahead", "is_due"), [(timedelta(seconds=25), False), (timedelta(hours=1), True)])
def test_a_clock_that_was_set_back_keeps_no_lost_run_lost(run, ahead, is_due):
    """Its lease was given for the time that the clock showed before; no lease is given for so long."""
    Run.objects.update(state="running", attempt=1, lease_until=timezone.now() + ahead)
    OutboxMessage.objects.all().delete()
    assert bool(due(timezone.now())) is is_due
    perform(run.pk)
    run.refresh_from_db()
    assert (run.state, run.attempt) == (("succeeded", 2) if is_due else ("running", 1))


def test_nor_a_message_unheard(run):
    OutboxMessage.objects.update(ring_at=timezone.now() + timedelta(hours=1))
    assert due(timezone.now()) == [run.pk]
    OutboxMessage.objects.update(ring_at=timezone.now() + timedelta(seconds=320))
    assert due(timezone.now()) == []


def test_a_lease_from_before_the_clock_was_set_back_is_renewed(run):
    run.lease_until = timezone.now() + timedelta(seconds=19.9)
    assert is_fresh(run)
    run.lease_until = timezone.now() + timedelta(hours=1)
    assert not is_fresh(run)


@pytest.mark.parametrize("state", ["succeeded", "failed", "unknown", "cancelled", "waiting"])
def test_what_is_over_or_waits_for_a_person_is_never_due(run, state):
    final = None if state == "waiting" else timezone.now()
    Run.objects.update(state=state, finished_at=final, error_category="transient" if state == "failed" else "")
    assert due(timezone.now() + timedelta(days=1)) == []


def test_ringing_puts_the_next_ring_off(run):
    OutboxMessage.objects.update(ring_at=timezone.now())
    assert reconcile(timezone.now() + timedelta(seconds=1)) == 1
    assert OutboxMessage.objects.get().ring_at > timezone.now() + timedelta(seconds=5)
    assert reconcile(timezone.now() + timedelta(seconds=1)) == 0


def test_who_stands_in_line_is_rung_for_ever_more_rarely(run):
    """Or the line would grow by all who wait in it, every ten seconds."""
    now, waits = timezone.now(), []
    for _ in range(8):
        OutboxMessage.objects.update(ring_at=now)
        assert reconcile(now + timedelta(seconds=1)) == 1
        waits.append(round((OutboxMessage.objects.get().ring_at - timezone.now()).total_seconds()))
    assert waits == [20, 40, 80, 160, 320, 320, 320, 320]
    with transaction.atomic():
        queue(run)
    assert OutboxMessage.objects.get().rings == 0


def test_a_run_that_was_just_rung_for_is_not_rung_for_at_once(run):
    """Its first ring comes with the commit that queues it; were that lost, the next one would."""
    assert due(timezone.now() + timedelta(seconds=5)) == []
    assert due(timezone.now() + timedelta(seconds=11)) == [run.pk]


@pytest.mark.django_db(databases=["default", "owner"])  # whose table it is gathers statistics of it
def test_looking_for_due_runs_does_not_read_finished_ones(run):
    """The plan uses the small index of unfinished runs, whatever lies behind.

    The finished ones are made and counted within the owner's own transaction: what is planned then depends on
    them alone, not on what earlier tests left in the statistics.
    """
    columns = ", ".join(field.column for field in Run._meta.local_fields if not field.generated)
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_jsonb(r) FROM sandbox_run r WHERE id = %s", [run.pk])
        one = cursor.fetchone()[0]
    with transaction.atomic(using="owner"), connections["owner"].cursor() as cursor:
        cursor.execute(
            f"INSERT INTO sandbox_run ({columns}) SELECT {columns} FROM generate_series(1, 5000) n, "
            "jsonb_populate_record(NULL::sandbox_run, %s::jsonb || jsonb_build_object('id', gen_random_uuid(), "
            "'state', 'succeeded', 'finished_at', now(), 'idempotency_key', n::text))",
            [one],
        )
        cursor.execute("ANALYZE sandbox_run")
        cursor.execute("SELECT prosrc FROM pg_proc WHERE proname = 'sandbox_due_runs'")
        body = re.sub(r"\bat\b", "now()", cursor.fetchone()[0].replace("at_most", "100"))
        cursor.execute(f"EXPLAIN {body}")
        plan = "\n".join(line for (line,) in cursor.fetchall())
        transaction.set_rollback(True, using="owner")
    assert "run_unfinished" in plan, plan


def test_a_yes_that_nobody_was_told_of_is_heard_all_the_same(workspace, admin, approver):
    """As when the web process dies between the commit of the decision and what follows it."""
    installed(workspace, admin, PROBE)
    run = invoke(workspace, actor=admin, target="probe.remove", inputs={"key": "a"})
    approve(run.approval, approver)
    with workspace_scope():
        assert reconcile() == 1
    run.refresh_from_db()
    assert (run.state, perform(run.pk).state) == ("queued", "succeeded")
    assert reconcile() == 0


def test_a_pack_goes_on_whose_step_was_decided_before_it_could_lie_down(workspace, admin, approver, monkeypatch):
    installed(workspace, admin, PROBE, TIDY, PACK)
    run = invoke(
        workspace, actor=admin, target="probe.flow", inputs={"name": "Ada", "on": "3 March 2026", "remove": True}
    )
    from sandbox.packs import steps
    from sandbox.services import approval_was_decided

    def decided_at_once(pack_run, *args):
        step = invoke_step(pack_run, *args)
        if step.state == "waiting":
            approve(step.approval, approver)
            approval_was_decided(type(step.approval).objects.get(pk=step.approval_id))
        return step

    invoke_step = steps.invoke_step
    monkeypatch.setattr(steps, "invoke_step", decided_at_once)
    assert perform(run.pk).state == "queued"
    assert OutboxMessage.objects.filter(run=run).exists()
    assert perform(run.pk).state == "succeeded"
