"""Consent, the least bump, the tables people read and the breaks that previews look for are of one comparison."""

from copy import deepcopy

from hypothesis import given
from hypothesis import settings as trying

from registry.compat import compare
from registry.compat.schemas import breaks_by_name, compare_inputs, compare_outputs
from registry.manifests import load
from sandbox.upgrades.impact import breaks_of
from tests.extensions import PROBE, manifest_of
from tests.registry.compat.test_schemas import pairs


def changed(change):
    before = manifest_of(PROBE)
    canonical = deepcopy(before.canonical)
    change(next(one for one in canonical["actions"] if one["id"] == "create"))
    return before, load(canonical)


def test_what_is_agreed_to_is_what_the_bump_says_needs_consent():
    def laxer(action):
        action["audience"], action["inputs"]["properties"]["mail"] = "both", {"type": "string", "x-data-class": "phone"}

    compared = compare(*changed(laxer))
    named = {one.words for one in compared.bump.reasons if one.code not in ("scope-added", "host-added")}
    assert compared.asks and set(compared.asks) <= named
    assert set(compared.asks) == {
        one.words
        for one in compared.bump.reasons
        if one.needs_consent and one.code not in ("scope-added", "host-added")
    }
    assert any("mail" in one for one in compared.sends) and any("sends" in one.term for one in compared.rows)


@given(pairs())
@trying(max_examples=150, deadline=None)
def test_fields_that_previews_look_for_are_those_of_the_bump(pair):
    for is_input, told in ((True, compare_inputs), (False, compare_outputs)):
        major = {
            one.path.split(".")[1].split("[")[0] for one in told(*pair, "x") if one.level == "major" and "." in one.path
        }
        assert {one.name for one in breaks_by_name(*pair, is_input=is_input)} == major


def test_a_field_is_broken_by_what_it_refers_to_and_by_what_lies_within():
    def schema(kind, **inner):
        return {
            "type": "object", "additionalProperties": False, "$defs": {"x": {"type": kind}},
            "properties": {"a": {"$ref": "#/$defs/x"}, "b": {"type": "object", "properties": inner}},
        }  # fmt: skip

    found = breaks_by_name(schema("string", c={"type": "string"}), schema("integer"), is_input=True)
    assert [(one.name, one.how) for one in found] == [("a", "retyped"), ("b", "retyped")]


def test_a_name_that_goes_from_open_inputs_still_fits_and_a_wider_one_breaks_no_call():
    before = {"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "string"}}}
    after = {"type": "object", "properties": {"b": {"type": ["string", "null"]}}}
    assert breaks_by_name(before, after, is_input=True) == []
    assert [one.how for one in breaks_by_name(before, after, is_input=False)] == ["gone", "retyped"]


def test_an_answer_that_may_lack_a_field_is_a_break_for_who_reads_it():
    def optional(action):
        action["outputs"]["required"] = []

    before, after = changed(optional)
    assert {one.kind for one in breaks_of(before, after)} == {"output_optional"}
    assert "may leave out" in breaks_of(before, after)[0].words
