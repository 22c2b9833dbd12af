"""A pack that failed goes on where it failed: finished steps are taken over, versions held, nothing done twice."""

from datetime import timedelta

import pytest
from django.db.models import Q
from django.utils import timezone

from galaxy.core.errors import Conflict
from galaxy.core.models import AuditEvent
from galaxy.core.permissions import NotGranted
from registry.models import Version
from registry.services import move_pin
from sandbox.errors import NotRetriable
from sandbox.models import Run, RunPayload
from sandbox.packs.retrying import is_paused, retry_pack, step_on
from sandbox.runners import Reply
from sandbox.services import cancel_run, forget_kept_inputs, invoke, perform
from tests.extensions import publish
from tests.sandbox.packs.flows import MOODY, calls, pack_of, ran, say_yes, set_up, started
from tests.sandbox.packs.live import connect, plays

pytestmark = pytest.mark.usefixtures("parts")

MAKE = "id: make, use: probe.create, with: { key: \"'first'\" }"
LOOK = "id: look, use: probe.look_up, with: { key: steps.make.id }"
LAST = "id: last, use: probe.look_up, with: { key: steps.look.id }"
FAILS_ONCE = {"scenarios": {"look": "401"}}


def failed(workspace, admin, **inputs) -> Run:
    run = ran(workspace, admin, **inputs, options=FAILS_ONCE)
    assert (run.state, run.error_category) == ("failed", "auth_error")
    return run


def retried(run: Run, actor) -> Run:
    return perform(retry_pack(run, actor=actor).pk)


def test_it_goes_on_at_the_step_that_failed(workspace, admin):
    set_up(workspace, admin, pack_of(MAKE, LOOK, LAST))
    run = failed(workspace, admin)
    again = retried(run, admin)
    assert (again.state, again.resumes_id) == ("succeeded", run.pk)
    assert calls(again) == [("look", 0, "succeeded"), ("last", 0, "succeeded")]
    made = run.steps.get(step_id="make")
    assert again.outputs["make"] == made.outputs
    assert again.steps.get(step_id="look").inputs == {"key": made.outputs["id"]}
    assert again.outcome.is_success
    assert not RunPayload.objects.exists()


def test_pressing_twice_makes_one_run(workspace, admin):
    set_up(workspace, admin, pack_of(MAKE, LOOK))
    run = failed(workspace, admin)
    first = retry_pack(run, actor=admin)
    assert retry_pack(run, actor=admin).pk == first.pk
    cancel_run(first, actor=admin)
    assert retry_pack(run, actor=admin).pk != first.pk


def test_a_retry_that_fails_is_retried_in_its_turn(workspace, admin):
    loop = "id: make, each: inputs.keys, most: 5, use: probe.create, with: { key: item }"
    set_up(workspace, admin, pack_of("id: begin, use: probe.create, with: { key: \"'b'\" }", loop))
    run = ran(workspace, admin, keys=["a", "b", "bad"])
    assert run.state == "failed"
    second = retried(run, admin)
    assert (second.state, calls(second)) == ("failed", [("make", 3, "failed")])
    data = RunPayload.objects.get(run=second).data
    assert data["earlier"] == [str(run.pk)]
    payload = RunPayload.objects.get(run=second)
    payload.data["inputs"]["keys"][2] = "c"  # as if the other system had been mended
    payload.save()
    third = retried(second, admin)
    assert (third.state, calls(third)) == ("succeeded", [("make", 3, "succeeded")])
    assert [bool(one) for one in third.outputs["make"]] == [True, True, True]


def test_it_holds_to_the_versions_the_run_began_with(workspace, admin):
    set_up(workspace, admin, pack_of(MAKE, LOOK))
    run = failed(workspace, admin)
    old = Version.objects.get(extension__slug="probe")
    new = publish(MOODY.replace("version: 1.0.0", "version: 1.1.0"))
    move_pin(run.steps.first().installation, version=new, actor=admin)
    assert retried(run, admin).steps.get().version_digest == old.digest


