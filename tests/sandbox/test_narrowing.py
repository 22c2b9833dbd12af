"""F46: a reviewer makes a call smaller, never larger; and what nobody said yes to is asked for again."""

from datetime import timedelta

import pytest
from django.utils import timezone

from galaxy.core.errors import Conflict, Invalid
from policies.models import Approval
from policies.services.approvals import ask_again, decide_approval, narrow
from policies.subjects import subject_of
from sandbox.errors import KeyReused
from sandbox.models import Run, RunPayload
from sandbox.services import approval_was_decided, forget_kept_inputs, invoke, perform
from tests.approving import approve
from tests.extensions import PROBE, installed
from tests.ruling import put_in_force

SENDER = """
connector: sender
version: 1.0.0
name: Sender
summary: A made-up system that sends and pays.
auth: { type: bearer }
base_url: https://api.sender.example
egress: [{ host: api.sender.example }]
permissions: { required: [mail.write] }
actions:
  - id: send
    name: Send
    method: POST
    path: /send
    inputs: { to: "email[]", account: int, amount: number?, note: string?, filter: string? }
    outputs: { id: string }
    scopes: [mail.write]
    bulk: { field: to, over: 1 }
    narrow: [amount, note]
    simulation: { answer: { id: "fake_id('s-', inputs.to)" } }
    fixtures:
      happy: { status: 200, body: { id: s1 } }
      "401": { status: 401 }
      "429": { status: 429 }
      "5xx": { status: 502 }
"""
INPUTS = {"to": ["a@x.example", "b@x.example", "c@x.example"], "account": 9, "amount": 50, "note": "n", "filter": "f"}


@pytest.fixture
def waiting(workspace, admin):
    installed(workspace, admin, SENDER)
    return invoke(workspace, actor=admin, target="sender.send", inputs=INPUTS, idempotency_key="one")


def narrowed(run, reviewer, **values) -> Approval:
    return narrow(run.approval, reviewer=reviewer, digest=run.approval.digest, values=values)


def said(run: Run, reviewer, note="No.") -> Run:
    decide_approval(run.approval, reviewer=reviewer, decision="rejected", note=note, digest=run.approval.digest)
    approval_was_decided(Approval.objects.select_related("workspace").get(pk=run.approval_id))
    run.refresh_from_db()
    return run


def test_what_may_become_less_is_shown_hidden_as_the_request_is(waiting):
    parts = {one.name: one for one in subject_of(waiting.approval).narrowable(waiting.approval)}
    assert set(parts) == {"to", "amount", "note"}
    assert parts["to"].entries == ("a***@x.example", "b***@x.example", "c***@x.example")
    assert (parts["amount"].value, parts["amount"].optional, parts["to"].optional) == (50, True, False)


def test_a_narrowed_call_is_another_request_for_the_same_run(workspace, admin, approver, waiting):
    wider = waiting.approval
    made = narrowed(waiting, approver, without={"to": [1]}, lower={"amount": 20}, leave_out=["note"])
    assert (made.narrowed_from, made.status, made.records, made.subject_id) == (wider, "pending", 2, waiting.pk)
    assert made.facts["inputs"] == {
        "to": ["a***@x.example", "c***@x.example"],
        "account": 9,
        "amount": 20,
        "filter": "f",
    }
    wider.refresh_from_db()
    assert (wider.status, len(wider.facts["inputs"]["to"])) == ("withdrawn", 3)
    assert wider.decision != made.decision and wider.decision.subject_id == made.decision.subject_id == waiting.pk
    assert invoke(workspace, actor=admin, target="sender.send", inputs=INPUTS, idempotency_key="one") == waiting
    with pytest.raises(KeyReused):
        invoke(workspace, actor=admin, target="sender.send", inputs=INPUTS | {"account": 8}, idempotency_key="one")
    approve(made, approver)
    made.refresh_from_db()
    approval_was_decided(made)
    done = perform(waiting.pk)
    assert (done.state, len(done.call_record.inputs["to"]), done.requested_by) == ("succeeded", 2, admin)


