"""Live where connected, simulated elsewhere: each call has a mode of its own, and what is made up stays made up."""

import pytest

from galaxy.core.errors import Invalid
from galaxy.core.models import AuditEvent
from sandbox.models import Outcome, Run
from sandbox.services import invoke, perform
from tests.extensions import installed
from tests.sandbox.packs.flows import calls, say_yes
from tests.sandbox.packs.live import connect, pack_over_both, plays

pytestmark = pytest.mark.usefixtures("both")

REAL = "id: real, use: probe.create, with: { key: \"'k'\" }"
MADE_UP = "id: fake, use: shadow.create, with: { key: \"'f'\" }"
WRITES = {
    "the value itself": "with: { key: steps.fake.id }",
    "a text it stands in": "with: { key: \"join(' ', ['id', steps.fake.id])\" }",
    "what was chosen by it": "with: { key: \"steps.fake.id && 'yes' || 'no'\" }",
    "as JSON": 'with: { key: "to_string(steps.fake)" }',
    "how many there are": 'with: { key: "to_string(length(steps.fake.id))" }',
    "by a transform": "with: { key: steps.tidy.title }",
    "because of it": "when: steps.fake.id, with: { key: \"'fixed'\" }",
    "an item of it": "each: '[steps.fake.id]', most: 3, with: { key: item }",
    "for each of it": "each: '[steps.fake.id]', most: 3, with: { key: \"'fixed'\" }",
    "what a live read answered to it": "with: { key: steps.read.id }",
    "that it is not there": "with: { key: \"steps.maybe.id || 'none'\" }",
    "that it failed": "with: { key: \"steps.failed.id || 'none'\" }",
}
BETWEEN = {
    "by a transform": "id: tidy, use: probe.tidy, with: { name: steps.fake.id, on: \"'2026-01-02'\" }",
    "that it is not there": "id: maybe, when: \"steps.fake.id == 'x'\", use: probe.look_up, with: { key: \"'k'\" }",
    "that it failed": "id: failed, use: shadow.broken, on_failure: skip",
    "what a live read answered to it": "id: read, use: probe.look_up, with: { key: steps.fake.id }",
}


@pytest.fixture
def system(monkeypatch):
    return plays(monkeypatch)


def partly(workspace, admin, *steps, **inputs) -> Run:
    installed(workspace, admin, pack_over_both(*steps))
    connect("probe")
    return perform(invoke(workspace, actor=admin, target="probe.steps", inputs=inputs, partly=True).pk)


def test_each_call_is_live_or_simulated_by_its_own_connection(workspace, admin, system):
    run = partly(workspace, admin, REAL, MADE_UP, "id: then, use: shadow.create, with: { key: steps.real.id }")
    assert (run.mode, run.state, run.is_simulated) == ("partial", "succeeded", True)
    modes = dict(run.steps.values_list("step_id", "mode"))
    assert modes == {"real": "live", "fake": "simulated", "then": "simulated"}
    assert [target for target, _ in system.heard] == ["probe.create"]


def test_its_outcome_is_kept_and_never_counted(workspace, admin, system):
    run = partly(workspace, admin, REAL, MADE_UP)
    outcome = Outcome.objects.get(run=run)
    assert (outcome.is_success, outcome.is_simulated) == (True, True)
    assert not Outcome.objects.counting().exists()
    assert all(AuditEvent.objects.filter(target_id=str(run.pk)).values_list("simulated", flat=True))


@pytest.mark.parametrize("way", WRITES)
def test_a_made_up_value_never_reaches_a_live_write(workspace, admin, system, way):
    between = [BETWEEN[way]] if way in BETWEEN else []
    run = partly(workspace, admin, REAL, MADE_UP, *between, f"id: write, use: probe.create, {WRITES[way]}")
    assert (run.state, run.error_category, run.error["error_code"]) == ("failed", "policy_block", "simulated_value")
    assert [target for target, _ in system.heard if target == "probe.create"] == ["probe.create"]
    refused = run.steps.get(step_id="write")
    assert (refused.state, refused.attempt, refused.mode) == ("failed", 0, "live")
    assert not Outcome.objects.exists()


def test_what_is_real_passes_beside_what_is_made_up(workspace, admin, system):
    """A transform takes both, and what comes of the real one may be written."""
    tidy = "id: tidy, use: probe.tidy, with: { name: steps.real.id, on: \"'2026-01-02'\" }"
    write = "id: write, use: probe.create, with: { key: \"join('-', [steps.tidy.title, steps.real.id])\" }"
    run = partly(workspace, admin, REAL, MADE_UP, tidy, write)
    assert run.state == "succeeded", run.error
    assert system.heard[-1][1] == {"key": "real-1-real-1"}


def test_a_mark_outlives_the_wait_for_a_person(workspace, admin, approver, system):
    """The pack goes on in another process by then, from what was stored."""
    wait = "id: drop, use: probe.remove, with: { key: steps.real.id }"
    run = partly(workspace, admin, REAL, MADE_UP, wait, "id: write, use: probe.create, with: { key: steps.fake.id }")
    assert run.state == "waiting"
    run = say_yes(run, approver)
    assert (run.error["error_code"], [one[2] for one in calls(run)][-1]) == ("simulated_value", "failed")


def test_a_skipped_refusal_leaves_null(workspace, admin, system):
    write = "id: write, use: probe.create, with: { key: steps.fake.id }, on_failure: skip"
    run = partly(workspace, admin, REAL, MADE_UP, write)
    assert (run.state, run.outputs["write"]) == ("succeeded", None)


def test_where_all_is_connected_it_is_live_and_where_it_is_no_pack_refused(workspace, admin, system):
    installed(workspace, admin, pack_over_both(REAL, MADE_UP))
    connect("probe")
    connect("shadow")
    run = invoke(workspace, actor=admin, target="probe.steps", inputs={}, partly=True)
    assert run.mode == "live"
    with pytest.raises(Invalid):
        invoke(workspace, actor=admin, target="probe.create", inputs={"key": "k"}, partly=True)


def test_samples_of_single_steps_are_of_the_simulated_ones(workspace, admin, system):
    installed(workspace, admin, pack_over_both(REAL, MADE_UP))
    connect("probe")
    options = {"partly": True, "scenarios": {"real": "401", "fake": "401"}}
    run = perform(invoke(workspace, actor=admin, target="probe.steps", inputs={}, **options).pk)
    assert (run.state, run.error_category) == ("failed", "auth_error")
    assert [(one.step_id, one.scenario, one.state) for one in run.steps.order_by("created_at")] == [
        ("real", "", "succeeded"), ("fake", "401", "failed"),
    ]  # fmt: skip
    for bad in ({"none": "401"}, {"fake": "what"}, ["fake"]):
        with pytest.raises(Invalid):
            invoke(workspace, actor=admin, target="probe.steps", inputs={}, scenarios=bad)
