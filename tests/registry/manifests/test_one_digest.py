"""YAML, JSON and the form are three ways to one canonical text and one digest."""

import json
import random
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.manifests import from_form, load, read

FIXTURES = Path(__file__).parent / "fixtures"


class Dumper(yaml.SafeDumper):
    """Quotes every text, as a careful author would."""


Dumper.add_representer(str, lambda dumper, value: dumper.represent_scalar("tag:yaml.org,2002:str", value, style='"'))


def dump_yaml(value):
    return yaml.dump(value, Dumper=Dumper, allow_unicode=True, width=10_000)


def digest(reading):
    assert reading.errors == []
    return reading.manifest.digest


HUBSPOT_FORM = {
    "kind": "connector",
    "id": "hubspot",
    "version": "1.2.0",
    "summary": "",
    "auth.type": "oauth2",
    "auth.scopes": "contacts.write\nengagements.write",
    "actions.0.id": "create_task",
    "actions.0.method": "post",
    "actions.0.path": "/crm/v3/objects/tasks",
    "actions.0.inputs": {"subject": "string", "due_at": "string?", "owner_id": "string?"},
    "actions.0.outputs": "{ id: string, link: string }",
    "actions.0.errors": ["401", "403", "404", "429", "5xx"],
    "rate_limits.rpm": "120",
    "retry.strategy": "exponential",
    "retry.max_attempts": 3,
    "permissions.required": ["tasks.write"],
}
HUBSPOT_JSON = {
    "permissions": {"required": ["tasks.write"]},
    "retry": {"max_attempts": 3, "strategy": "exponential"},
    "rate_limits": {"rpm": 120},
    "actions": [
        {
            "errors": ["5xx", 401, 429, 404, 403],
            "response_schema": {"link": "string", "id": "string"},
            "request_schema": {"owner_id?": "string", "due_at": "string?", "subject": "string"},
            "path": "/crm/v3/objects/tasks",
            "method": "POST",
            "id": "create_task",
        }
    ],
    "auth": {"scopes": ["engagements.write", "contacts.write"], "type": "oauth2"},
    "version": "1.2.0",
    "connector": "hubspot",
}


def test_the_connector_by_text_by_json_and_by_form_is_one():
    written = read((FIXTURES / "hubspot.yaml").read_bytes()).manifest
    assert written is not None
    by_json, by_form = read(json.dumps(HUBSPOT_JSON)), from_form(HUBSPOT_FORM)
    assert {written.digest, digest(by_json), digest(by_form)} == {written.digest}
    assert by_form.manifest.canonical_text == written.canonical_text


def test_the_action_by_text_and_by_form_is_one():
    written = read((FIXTURES / "gmail.send.yaml").read_bytes()).manifest
    by_form = from_form(
        {
            "action": "gmail.send",
            "inputs": "to: string[]\nsubject: string\nbody: string",
            "outputs": "{ message_id: string, deliverability: string }",
            "policy": {"approval": {"required_for": ["send_bulk"]}, "pii_classes": ["email"]},
            "name": None,
            "timeout_ms": "",
        }
    )
    assert digest(by_form) == written.digest


