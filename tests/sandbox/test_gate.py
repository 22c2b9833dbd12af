"""The gate: one way in, twelve steps, and what each scenario does on the way."""

import json

import pytest

from galaxy.core.errors import Invalid
from galaxy.core.members import grant_on, revoke_on
from galaxy.core.models import AuditEvent, Membership, User
from policies.models import Approval, Decision
from policies.services.approvals import decide_approval
from registry.errors import NotInstalled, RequirementsMissing
from registry.models import Connection
from sandbox.errors import KeyReused
from sandbox.models import CallRecord, OutboxMessage, Outcome, Run, RunPayload, Span
from sandbox.services import approval_was_decided, cancel_run, executing, invoke, perform, settle_run
from tests.approving import approve
from tests.extensions import PACK, PROBE, TIDY, installed, publish
from tests.playhouse import staged


@pytest.fixture
@staged
def probe(workspace, admin):
    return installed(workspace, admin, PROBE)[0]


@pytest.fixture
@staged
def pack(workspace, admin):
    return installed(workspace, admin, PROBE, TIDY, PACK)[-1]


def ran(workspace, actor, target, inputs=None, **options) -> Run:
    run = invoke(workspace, actor=actor, target=target, inputs={"key": "k1"} if inputs is None else inputs, **options)
    return perform(run.pk) or run


def names(run: Run) -> list[str]:
    return list(
        Span.objects.filter(run_id=run.pk).order_by("started_at", "-duration_ms").values_list("name", flat=True)
    )


def test_a_read_goes_through_every_step_and_leaves_its_trace(workspace, member, probe):
    run = ran(workspace, member, "probe.look_up")
    assert (run.state, run.mode, run.attempt) == ("succeeded", "simulated", 1)
    assert run.outputs["id"].startswith("thing-")
    assert run.version_digest == probe.pin.digest
    assert (run.decision.effect, run.decision.input["action"]["target"]) == ("allow", "probe.look_up")
    assert {
        "run probe.look_up",
        "queue",
        "policy.evaluate",
        "call probe.look_up",
        "attempt 1",
        "outputs.validate",
        "outputs.redact",
    } <= set(names(run))
    record = CallRecord.objects.get(run=run)
    assert (record.outputs, [exchange["status"] for exchange in record.exchanges]) == (run.outputs, [200])
    actions = list(AuditEvent.objects.filter(target_id=str(run.pk)).order_by("id").values_list("action", "simulated"))
    assert actions == [("run.requested", True), ("run.succeeded", True)]
    assert not RunPayload.objects.filter(run=run).exists()
    assert not OutboxMessage.objects.exists()


def test_another_input_gives_another_answer_and_the_same_run_the_same(workspace, member, probe):
    one = ran(workspace, member, "probe.look_up", {"key": "a"})
    other = ran(workspace, member, "probe.look_up", {"key": "b"})
    assert one.outputs != other.outputs


def test_what_is_not_installed_cannot_run(workspace, member):
    with pytest.raises(NotInstalled):
        invoke(workspace, actor=member, target="probe.look_up", inputs={})


@pytest.mark.asvs("2.2.1", "2.2.2")
@pytest.mark.parametrize(
    ("inputs", "field"),
    [
        ({}, "key"),
        ({"key": 5}, "key"),
        ({"key": "a", "extra": 1}, "extra"),
        ({"key": "a\ud800"}, ""),
        ({"key": 2**70}, ""),
        ({"key": float("inf")}, ""),
        ({"key": "a\0b"}, ""),
        ({"key": "a", "a\0b": 1}, ""),
        ({"key": "a" * 300_000}, ""),
        ({"key": json.loads("[" * 41 + "]" * 41)}, ""),
        ({"key": json.loads("[" * 900 + "]" * 900)}, ""),
        (None, ""),
        (["a"], ""),
    ],
)
def test_inputs_that_do_not_fit_are_refused_by_field_and_no_run_is_made(workspace, member, probe, inputs, field):
    with pytest.raises(Invalid) as refused:
        invoke(workspace, actor=member, target="probe.look_up", inputs=inputs)
    assert field in refused.value.fields
    assert not Run.objects.exists()


def test_bad_inputs_are_refused_under_a_key_that_was_used_too(workspace, member, probe):
    invoke(workspace, actor=member, target="probe.look_up", inputs={"key": "a"}, idempotency_key="one")
    with pytest.raises(Invalid):
        invoke(workspace, actor=member, target="probe.look_up", inputs={"key": "a\ud800"}, idempotency_key="one")


