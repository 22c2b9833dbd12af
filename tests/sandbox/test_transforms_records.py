"""The pipeline as a whole, and the operations that work on a whole record."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.manifests import read
from registry.manifests.operations import OPERATIONS as DECLARED
from sandbox.transforms import OPERATIONS, TransformError, apply

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
ALL_STEPS = [
    {"op": "normalize_text", "args": {"field": "name", "case": "title"}},
    {"op": "normalize_number", "args": {"field": "amount", "decimals": 2}},
    {"op": "map_fields", "args": {"label": "join(' ', [name, slug(name)])", "keys": "sort(keys(@))"}},
    {"op": "enrich", "args": {"field": "name", "table": {"Ada": 1}, "into": "rank", "default": 0}},
    {"op": "detect_pii", "args": {"into": "found"}},
    {"op": "redact", "args": {"classes": ["email", "phone"], "mode": "tokenise"}},
]
LEADS_CLEAN = """
transform: leads.clean
version: 1.0.0
inputs: { name: string, phone: string?, created: string }
outputs: { full_name: string, phone: phone?, created: date }
steps:
  - normalize_date: { field: created, timezone: UTC }
  - normalize_phone: { field: phone, region: US }
  - map_fields: { full_name: name }
  - redact: { classes: [email], mode: mask }
  - validate: outputs
