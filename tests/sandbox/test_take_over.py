"""A run whose worker is gone: who takes it over looks at the world again, and not for ever."""

from datetime import timedelta

import pytest
from django.utils import timezone

from galaxy.core.members import grant_on, revoke_on
from registry.models import Connection
from sandbox.models import Run, RunPayload
from sandbox.packs.steps import Calls
from sandbox.services import approval_was_decided, invoke, perform, performing
from sandbox.services.claiming import MAX_TAKE_OVERS
from tests.approving import approve
from tests.extensions import PACK, PROBE, TIDY, installed
from tests.playhouse import staged


@pytest.fixture
@staged
def probe(workspace, admin):
    return installed(workspace, admin, PROBE)[0]


def lose_worker(run: Run, **fields) -> None:
    """As a worker leaves it that was killed longer ago than its lease."""
    gone = timezone.now() - timedelta(seconds=1)
    values = {"state": "running", "attempt": 1, "started_at": gone, "lease_until": gone} | fields
    Run.objects.filter(pk=run.pk).update(**values)


def ended(run: Run) -> tuple[str, str]:
    perform(run.pk)
    run.refresh_from_db()
    return run.state, (run.error or {}).get("error_code", "")


def test_a_grant_that_went_meanwhile_ends_the_run(workspace, admin, member, probe):
    grant_on(probe, perm="registry.write_installation", user=member, actor=admin)
    run = invoke(workspace, actor=member, target="probe.create", inputs={"key": "k"})
    lose_worker(run)
    revoke_on(probe, perm="registry.write_installation", user=member, actor=admin)
    assert ended(run) == ("failed", "write_grant_missing")
    assert not RunPayload.objects.exists()


def test_a_live_write_that_may_have_been_sent_is_unknown_whatever_went_since(workspace, admin, member, probe):
    Connection.objects.filter(installation=probe).update(status="authenticated")
    grant_on(probe, perm="registry.write_installation", user=member, actor=admin)
    run = invoke(workspace, actor=member, target="probe.create", inputs={"key": "k"})
    lose_worker(run, effect_started_at=timezone.now())
    revoke_on(probe, perm="registry.write_installation", user=member, actor=admin)
    assert ended(run) == ("unknown", "interrupted")


def test_an_approval_used_by_the_lost_worker_holds_only_for_what_it_was_given_for(workspace, admin, approver, probe):
    run = invoke(workspace, actor=admin, target="probe.remove", inputs={"key": "k"})
    approve(run.approval, approver)
    approval_was_decided(type(run.approval).objects.get(pk=run.approval_id))
    type(run.approval).objects.filter(pk=run.approval_id).update(consumed_at=timezone.now())
    lose_worker(run)
    Connection.objects.filter(installation=probe).update(generation=1)
    assert ended(run) == ("waiting", "")  # for another yes


def test_a_run_that_takes_its_workers_down_is_given_up(workspace, admin, probe):
    run = invoke(workspace, actor=admin, target="probe.look_up", inputs={"key": "k"})
    lose_worker(run, attempt=MAX_TAKE_OVERS)
    assert ended(run)[0] == "succeeded"
    other = invoke(workspace, actor=admin, target="probe.look_up", inputs={"key": "k"})
    lose_worker(other, attempt=MAX_TAKE_OVERS + 1)
    assert ended(other) == ("failed", "workers_lost")


def test_a_run_on_which_code_breaks_ends_and_its_values_reach_no_log(workspace, admin, probe, monkeypatch, capfd):
    def broken(run):
        raise KeyError("the secret value")

    monkeypatch.setattr(performing, "runner_for", broken)
    run = invoke(workspace, actor=admin, target="probe.look_up", inputs={"key": "k"})
    assert ended(run) == ("failed", "broke")
    assert not RunPayload.objects.exists()
    out, err = capfd.readouterr()
    assert "the secret value" not in out + err


def test_a_worker_that_lost_its_pack_writes_nothing_over_the_next_one(workspace, admin, monkeypatch):
    installed(workspace, admin, PROBE, TIDY, PACK)
    run = invoke(workspace, actor=admin, target="probe.flow", inputs={"name": "Ada", "on": "3 March 2026"})

    def taken_over_meanwhile(calls, *args):
        RunPayload.objects.filter(run=calls.run).update(data={"inputs": {}, "steps": {"by": "the next one"}})
        Run.objects.filter(pk=calls.run.pk).update(attempt=2)

    monkeypatch.setattr(Calls, "one", taken_over_meanwhile)
    assert perform(run.pk).state == "running"
    assert RunPayload.objects.get(run=run).data["steps"] == {"by": "the next one"}
