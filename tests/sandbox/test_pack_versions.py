"""The run of a pack takes one version of each extension from its beginning to its end, whatever moves in between."""

import pytest

from galaxy.core.scope import scope_with
from registry.errors import RequirementsMissing
from registry.rollback.services import roll_back
from registry.services import install, move_pin, uninstall
from registry.services.quarantining import quarantine
from registry.updates.pack_pins import pin_for_pack
from sandbox.models import CallRecord, Run
from sandbox.services import approval_was_decided, invoke, perform
from tests.approving import approve
from tests.extensions import PROBE, installed, publish

TWICE = """
pack: flow.twice
version: 1.0.0
name: Twice
summary: A made-up pack that waits for a person between two calls of one connector.
requires: { probe: ^1.0 }
inputs: { name: string }
steps:
  - { id: make, use: probe.create, with: { key: inputs.name } }
  - { id: drop, use: probe.remove, with: { key: steps.make.id } }
  - { id: look, use: probe.look_up, with: { key: steps.make.id } }
outcome: { name: dropped, success: steps.look.id, signal: downstream_state }
sample: { inputs: { name: A } }
"""


@pytest.fixture
def old(db):
    return publish(PROBE)


@pytest.fixture
def new(db, old):
    return publish(PROBE.replace("version: 1.0.0", "version: 1.1.0"))


@pytest.fixture
def probe(workspace, admin, old):
    return install(workspace, old.extension, version=old, actor=admin)


@pytest.fixture
def pack(workspace, admin, probe):
    return installed(workspace, admin, TWICE)[0]


def asked(workspace, actor) -> Run:
    return invoke(workspace, actor=actor, target="flow.twice", inputs={"name": "k"})


def waiting(workspace, actor) -> Run:
    """A run that made its first call, and whose second one waits for a yes."""
    run = perform(asked(workspace, actor).pk)
    assert run.state == Run.State.WAITING
    return run


def gone_on(run: Run, approver) -> Run:
    """``run`` after somebody said yes to its step, as far as it goes."""
    approval = run.steps.get(step_id="drop").approval
    approve(approval, approver)
    approval.refresh_from_db()
    approval_was_decided(approval)
    return perform(run.pk)


def digests(run: Run) -> list[str]:
    return list(run.steps.order_by("created_at").values_list("version_digest", flat=True))


def test_a_pin_that_moves_between_two_steps_moves_the_next_run(workspace, admin, approver, probe, pack, old, new):
    """The yes to the step holds too: what was approved is what runs."""
    run = waiting(workspace, admin)
    move_pin(probe, version=new, actor=admin)
    run = gone_on(run, approver)
    assert (run.state, digests(run)) == ("succeeded", [old.digest] * 3)
    records = CallRecord.objects.filter(run__parent=run)
    assert set(records.values_list("version_digest", flat=True)) == {old.digest}
    after = waiting(workspace, admin)
    assert digests(after) == [new.digest] * 2


def test_a_rollback_and_a_pin_of_the_pack_leave_what_began_alone(workspace, admin, approver, probe, pack, old, new):
    move_pin(probe, version=new, actor=admin)
    run, queued = waiting(workspace, admin), asked(workspace, admin)
    probe.refresh_from_db()
    roll_back(probe, version=old, actor=admin, reason="Answers late.")
    assert digests(gone_on(run, approver)) == [new.digest] * 3
    assert digests(perform(queued.pk)) == [new.digest] * 2  # from the moment it was asked for
    move_pin(probe, version=new, actor=admin)
    run = waiting(workspace, admin)
    pin_for_pack(probe, pack=pack, version=old, actor=admin, reason="It is tried out there first.")
    assert digests(gone_on(run, approver)) == [new.digest] * 3
    assert digests(waiting(workspace, admin)) == [old.digest] * 2


def test_what_is_taken_out_meanwhile_is_refused_all_the_same(desk, workspace, admin, approver, probe, pack, old, new):
    run = waiting(workspace, admin)
    move_pin(probe, version=new, actor=admin)
    with scope_with(desk.workspace.pk):
        quarantine(old, reach="calls", reason="It sends more than it says.", actor=desk.reviewer)
    run = gone_on(run, approver)
    assert (run.state, run.error["error_code"]) == ("failed", "quarantined")
    assert run.steps.filter(step_id="look").count() == 0
    assert digests(waiting(workspace, admin)) == [new.digest] * 2  # what is held now was never stopped


def test_what_was_removed_and_installed_anew_meanwhile_is_taken_as_it_is_now(
    workspace, admin, approver, probe, pack, old, new
):
    run = asked(workspace, admin)
    uninstall(probe, actor=admin, reason="Again.", confirmed="Probe")
    with pytest.raises(RequirementsMissing, match=r"probe \^1\.0"):
        asked(workspace, admin)
    install(workspace, new.extension, version=new, actor=admin)
    assert digests(perform(run.pk)) == [new.digest] * 2  # nobody agreed to the old one in this installation
