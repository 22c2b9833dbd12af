"""Steps that go through a list: a call for each item, bounded, in order, and gone on with where they were."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from sandbox.models import Run, RunPayload
from sandbox.packs import loops
from sandbox.services import cancel_run, perform
from tests.sandbox.packs.flows import calls, pack_of, ran, say_yes, set_up, started

pytestmark = pytest.mark.usefixtures("parts")

LOOP = "id: make, each: inputs.keys, most: 5, use: probe.create, with: { key: item }"
TELL = "id: tell, use: probe.look_up, with: { key: \"join(',', steps.make[*].id)\" }"


def test_each_item_is_a_call_and_the_outputs_are_a_list(workspace, admin):
    set_up(workspace, admin, pack_of(LOOP, TELL))
    run = ran(workspace, admin, keys=["a", "b", "c"])
    assert run.state == "succeeded", run.error
    assert calls(run) == [("make", 1, "succeeded"), ("make", 2, "succeeded"), ("make", 3, "succeeded"),
                          ("tell", 0, "succeeded")]  # fmt: skip
    made = [child.outputs for child in run.steps.filter(step_id="make").order_by("item")]
    assert run.outputs["make"] == made
    assert run.steps.get(step_id="tell").inputs == {"key": ",".join(one["id"] for one in made)}
    assert not RunPayload.objects.exists()


def test_an_item_that_a_condition_leaves_out_is_null(workspace, admin):
    step = "id: make, each: inputs.keys, most: 5, when: \"item != 'b'\", use: probe.create, " \
        "with: { key: \"join('-', [item, to_string(index)])\" }"  # fmt: skip
    set_up(workspace, admin, pack_of(step))
    run = ran(workspace, admin, keys=["a", "b", "c"])
    assert [bool(one) for one in run.outputs["make"]] == [True, False, True]
    keys = run.steps.order_by("item").values_list("item", "inputs__key")
    assert list(keys) == [(1, "a-0"), (3, "c-2")]


@pytest.mark.parametrize("keys", [[], None])
def test_no_items_is_an_empty_list(workspace, admin, keys):
    set_up(workspace, admin, pack_of(LOOP))
    run = ran(workspace, admin, keys=keys)
    assert (run.state, run.outputs, calls(run)) == ("succeeded", {"make": []}, [])


def test_more_items_than_the_step_says_fail_before_the_first(workspace, admin):
    set_up(workspace, admin, pack_of(LOOP))
    run = ran(workspace, admin, keys=list("abcdef"))
    assert (run.state, run.error_category, run.error["error_code"]) == ("failed", "validation", "too_many_items")
    assert "6 items" in run.error["sentence"]
    assert "5 at most" in run.error["sentence"]
    assert calls(run) == []


@pytest.mark.parametrize(
    ("count", "code", "says"),
    [(40_000, "too_many_items", "400,000 items"), (100_000, "mapping_failed", "too much")],
)
def test_a_million_items_are_refused_before_the_first(workspace, admin, count, code, says):
    """More than inputs can hold: an expression makes them, and is stopped itself where it makes a million."""
    tenfold = ", ".join(["inputs.keys"] * 10)
    step = f"id: make, each: '[{tenfold}][]', most: 1000, use: probe.create, with: {{ key: item }}"
    set_up(workspace, admin, pack_of(step))
    run = ran(workspace, admin, keys=[0] * count)
    assert (run.state, run.error_category, run.error["error_code"], calls(run)) == ("failed", "validation", code, [])
    assert says in run.error["sentence"]


def test_what_is_no_list_is_refused(workspace, admin):
    set_up(workspace, admin, pack_of(LOOP))
    run = ran(workspace, admin, keys={"a": 1})
    assert (run.state, run.error["error_code"]) == ("failed", "not_a_list")


def test_a_failed_item_ends_the_run_or_is_skipped(workspace, admin):
    set_up(workspace, admin, pack_of(LOOP, TELL))
    run = ran(workspace, admin, keys=["a", "bad", "c"])
    assert (run.state, calls(run)[-1]) == ("failed", ("make", 2, "failed"))
    assert "Step “make”, item 2" in run.error["sentence"]


def test_a_skipped_item_is_null_and_the_run_goes_on(workspace, admin):
    set_up(
        workspace, admin, pack_of(f"{LOOP}, on_failure: skip", "id: tell, use: probe.look_up, with: { key: \"'k'\" }")
    )
    run = ran(workspace, admin, keys=["a", "bad", 7, "d"])
    assert run.state == "succeeded"
    assert [bool(one) for one in run.outputs["make"]] == [True, False, False, True]
    assert [one[:2] for one in calls(run)] == [("make", 1), ("make", 2), ("make", 4), ("tell", 0)]


def test_each_item_waits_for_a_yes_of_its_own_and_nothing_is_done_twice(workspace, admin, approver):
    set_up(workspace, admin, pack_of("id: drop, each: inputs.keys, most: 5, use: probe.remove, with: { key: item }"))
    run = ran(workspace, admin, keys=["a", "b"])
    assert (run.state, calls(run)) == ("waiting", [("drop", 1, "waiting")])
    run = say_yes(run, approver)
    assert (run.state, calls(run)) == ("waiting", [("drop", 1, "succeeded"), ("drop", 2, "waiting")])
    run = say_yes(run, approver)
    assert (run.state, len(run.outputs["drop"])) == ("succeeded", 2)
    assert list(run.steps.values_list("attempt", flat=True)) == [1, 1]


def test_a_waiting_loop_is_called_off_as_a_whole(workspace, admin):
    set_up(workspace, admin, pack_of("id: drop, each: inputs.keys, most: 5, use: probe.remove, with: { key: item }"))
    run = cancel_run(ran(workspace, admin, keys=["a", "b"]), actor=admin)
    assert (run.state, calls(run)) == ("cancelled", [("drop", 1, "cancelled")])
    assert not RunPayload.objects.exists()


def test_a_long_loop_that_goes_on_looks_at_its_last_item_alone(workspace, admin, approver):
    """The statements of going on with one item do not grow with the items before it."""
    step = (
        "id: drop, each: inputs.keys, most: 200, when: 'item != `0`', use: probe.remove, with: { key: to_string(item) }"
    )
    set_up(workspace, admin, pack_of(step))
    counted = []
    for before in (3, 60):
        run = ran(workspace, admin, keys=[*range(1, before + 1), "last", "more"])
        first = run.steps.get()
        later = [
            Run(**{field.attname: getattr(first, field.attname) for field in Run._meta.concrete_fields
                   if not field.generated} | {"id": None, "item": item, "state": "succeeded", "approval_id": None,
                   "finished_at": first.created_at})
            for item in range(2, before + 1)
        ]  # fmt: skip
        for one in later:
            one.pk = one._meta.pk.get_default()
        Run.objects.bulk_create(later)
        Run.objects.filter(pk=first.pk).update(state="succeeded", finished_at=first.created_at, approval=None)
        Run.objects.filter(pk=run.pk).update(state="queued")
        with CaptureQueriesContext(connection) as queries:
            run = perform(run.pk)
        assert (run.state, run.steps.count()) == ("waiting", before + 1)
        counted.append(len(queries))
    assert counted[0] == counted[1]


def test_outputs_that_are_too_much_together_end_the_run(workspace, admin, monkeypatch):
    monkeypatch.setattr(loops, "MAX_OUTPUT_BYTES", 60)
    set_up(workspace, admin, pack_of(LOOP))
    run = ran(workspace, admin, keys=["a", "b", "c"])
    assert (run.state, run.error["error_code"]) == ("failed", "outputs_too_large")


def test_a_run_makes_no_more_calls_than_its_pack_says(workspace, admin):
    set_up(workspace, admin, pack_of(LOOP, TELL, more="max_calls: 3"))
    run = ran(workspace, admin, keys=["a", "b", "c", "d"])
    assert (run.error["error_code"], calls(run)) == ("too_many_calls", [])
    run = ran(workspace, admin, keys=["a", "b", "c"])
    assert (run.error["error_code"], len(calls(run))) == ("too_many_calls", 3)
    assert ran(workspace, admin, keys=["a", "b"]).state == "succeeded"


def test_classes_and_hiding_follow_the_items(workspace, admin):
    step = "id: make, each: inputs.people, most: 5, use: probe.create, with: { key: item.mail, owner: item.mail }"
    then = 'id: tell, use: probe.look_up, with: { key: "steps.make[0].owner" }'
    inputs = "{ people: [{ mail: email }] }"
    set_up(workspace, admin, pack_of(step, then, inputs=inputs).replace("sample: { inputs: { keys: [] } }",
           "sample: { inputs: { people: [] } }"))  # fmt: skip
    run = ran(workspace, admin, people=[{"mail": "ada@one.example"}])
    assert run.state == "succeeded", run.error
    for child in run.steps.all():
        assert "email" in child.data_classes, child.step_id
        assert "ada@" not in str([child.inputs, child.outputs])


def test_a_step_of_its_own_time_is_started_with_what_it_says(workspace, admin):
    run = None
    set_up(workspace, admin, pack_of(f"{LOOP}, timeout_ms: 60000", more="timeout_ms: 60000"))
    run = perform(started(workspace, admin, keys=["a"]).pk)
    assert run.state == "succeeded"
