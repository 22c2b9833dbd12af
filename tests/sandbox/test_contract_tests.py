"""Contract tests: how many a manifest gives, what each notices, and that they call as live calls do."""

from pathlib import Path

import pytest

from registry.manifests import load, read
from sandbox.contract_tests import generate, run_tests
from sandbox.contract_tests.bench import tried
from sandbox.contract_tests.examples import inputs_of, secret_names

CATALOG = Path(__file__).parents[2] / "catalog"
REST = """
connector: acme
version: 1.0.0
summary: Keeps things.
auth: { type: bearer }
base_url: https://api.acme.example/v1
egress: [{ host: api.acme.example, methods: [POST, DELETE], path_prefix: /v1 }]
actions:
  - id: create_thing
    method: POST
    path: /things
    inputs: { title: string }
    outputs: { id: string }
    response: { id: body.id }
    scopes: [things.write]
    undo: delete_thing
    simulation: { answer: { id: "fake_id('t-', inputs.title)" } }
    fixtures:
      happy: { status: 201, body: { id: t1 } }
      "401": { status: 401, body: {} }
      "429": { status: 429, headers: { Retry-After: "2" }, body: {} }
      5xx: { status: 500, body: {} }
  - id: delete_thing
    method: DELETE
    path: /things/{id}
    inputs: { id: string }
    outputs: { gone: bool? }
    response: { gone: "`true`" }
    scopes: [things.delete]
    simulation: { answer: { gone: "`true`" } }
    fixtures:
      happy: { status: 204 }
      "401": { status: 401, body: {} }
      "429": { status: 429, headers: { Retry-After: "2" }, body: {} }
      5xx: { status: 503, headers: { Retry-After: "1" }, body: {} }
"""


def manifest_of(text):
    reading = read(text, format="yaml")
    assert reading.manifest, reading.findings
    return reading.manifest


def broken(old, new, text=REST):
    assert old in text
    return {one.id for one in run_tests(manifest_of(text.replace(old, new, 1))).failures}


def test_four_fixtures_give_eight_tests_and_more_without_a_line_of_code():
    """F107."""
    manifest = manifest_of(REST)
    of_one = [test for test in generate(manifest) if test.action == "create_thing"]
    assert len(manifest.actions["create_thing"].fixtures) == 4
    assert len(of_one) >= 8
    report = run_tests(manifest)
    assert (report.failures, report.has_passed, report.passed) == ([], True, len(generate(manifest)))
    assert report.as_dict()["total"] == len(report.results)
    assert len({test.id for test in generate(manifest)}) == len(generate(manifest))


@pytest.mark.parametrize(
    ("old", "new", "fails"),
    [
        ("response: { id: body.id }", "response: { id: body.key }", {"create_thing.happy.maps", "create_thing.undoes"}),
        ("methods: [POST, DELETE]", "methods: [POST]", "delete_thing.leaves"),
        ('"401": { status: 401', '"401": { status: 404', "create_thing.401.classified"),
        ('"429": { status: 429', '"429": { status: 400', "create_thing.429.classified"),
        ("5xx: { status: 500", "5xx: { status: 422", "create_thing.5xx.classified"),
        ("simulation: { answer: { id: \"fake_id('t-', inputs.title)\" } }", "simulation: { answer: { id: \"`7`\" } }",
         {"create_thing.simulates"}),
        ("scopes: [things.write]", "scopes: [things.write]\n    replies: [{ status: 401, category: transient }]",
         "create_thing.401.not_repeated"),
        ("path: /things/{id}", "path: /lists/{id}", {"create_thing.undoes"}),  # I6: what was made stays where it is
        ("inputs: { id: string }", "inputs: { id: string, key: string }", "create_thing.undoes"),
        ("path: /things/{id}\n", "path: /things/all\n    query: {}\n", {"create_thing.undoes"}),  # it names no record
    ],
)  # fmt: skip
def test_a_promise_that_is_not_kept_is_told(old, new, fails):
    found = broken(old, new)
    assert found == fails if isinstance(fails, set) else fails in found