def test_versions_that_are_gone_are_named(workspace, admin):
    set_up(workspace, admin, pack_of(MAKE, LOOK))
    run = failed(workspace, admin)
    Version.objects.filter(extension__slug="probe").update(quarantine=Version.Held.STOPPED)
    with pytest.raises(NotRetriable, match=r"Probe 1\.0\.0|probe 1\.0\.0"):
        retry_pack(run, actor=admin)


def test_a_version_that_was_yanked_is_gone_on_with_knowingly(workspace, admin):
    set_up(workspace, admin, pack_of(MAKE, LOOK))
    run = failed(workspace, admin)
    Version.objects.filter(extension__slug="probe").update(status="yanked", yanked_at=timezone.now(), yank_reason="x")
    assert retried(run, admin).state == "succeeded"


def test_what_is_not_kept_or_never_failed_is_not_retried(workspace, admin, member):
    set_up(workspace, admin, pack_of(MAKE, LOOK))
    run = failed(workspace, admin)
    with pytest.raises(NotGranted):
        retry_pack(run, actor=member)
    with pytest.raises(NotRetriable, match="succeeded"):
        retry_pack(ran(workspace, admin), actor=admin)
    call = perform(invoke(workspace, actor=admin, target="probe.look_up", inputs={"key": "k"}, scenario="401").pk)
    with pytest.raises(NotRetriable, match="pack"):
        retry_pack(call, actor=admin)
    assert RunPayload.objects.filter(run__parent=run, keep_until__isnull=False).exists()
    RunPayload.objects.update(keep_until=timezone.now())
    assert forget_kept_inputs() >= 2
    with pytest.raises(NotRetriable, match="not kept"):
        retry_pack(run, actor=admin)


def test_a_step_in_doubt_is_settled_first_and_not_done_again_where_it_took_effect(workspace, admin):
    from sandbox.services import settle_run

    set_up(workspace, admin, pack_of(MAKE, LOOK))
    run = failed(workspace, admin)
    step = run.steps.get(step_id="look")
    Run.objects.filter(pk=step.pk).update(state="unknown")
    with pytest.raises(NotRetriable, match="Settle"):
        retry_pack(run, actor=admin)
    step.refresh_from_db()
    settle_run(step, actor=admin, happened=True, note="It is there.")
    again = retried(run, admin)
    assert (again.state, calls(again), again.outputs["look"]) == ("succeeded", [], None)


def test_policy_is_asked_anew_and_a_no_is_on_record_and_no_run_to_go_on_with(workspace, admin, member):
    set_up(workspace, admin, pack_of(MAKE, LOOK))
    run = failed(workspace, admin)
    Run.objects.filter(pk=run.pk).update(requested_by=member)
    run.refresh_from_db()
    held = Version.objects.filter(extension__slug="probe.steps")
    held.update(quarantine=Version.Held.STOPPED)
    refused = retry_pack(run, actor=member)
    assert (refused.state, refused.error_category, refused.steps.count()) == ("failed", "policy_block", 0)
    assert AuditEvent.objects.filter(target_id=str(refused.pk), action="run.requested").exists()
    held.update(quarantine=Version.Held.FREE)
    again = retry_pack(run, actor=admin)
    assert again.pk != refused.pk and perform(again.pk).state == "succeeded"


def test_step_by_step_pauses_after_each_and_goes_on_when_told(workspace, admin):
    set_up(
        workspace, admin, pack_of(MAKE, "id: skip, when: '`false`', use: probe.look_up, with: { key: \"'k'\" }", LOOK)
    )
    run = ran(workspace, admin, options={"simulate": True, "stepwise": True})
    assert (run.state, calls(run), is_paused(run)) == ("waiting", [("make", 0, "succeeded")], True)
    step_on(run, actor=admin)
    with pytest.raises(Conflict):
        step_on(run, actor=admin)
    run = perform(run.pk)
    assert (run.state, [one[0] for one in calls(run)]) == ("succeeded", ["make", "look"])


