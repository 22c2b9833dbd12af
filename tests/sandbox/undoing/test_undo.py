"""A person takes back what a run did: by the declared action, through the gate, and the outcome with it."""

from datetime import timedelta

import pytest
from django.utils import timezone

from galaxy.core.errors import Invalid
from galaxy.core.models import AuditEvent
from galaxy.core.permissions import NotGranted
from sandbox.errors import NotUndoable
from sandbox.models import Outcome, Run, RunPayload
from sandbox.services import forget_kept_inputs, invoke, perform
from sandbox.services.renewing import ask_again as renew_asked
from sandbox.undoing.services import undo_run, why_not_undone
from tests.extensions import PROBE, TIDY, installed
from tests.ruling import put_in_force
from tests.sandbox.packs.flows import calls, pack_of, ran, say_yes, set_up, undone
from tests.sandbox.packs.live import connect, plays

# An undo that needs nobody's yes: it writes and does not delete.
MILD = PROBE.replace("undo: remove", "undo: put")
MAKE = "id: make, use: probe.create, with: { key: \"'first'\" }"
LOOP = "id: more, each: inputs.keys, most: 5, use: probe.create, with: { key: item }"


@pytest.fixture
def system(monkeypatch):
    return plays(monkeypatch)


@pytest.fixture
def probe(workspace, admin, system):
    found = installed(workspace, admin, MILD)[0]
    connect("probe")
    return found


def created(workspace, admin, **inputs) -> Run:
    return perform(invoke(workspace, actor=admin, target="probe.create", inputs={"key": "k"} | inputs).pk)


def test_a_call_is_taken_back_by_what_its_action_declares(workspace, admin, probe, system):
    run = created(workspace, admin)
    undo = undo_run(run, actor=admin)
    assert (undo.state, undo.target, undo.undoes_id, undo.mode) == ("queued", "probe.put", run.pk, "live")
    assert undo_run(run, actor=admin).pk == undo.pk  # pressed twice
    assert perform(undo.pk).state == "succeeded"
    assert system.heard == [("probe.create", {"key": "k"}), ("probe.put", {"key": "k"})]
    assert undo_run(run, actor=admin).pk == undo.pk  # and later
    assert AuditEvent.objects.filter(action="run.requested", target_id=str(undo.pk)).exists()


def test_deleting_needs_a_yes_as_ever(workspace, admin, approver, system):
    installed(workspace, admin, PROBE)
    connect("probe")
    undo = undo_run(created(workspace, admin), actor=admin)
    assert (undo.state, undo.target) == ("waiting", "probe.remove")
    assert say_yes(undo, approver).state == "succeeded"


def test_one_that_was_refused_may_be_asked_for_again(workspace, admin, probe):
    run = created(workspace, admin)
    first = undo_run(run, actor=admin)
    Run.objects.filter(pk=first.pk).update(state="failed", error_category="transient", finished_at=timezone.now())
    assert undo_run(run, actor=admin).pk != first.pk


def test_what_is_hidden_is_kept_for_its_undo_alone_and_for_a_day(workspace, admin, probe, system):
    run = created(workspace, admin, key="Call +1 415 555 0132")
    assert "555 0132" not in str(run.inputs)
    kept = RunPayload.objects.get(run=run)
    assert kept.data == {"undo": {"inputs": {"key": "Call +1 415 555 0132"}, "carried": []}}
    assert timedelta(hours=23) < kept.keep_until - timezone.now() <= timedelta(days=1)
    undo = perform(undo_run(run, actor=admin).pk)
    assert (undo.state, system.heard[-1]) == ("succeeded", ("probe.put", {"key": "Call +1 415 555 0132"}))
    assert "555 0132" not in str(undo.inputs)


def test_a_value_that_a_pattern_hid_is_kept_too_and_never_sent_as_it_is_shown(workspace, admin, system, monkeypatch):
    """Of an output without a class, which looks like a card."""
    by_id = """idempotent: true
    request_schema: { key: string }
    response_schema: { id: string }
    scopes: [things.write]
    errors: [401, 429, 5xx]
    simulation: { answer: { id: "fake_id('thing-', inputs.key)" } }"""
    assert MILD.count(by_id) == 1
    installed(workspace, admin, MILD.replace(by_id, by_id.replace("key", "id")))
    connect("probe")
    monkeypatch.setattr(system, "ids", "4111111111111111")
    run = created(workspace, admin)
    assert "**" in run.outputs["id"]
    assert RunPayload.objects.get(run=run).data == {"undo": {"inputs": {"id": "4111111111111111"}, "carried": []}}
    later = created(workspace, admin)
    undo = perform(undo_run(run, actor=admin).pk)
    assert (undo.state, system.heard[-1]) == ("succeeded", ("probe.put", {"id": "4111111111111111"}))
    forget_kept_inputs(timezone.now() + timedelta(days=1, minutes=1))
    assert "id was hidden" in why_not_undone(later)


