"""Samples: realistic and seeded where an action has no handler, and some of many records refused."""

from pathlib import Path

import pytest

from registry.manifests.misfits import misfits
from sandbox.bulk_samples import REFUSED, partly, refused_of
from sandbox.contract_tests.examples import inputs_of
from sandbox.models import Run, Span
from sandbox.runners.simulated import SimulatedRunner
from sandbox.samples import made, varied
from sandbox.services import invoke, perform
from tests.extensions import installed, manifest_of
from tests.playhouse import staged

CATALOG = Path(__file__).parents[2] / "catalog"
SCHEMA = {
    "type": "object",
    "required": ["id", "name", "email", "on", "stage", "score", "tags"],
    "properties": {
        "id": {"type": "string"},
        "name": {"type": "string"},
        "email": {"type": "string", "format": "email"},
        "on": {"type": "string", "format": "date"},
        "at": {"type": "string", "format": "date-time"},
        "uuid": {"type": "string", "format": "uuid"},
        "site": {"type": "string", "format": "uri"},
        "stage": {"enum": ["new", "open", "won", "lost"]},
        "score": {"type": "integer", "minimum": 10, "maximum": 20},
        "share": {"type": "number", "exclusiveMinimum": 0, "maximum": 1},
        "step": {"type": "integer", "minimum": 3, "multipleOf": 5, "maximum": 40},
        "code": {"type": "string", "pattern": "^[A-Za-z0-9]{15,18}$"},
        "short": {"type": "string", "maxLength": 4},
        "long": {"type": "string", "minLength": 30},
        "tags": {"type": "array", "minItems": 2, "maxItems": 3, "items": {"type": "string"}},
        "none": {"type": ["string", "null"]},
        "inner": {"$ref": "#/$defs/inner"},
    },
    "$defs": {"inner": {"type": "object", "properties": {"city": {"type": "string"}}}},
}


@pytest.mark.parametrize("seed", range(40))
def test_what_is_made_fits_its_schema_and_is_the_same_for_the_same_run(seed):
    inputs = {"name": "Ada Lovelace", "n": seed}
    found = made(SCHEMA, inputs, seed=seed)
    assert misfits(found, SCHEMA) == {}
    assert found == made(SCHEMA, inputs, seed=seed)
    assert found["name"] == "Ada Lovelace"  # what was given comes back


def test_another_lead_gives_another_answer():
    answers = [made(SCHEMA, {"lead": name}, seed=1) for name in ("Ada", "Grace", "Katherine")]
    for field in ("id", "email", "uuid"):
        assert len({answer[field] for answer in answers}) == 3
    assert len({str(made(SCHEMA, {"lead": "Ada"}, seed=seed)) for seed in range(5)}) == 5


def test_a_field_that_is_added_changes_no_other():
    wider = SCHEMA | {"properties": {"new": {"type": "string"}} | SCHEMA["properties"]}
    before, after = made(SCHEMA, {"a": 1}, seed=3), made(wider, {"a": 1}, seed=3)
    assert {name: after[name] for name in before} == before


def test_a_recorded_sample_takes_the_inputs_and_identifiers_of_its_own():
    sample = {"id": "00Q5g00000ABCDHEA5", "email": "old@example.com", "state": "new", "rows": [{"task_id": "T-100"}]}
    schema = {"type": "object", "properties": {"email": {"type": "string", "format": "email"}}}
    one = varied(sample, schema, {"email": "ada@example.com"}, seed=1)
    other = varied(sample, schema, {"email": "grace@example.com"}, seed=1)
    assert (one["email"], one["state"], len(one["id"])) == ("ada@example.com", "new", 18)
    assert one["id"] != other["id"] != sample["id"]
    assert one["rows"][0]["task_id"].startswith("T-")
    strict = {"type": "object", "properties": {"id": {"const": "00Q5g00000ABCDHEA5"}}}
    assert varied(sample, strict, {}, seed=1) == sample  # where nothing else fits, it stays


@pytest.mark.parametrize("path", sorted(CATALOG.glob("connectors/*/manifest.yaml")), ids=lambda path: path.parent.name)
def test_every_shipped_action_could_be_answered_from_its_schema(path):
    for action in manifest_of(path.read_text()).actions.values():
        found = made(action.outputs, inputs_of(action), seed=7)
        assert misfits(found, action.outputs) == {}, action.id


# --- Some of many ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [0, 1, 2, 3, 10])
def test_some_are_taken_and_some_refused(count):
    for seed in range(5):
        refused = refused_of(count, seed)
        assert len(refused) == 0 if count < 2 else 0 < len(refused) < count


def test_what_was_refused_is_told_as_the_answer_tells_it():
    entries = [{"id": f"x{number}", "success": True, "problem": None} for number in range(3)]
    schema = {"type": "object"}
    told = partly({"results": entries, "total": 3, "failed": 0}, schema, 3, {1})
    assert [one["success"] for one in told["results"]] == [True, False, True]
    assert told["results"][1]["problem"] == REFUSED
    assert (told["total"], told["failed"]) == (2, 1)
    assert partly({"ids": ["a", "b", "c"]}, schema, 3, {1}) == {"ids": ["a", "c"]}
    assert partly({"done": True}, schema, 3, {1}) == {"done": True}


# --- Through the gate --------------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def without_waiting(monkeypatch):
    monkeypatch.setattr(SimulatedRunner, "_pass_time", lambda self, sample: None)


@pytest.fixture
@staged
def salesforce(workspace, admin):
    return installed(workspace, admin, (CATALOG / "connectors/salesforce/manifest.yaml").read_text())[0]


def ran(workspace, admin, target, inputs, scenario):
    run = invoke(workspace, actor=admin, target=target, inputs=inputs, simulate=True, scenario=scenario)
    return perform(run.pk) or run


def attempts(run):
    spans = Span.objects.in_workspace(run.workspace).filter(run_id=run.pk, kind="attempt").order_by("started_at")
    return [span.attributes for span in spans]


def test_a_bulk_call_is_taken_in_part_and_the_trace_counts(workspace, admin, salesforce):
    records = [{"attributes": {"type": "Lead"}, "id": f"00Q5g00000ABCD{number}"} for number in range(4)]
    run = ran(workspace, admin, "salesforce.update_records", {"records": records}, "partial")
    assert (run.state, run.error) == (Run.State.SUCCEEDED, None)
    took = [one["success"] for one in run.outputs["results"]]
    (told,) = attempts(run)
    assert (told["sample"], told["accepted"], told["refused"]) == ("partial", took.count(True), took.count(False))
    assert set(took) == {True, False}


@pytest.mark.parametrize(
    ("scenario", "samples"),
    [
        ("happy", ["happy"]),
        ("empty", ["empty"]),
        ("401", ["401"]),
        ("429", ["429", "happy"]),
        ("5xx", ["5xx", "happy"]),
        ("slow", ["slow"]),
        ("partial", ["partial"]),
    ],
)
def test_each_picked_sample_shows_in_the_trace(client_of, workspace, admin, salesforce, scenario, samples):
    run = ran(workspace, admin, "salesforce.read_limits", {}, scenario)
    assert [one["sample"] for one in attempts(run)] == samples


def test_the_form_offers_every_sample(client_of, workspace, admin, salesforce):
    page = client_of(admin).get("/w/meridian/runs/new/?target=salesforce.update_records").content.decode()
    for value, label in Run.Scenario.choices:
        assert f'value="{value}"' in page
        assert label in page
