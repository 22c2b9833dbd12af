"""What rules want done with a call: data classes hidden their way wherever it is kept, and calls no more often."""

import pytest

from registry.models import Connection
from sandbox import rule_rates
from sandbox.errors import RunError
from sandbox.models import CallRecord, Execution, Run
from sandbox.runners.python import PythonRunner
from sandbox.services import invoke, perform
from sandbox.valkey import client
from tests.extensions import PACK, PROBE, TIDY, installed
from tests.playhouse import staged
from tests.ruling import put_in_force

EMAIL = "ada@one.example"
RELAY = """
transform: probe.relay
version: 1.0.0
name: Relay
summary: A made-up transform that renames.
inputs: { person: email }
outputs: { address: string }
steps:
  - map_fields: { address: person }
fixtures:
  happy: { inputs: { person: a@one.example }, outputs: { address: a@one.example } }
"""
FLOW = """
pack: flow.relay
version: 1.0.0
name: Relay and make
summary: A made-up pack of three steps.
requires: { probe: ^1.0, probe.relay: ^1.0 }
inputs: { person: email }
steps:
  - { id: first, use: probe.create, with: { key: "'k'", owner: inputs.person } }
  - { id: relay, use: probe.relay, with: { person: inputs.person } }
  - { id: make, use: probe.create, with: { key: steps.relay.address } }
outcome: { name: made, success: steps.make.id, signal: downstream_state }
sample: { inputs: { person: a@one.example } }
"""


@pytest.fixture
@staged
def probe(workspace, admin):
    return installed(workspace, admin, PROBE, RELAY, FLOW)[0]


def hides(workspace, admin, mode, **parts):
    return put_in_force(workspace, admin, "allow", obligations={"redact": {"email": mode}}, **parts)


def ran(workspace, actor, target="probe.create", inputs=None) -> Run:
    run = invoke(workspace, actor=actor, target=target, inputs=inputs or {"key": "k", "owner": EMAIL})
    return perform(run.pk) or Run.objects.get(pk=run.pk)


@pytest.mark.asvs("8.2.3", "14.2.4", "14.2.6")
@pytest.mark.parametrize("mode", ["mask", "hash", "tokenise", "drop"])
def test_a_class_is_hidden_as_the_rule_says_wherever_it_is_kept(workspace, admin, probe, mode):
    hides(workspace, admin, mode)
    run = ran(workspace, admin)
    assert run.obligations == {"redact": {"email": mode}} == run.decision.obligations
    record = CallRecord.objects.get(run=run)
    for kept in (run.inputs, run.outputs, record.inputs, record.outputs):
        assert EMAIL not in str(kept)
        owner = kept.get("owner")
        assert {"mask": "a***@one.example", "drop": None}.get(mode, owner) == owner
    assert run.inputs.get("owner") == run.outputs.get("owner")


def test_what_waits_for_a_yes_shows_it_no_other_way(workspace, admin, probe):
    hides(workspace, admin, "tokenise")
    put_in_force(workspace, admin, "require_approval", what={"actions": ["probe.create"]})
    run = invoke(workspace, actor=admin, target="probe.create", inputs={"key": "k", "owner": EMAIL})
    assert run.approval.facts["inputs"]["owner"].startswith("email_")
    perform(run.rehearsals.get().pk)
    trial = run.rehearsals.get()
    assert trial.inputs["owner"] == trial.outputs["owner"] == run.inputs["owner"]


def test_of_two_rules_the_stricter_one_holds(workspace, admin, probe):
    hides(workspace, admin, "drop", what={"actions": ["probe.create"]})
    hides(workspace, admin, "hash")
    assert ran(workspace, admin).obligations == {"redact": {"email": "drop"}}


def test_a_packs_duties_bind_its_steps_through_transforms(workspace, admin, probe):
    hides(workspace, admin, "drop", what={"extensions": ["flow.relay"]})
    run = ran(workspace, admin, "flow.relay", {"person": EMAIL})
    assert run.state == "succeeded", run.error
    assert "example" not in str([run.inputs, run.outputs])
    for step in run.steps.all():
        assert step.obligations["redact"]["email"] == "drop"
        assert "example" not in str([step.inputs, step.outputs]), step.step_id


def test_a_steps_duties_bind_the_steps_after_it(workspace, admin, probe):
    hides(workspace, admin, "hash", what={"extensions": ["probe.relay"]})
    run = ran(workspace, admin, "flow.relay", {"person": EMAIL})
    modes = {step.step_id: step.obligations["redact"]["email"] for step in run.steps.all()}
    assert modes == {"first": "mask", "relay": "hash", "make": "hash"}


def test_a_stricter_rule_that_comes_while_it_is_queued_holds(workspace, admin, probe):
    run = invoke(workspace, actor=admin, target="probe.create", inputs={"key": "k", "owner": EMAIL})
    assert run.inputs["owner"] == "a***@one.example"
    hides(workspace, admin, "drop")
    perform(run.pk)
    run.refresh_from_db()
    assert (run.inputs, "owner" in run.outputs) == ({"key": "k"}, False)
    assert CallRecord.objects.get(run=run).inputs == {"key": "k"}