@pytest.mark.parametrize("key", ["a\0b", "a\nb", "\ud800", "k" * 256, 5])
def test_what_cannot_be_an_idempotency_key_is_refused(workspace, member, probe, key):
    with pytest.raises(Invalid) as refused:
        invoke(workspace, actor=member, target="probe.look_up", inputs={"key": "a"}, idempotency_key=key)
    assert "idempotency_key" in refused.value.fields


def test_an_answer_of_the_wrong_shape_is_a_validation_error_that_names_the_field(workspace, member, probe):
    run = ran(workspace, member, "probe.broken", {})
    assert (run.state, run.error_category, run.error["field"]) == ("failed", "validation", "id")
    assert "id" in run.error["sentence"]


@pytest.mark.parametrize("answer", [r'`"\u0000"`', r'`"\ud800"`'], ids=["null character", "half a pair"])
def test_an_answer_that_cannot_be_stored_fails_the_run(workspace, admin, answer):
    odd = PROBE.replace("connector: probe", "connector: odd").replace(
        "\"fake_id('thing-', inputs.key)\"", f"'{answer}'"
    )
    installed(workspace, admin, odd)
    run = ran(workspace, admin, "odd.look_up")
    assert (run.state, run.error["error_code"]) == ("failed", "output_not_plain")


def test_a_write_without_the_grant_is_blocked_and_says_what_would_pass(workspace, member, probe):
    run = invoke(workspace, actor=member, target="probe.create", inputs={"key": "k"})
    assert (run.state, run.error_category, run.decision.effect) == ("failed", "policy_block", "deny")
    assert "It passes if" in run.error["next_step"]
    assert perform(run.pk) is None
    assert AuditEvent.objects.filter(target_id=str(run.pk), action="run.failed").count() == 1


def test_a_grant_on_the_one_installation_is_enough_for_a_write(workspace, admin, member, probe):
    grant_on(probe, perm="registry.write_installation", user=member, actor=admin)
    assert ran(workspace, member, "probe.create").state == "succeeded"


def test_a_grant_that_goes_while_the_run_is_queued_stops_it(workspace, admin, member, probe):
    grant_on(probe, perm="registry.write_installation", user=member, actor=admin)
    run = invoke(workspace, actor=member, target="probe.create", inputs={"key": "k"})
    assert run.state == "queued"
    revoke_on(probe, perm="registry.write_installation", user=member, actor=admin)
    perform(run.pk)
    run.refresh_from_db()
    assert (run.state, run.error_category) == ("failed", "policy_block")
    assert run.decision.effect == "deny"
    assert not Span.objects.filter(run_id=run.pk, kind="attempt").exists()


def test_whoever_left_the_workspace_runs_nothing_more(workspace, member, probe):
    run = invoke(workspace, actor=member, target="probe.look_up", inputs={"key": "k"})
    Membership.objects.filter(user=member).delete()
    perform(run.pk)
    run.refresh_from_db()
    assert (run.state, run.error["error_code"]) == ("failed", "run_permission_missing")


def test_a_closed_account_runs_nothing_more(workspace, member, probe):
    run = invoke(workspace, actor=member, target="probe.look_up", inputs={"key": "k"})
    User.objects.filter(pk=member.pk).update(is_active=False)
    perform(run.pk)
    run.refresh_from_db()
    assert (run.state, run.error["error_code"]) == ("failed", "run_permission_missing")


def test_a_call_without_an_account_is_simulated_whatever_was_asked(workspace, admin, probe):
    run = invoke(workspace, actor=admin, target="probe.look_up", inputs={"key": "a"}, simulate=False)
    assert run.mode == "simulated"
    assert run.decision.input["context"]["mode"] == "simulated"


def test_a_live_call_fails_closed_while_nothing_can_make_one(workspace, admin, probe, settings, tmp_path, monkeypatch):
    settings.SANDBOXD_SOCKET = tmp_path / "nobody"
    monkeypatch.setattr(executing, "PATIENCE", {"max_attempts": 2, "base_ms": 1})
    Connection.objects.filter(installation=probe).update(status="authenticated")
    run = ran(workspace, admin, "probe.create")
    assert (run.mode, run.state, run.error["error_code"]) == ("live", "failed", "sandbox_unreachable")
    assert run.error["attempts"] == 2


def test_429_then_ok_waits_at_least_what_the_other_side_asked_for(workspace, admin, probe):
    run = ran(workspace, admin, "probe.create", scenario="429")
    assert run.state == "succeeded"
    wait = Span.objects.get(run_id=run.pk, kind="wait")
    assert wait.attributes["wait_ms"] >= 7000
    assert wait.attributes["virtual"] is True
    assert "virtual" in wait.name
    assert [exchange["status"] for exchange in run.call_record.exchanges] == [429, 200]


