"""What rules are told of a call: its numbers, the pack that calls, where it writes to, who vouches for it."""

import pytest

from galaxy.core.members.people import change_role
from galaxy.core.members.roles import create_role
from galaxy.core.models import Membership
from marketplace.services import list_extension
from registry.levels import level_of
from registry.models import Connection, Extension
from sandbox.models import Destination
from sandbox.runners import Reply
from sandbox.services import invoke, perform
from tests.extensions import PACK, PROBE, TIDY, installed, publish
from tests.ruling import put_in_force
from tests.sandbox.scripted import Live, connected

PAYING = """
connector: paying
version: 1.0.0
name: Paying
summary: A made-up system that takes numbers.
auth: { type: bearer }
base_url: https://api.paying.example
egress: [{ host: api.paying.example }]
permissions: { required: [money.write] }
actions:
  - id: pay
    name: Pay
    method: POST
    path: /payments
    inputs:
      amount: number
      card?: { type: integer, x-data-class: payment }
      more: object?
    outputs: { id: string }
    scopes: [money.write]
    simulation: { answer: { id: "'p1'" } }
    fixtures:
      happy: { status: 200, body: { id: p1 } }
      "401": { status: 401 }
      "429": { status: 429 }
      "5xx": { status: 502 }
"""
SENT = Reply(200, {"id": "x1"}, outputs={"id": "x1"}, has_acted=True)


def context_of(run):
    return run.decision.input["context"]


@pytest.fixture
def live(workspace, admin, monkeypatch):
    connected(installed(workspace, admin, PROBE)[0])
    return Live(workspace, admin, monkeypatch)


@pytest.mark.parametrize(
    ("inputs", "numbers"),
    [
        ({"amount": 12.5}, {"amount": 12.5}),
        ({"amount": 1, "card": 4111111111111111}, {"amount": 1}),
        ({"amount": 1, "more": {"tax": {"rate": 2}, "on": True, "as": "4"}}, {"amount": 1, "more.tax.rate": 2}),
        ({"amount": 1, "more": {"rows": [3]}}, {"amount": 1}),
        ({"amount": 1, "more": {"a.b": 5}}, {"amount": 1}),
        ({"amount": 1, "more": {f"n{at:03}": at for at in range(200)}}, 64),
    ],
)
def test_numbers_go_by_their_path_and_none_that_carries_a_class(workspace, admin, inputs, numbers):
    installed(workspace, admin, PAYING)
    found = context_of(invoke(workspace, actor=admin, target="paying.pay", inputs=inputs))["numbers"]
    assert (len(found) if isinstance(numbers, int) else found) == numbers


def test_a_rule_about_an_amount_asks_for_the_larger_one(workspace, admin):
    installed(workspace, admin, PAYING)
    put_in_force(workspace, admin, "require_approval", when={"amount": {"field": "amount", "over": 100}})
    states = [
        invoke(workspace, actor=admin, target="paying.pay", inputs={"amount": amount}).state for amount in (100, 101)
    ]
    assert states == ["queued", "waiting"]


def test_a_step_names_its_pack(workspace, admin):
    installed(workspace, admin, PROBE, TIDY, PACK)
    run = perform(invoke(workspace, actor=admin, target="probe.flow", inputs={"name": "A", "on": "2026-01-02"}).pk)
    assert {context_of(step)["pack"] for step in run.steps.all()} == {"probe.flow"}
    assert (context_of(run)["pack"], context_of(run)["caller"]) == ("", "person")


def test_the_level_is_the_listings_and_community_without_one(workspace, admin):
    installed(workspace, admin, PROBE)
    before = invoke(workspace, actor=admin, target="probe.look_up", inputs={"key": "k"})
    version = publish(PROBE)
    list_extension(version, level="verified", summary="A made-up system.")
    after = invoke(workspace, actor=admin, target="probe.look_up", inputs={"key": "k"})
    levels = [run.decision.input["resource"]["level"] for run in (before, after)]
    assert levels == ["community", "verified"]
    assert level_of(Extension(pk=version.extension_id, workspace=workspace)) == "community"


def test_a_live_write_goes_somewhere_new_until_one_arrived(live, workspace):
    inputs = {"key": "k", "owner": "ada@one.example"}
    first = live("probe.create", SENT, inputs=inputs)
    assert (first.state, context_of(first)["new_destination"]) == ("succeeded", True)
    assert Destination.objects.count() == 2  # the host, and the domain
    assert context_of(live.asked("probe.create", inputs))["new_destination"] is False
    elsewhere = live.asked("probe.create", {"key": "k", "owner": "ada@two.example"})
    assert context_of(elsewhere)["new_destination"] is True


def test_what_failed_arrived_nowhere(live):
    live("probe.create", Reply(422, has_acted=False), inputs={"key": "k", "owner": "ada@one.example"})
    assert not Destination.objects.exists()


def test_what_reads_or_is_simulated_writes_nowhere(live, workspace, admin):
    assert context_of(live.asked("probe.look_up"))["new_destination"] is False
    Connection.objects.update(status="unauthenticated")
    simulated = invoke(workspace, actor=admin, target="probe.create", inputs={"key": "k"})
    assert context_of(simulated)["new_destination"] is False
    assert not Destination.objects.exists()


def test_a_rule_asks_before_a_write_goes_somewhere_new(live, workspace, admin):
    put_in_force(workspace, admin, "require_approval", when={"new_destination": True, "classes": ["email"]})
    assert live.asked("probe.create", {"key": "k", "owner": "ada@one.example"}).state == "waiting"


def test_rules_are_told_the_kind_of_the_extension_and_not_of_the_call(workspace, admin):
    installed(workspace, admin, PROBE)
    run = invoke(workspace, actor=admin, target="probe.look_up", inputs={"key": "a"})
    assert run.decision.input["resource"]["kind"] == "connector"


def test_a_role_of_the_workspaces_own_is_told_by_its_id(workspace, owner, admin, member):
    installed(workspace, admin, PROBE)
    desk = create_role(workspace, name="Desk", permissions={"run_installation"}, actor=owner)
    change_role(Membership.objects.get(user=member), to=desk, actor=owner)
    run = invoke(workspace, actor=member, target="probe.look_up", inputs={"key": "a"})
    assert run.decision.input["principal"]["roles"] == [str(desk.pk)]
