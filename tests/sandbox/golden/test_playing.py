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
    ("keys", "words"), [(["k"] * 4, "has 4 items, more than the 3 it allows"), ("text", "is no list")]
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
