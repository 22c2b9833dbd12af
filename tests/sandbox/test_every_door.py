"""F24: nothing reaches a runner without a decision about exactly this call, whichever door it came by."""

import ast
from pathlib import Path

import pytest
from django.urls import reverse

from galaxy.core.audit import Actor
from galaxy.core.members import grant_on, revoke_on
from policies.models import Decision
from registry.models import Connection
from sandbox import tasks
from sandbox.models import Run
from sandbox.runners import runner_for
from sandbox.sandboxd.client import Unreachable
from sandbox.services import approval_was_decided, invoke, perform, performing, reconcile
from sandbox.services.admission import invoke_check
from sandbox.services.replaying import NotRecorded, replay_run
from tests.api.conftest import api, send, token_of  # noqa: F401  (fixtures)
from tests.approving import approve
from tests.extensions import PACK, PROBE, TIDY, installed
from tests.playhouse import staged
from tests.ruling import put_in_force
from tests.sandbox.scripted import connected

ROOT = Path(__file__).resolve().parents[2]
FLOW = {"name": "Ada", "on": "3 March 2026", "remove": True}


class Witness:
    """Stands where runners are chosen, and looks whether this very call was decided about, and not refused."""

    def __init__(self):
        self.reached: list[str] = []

    def __call__(self, run: Run):
        decision = Decision.objects.get(pk=Run.objects.values_list("decision", flat=True).get(pk=run.pk))
        asked = decision.input
        assert decision.action == run.target == asked["action"]["target"]
        assert asked["context"]["mode"] == run.mode
        assert asked["resource"]["version_digest"] == run.version_digest
        assert asked["principal"]["id"] in {str(run.requested_by_id), str(run.agent_id)}
        assert decision.effect != "deny"
        if decision.effect == "require_approval" and not run.rehearses_id:
            assert run.approval.consumed_at is not None
        assert run.is_simulated or run.rehearses_id is None or decision.effect == "allow"
        self.reached.append(run.target)
        return runner_for(run)


@pytest.fixture
def witness(monkeypatch):
    found = Witness()
    monkeypatch.setattr(performing, "runner_for", found)
    monkeypatch.setattr(tasks.perform_run, "apply_async", lambda args, **options: None)  # answered by work_off
    return found


@pytest.fixture
@staged
def probe(workspace, admin):
    return installed(workspace, admin, PROBE, TIDY, PACK)[0]


def work_off():
    """What the workers would do with all that is queued, as the bell asks them to."""
    while queued := Run.objects.filter(state="queued", parent=None).order_by("created_at").first():
        tasks.perform_run(str(queued.workspace_id), str(queued.pk))


@pytest.mark.asvs("8.3.1")
def test_the_page(client_of, workspace, admin, probe, witness):
    address = reverse("sandbox:run-create", args=[workspace.slug]) + "?target=probe.look_up"
    form = {"in_key": "k", "mode": "simulated", "scenario": "happy", "idempotency_key": "0" * 32}
    assert client_of(admin).post(address, form).status_code == 302
    work_off()
    assert witness.reached == ["probe.look_up"]


@pytest.mark.asvs("8.3.1")
def test_the_api(api, token_of, workspace, admin, probe, witness):  # noqa: F811
    answer = send(api(token_of(admin)), "runs/", {"target": "probe.look_up", "inputs": {"key": "k"}})
    assert answer.status_code == 201
    work_off()
    assert witness.reached == ["probe.look_up"]


def test_the_steps_of_a_pack_and_what_is_rehearsed_of_them(workspace, admin, approver, probe, witness):
    run = invoke(workspace, actor=admin, target="probe.flow", inputs=FLOW)
    work_off()
    assert witness.reached == ["probe.tidy", "probe.create", "probe.remove"]  # the last one is the rehearsal
    drop = run.steps.get(step_id="drop")
    approve(drop.approval, approver)
    drop.approval.refresh_from_db()
    approval_was_decided(drop.approval)
    work_off()
    assert witness.reached[3:] == ["probe.remove", "probe.look_up"]


def test_a_check_of_a_connection(workspace, admin, probe, witness):
    connection = connected(probe)
    check = invoke_check(connection, "probe.broken", user=admin, chain=Actor.of(admin))
    perform(check.pk)
    assert (witness.reached, check.decision.effect) == (["probe.broken"], "allow")


def test_the_reconciler_that_rings_for_what_was_lost(workspace, admin, probe, witness):
    run = invoke(workspace, actor=admin, target="probe.look_up", inputs={"key": "k"})
    reconcile()
    perform(run.pk)
    assert witness.reached == ["probe.look_up"]


@pytest.mark.parametrize("why", ["grant", "rule", "connection"])
def test_what_was_let_through_and_is_refused_by_now(workspace, admin, member, probe, witness, why):
    grant_on(probe, perm="registry.write_installation", user=member, actor=admin)
    run = invoke(workspace, actor=member, target="probe.create", inputs={"key": "k"})
    if why == "grant":
        revoke_on(probe, perm="registry.write_installation", user=member, actor=admin)
    elif why == "rule":
        put_in_force(workspace, admin, "deny", what={"actions": ["probe.create"]})
    else:
        Run.objects.filter(pk=run.pk).update(mode="live", connection=Connection.objects.get(installation=probe))
    work_off()
    assert witness.reached == []
    assert Run.objects.get(pk=run.pk).error_category == "policy_block"


def test_a_replay_needs_a_run_that_was_decided_about_and_reaches_no_runner(workspace, admin, probe, witness):
    run = perform(invoke(workspace, actor=admin, target="probe.look_up", inputs={"key": "k"}).pk)
    with pytest.raises((NotRecorded, Unreachable)):
        replay_run(run)
    assert witness.reached == ["probe.look_up"]


@pytest.mark.asvs("2.3.1", "16.3.2")
def test_no_run_is_without_a_decision_whatever_becomes_of_it(workspace, admin, member, probe, witness):
    invoke(workspace, actor=member, target="probe.create", inputs={"key": "k"})
    invoke(workspace, actor=admin, target="probe.flow", inputs=FLOW)
    invoke(workspace, actor=admin, target="probe.remove", inputs={"key": "k"})
    work_off()
    assert Run.objects.count() > 5
    assert not Run.objects.filter(decision=None).exists()


def test_runners_are_chosen_in_one_place_alone():
    """Besides it only the runners themselves, and the fixtures of tests, name them."""
    chosen = set()
    for path in [*ROOT.glob("sandbox/**/*.py"), *ROOT.glob("marketplace/**/*.py"), *ROOT.glob("galaxy/**/*.py")]:
        if path.is_relative_to(ROOT / "sandbox/runners"):
            continue
        calls = [node.func for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Call)]
        names = {getattr(func, "id", getattr(func, "attr", "")) for func in calls}
        if names & {"runner_for", "LiveRunner", "PythonRunner", "PythonTransformRunner", "SimulatedRunner"}:
            chosen.add(str(path.relative_to(ROOT)))
    assert chosen == {"sandbox/services/performing.py"}