def test_one_left_is_few_and_is_asked_about_all_the_same(waiting, approver):
    made = narrowed(waiting, approver, without={"to": [0, 1]})
    waiting.refresh_from_db()
    assert (waiting.decision.effect, waiting.state, made.status) == ("allow", "waiting", "pending")
    approve(made, approver)
    approval_was_decided(Approval.objects.select_related("workspace").get(pk=made.pk))
    assert perform(waiting.pk).state == "succeeded"


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"lower": {"amount": 51}}, "amount"),
        ({"lower": {"amount": -50}}, "amount"),
        ({"lower": {"amount": -60}}, "amount"),
        ({"lower": {"amount": "20"}}, "amount"),
        ({"lower": {"amount": True}}, "amount"),
        ({"lower": {"amount": float("nan")}}, ""),
        ({"lower": {"account": 8}}, "account"),
        ({"leave_out": ["filter"]}, "filter"),
        ({"leave_out": ["to"]}, "to"),
        ({"without": {"to": [0, 1, 2]}}, "to"),
        ({"without": {"to": [3]}}, "to"),
        ({"without": {"to": [-1]}}, "to"),
        ({"without": {"to": "0"}}, "to"),
        ({"without": {"amount": [0]}}, "amount"),
        ({"set": {"to": ["d@x.example"]}}, "set"),
        ({}, ""),
    ],
)
def test_what_is_not_less_is_refused_and_nothing_changes(waiting, approver, values, field):
    with pytest.raises(Invalid) as refused:
        narrowed(waiting, approver, **values)
    assert field in refused.value.fields
    before = waiting.approval_id
    waiting.refresh_from_db()
    assert (waiting.approval_id, waiting.payload.data["inputs"]) == (before, INPUTS)


def test_what_policy_refuses_is_not_offered_smaller(workspace, admin, approver, waiting):
    put_in_force(workspace, admin, "deny", what={"actions": ["sender.send"]})
    with pytest.raises(Invalid):
        narrowed(waiting, approver, without={"to": [0]})


def test_what_was_rejected_can_be_asked_again_with_what_it_really_was(workspace, admin, approver, waiting):
    run = said(waiting, approver)
    assert (run.state, RunPayload.objects.get(run=run).data["inputs"]) == ("failed", INPUTS)
    made = ask_again(run.approval, actor=admin)
    again = Run.objects.get(pk=made.subject_id)
    assert (again.instead_of, again.state, made.again) == (run, "waiting", run.approval)
    assert again.payload.data["inputs"] == INPUTS
    assert ask_again(run.approval, actor=admin) == made


def test_what_was_narrowed_is_not_asked_again_beside_it(workspace, admin, approver, waiting):
    wider = waiting.approval
    narrowed(waiting, approver, without={"to": [0]})
    with pytest.raises(Conflict):
        ask_again(wider, actor=admin)
    assert Run.objects.filter(instead_of=waiting).count() == 0


def test_the_inputs_are_kept_for_a_while_and_then_no_more(workspace, admin, approver, waiting):
    run = said(waiting, approver)
    assert forget_kept_inputs(timezone.now() + timedelta(days=6)) == 0
    assert forget_kept_inputs(timezone.now() + timedelta(days=8)) == 1
    with pytest.raises(Invalid, match="not kept"):
        ask_again(run.approval, actor=admin)


def test_asking_again_is_refused_where_policy_says_no_by_now(workspace, admin, approver, waiting):
    run = said(waiting, approver)
    put_in_force(workspace, admin, "deny", what={"actions": ["sender.send"]})
    with pytest.raises(Conflict):
        ask_again(run.approval, actor=admin)
    assert Run.objects.filter(instead_of=run).count() == 0


def test_what_its_requester_took_back_leaves_no_inputs(workspace, admin, waiting):
    from policies.services.approvals import withdraw_approval

    withdraw_approval(waiting.approval, actor=admin)
    approval_was_decided(Approval.objects.select_related("workspace").get(pk=waiting.approval_id))
    assert not RunPayload.objects.filter(run=waiting).exists()


def test_requests_that_differ_in_values_alone_are_of_one_shape(workspace, admin):
    installed(workspace, admin, SENDER, PROBE)

    def shape(target="sender.send", **inputs):
        return invoke(workspace, actor=admin, target=target, inputs=inputs).approval.shape

    two = ["a@x.example", "b@x.example"]
    usual = shape(to=two, account=1)
    assert usual == shape(to=[*two, "c@x.example"], account=2) != ""
    assert len({usual, shape(to=two, account=1, note="n"), shape("probe.remove", key="k")}) == 3
