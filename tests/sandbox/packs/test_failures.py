"""What the failure of a step does: it ends the run, is skipped, or takes back what was done; and what comes late."""

from datetime import timedelta

import pytest
from django.utils import timezone

from galaxy.core.models import AuditEvent
from registry.models import Version
from sandbox.models import OutboxMessage, Run, RunPayload
from sandbox.packs import steps
from sandbox.services import perform
from tests.sandbox.packs.flows import calls, pack_of, ran, say_yes, set_up, started, undone

pytestmark = pytest.mark.usefixtures("parts")

MAKE = "id: make, use: probe.create, with: { key: \"'first'\" }"
SECOND = "id: second, use: probe.create, with: { key: \"'second'\" }"
LOOK = "id: look, use: probe.look_up, with: { key: steps.second.id }"
BAD = "id: fail, use: probe.create, with: { key: \"'bad'\" }"


@pytest.mark.parametrize("which", ["fails", "is refused", "cannot be mapped"])
def test_a_failure_is_skipped_with_its_outputs_left_null(workspace, admin, which):
    key = {"fails": "\"'bad'\"", "is refused": "inputs.keys", "cannot be mapped": "to_string(length(inputs.keys))"}[
        which
    ]
    skipping = f"id: fail, use: probe.create, with: {{ key: {key} }}, on_failure: skip"
    after = "id: after, use: probe.look_up, with: { key: \"steps.fail.id || 'none'\" }"
    set_up(workspace, admin, pack_of(skipping, after, success="steps.after.id"))
    run = ran(workspace, admin, keys=5)
    assert (run.state, run.outputs["fail"], run.outcome.is_success) == ("succeeded", None, True)
    assert run.steps.get(step_id="after").inputs == {"key": "none"}


def test_what_may_have_been_done_is_never_skipped(workspace, admin, monkeypatch):
    set_up(workspace, admin, pack_of(f"{MAKE}, on_failure: skip", SECOND))
    monkeypatch.setattr(steps, "performed", lambda run, child, *rest: Run(
        state="unknown", step_id="make", target="probe.create", error={"sentence": "It may have been done."}
    ))  # fmt: skip
    run = ran(workspace, admin)
    assert (run.state, len(calls(run))) == ("unknown", 1)


def test_a_failure_takes_back_what_was_done_the_last_first(workspace, admin, approver):
    """What takes it back deletes, so it needs a yes of its own, each; the run waits for it like for a step's."""
    set_up(
        workspace, admin, pack_of(MAKE, SECOND, LOOK, f"{BAD}, on_failure: undo", LOOK.replace("id: look", "id: never"))
    )
    run = ran(workspace, admin)
    assert (run.state, undone(run)) == ("waiting", [("second", 0, "waiting")])
    run = say_yes(run, approver)
    assert (run.state, undone(run)[-1]) == ("waiting", ("make", 0, "waiting"))
    run = say_yes(run, approver)
    assert (run.state, run.error["error_code"]) == ("failed", "output_mismatch")
    assert run.error["compensation"] == {"second": "succeeded", "make": "succeeded"}
    assert "What its steps had done was taken back." in run.error["sentence"]
    taken = run.steps.exclude(undoes=None)
    assert [one.inputs for one in taken.order_by("created_at")] == [{"key": "second"}, {"key": "first"}]
    assert all(one.target == "probe.remove" and one.attempt == 1 for one in taken)
    assert [one[0] for one in calls(run)] == ["make", "second", "look", "fail"]


def test_one_that_is_not_taken_back_is_told_and_keeps_no_other_from_it(workspace, admin, approver):
    set_up(
        workspace, admin, pack_of("id: put, use: probe.put, with: { key: \"'p'\" }", MAKE, f"{BAD}, on_failure: undo")
    )
    run = ran(workspace, admin)
    from policies.services.approvals import decide_approval

    approval = run.asked
    decide_approval(approval, reviewer=approver, digest=approval.digest, decision="rejected", note="Keep it.")
    from sandbox.services import approval_was_decided

    approval.refresh_from_db()
    approval_was_decided(approval)
    run = perform(run.pk)
    assert run.state == "failed"
    assert run.error["compensation"] == {"make": "failed", "put": "no_undo"}
    assert "“make”, “put” was not taken back" in run.error["sentence"]


def test_items_of_a_loop_are_taken_back_each(workspace, admin, approver):
    loop = "id: make, each: inputs.keys, most: 5, use: probe.create, with: { key: item }, on_failure: undo"
    set_up(workspace, admin, pack_of(loop))
    run = ran(workspace, admin, keys=["a", "b", "bad"])
    run = say_yes(say_yes(run, approver), approver)
    assert (run.state, undone(run)) == ("failed", [("make", 2, "succeeded"), ("make", 1, "succeeded")])