def test_5xx_then_ok_is_retried_where_that_is_safe(workspace, admin, probe):
    for target in ("probe.look_up", "probe.put"):
        run = ran(workspace, admin, target, scenario="5xx")
        assert (run.state, len(run.call_record.exchanges)) == ("succeeded", 2), target


def test_5xx_on_a_write_that_is_not_idempotent_is_never_retried_but_unknown(workspace, admin, member, probe):
    run = ran(workspace, admin, "probe.create", scenario="5xx")
    assert (run.state, run.error["attempts"], run.error["error_code"]) == ("unknown", 1, "http_502")
    with pytest.raises(Invalid):
        settle_run(run, actor=admin, happened=True, note=" ")
    settled = settle_run(run, actor=admin, happened=True, note="Seen in the other system.")
    assert settled.state == "succeeded"
    assert AuditEvent.objects.filter(action="run.settled", target_id=str(run.pk)).exists()


def test_401_is_final_and_tells_the_next_step(workspace, admin, probe):
    run = ran(workspace, admin, "probe.look_up", scenario="401")
    assert (run.state, run.error_category, run.error["status"], run.error["attempts"]) == (
        "failed",
        "auth_error",
        401,
        1,
    )
    assert "Reconnect" in run.error["next_step"]
    assert run.error["last_endpoint"] == "simulated GET /things/{key}"


def test_the_empty_sample_answers_with_the_fixture(workspace, admin, probe):
    assert ran(workspace, admin, "probe.look_up", scenario="empty").outputs == {"id": "x0"}


def test_slow_takes_its_time(workspace, admin, probe):
    run = ran(workspace, admin, "probe.look_up", scenario="slow")
    assert Span.objects.get(run_id=run.pk, kind="attempt").duration_ms >= 40


def test_the_same_key_answers_the_first_run_and_other_inputs_are_refused(workspace, admin, probe):
    first = invoke(workspace, actor=admin, target="probe.create", inputs={"key": "a"}, idempotency_key="one")
    again = invoke(workspace, actor=admin, target="probe.create", inputs={"key": "a"}, idempotency_key="one")
    assert first == again
    with pytest.raises(KeyReused):
        invoke(workspace, actor=admin, target="probe.create", inputs={"key": "b"}, idempotency_key="one")
    assert Run.objects.count() == 1


@pytest.mark.asvs("14.2.6")
def test_personal_values_are_masked_wherever_they_are_stored(workspace, admin, probe):
    run = ran(workspace, admin, "probe.create", {"key": "k", "owner": "ada@example.test"})
    assert run.inputs["owner"] == "a***@example.test"
    assert run.outputs["owner"] == "a***@example.test"
    assert run.data_classes == ["email"]
    assert CallRecord.objects.get(run=run).inputs["owner"] == "a***@example.test"


def test_a_spent_budget_sends_nothing(workspace, admin):
    tight = PROBE.replace("connector: probe", "connector: tight").replace(
        "retry:", "rate_limits: { rpm: 2 }\nretry:", 1
    )
    installed(workspace, admin, tight)
    states = [ran(workspace, admin, "tight.look_up") for _ in range(3)]
    assert [run.state for run in states] == ["succeeded", "succeeded", "failed"]
    assert (states[2].error_category, states[2].error["error_code"]) == ("rate_limit", "budget_spent")
    assert states[2].call_record.exchanges == []


def test_a_delete_waits_for_somebody_else_and_then_runs_once(workspace, admin, approver, probe):
    run = invoke(workspace, actor=admin, target="probe.remove", inputs={"key": "k"})
    assert (run.state, run.decision.effect) == ("waiting", "require_approval")
    assert perform(run.pk) is None
    approval = run.approval
    assert approval.facts["what"] == "probe.remove"
    approve(approval, approver)
    approval_was_decided(approval)
    done = perform(run.pk)
    assert done.state == "succeeded"
    approval.refresh_from_db()
    assert approval.consumed_at is not None
    assert perform(run.pk) is None


def test_a_rejection_ends_the_run_with_the_reviewers_reason(workspace, admin, approver, probe):
    run = invoke(workspace, actor=admin, target="probe.remove", inputs={"key": "k"})
    decide_approval(
        run.approval, reviewer=approver, decision="rejected", note="Quarter is not closed", digest=run.approval.digest
    )
    run.approval.refresh_from_db()
    approval_was_decided(run.approval)
    run.refresh_from_db()
    assert (run.state, run.error_category) == ("failed", "policy_block")
    assert "Quarter is not closed" in run.error["sentence"]


