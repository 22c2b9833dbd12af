"""Whatever a document says, it is read or refused in a sentence, and a draft of it is one that the reader takes."""
# ruff: noqa: E501 (documents are data, and read best one case a line)

import json
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from registry.manifests import read
from registry.openapi import TooMuch, Unreadable, draft_manifest, read_document
from tests.registry.openapi.documents import ID, PET, as_bytes, document, operation

_KEYS = st.sampled_from([
    "type", "properties", "items", "required", "enum", "$ref", "allOf", "oneOf", "format", "pattern", "nullable",
    "minimum", "exclusiveMinimum", "maxLength", "default", "example", "examples", "description", "discriminator",
    "additionalProperties", "not", "const", "name", "in", "schema", "content", "application/json", "style", "explode",
    "200", "default", "headers", "links", "security", "flows", "tokenUrl", "scheme", "url", "variables", "__proto__", "<<",
])  # fmt: skip
_TEXTS = st.one_of(
    st.sampled_from([
        "string", "object", "array", "#/components/schemas/Pet", "#/components/schemas/Loop", "#", "#/", "#/paths",
        "https://evil.example/", "path", "query", "header", "oauth2", "1e3", "yes", "null", "0x1F", "12:30", "- a", "{a",
        "a: b", "'", '"', "`", "\\", "\x00", "\u202e", "\ud800", "${x}", "{{x}}", "{% x %}", "x" * 3_000, "é", "", " ",
    ]),
    st.text(max_size=12),
)  # fmt: skip
_SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), _TEXTS)
_ANYTHING = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_KEYS | _TEXTS, inner, max_size=5),
    max_leaves=25,
)
_PLACES = [
    ("servers",), ("info",), ("components",), ("components", "schemas", "Pet"), ("components", "securitySchemes"),
    ("security",), ("paths", "/pets"), ("paths", "/pets", "post"), ("paths", "/pets", "post", "parameters"),
    ("paths", "/pets", "post", "parameters", 0, "schema"), ("paths", "/pets", "post", "requestBody"),
    ("paths", "/pets", "post", "requestBody", "content", "application/json", "schema"),
    ("paths", "/pets", "post", "responses"), ("paths", "/pets", "post", "responses", "200"),
    ("paths", "/pets", "post", "responses", "200", "content", "application/json"),
    ("paths", "/pets", "post", "tags"), ("paths", "/pets", "post", "operationId"), ("paths", "/pets", "post", "security"),
]  # fmt: skip


def whole(version):
    body = {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Pet"}}}}
    loop = {"allOf": [{"$ref": "#/components/schemas/Loop"}, PET]}
    found = document(
        {"/pets": {"post": operation(parameters=[ID | {"in": "query"}], requestBody=body, security=[{"it": []}])}},
        version,
        components={
            "schemas": {"Pet": PET, "Loop": loop},
            "securitySchemes": {"it": {"type": "http", "scheme": "basic"}},
        },
    )
    if version == "2.0":
        found["swagger"] = found.pop("openapi")
    return json.loads(json.dumps(found))


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(_PLACES), _ANYTHING, st.sampled_from(["2.0", "3.0.3", "3.1.0"]))
def test_anything_in_any_place_is_read_or_refused(place, thing, version):
    found = whole(version)
    spot = found
    for step in place[:-1]:
        spot = spot[step]
    spot[place[-1]] = thing
    try:
        one = read_document(json.dumps(found).encode())
        draft = draft_manifest(one, [operation.key for operation in one.operations], connector="pets")
    except (Unreadable, TooMuch):
        return
    errors = [error for error in read(draft.text).errors if error.code != "missing-key"]
    assert errors == []


def test_schemas_that_explode_when_written_out_stay_small():
    levels = {
        f"L{n}": {
            "type": "object",
            "properties": {f"p{m}": {"$ref": f"#/components/schemas/L{n + 1}"} for m in range(20)},
        }
        for n in range(12)
    }
    body = {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/L0"}}}}
    found = document({"/pets": {"post": operation(requestBody=body)}}, components={"schemas": levels | {"L12": PET}})
    started = time.monotonic()
    draft = draft_manifest(read_document(as_bytes(found)), ["POST /pets"], connector="pets")
    assert time.monotonic() - started < 3
    assert "too-large" in {loss.code for loss in draft.losses}
    assert read(draft.text).manifest


def test_a_chain_of_references_that_never_ends_is_cut():
    schemas = {f"R{n}": {"$ref": f"#/components/schemas/R{(n + 1) % 1000}"} for n in range(1000)}
    body = {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/R0"}}}}
    found = document({"/pets": {"post": operation(requestBody=body)}}, components={"schemas": schemas})
    draft = draft_manifest(read_document(as_bytes(found)), ["POST /pets"], connector="pets")
    assert read(draft.text).manifest


@pytest.mark.parametrize("count", [10_000])
def test_losses_stay_few_enough_to_read(count):
    parameters = [{"name": f"c{n}", "in": "cookie"} for n in range(count)]
    found = read_document(as_bytes(document({"/pets": {"get": operation(parameters=parameters)}})))
    draft = draft_manifest(found, ["GET /pets"], connector="pets")
    assert len(draft.losses) <= 300