"""


def op(name, **args):
    return {"op": name, "args": args}


def run_leads_clean(inputs):
    manifest = read(LEADS_CLEAN).manifest
    return apply(list(manifest.steps), inputs, inputs_schema=manifest.inputs, outputs_schema=manifest.outputs)


def test_every_operation_a_manifest_may_name_exists():
    assert set(DECLARED) == OPERATIONS


def test_the_transform_of_the_design_runs_as_it_stands():
    lead = {"name": "Ada (ada@example.com)", "phone": "(415) 555-0132", "created": "3 Jan 2026 4pm"}
    assert run_leads_clean(lead) == {
        "full_name": "Ada (a***@example.com)",
        "phone": "+14155550132",
        "created": "2026-01-03",
    }
    assert run_leads_clean({"name": "Grace", "created": "2026-02-11"}) == {
        "full_name": "Grace",
        "created": "2026-02-11",
    }


def test_what_the_outputs_do_not_declare_does_not_come_out():
    assert "name" not in run_leads_clean({"name": "Ada", "created": "2026-01-03"})


@given(st.dictionaries(st.sampled_from(["name", "amount", "notes", "more"]), JSON, max_size=4))
def test_equal_inputs_give_equal_bytes_whatever_their_order(record):
    def outcome(inputs):
        try:
            return json.dumps(apply(ALL_STEPS, inputs, key=b"k"))
        except TransformError as refusal:
            return (refusal.code, refusal.sentence, refusal.field)

    before = json.dumps(record)
    assert outcome(record) == outcome(dict(reversed(record.items()))) == outcome(json.loads(json.dumps(record)))
    assert json.dumps(record) == before


def test_fields_are_mapped_from_the_record_as_it_was():
    record = apply([op("map_fields", a="b", b="a", nested={"both": ["a", "b"]})], {"a": 1, "b": 2})
    assert record == {"a": 2, "b": 1, "nested": {"both": [1, 2]}}


def test_a_mapping_that_finds_nothing_takes_the_field_away():
    assert apply([op("map_fields", a="missing")], {"a": 1, "b": 2}) == {"b": 2}


@pytest.mark.parametrize("expression", ["now()", "abs(a)", "sum(a)"])
def test_a_mapping_that_cannot_be_applied_names_its_field(expression):
    with pytest.raises(TransformError) as refusal:
        apply([op("map_fields", out=expression)], {"a": "x"})
    assert (refusal.value.code, refusal.value.field) == ("bad_mapping", "out")


@pytest.mark.parametrize(
    ("value", "expected"),
    [("DE", {"currency": "EUR"}), (7, "lucky"), (True, "yes"), ("XX", "none"), (None, "none")],
)
def test_a_table_adds_what_it_knows_of_a_value(value, expected):
    table = {"DE": {"currency": "EUR"}, "7": "lucky", "true": "yes"}
    record = apply([op("enrich", field="key", table=table, into="found", default="none")], {"key": value})
    assert record["found"] == expected


def test_a_table_without_a_default_adds_nothing_for_an_unknown_value():
    assert apply([op("enrich", field="key", table={"DE": 1}, into="found")], {"key": "XX"}) == {"key": "XX"}


@pytest.mark.parametrize(("keep", "names"), [("first", ["Ada", "Grace", "Anon"]), ("last", ["Grace", "A. L.", "Anon"])])
def test_one_entry_of_each_kind_stays_in_order(keep, names):
    people = [{"id": 1, "n": "Ada"}, {"id": 2, "n": "Grace"}, {"id": 1, "n": "A. L."}, {"n": "Anon"}]
    record = apply([op("dedupe", field="people", by=["id"], keep=keep)], {"people": people})
    assert [person["n"] for person in record["people"]] == names


def test_entries_without_the_field_are_not_each_others_duplicates():
    people = [{"n": "Anon"}, {"n": "Also anon"}]
    assert apply([op("dedupe", field="people", by=["id"])], {"people": people}) == {"people": people}


@given(st.lists(JSON, max_size=8))
def test_removing_duplicates_twice_changes_nothing(values):
    once = apply([op("dedupe", field="values")], {"values": values})
    assert apply([op("dedupe", field="values")], once) == once
    assert all(value in values for value in once["values"])


@pytest.mark.parametrize(
    ("record", "field", "sentence"),
    [
        ({"day": "2026-01-03", "size": "M"}, "email", "missing"),
        ({"day": "3 Jan", "size": "M", "email": "a@example.com"}, "day", "format date"),
        ({"day": "2026-01-03", "size": "M", "email": "nobody"}, "email", "format email"),
        ({"day": "2026-01-03", "size": "Q", "email": "a@example.com"}, "size", "S or M"),
        ({"day": 3, "size": "M", "email": "a@example.com"}, "day", "type string"),
    ],
)
def test_a_record_that_does_not_fit_is_refused_with_its_field(record, field, sentence):
    schema = {
        "type": "object",
        "required": ["email"],
        "properties": {
            "day": {"type": "string", "format": "date"},
            "email": {"type": "string", "format": "email"},
            "size": {"enum": ["S", "M"]},
        },
    }
    with pytest.raises(TransformError, match=sentence) as refusal:
        apply([op("validate", against="outputs")], record, outputs_schema=schema)
    assert (refusal.value.code, refusal.value.field) == ("invalid", field)


def test_a_refusal_deep_inside_names_the_whole_path():
    schema = {"properties": {"people": {"items": {"required": ["id"]}}}}
    with pytest.raises(TransformError) as refusal:
        apply([op("validate", against="inputs")], {"people": [{"id": 1}, {}]}, inputs_schema=schema)
    assert refusal.value.field == "people.1.id"


def test_what_json_cannot_keep_exactly_is_refused():
    with pytest.raises(TransformError, match="too large"):
        apply([], {"n": 2**60})
    deep: dict = {}
    for _ in range(60):
        deep = {"d": deep}
    with pytest.raises(TransformError, match="nested"):
        apply([], deep)


def test_an_operation_nobody_knows_is_refused():
    with pytest.raises(TransformError, match="no operation"):
        apply([op("summon")], {})


def test_a_record_that_mappings_blow_up_is_refused_before_it_is_walked():
    doubling = {"op": "map_fields", "args": {"a": "[a, a]"}}
    with pytest.raises(TransformError, match="grows") as refused:
        apply([doubling] * 60, {"a": "x"})
    assert refused.value.code == "too_large"