def test_what_paused_for_a_week_is_called_off_and_its_values_go(workspace, admin):
    set_up(workspace, admin, pack_of(MAKE, LOOK, "id: more, use: probe.look_up, with: { key: \"'k'\" }"))
    run = ran(workspace, admin, options={"simulate": True, "stepwise": True})
    step_on(run, actor=admin)
    assert forget_kept_inputs(timezone.now() + timedelta(days=30)) == 0, "it goes on"
    run = perform(run.pk)
    assert is_paused(run) and forget_kept_inputs(timezone.now() + timedelta(days=6)) == 0
    assert forget_kept_inputs(timezone.now() + timedelta(days=8)) == 1
    run.refresh_from_db()
    assert run.state == "cancelled"
    assert not RunPayload.objects.filter(Q(run=run) | Q(run__parent=run)).exists()


def test_step_by_step_waits_for_a_yes_first(workspace, admin, approver, member):
    set_up(workspace, admin, pack_of("id: drop, use: probe.remove, with: { key: \"'k'\" }", MAKE, LOOK))
    run = ran(workspace, admin, options={"simulate": True, "stepwise": True})
    assert not is_paused(run)
    run = say_yes(run, approver)
    assert is_paused(run)
    with pytest.raises(NotGranted):
        step_on(run, actor=member)
    step_on(run, actor=admin)
    run = perform(run.pk)
    step_on(run, actor=admin)
    assert perform(run.pk).state == "succeeded"
    assert sorted(run.steps.values_list("attempt", flat=True)) == [1, 1, 1]


def test_a_paused_run_is_cancelled_as_a_whole(workspace, admin):
    set_up(workspace, admin, pack_of(MAKE, LOOK))
    run = ran(workspace, admin, options={"simulate": True, "stepwise": True})
    assert cancel_run(run, actor=admin).state == "cancelled"
    assert started(workspace, admin).state == "queued"


def test_after_a_cancelled_retry_that_did_something_nothing_is_done_once_more(workspace, admin, monkeypatch):
    system = plays(monkeypatch)
    look = "id: look, use: probe.look_up, with: { key: \"'l'\" }"
    put, remove = (f"id: {id}, use: probe.{id}, with: {{ key: \"'p'\" }}" for id in ("put", "remove"))
    set_up(workspace, admin, pack_of(look, put, remove))
    connect("probe")
    real = system.attempt
    monkeypatch.setattr(system, "attempt", lambda inputs, number: Reply(200, {}, outputs={"id": 5}))
    run = ran(workspace, admin)
    assert (run.state, run.mode) == ("failed", "live")
    monkeypatch.setattr(system, "attempt", real)
    first = retry_pack(run, actor=admin)
    cancel_run(first, actor=admin)
    second = retried(run, admin)  # nothing had been done yet
    assert (second.state, calls(second)[-1]) == ("waiting", ("remove", 0, "waiting"))
    cancel_run(second, actor=admin)
    with pytest.raises(NotRetriable, match="done once more"):
        retry_pack(run, actor=admin)
    assert [target for target, _ in system.heard].count("probe.put") == 1


def test_a_dry_run_stays_dry_when_it_is_retried(workspace, admin, monkeypatch):
    system = plays(monkeypatch)
    put = "id: put, use: probe.put, with: { key: \"'p'\" }"
    set_up(workspace, admin, pack_of(MAKE, LOOK, put))
    connect("probe")
    run = ran(workspace, admin, options=FAILS_ONCE | {"dry": True})
    assert (run.state, run.is_dry) == ("failed", True)
    again = retried(run, admin)
    assert (again.state, again.is_dry, system.heard) == ("succeeded", True, [])
    assert set(again.steps.values_list("mode", flat=True)) == {"simulated"}


def test_what_went_before_is_kept_while_a_retry_waits_for_a_person(workspace, admin, approver):
    loop = "id: make, each: inputs.keys, most: 5, use: probe.create, with: { key: item }"
    set_up(workspace, admin, pack_of(loop))
    run = ran(workspace, admin, keys=["a", "bad"])
    RunPayload.objects.update(keep_until=timezone.now() + timedelta(minutes=1))
    retry_pack(run, actor=admin)
    assert forget_kept_inputs(timezone.now() + timedelta(hours=1)) == 0
    assert RunPayload.objects.filter(run__parent=run).exists()
