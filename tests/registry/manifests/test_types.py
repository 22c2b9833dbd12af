"""Types, scopes and expressions: the small languages a manifest is written in."""

import subprocess
import sys
from pathlib import Path

import pytest

from registry.manifests import expressions, read, scopes
from registry.manifests.expressions import BadExpression, Reference
from registry.manifests.schemas import validator
from registry.manifests.types import BadType, compile_type

ROOT = Path(__file__).parents[3]
TEXT = {"type": "string"}


@pytest.mark.parametrize(
    ("written", "schema", "optional"),
    [
        ("string", TEXT, False),
        ("int?", {"type": "integer"}, True),
        ("bool[]", {"type": "array", "items": {"type": "boolean"}}, False),
        ("number[][]?", {"type": "array", "items": {"type": "array", "items": {"type": "number"}}}, True),
        ("date", {"type": "string", "format": "date"}, False),
        ("datetime", {"type": "string", "format": "date-time"}, False),
        ("email", {"type": "string", "format": "email", "x-data-class": "email"}, False),
        ("url", {"type": "string", "format": "uri"}, False),
        ("phone[]", {"type": "array", "items": {"type": "string", "x-data-class": "phone"}}, False),
        ("object", {"type": "object"}, False),
        ("any", {}, False),
        ("open|closed", {"type": "string", "enum": ["open", "closed"]}, False),
        ("open|closed?", {"type": "string", "enum": ["open", "closed"]}, True),
        ("(a|b)[]", {"type": "array", "items": {"type": "string", "enum": ["a", "b"]}}, False),
    ],
)
def test_a_type_compiles_to_json_schema(written, schema, optional):
    assert compile_type(written) == (schema, optional)


@pytest.mark.asvs("2.2.1")
@pytest.mark.parametrize(
    "written",
    [
        "", "?", "[]", "strng", "string[", "string]", "string?[]", "string??", "a|b[]", "a|", "a|a", "string|int",
        "(string)", "(a|b", "string" + "[]" * 5, "x" * 501, "string[3]", "Map<string>", "string | null[]",
    ],
)  # fmt: skip
def test_what_is_no_type_is_refused(written):
    with pytest.raises(BadType):
        compile_type(written)


def test_nested_fields_and_json_schema_side_by_side():
    manifest = read(
        "action: a.b\n"
        "inputs:\n"
        "  to: { type: array, items: { type: string, format: email }, maxItems: 5 }\n"
        "  who?: { full: name, tags: [string] }\n"
        "  size: { enum: [1, 2] }\n"
        "outputs: { type: object, properties: { id: { $ref: '#/$defs/id' } }, $defs: { id: { type: string } } }\n"
    ).manifest
    action = manifest.actions["a.b"]
    assert action.inputs["properties"]["to"]["maxItems"] == 5
    assert action.inputs["properties"]["size"] == {"enum": [1, 2]}
    assert action.inputs["required"] == ["size", "to"]
    assert action.data_classes == {"/inputs/who/full": "name"}
    check = validator(action.inputs)
    assert check.is_valid({"to": ["a@example.com"], "size": 1, "who": {"full": "Ada", "tags": []}})
    assert not check.is_valid({"to": ["no address"], "size": 1})
    assert not check.is_valid({"to": [], "size": 1, "other": 1})
    assert validator(action.outputs).is_valid({"id": "1", "more": True})


def test_an_object_with_a_field_called_type_is_no_schema():
    manifest = read("action: a.b\ninputs: { event: { type: string, id: string } }\n").manifest
    assert set(manifest.actions["a.b"].inputs["properties"]["event"]["properties"]) == {"type", "id"}


def test_data_classes_are_found_wherever_a_schema_puts_them():
    manifest = read(
        "action: a.b\n"
        "inputs: { people: { mail: email, phones: phone[] }[] }\n"
        "outputs: { type: object, properties: { x: { anyOf: [ { type: 'null' }, { $ref: '#/$defs/p' } ] } },\n"
        "  $defs: { p: { type: object, additionalProperties: { type: string, x-data-class: secret } } } }\n"
    ).manifest
    assert manifest.actions["a.b"].data_classes == {
        "/inputs/people/*/mail": "email",
        "/inputs/people/*/phones/*": "phone",
        "/outputs/x/*": "secret",
    }