def test_what_may_not_be_kept_is_not_recorded(workspace, admin, probe):
    run = Run.objects.get(pk=invoke(workspace, actor=admin, target="probe.look_up", inputs={"key": "k"}).pk)
    answer = {
        "outcome": {"error": None, "logs": [{"level": "info", "text": f"to {EMAIL}"}]},
        "exchanges": [{"url": "https://x.example/?to=ada%40one.example", "reason": ""}],
        "recording": "c2VhbGVk",
    }
    runner = PythonRunner.__new__(PythonRunner)
    for redact, kept in (({"email": "hash"}, "c2VhbGVk"), ({"email": "drop"}, "")):
        run.obligations = {"redact": redact}
        runner.run = run
        hidden = runner._hidden(answer)
        assert hidden["recording"] == kept
        assert "one.example" not in str(hidden)
    assert not Execution.objects.exists()


# --- How often --------------------------------------------------------------------------------------------------------


@pytest.fixture
def limited(workspace, admin, probe):
    """A rule lets each caller look up two things a minute."""
    rate = {"rate": {"count": 2, "per": "minute"}}
    yield put_in_force(workspace, admin, "allow", what={"actions": ["probe.look_up"]}, obligations=rate)
    if keys := client().keys(f"galaxy:rule:{{{workspace.pk}}}:*"):
        client().delete(*keys)


def look(workspace, actor):
    return ran(workspace, actor, "probe.look_up", {"key": "k"})


def test_what_is_beyond_a_rules_rate_is_refused_and_says_which_rule_and_until_when(
    workspace, admin, member, limited, probe
):
    assert [look(workspace, admin).state for _ in range(2)] == ["succeeded", "succeeded"]
    third = look(workspace, admin)
    assert (third.state, third.error_category, third.error["error_code"]) == (
        "failed", "rate_limit", rule_rates.SPENT,
    )  # fmt: skip
    assert f"Rule {limited.number} lets {admin} make 2 calls a minute" in third.error["sentence"]
    assert "There is room again at" in third.error["next_step"]
    assert third.error["retry_at"]
    assert third.call_record.exchanges == []
    assert look(workspace, member).state == "succeeded"  # who has a count of their own


def test_a_run_that_is_taken_over_counts_once(workspace, admin, limited, probe):
    run = invoke(workspace, actor=admin, target="probe.look_up", inputs={"key": "k"})
    run.obligations = {"rate": [{"count": 2, "per": "minute", "rule": limited.number}]}
    for _ in range(5):
        rule_rates.charge_rules(run)
    assert [look(workspace, admin).state for _ in range(2)] == ["succeeded", "failed"]


def test_what_is_simulated_leaves_the_live_calls_their_room(workspace, admin, limited, probe):
    run = invoke(workspace, actor=admin, target="probe.look_up", inputs={"key": "k"})
    assert [look(workspace, admin).state for _ in range(3)][-1] == "failed"
    run.mode = "live"
    run.obligations = {"rate": [{"count": 2, "per": "minute", "rule": limited.number}]}
    rule_rates.charge_rules(run)


def test_what_is_partly_live_shares_the_room_of_live_calls(workspace, admin, limited, probe):
    run, other = (invoke(workspace, actor=admin, target="probe.look_up", inputs={"key": key}) for key in "ab")
    run.mode, other.mode = "live", "partial"
    run.obligations = other.obligations = {"rate": [{"count": 1, "per": "minute", "rule": limited.number}]}
    rule_rates.charge_rules(run)
    with pytest.raises(RunError, match="no room left"):
        rule_rates.charge_rules(other)


@pytest.mark.asvs("16.5.3")
def test_a_count_that_cannot_be_read_lets_nothing_pass(workspace, admin, limited, probe, monkeypatch):
    from redis.exceptions import ConnectionError as Away

    def away(*_):
        raise Away

    monkeypatch.setattr(rule_rates, "take_once", away)
    run = look(workspace, admin)
    assert (run.state, run.error["error_code"]) == ("failed", "budget_unreadable")
    assert Connection.objects.count() == 1


def test_a_pack_counts_as_one_and_its_steps_as_their_own(workspace, admin):
    installed(workspace, admin, PROBE, TIDY, PACK)
    rate = {"rate": {"count": 1, "per": "hour"}}
    put_in_force(workspace, admin, "allow", what={"extensions": ["probe.flow"]}, obligations=rate)
    flow = {"name": "A", "on": "2026-01-02"}
    first, second = (ran(workspace, admin, "probe.flow", flow) for _ in range(2))
    assert (first.state, second.error["error_code"]) == ("succeeded", rule_rates.SPENT)
    assert not second.steps.exists()