def test_a_yes_that_comes_after_a_day_is_not_in_vain(workspace, admin, approver, system):
    """What waits has what it needs, and what comes after it is kept for as long."""
    second = MAKE.replace("id: make", "id: again").replace("'first'", "'+1 415 555 0199'")
    set_up(workspace, admin, pack_of(MAKE.replace("'first'", "'+1 415 555 0132'"), second), PROBE)
    connect("probe")
    undo = perform(undo_run(ran(workspace, admin), actor=admin).pk)
    assert undo.state == "waiting"
    forget_kept_inputs(timezone.now() + timedelta(days=1, minutes=1))
    undo = say_yes(undo, approver)
    assert undo.state == "waiting"
    RunPayload.objects.filter(data__has_key="undo").delete()  # as after a week
    assert say_yes(undo, approver).state == "succeeded"
    assert system.heard[-2:] == [
        ("probe.remove", {"key": "+1 415 555 0199"}),
        ("probe.remove", {"key": "+1 415 555 0132"}),
    ]


def test_what_is_kept_for_an_undo_is_not_taken_for_what_was_asked(workspace, admin, approver, probe):
    """A call that somebody said yes to is over; nothing of it can be asked for again with no inputs."""
    put_in_force(workspace, admin, "require_approval")
    run = say_yes(invoke(workspace, actor=admin, target="probe.create", inputs={"key": "+1 415 555 0132"}), approver)
    assert run.state == "succeeded" and RunPayload.objects.filter(run=run, keep_until__isnull=False).exists()
    with pytest.raises(Invalid, match="not kept any more"):
        renew_asked(run.approval, admin)


def test_nothing_is_kept_where_what_is_shown_tells_it(workspace, admin, probe):
    assert not RunPayload.objects.filter(run=created(workspace, admin)).exists()


@pytest.mark.parametrize("which", ["its time is over", "a rule drops it"])
def test_a_value_that_was_hidden_is_not_guessed(workspace, admin, probe, which):
    """What is shown of it would name another record, or none."""
    if which == "a rule drops it":
        put_in_force(workspace, admin, "allow", obligations={"redact": {"email": "drop"}})
    run = created(workspace, admin, owner="ada@one.example")
    if which == "its time is over":
        assert RunPayload.objects.filter(run=run).exists()
        forget_kept_inputs(timezone.now() + timedelta(days=1, minutes=1))
    assert not RunPayload.objects.filter(run=run).exists()
    assert "key was hidden" in why_not_undone(run)
    assert "by hand in Probe" in why_not_undone(run)
    with pytest.raises(NotUndoable):
        undo_run(run, actor=admin)


def test_a_class_that_was_carried_in_stays_with_what_is_taken_back(workspace, admin, system):
    """A name has no form by which it would be found: what takes it back hides it by its class, as the call did."""
    pack = pack_of("id: make, use: probe.create, with: { key: inputs.who }", inputs="{ who: name }")
    set_up(workspace, admin, pack.replace("inputs: { keys: [] }", "inputs: { who: Ada }"), MILD)
    connect("probe")
    run = ran(workspace, admin, who="Ada Lovelace")
    assert run.state == "succeeded"
    assert "Lovelace" not in str(run.steps.get().inputs)
    (kept,) = RunPayload.objects.all()
    assert kept.data == {"undo": {"inputs": {"key": "Ada Lovelace"}, "carried": [[["key"], ["name"]]]}}
    undo = perform(undo_run(run, actor=admin).pk)
    assert (undo.state, system.heard[-1]) == ("succeeded", ("probe.put", {"key": "Ada Lovelace"}))
    assert "Lovelace" not in str(undo.steps.get().inputs)


def test_it_goes_out_by_the_same_account_or_not_at_all(workspace, admin, probe):
    run = created(workspace, admin)
    other = probe.connections.get()
    other.pk = None
    other.owner = admin
    other.status = "authenticated"
    other._state.adding = True
    other.save()
    with pytest.raises(NotUndoable, match="went out by"):
        undo_run(run, actor=admin)