def test_a_worker_that_is_lost_while_it_takes_back_takes_nothing_back_twice(workspace, admin, approver):
    set_up(workspace, admin, pack_of(MAKE, SECOND, f"{BAD}, on_failure: undo"))
    run = say_yes(ran(workspace, admin), approver)
    past = timezone.now() - timedelta(seconds=1)
    Run.objects.filter(pk=run.pk).update(state="running", lease_until=past)  # as if it had died before it lay down
    run = perform(run.pk)
    assert (run.state, [one[0] for one in undone(run)]) == ("waiting", ["second", "make"])
    assert say_yes(run, approver).error["compensation"] == {"second": "succeeded", "make": "succeeded"}


def late(run: Run, seconds: int = 3600) -> None:
    """As if ``run`` had been under way for so long."""
    payload = RunPayload.objects.get(run=run)
    before = timezone.now() - timedelta(seconds=seconds)
    if "clock" in payload.data:
        payload.data["clock"]["since"] = before.isoformat()
        payload.save()
    Run.objects.filter(pk=run.pk).update(started_at=before)


DROP = "id: drop, use: probe.remove, with: { key: \"'k'\" }"


@pytest.mark.parametrize(
    ("step", "more", "code"),
    [(f"{DROP}, timeout_ms: 1000", "", "step_timeout"), (DROP, "timeout_ms: 1000", "run_timeout")],
)
def test_time_is_up_but_not_while_a_person_is_waited_for(workspace, admin, approver, step, more, code):
    set_up(workspace, admin, pack_of(step, more=more))
    run = ran(workspace, admin)
    late(run)
    payload = RunPayload.objects.get(run=run)
    payload.data["parked_at"] = (timezone.now() - timedelta(seconds=3600)).isoformat()
    payload.save()
    assert say_yes(run, approver).state == "succeeded"

    run = ran(workspace, admin)
    late(run)  # and it waited for a moment only
    run = say_yes(run, approver)
    assert (run.state, run.error_category, run.error["error_code"]) == ("failed", "transient", code)
    step = run.steps.get()
    assert (step.state, step.error["error_code"], step.started_at) == ("failed", "out_of_time", None)


def test_a_step_that_is_out_of_time_may_be_skipped_and_a_run_may_not(workspace, admin, approver):
    set_up(workspace, admin, pack_of(f"{DROP}, timeout_ms: 1000, on_failure: skip", more="timeout_ms: 30000"))
    run = ran(workspace, admin)
    late(run, 10)
    run = say_yes(run, approver)
    assert (run.state, run.outputs) == ("succeeded", {"drop": None})
    run = ran(workspace, admin)
    late(run)
    assert say_yes(run, approver).error["error_code"] == "run_timeout"


def test_a_retry_that_would_come_too_late_is_not_made(workspace, admin):
    """The other side asks to wait seven seconds; simulated, that time passes on a clock of its own."""
    slow = "id: look, use: probe.look_up, with: { key: \"'k'\" }"
    set_up(workspace, admin, pack_of(f"{slow}, timeout_ms: 2000"))
    run = ran(workspace, admin, options={"scenario": "429"})
    assert (run.state, run.error_category, run.error["attempts"]) == ("failed", "rate_limit", 1)


def test_a_version_that_is_yanked_in_mid_run_ends_it_and_says_so(desk, workspace, admin, approver):
    set_up(workspace, admin, pack_of(DROP, LOOK.replace("steps.second.id", "steps.drop.id")))
    run = ran(workspace, admin)
    version = Version.objects.get(extension__slug="probe")
    Version.objects.filter(pk=version.pk).update(
        status="yanked", yanked_at=timezone.now(), yank_reason="It loses records."
    )
    run = say_yes(run, approver)
    assert (run.state, run.error_category, run.error["error_code"]) == ("failed", "policy_block", "version_yanked")
    assert "It loses records." in run.error["sentence"]
    assert calls(run) == [("drop", 0, "failed")]
    assert ran(workspace, admin).state == "waiting"  # whoever begins now knows


def test_a_pack_that_is_yanked_in_mid_run_goes_no_further(workspace, admin, approver):
    set_up(workspace, admin, pack_of(DROP, LOOK.replace("steps.second.id", "steps.drop.id")))
    run = ran(workspace, admin)
    Version.objects.filter(extension__slug="probe.steps").update(
        status="yanked", yanked_at=timezone.now(), yank_reason="It is the wrong way round."
    )
    run = say_yes(run, approver)
    assert (run.state, run.error["error_code"]) == ("failed", "version_yanked")


def test_the_end_of_a_run_is_in_the_trail_once(workspace, admin):
    set_up(workspace, admin, pack_of(f"{BAD}, on_failure: undo"))
    run = started(workspace, admin)
    perform(run.pk)
    assert AuditEvent.objects.filter(action="run.failed", target_id=str(run.pk)).count() == 1
    assert not OutboxMessage.objects.exists()