def test_a_failure_says_what_was_expected_and_what_came():
    report = run_tests(manifest_of(REST.replace('"401": { status: 401', '"401": { status: 404', 1)))
    told = next(one for one in report.failures if one.id == "create_thing.401.classified")
    assert (told.expected, told.got, told.status) == ("auth_error", "not_found", "failed")


def test_calls_are_tried_by_the_rules_of_live_calls():
    """The same attempts: a write that may have been done is not repeated, a limit is waited for, a read is tried on."""
    manifest = manifest_of(REST)
    create = manifest.actions["create_thing"]
    happy, limit, down = (create.fixtures[name] for name in ("happy", "429", "5xx"))
    lost = tried(manifest, create, {"title": "a"}, [down, happy])
    assert (lost.attempts, lost.error.ambiguous, lost.error.category) == (1, True, "transient")
    waited = tried(manifest, create, {"title": "a"}, [limit, happy])
    assert (waited.attempts, waited.reply.outputs) == (2, {"id": "t1"})
    assert waited.waited_ms >= 2000
    assert [(one.method, one.host, one.target, one.body) for one in waited.sent] == [
        ("POST", "api.acme.example", "/v1/things", b'{"title":"a"}')
    ] * 2
    read_text = REST.replace("scopes: [things.write]", "scopes: [things.write]\n    idempotent: true", 1)
    again = manifest_of(read_text)
    assert tried(again, again.actions["create_thing"], {"title": "a"}, [down, happy]).attempts == 2


def test_nothing_that_is_not_declared_leaves():
    manifest = manifest_of(REST.replace("api.acme.example, methods", "other.acme.example, methods").replace(
        "base_url: https://api", "base_url: https://other"))  # fmt: skip
    canonical = {**manifest.canonical, "base_url": "https://api.acme.example"}  # past the reader, as hostile data is
    hostile = load(canonical)
    found = tried(hostile, hostile.actions["create_thing"], {"title": "a"}, [{"status": 200}])
    assert (found.sent, found.error.category) == ([], "policy_block")


@pytest.mark.parametrize("path", sorted(CATALOG.glob("*/*/manifest.yaml")), ids=lambda path: path.parent.name)
def test_the_shipped_catalogue_keeps_its_promises(path):
    """Python needs the sandbox, and is run where that is (tests/sandbox/test_contract_tests_python.py)."""
    manifest = read(path.read_bytes(), filename=path.name).manifest
    beside = (file for file in path.parent.rglob("*") if file.is_file() and file != path)
    files = {file.relative_to(path.parent).as_posix(): file.read_bytes() for file in beside}
    report = run_tests(manifest, files)
    assert [(one.id, one.expected, one.got) for one in report.failures if one.status == "failed"] == []
    assert report.passed


def test_what_is_made_up_fits_where_a_fixture_says_nothing():
    manifest = manifest_of(REST)
    assert inputs_of(manifest.actions["create_thing"]) == {"title": "title"}
    assert secret_names("x = ctx.secrets['TOKEN'] + ctx.secrets[\"KEY\"] + ctx.secrets[name]") == ["KEY", "TOKEN"]
    assert secret_names("def broken(") == []


def test_a_golden_transform_is_held_to_its_bytes():
    text = (
        "transform: t.x\nversion: 1.0.0\nsummary: Tidies.\ninputs: { a: string }\noutputs: { b: string }\n"
        "steps: [{ map_fields: { b: a } }]\nfixtures: { happy: { inputs: { a: x }, outputs: { b: x } } }\n"
    )
    assert run_tests(manifest_of(text)).has_passed
    assert broken("outputs: { b: x }", "outputs: { b: y }", text) == {"happy.golden"}
    assert broken("inputs: { a: x }", "inputs: { z: x }", text) >= {"happy.inputs_fit"}
