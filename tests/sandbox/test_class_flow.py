"""F29: whatever a transform calls a value, the gate still knows what it carries, in the question that it stores."""

import pytest

from sandbox import class_flow
from sandbox.services import invoke, perform
from tests.extensions import PROBE, installed, manifest_of

TRANSFORM = """
transform: probe.reshape
version: 1.0.0
name: Reshape
summary: A made-up transform that gives values other names.
inputs: {{ person: {{ email: email, name: name? }}, people?: [{{ email: email }}] }}
outputs: {{ out: any }}
steps:
{steps}
fixtures:
  happy: {{ inputs: {{ person: {{ email: a@one.example }} }}, outputs: {{}} }}
"""
PACK = """
pack: flow.reshape
version: 1.0.0
name: Reshape and make
summary: A made-up pack of two steps.
requires: { probe: ^1.0, probe.reshape: ^1.0 }
inputs: { person: { email: email, name: name? } }
steps:
  - { id: shape, use: probe.reshape, with: { person: inputs.person, people: "[{email: inputs.person.email}]" } }
  - { id: make, use: probe.create, with: { key: "to_string(steps.shape.out)" } }
outcome: { name: made, success: steps.make.id, signal: downstream_state }
sample: { inputs: { person: { email: ada@one.example } } }
"""
RENAMED = "  - map_fields: { out: person.email }"
SHAPES = {
    "renamed": RENAMED,
    "renamed twice": "  - map_fields: { a: person.email }\n  - map_fields: { out: a }",
    "nested": "  - map_fields: { out: { deep: { deeper: person.email } } }",
    "in a list": '  - map_fields: { out: ["person.email", "person.name"] }',
    "joined": "  - map_fields: { out: \"join(' ', [person.email, 'x'])\" }",
    "as part of the whole": "  - map_fields: { out: person }",
    "of every entry": '  - map_fields: { out: "people[].email" }',
    "normalised": "  - map_fields: { out: person.email }\n  - normalize_text: { field: out }",
    "by a table": "  - map_fields: { a: person.email }\n"
    "  - enrich: { field: a, table: { ada@one.example: gold }, into: out, default: none }",
}


@pytest.mark.parametrize("steps", SHAPES.values(), ids=SHAPES.keys())
def test_an_email_that_a_transform_renames_is_still_one_at_the_gate(workspace, admin, steps):
    installed(workspace, admin, PROBE, TRANSFORM.format(steps=steps), PACK)
    person = {"email": "ada@one.example", "name": "Ada"}
    run = perform(invoke(workspace, actor=admin, target="flow.reshape", inputs={"person": person}).pk)
    assert run.state == "succeeded", run.error["sentence"]
    make = run.steps.get(step_id="make")
    assert "email" in make.decision.input["context"]["data_classes"]
    assert "email" in make.data_classes
    assert "one.example" not in str(make.inputs).replace("***@one.example", "")


@pytest.mark.parametrize(
    ("steps", "classes"),
    [
        ("  - map_fields: { out: person.name }", {"name"}),
        ("  - redact: { classes: [email], mode: mask }\n  - map_fields: { out: person.email }", set()),
        ("  - map_fields: { out: \"'plain'\" }", set()),
    ],
)
def test_what_does_not_come_out_is_not_carried(steps, classes):
    manifest = manifest_of(TRANSFORM.format(steps=steps))
    found = class_flow.of_outputs(manifest, None, {})
    assert set(class_flow.names_in({path: names for path, names in found.items() if path[0] == "out"})) == classes


def test_whatever_goes_into_a_transform_in_python_may_come_out_anywhere():
    text = """
transform: probe.code
version: 1.0.0
name: Code
summary: A made-up transform in Python.
inputs: { address: email, count: int }
outputs: { one: string, two: { three: string } }
code_file: transform.py
"""
    found = class_flow.of_outputs(manifest_of(text), None, {("count",): frozenset({"payment"})})
    assert found == {("*",): frozenset({"email", "payment"})}
    step = {"with": {"key": "steps.code.two.three"}}
    known = class_flow.out_of_step("code", manifest_of(text), None, {})
    assert class_flow.into_step(step, known) == {("key",): frozenset({"email"})}
