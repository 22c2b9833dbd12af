"""Playing a pack, pure: loops, conditions and failures go as the engine has them."""

import pytest

from sandbox.golden.playing import MOST_ITEMS, play
from tests.extensions import PROBE, TIDY, manifest_of
from tests.sandbox.packs.flows import pack_of

PARTS = {"probe": manifest_of(PROBE), "probe.tidy": manifest_of(TIDY)}
CREATE = "id: make, use: probe.create"


def played(*steps, keys=("a", "b"), parts=PARTS, **more):
    case = {"id": "sample", "inputs": {"keys": list(keys)}, "seed": 1, "now": "2026-01-15T09:00:00+00:00"}
    return play(manifest_of(pack_of(*steps, **more)), parts, case)


def test_a_loop_calls_for_each_item_and_gives_a_list_with_null_for_what_was_left_out():
    given = "with: { key: \"join('-', [item, to_string(index)])\" }"
    loop = f"{CREATE}, each: inputs.keys, most: 9, when: \"item != 'b'\", {given}"
    found = played(loop, keys=("a", "b", "c"), success="length(steps.make) == `3` && !(steps.make[1])")
    assert [(one["item"], one.get("is_left_out", False)) for one in found["steps"]] == [
        (1, False),
        (2, True),
        (3, False),
    ]
    assert [one["inputs"]["key"] for one in found["steps"] if "inputs" in one] == ["a-0", "c-2"]
    assert found["outcome"]["is_reached"]


def test_a_long_loop_is_played_in_part():
    found = played(f"{CREATE}, each: inputs.keys, most: 900, with: {{ key: item }}", keys=["k"] * 500)
    assert (len(found["steps"]), found["fails"]) == (MOST_ITEMS, "")


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        (["k"] * 4, "would go through 4 items, and it goes through 3 at most"),
        ("text", "goes through a list, and inputs.keys gave something else"),
    ],
)
def test_a_loop_over_too_much_or_over_no_list_fails(keys, words):
    case = {"id": "sample", "inputs": {"keys": keys}, "seed": 1, "now": "2026-01-15T09:00:00+00:00"}
    manifest = manifest_of(pack_of(f"{CREATE}, each: inputs.keys, most: 3, with: {{ key: item }}"))
    found = play(manifest, PARTS, case)
    assert words in found["fails"]
    assert found["outcome"] is None


def test_a_failure_that_may_be_skipped_gives_null_and_goes_on():
    fails = f"{CREATE}, on_failure: skip, with: {{ key: inputs.flag }}"
    found = played(
        fails, "id: look, use: probe.look_up, with: { key: \"'x'\" }", success="!(steps.make) && steps.look.id"
    )
    assert found["steps"][0]["fails"]
    assert (found["fails"], found["outcome"]["is_reached"]) == ("", True)


def test_a_failure_ends_it_with_the_step():
    found = played(f"{CREATE}, with: {{ key: inputs.flag }}", "id: look, use: probe.look_up, with: { key: \"'x'\" }")
    assert found["fails"].startswith("Step “make” (probe.create) fails.")
    assert [one["step"] for one in found["steps"]] == ["make"]


def test_what_is_not_there_in_these_versions_is_told():
    found = played(f"{CREATE}, with: {{ key: \"'a'\" }}", parts={})
    assert "is not there in these versions" in found["fails"]


def with_time(**latencies_ms):
    """The connector of the tests, whose samples of the named actions take so long."""
    text = PROBE
    for action, latency_ms in latencies_ms.items():
        before, _, after = text.partition(f"  - id: {action}\n")
        text = f"{before}  - id: {action}\n{after.replace('happy: {', f'happy: {{ latency_ms: {latency_ms},', 1)}"
    return PARTS | {"probe": manifest_of(text)}


def test_time_passes_as_the_samples_say_and_a_step_that_is_over_its_time_begins_nothing_more():
    slow = with_time(create=600)
    loop = f"{CREATE}, each: inputs.keys, most: 9, timeout_ms: 1000, with: {{ key: item }}"
    found = played(loop, keys=("a", "b", "c"), parts=slow)
    assert (found["code"], len(found["steps"])) == ("step_timeout", 2)
    assert played(loop, keys=("a", "b"), parts=slow)["fails"] == ""
    skipping = played(f"{loop}, on_failure: skip", keys=("a", "b", "c"), parts=slow, success="!(steps.make[2])")
    assert (skipping["fails"], skipping["outcome"]["is_reached"]) == ("", True)
    whole = played(f"{CREATE}, each: inputs.keys, most: 9, on_failure: skip, with: {{ key: item }}",
                   keys=("a", "b", "c"), parts=slow, more="timeout_ms: 1000")  # fmt: skip
    assert (whole["code"], len(whole["steps"])) == ("run_timeout", 2)


def test_a_run_makes_no_more_calls_than_it_may_and_none_of_a_loop_that_would():
    loop = f"{CREATE}, each: inputs.keys, most: 9, on_failure: skip, with: {{ key: item }}"
    found = played(loop, keys=("a", "b", "c"), more="max_calls: 2")
    assert (found["code"], found["steps"]) == ("too_many_calls", [])
    some = loop.replace("with:", "when: \"item != 'b'\", with:")
    assert played(some, keys=("a", "b", "c"), more="max_calls: 2")["fails"] == ""


def test_what_was_done_is_taken_back_the_last_first_and_told():
    """As ``on_failure: undo`` says; what declares no undo is left, and what only reads is no matter."""
    put = "id: put, use: probe.put, with: { key: \"'p'\" }"
    look = "id: look, use: probe.look_up, with: { key: \"'x'\" }"
    loop = f"{CREATE}, each: inputs.keys, most: 9, with: {{ key: item }}"
    fails = "id: fail, use: probe.create, on_failure: undo, with: { key: inputs.flag }"
    found = played(put, look, loop, fails)
    assert found["compensation"] == {"make": "succeeded", "put": "no_undo"}
    assert "“put” was not taken back" in found["fails"]
    undone = [(one["step"], one["item"], one["use"], one["inputs"]) for one in found["steps"] if one.get("undoes")]
    assert undone == [("make", 2, "probe.remove", {"key": "b"}), ("make", 1, "probe.remove", {"key": "a"})]
    assert found["outcome"] is None


def test_a_claimed_outcome_needs_what_its_signal_speaks_of():
    pack = pack_of("id: tidy, use: probe.tidy, with: { name: \"'A'\", on: \"'2026-01-02'\" }")
    case = {"id": "sample", "inputs": {"keys": []}, "seed": 1, "now": "2026-01-15T09:00:00+00:00"}
    manifest = manifest_of(pack.replace("signal: validated", "signal: downstream_state"))
    assert not play(manifest, PARTS, case)["outcome"]["is_reached"]