@pytest.mark.parametrize("which", ["nothing declared", "not over", "an undo", "a read"])
def test_what_cannot_be_taken_back_says_why(workspace, admin, probe, which):
    run = created(workspace, admin)
    if which == "nothing declared":
        run = perform(invoke(workspace, actor=admin, target="probe.put", inputs={"key": "k"}).pk)
    elif which == "not over":
        run = invoke(workspace, actor=admin, target="probe.create", inputs={"key": "k"})
    elif which == "an undo":
        run = perform(undo_run(run, actor=admin).pk)
    else:
        run = perform(invoke(workspace, actor=admin, target="probe.look_up", inputs={"key": "k"}).pk)
    assert why_not_undone(run)
    with pytest.raises(NotUndoable):
        undo_run(run, actor=admin)


def flow(workspace, admin, **inputs) -> Run:
    set_up(workspace, admin, pack_of(MAKE, LOOP, success="steps.make.id"), MILD)
    connect("probe")
    return ran(workspace, admin, **inputs)


def test_a_pack_is_taken_back_step_by_step_from_its_end(workspace, admin, system):
    run = flow(workspace, admin, keys=["a", "b"])
    assert (run.state, run.mode, Outcome.objects.counting().count()) == ("succeeded", "live", 1)
    undo = perform(undo_run(run, actor=admin).pk)
    assert (undo.state, undo.outputs) == ("succeeded", {"more": "succeeded", "make": "succeeded"})
    assert [one[:2] for one in undone(undo)] == [("more", 2), ("more", 1), ("make", 0)]
    assert [inputs["key"] for target, inputs in system.heard if target == "probe.put"] == ["b", "a", "first"]
    assert calls(undo) == []
    outcome = Outcome.objects.get(run=run)
    assert outcome.undone_at is not None
    assert not Outcome.objects.counting().exists()
    assert AuditEvent.objects.filter(action="outcome.undone", target_id=str(run.pk)).count() == 1


def test_what_is_undone_later_leaves_the_outcome(workspace, admin, system):
    run = flow(workspace, admin, keys=[])
    Run.objects.filter(pk=run.pk).update(finished_at=timezone.now() - timedelta(minutes=16))
    assert perform(undo_run(run, actor=admin).pk).state == "succeeded"
    assert Outcome.objects.counting().count() == 1


def test_a_pack_that_is_only_partly_taken_back_says_what_is_left(workspace, admin, system):
    put = "id: put, use: probe.put, with: { key: \"'p'\" }"
    installed(workspace, admin, MILD, TIDY, pack_of(MAKE, put))
    connect("probe")
    run = ran(workspace, admin)
    undo = perform(undo_run(run, actor=admin).pk)
    assert (undo.state, undo.error["error_code"]) == ("failed", "undo_incomplete")
    assert undo.error["compensation"] == {"put": "no_undo", "make": "succeeded"}
    assert "“put” cannot be taken back" in undo.error["sentence"]
    assert Outcome.objects.get(run=run).undone_at is None


def test_a_simulated_pack_is_taken_back_in_simulation(workspace, admin, system):
    set_up(workspace, admin, pack_of(MAKE), MILD)
    run = ran(workspace, admin)
    undo = perform(undo_run(run, actor=admin).pk)
    assert (undo.state, undo.mode, system.heard) == ("succeeded", "simulated", [])


def test_whoever_may_not_write_takes_nothing_back(workspace, admin, member, probe, system):
    run = created(workspace, admin)
    with pytest.raises(NotGranted):
        undo_run(run, actor=member)
    Run.objects.filter(pk=run.pk).update(requested_by=member)  # their own, from when they could
    undo = undo_run(run, actor=member)
    assert (undo.state, undo.error_category) == ("failed", "policy_block")
    assert len(system.heard) == 1


def test_what_was_taken_back_is_not_when_the_rest_is_asked_for_again(workspace, admin, system):
    put = "id: put, use: probe.put, with: { key: \"'p'\" }"
    installed(workspace, admin, MILD, TIDY, pack_of(MAKE, put))
    connect("probe")
    run = ran(workspace, admin)
    first = perform(undo_run(run, actor=admin).pk)
    heard = list(system.heard)
    second = perform(undo_run(run, actor=admin).pk)
    assert first.pk != second.pk
    assert second.error["compensation"] == {"put": "no_undo", "make": "succeeded"}
    assert undone(second) == []
    assert system.heard == heard