@pytest.mark.parametrize(
    ("rest", "effect", "idempotent", "destructive"),
    [
        ("method: GET", "read", True, False),
        ("method: HEAD", "read", True, False),
        ("method: POST", "write", False, False),
        ("method: PUT", "write", False, False),
        ("method: PUT\nidempotent: true", "write", True, False),
        ("method: DELETE", "delete", False, True),
        ("method: POST\nscopes: [x.read]", "read", False, False),
        ("method: GET\nscopes: [x.read, x.write]", "write", True, False),
        ("method: POST\nscopes: [x.write, x.delete]", "delete", False, True),
        ("summary: nothing said", "write", False, False),
    ],
)
def test_an_effect_follows_from_scopes_else_from_the_method(rest, effect, idempotent, destructive):
    action = read(f"action: a.b\n{rest}\n").manifest.actions["a.b"]
    assert (action.effect, action.idempotent, action.destructive) == (effect, idempotent, destructive)


def test_an_action_asks_for_its_connectors_scopes_unless_it_names_its_own():
    manifest = read(
        "connector: a\npermissions: { required: [x.read, x.write] }\n"
        "actions: [{ id: one, method: GET, path: /a }, { id: two, method: GET, path: /b, scopes: [x.read] }]\n"
    ).manifest
    assert manifest.actions["one"].scopes == ("x.read", "x.write")
    assert (manifest.actions["two"].scopes, manifest.actions["one"].effect) == (("x.read",), "read")


@pytest.mark.parametrize(
    ("written", "scope"),
    [
        ("tasks.write", "tasks.write"),
        ("write.tasks", "tasks.write"),
        ("delete.x", "x.delete"),
        ("read.crm.tasks", "crm.tasks.read"),
        ("google-drive.files.read", "google-drive.files.read"),
    ],
)
def test_a_scope_has_one_order(written, scope):
    assert scopes.canonical(written) == scope
    assert scopes.canonical(scope) == scope


@pytest.mark.parametrize(
    "written",
    ["", "write", "tasks", "x.edit", "read.write", "X.read", "a..read",
     "*.read", "a b.read", "é.read", "a.b.c.d.e.f.read"],
)  # fmt: skip
def test_what_is_no_scope_is_refused(written):
    with pytest.raises(scopes.BadScope):
        scopes.canonical(written)


@pytest.mark.parametrize(
    ("scope", "sentence"),
    [
        ("crm.tasks.write", "Create and change CRM tasks"),
        ("tasks.write", "Create and change tasks"),
        ("contacts.read", "Read contacts"),
        ("hubspot.custom_objects.delete", "Delete custom objects in HubSpot"),
        ("drive.read", "Read what you keep in Google Drive"),
        ("lantern-tasks.tasks.write", "Create and change tasks in Lantern tasks"),
        ("hr_portal.staff.leave_days.read", "Read staff leave days in HR portal"),
        ("line-items.read", "Read line items"),
        ("tasks.tasks.delete", "Delete tasks"),
    ],
)
def test_a_scope_is_told_in_a_sentence(scope, sentence):
    assert scopes.sentence(scope) == sentence


def test_the_strongest_verb_wins():
    assert scopes.strongest(["read", "delete", "write"]) == "delete"
    assert (scopes.resource("crm.tasks.write"), scopes.verb("crm.tasks.write")) == ("crm.tasks", "write")


@pytest.mark.parametrize(
    ("expression", "found"),
    [
        ("steps.task.id", {("steps", "task")}),
        ("steps.task[0].id", {("steps", "task")}),
        ("inputs.rows[?price > `5`].name | [0]", {("inputs", "rows")}),
        ("join(' ', [inputs.a, steps.b.c])", {("inputs", "a"), ("steps", "b")}),
        ("{x: inputs.a, y: {z: steps.b}}", {("inputs", "a"), ("steps", "b")}),
        ("map(&upper(name), inputs.rows)", {("inputs", "rows")}),
        ("sort_by(inputs.rows, &steps)", {("inputs", "rows")}),
        ("inputs.a && !(steps.b) || seed", {("inputs", "a"), ("steps", "b"), ("seed", None)}),
        ("inputs", {("inputs", None)}),
        ("inputs.*.name", {("inputs", None)}),
        ("'text'", set()),
        ("`[1, 2]`", set()),
    ],
)
def test_an_expression_says_where_it_begins_to_read(expression, found):
    assert set(expressions.parse(expression)) == {Reference(*pair) for pair in found}


@pytest.mark.asvs("2.2.1")
@pytest.mark.parametrize(
    "expression", ["", "a b", "a.", "[", "nope(a)", "'open", "`{`", "`word`", "!a.b", "a" * 1001, "{{ a }}"]
)
def test_a_broken_expression_is_refused(expression):
    with pytest.raises(BadExpression):
        expressions.parse(expression)


def test_the_package_needs_neither_django_nor_a_database():
    code = "import sys, registry.manifests; sys.exit('django' in sys.modules or 'psycopg' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