def test_a_fault_in_a_form_names_its_field():
    reading = from_form({"action": "a.b", "timeout_ms": "20000", "inputs": {"to": "strng"}, "auth.type": "oauth3"})
    assert [(finding.code, finding.path) for finding in reading.errors] == [
        ("over-cap", "timeout_ms"), ("unknown-type", "inputs.to"), ("bad-value", "auth.type"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "data",
    [
        {"auth": "x", "auth.type": "none"},
        {"auth": {"type": "none"}, "auth.type": "none"},
        {"auth.type": "none", "auth.type.more": "x"},
        {"auth.type.more": "x", "auth.type": "none"},
    ],
)
def test_a_form_that_says_a_thing_twice_is_refused_and_left_alone(data):
    before = json.dumps(data)
    assert [finding.code for finding in from_form(data).errors] == ["duplicate-key"]
    assert json.dumps(data) == before


def test_a_fault_in_a_text_area_has_the_line_within_it_and_the_field():
    reading = from_form({"action": "a.b", "inputs": "to: string[]\nwho: strng", "outputs": "{ id: [ }"})
    assert [(finding.code, finding.line, finding.path) for finding in reading.errors] == [
        ("shorthand", 1, "outputs"), ("unknown-type", 2, "inputs.who"),
    ]  # fmt: skip


def test_dotted_names_that_count_are_lists_and_statuses_are_keys():
    by_form = from_form(
        {
            "action": "a.b",
            "fixtures.401.status": "401",
            "fixtures.429.status": "429",
            "replies.0.status": "409",
            "replies.0.category": "validation",
            "replies.1.match": "error",
            "replies.1.category": "quota",
        }
    ).manifest
    assert by_form is not None
    assert by_form.canonical["fixtures"] == {"401": {"status": 401}, "429": {"status": 429}}
    assert by_form.canonical["replies"] == [
        {"status": 409, "category": "validation"}, {"match": "error", "category": "quota"},
    ]  # fmt: skip


FIELD = st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True)
NAME = st.from_regex(r"[a-z][a-z0-9]{0,8}", fullmatch=True)
WORDS = st.text(
    st.characters(blacklist_categories=("Cc", "Cs", "Cf", "Zl", "Zp", "Cn", "Co")), min_size=1, max_size=30
).filter(str.strip)
TYPES = st.sampled_from(["string", "int", "number", "bool", "date", "email", "url", "object", "any", "phone", "a|b"])
FIELDS = st.dictionaries(
    FIELD,
    st.builds(
        lambda kind, end: (f"({kind})" if "|" in kind and "[]" in end else kind) + end,
        TYPES,
        st.sampled_from(["", "[]", "?", "[]?"]),
    ),
    max_size=5,
)
FREE = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(-1e15, 1e15, allow_subnormal=False).map(lambda value: round(value, 4))
    | st.text(st.characters(blacklist_categories=("Cc", "Cs", "Cf", "Zl", "Zp", "Cn", "Co")), max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(FIELD, inner, max_size=3),
    max_leaves=8,
)
SCOPES = st.lists(st.sampled_from(["tasks.write", "write.tasks", "crm.contacts.read", "delete.notes"]), max_size=3)
ACTIONS = st.fixed_dictionaries(
    {"id": NAME},
    optional={
        "summary": WORDS,
        "method": st.sampled_from(["GET", "POST"]),
        "path": st.sampled_from(["/a", "/a/b/c"]),
        "request_schema": FIELDS,
        "response_schema": FIELDS,
        "errors": st.lists(st.sampled_from([401, 404, 429, "5xx"]), max_size=4),
        "scopes": SCOPES,
        "timeout_ms": st.integers(1, 10_000),
        "fixtures": st.dictionaries(
            st.sampled_from(["happy", "401", "5xx"]), st.fixed_dictionaries({"body": FREE}), max_size=2
        ),
        "simulation": st.fixed_dictionaries(
            {"answer": st.dictionaries(FIELD, st.sampled_from(["seed", "'x'", "`1`"]), max_size=3)}
        ),
    },
)
HOSTS = [
    "api.example.com",
    "https://b.example.com/v1",
    {"host": "b.example.com", "path_prefix": "/v2", "methods": ["post", "GET"]},
    {"host": "{connection.host}", "suffix": "my.salesforce.com", "methods": ["GET"]},
    {"host": "{connection.host}", "suffix": "example.com"},
]
CONNECTORS = st.fixed_dictionaries(
    {"connector": NAME, "actions": st.lists(ACTIONS, max_size=3, unique_by=lambda action: action["id"])},
    optional={
        "version": st.builds("{}.{}.{}".format, *[st.integers(0, 99)] * 3),
        "summary": WORDS,
        "permissions": st.fixed_dictionaries({"required": SCOPES}),
        "egress": st.lists(st.sampled_from(HOSTS), max_size=4),
        "rate_limits": st.fixed_dictionaries({"rpm": st.integers(1, 6000)}),
    },
)


def shuffled(value, source):
    if isinstance(value, dict):
        pairs = list(value.items())
        source.shuffle(pairs)
        return {key: shuffled(part, source) for key, part in pairs}
    return [shuffled(item, source) for item in value] if isinstance(value, list) else value


@settings(max_examples=200, deadline=None)
@given(CONNECTORS, st.integers(0, 2**32))
def test_whatever_is_written_has_one_digest(data, seed):
    manifest = read(json.dumps(data), format="json").manifest
    assert manifest is not None
    mixed = shuffled(data, random.Random(seed))
    assert digest(read(json.dumps(mixed, ensure_ascii=False), format="json")) == manifest.digest
    assert digest(read(dump_yaml(mixed), format="yaml")) == manifest.digest
    assert digest(from_form(mixed)) == manifest.digest
    canonical = manifest.canonical
    assert digest(read(manifest.canonical_text, format="json")) == manifest.digest
    assert (
        digest(read(json.dumps(shuffled(canonical, random.Random(seed)), indent=1), format="json")) == manifest.digest
    )
    assert digest(read(dump_yaml(canonical), format="yaml")) == manifest.digest
    assert digest(from_form(canonical)) == manifest.digest
    assert load(json.loads(manifest.canonical_text)) == manifest


@pytest.mark.parametrize("name", sorted(path.name for path in FIXTURES.iterdir()))
def test_the_documents_survive_every_way_round(name):
    manifest = read((FIXTURES / name).read_bytes(), filename=name).manifest
    assert manifest is not None
    assert digest(read(dump_yaml(manifest.canonical))) == manifest.digest
    assert digest(from_form(manifest.canonical)) == manifest.digest


SHORTHAND = st.recursive(
    TYPES.filter(lambda kind: "|" not in kind).flatmap(
        lambda kind: st.sampled_from([kind, f"{kind}[]", f"{kind}?", f"{kind}[]?"])
    ),
    lambda inner: st.dictionaries(FIELD, inner, min_size=1, max_size=3),
    max_leaves=6,
)


def flow(value):
    return (
        value
        if isinstance(value, str)
        else "{ " + ", ".join(f"{key}: {flow(part)}" for key, part in value.items()) + " }"
    )


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(FIELD, SHORTHAND, max_size=4))
def test_the_shorthand_means_what_json_says(fields):
    written = read(f"action: a.b\ninputs: {flow(fields)}\n")
    said = read(json.dumps({"action": "a.b", "inputs": fields}))
    assert [finding.code for finding in written.findings] == [finding.code for finding in said.findings]
    assert written.manifest == said.manifest