def test_an_approval_does_not_fit_a_connection_that_changed_since(workspace, admin, approver, probe):
    run = invoke(workspace, actor=admin, target="probe.remove", inputs={"key": "k"})
    before = run.approval
    approve(before, approver)
    before.refresh_from_db()
    approval_was_decided(before)
    Connection.objects.filter(installation=probe).update(generation=1)
    assert perform(run.pk) is None
    run.refresh_from_db()
    assert (run.state, run.approval.status, run.approval.again) == ("waiting", "pending", before)
    assert run.approval.facts["changed"] == ["the connection or its secret"]
    before.refresh_from_db()
    assert before.consumed_at is None


def test_a_bulk_send_needs_approval_and_a_small_one_does_not(workspace, admin, probe):
    small = invoke(workspace, actor=admin, target="probe.announce", inputs={"to": ["a", "b"]})
    large = invoke(workspace, actor=admin, target="probe.announce", inputs={"to": ["a", "b", "c"]})
    assert (small.state, large.state) == ("queued", "waiting")
    assert large.approval.facts["records"] == 3


def test_a_queued_run_can_be_called_off_and_never_runs(workspace, admin, probe):
    run = invoke(workspace, actor=admin, target="probe.create", inputs={"key": "k"})
    assert cancel_run(run, actor=admin).state == "cancelled"
    assert perform(run.pk) is None
    assert not RunPayload.objects.exists()


def test_what_somebody_else_calls_off_leaves_no_request_behind(workspace, admin, owner, probe):
    run = invoke(workspace, actor=admin, target="probe.remove", inputs={"key": "k"})
    cancel_run(run, actor=owner)
    assert Approval.objects.get(pk=run.approval_id).status == "withdrawn"
    event = AuditEvent.objects.get(action="approval.withdrawn")
    assert (event.actor_id, RunPayload.objects.exists()) == (str(owner.pk), False)


def test_a_pack_runs_its_steps_in_order_and_reaches_its_outcome(workspace, admin, pack):
    run = ran(workspace, admin, "probe.flow", {"name": "Ada", "on": "3 March 2026"})
    assert run.state == "succeeded"
    steps = list(run.steps.order_by("created_at"))
    assert [(step.step_id, step.state, step.mode) for step in steps] == [
        ("tidy", "succeeded", "simulated"),
        ("make", "succeeded", "simulated"),
        ("look", "succeeded", "simulated"),
    ]
    assert run.outputs["tidy"] == {"day": "2026-03-03", "title": "Ada"}
    assert run.outputs["drop"] is None
    outcome = Outcome.objects.get(run=run)
    assert (outcome.is_success, outcome.is_simulated, outcome.name) == (True, True, "thing_made")
    assert steps[1].chain[-1]["kind"] == "version"
    assert not RunPayload.objects.exists()
    other = ran(workspace, admin, "probe.flow", {"name": "Bo", "on": "4 March 2026"})
    for step in ("tidy", "make", "look"):
        assert other.outputs[step] != run.outputs[step]


def test_a_step_that_waits_parks_its_pack_which_goes_on_after_the_yes(workspace, admin, approver, pack):
    run = ran(workspace, admin, "probe.flow", {"name": "Ada", "on": "3 March 2026", "remove": True})
    assert run.state == "waiting"
    step = run.steps.get(step_id="drop")
    assert step.state == "waiting"
    approve(step.approval, approver)
    step.approval.refresh_from_db()
    approval_was_decided(step.approval)
    run.refresh_from_db()
    assert run.state == "queued"
    done = perform(run.pk)
    assert (done.state, done.attempt) == ("succeeded", 2)
    assert run.steps.get(step_id="make").attempt == 1


def test_a_pack_fails_as_its_step_does_and_says_which(workspace, creator, pack):
    run = ran(workspace, creator, "probe.flow", {"name": "Ada", "on": "3 March 2026"})
    assert (run.state, run.error_category) == ("failed", "policy_block")
    assert "Step “make” (probe.create)" in run.error["sentence"]
    assert not Outcome.objects.exists()


def test_a_pack_without_what_it_requires_is_refused(workspace, admin):
    for text in (PROBE, TIDY):
        publish(text)
    with pytest.raises(RequirementsMissing):
        installed(workspace, admin, PACK)


def test_no_run_without_a_decision(workspace, admin, member, pack):
    ran(workspace, admin, "probe.flow", {"name": "Ada", "on": "3 March 2026"})
    invoke(workspace, actor=member, target="probe.create", inputs={"key": "k"})
    assert not Run.objects.filter(decision=None).exists()
    assert Decision.objects.count() >= Run.objects.count()
    assert not Approval.objects.exists()
