"""Chosen operations become actions that the manifest reader takes as they are, and what is lost is told."""
# ruff: noqa: E501 (documents are data, and read best one case a line)

import json
import re
from pathlib import Path

import pytest
import yaml

from registry.manifests import publishable, read
from registry.manifests.functions import evaluate_fields
from registry.manifests.schemas import validator
from registry.openapi import TooMuch, draft_manifest, drafting, read_document
from registry.openapi.drafting import MAX_TEXT, MOST_CHOSEN
from registry.openapi.losses import Losses
from registry.openapi.requests import request_of
from registry.openapi.schemas import MAX_PARTS
from tests.registry.openapi.documents import ID, PET, as_bytes, document, large, operation


def drafted(found, *chosen, connector="pets"):
    """The draft and its manifest; every operation where none is named."""
    read_one = read_document(as_bytes(found))
    draft = draft_manifest(read_one, chosen or [one.key for one in read_one.operations], connector=connector)
    reading = read(draft.text)
    assert reading.manifest, [f"{one.line} {one.path}: {one.message}" for one in reading.errors]
    return draft, reading.manifest


def one_action(raw, path="/pets", method="post", **more):
    draft, manifest = drafted(document({path: {method: raw}}, **more))
    return next(iter(manifest.actions.values())), {loss.code for loss in draft.losses}


def test_five_of_three_hundred_operations_become_five_actions_ready_to_publish(monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("a network call")

    monkeypatch.setattr("socket.socket.connect", refuse)
    chosen = ["GET /things3", "POST /things3", "GET /things7/{id}", "PUT /things7/{id}", "DELETE /things7/{id}"]
    draft, manifest = drafted(large(300), *chosen)
    assert draft.actions == ("list_things3", "create_thing3", "get_thing7", "replace_thing7", "delete_thing7")
    assert publishable(manifest) == []
    assert {action.id: (action.effect, action.scopes) for action in manifest.actions.values()} == {
        "list_things3": ("read", ("pets.things3.read",)),
        "create_thing3": ("write", ("pets.things3.write",)),
        "get_thing7": ("read", ("pets.things7.read",)),
        "replace_thing7": ("write", ("pets.things7.write",)),
        "delete_thing7": ("delete", ("pets.things7.delete",)),
    }
    assert manifest.canonical["auth"] == {"type": "api_key", "in": "header", "name": "X-Pets-Key"}
    assert (manifest.canonical["base_url"], manifest.hosts) == (
        "https://api.pets.example.com/v1",
        ("api.pets.example.com",),
    )
    assert {loss.code for loss in draft.losses} == {"sample-made-up"}
    assert {loss.where for loss in draft.losses} == set(chosen)


def test_fixtures_and_simulation_fit_what_the_action_promises():
    _, manifest = drafted(large(50))
    for action in manifest.actions.values():
        happy = action.fixtures["happy"]
        assert validator(action.inputs).is_valid(happy["inputs"]), action.id
        assert validator(action.outputs).is_valid(happy["body"]), action.id
        answer = evaluate_fields(action.simulation["answer"], {"inputs": happy["inputs"], "seed": "1"})
        assert validator(action.outputs).is_valid(answer), action.id


def test_another_input_gets_another_simulated_answer():
    body = {"required": True, "content": {"application/json": {"schema": {**PET, "required": ["name"]}}}}
    action, _ = one_action(operation(requestBody=body))
    first, second = (
        evaluate_fields(action.simulation["answer"], {"inputs": {"name": name}, "seed": "1"}) for name in ("Rex", "Ada")
    )
    assert (first["name"], second["name"]) == ("Rex", "Ada")
    assert first["id"] != second["id"]


def test_parameters_and_body_become_inputs_that_do_not_collide():
    raw = operation(
        parameters=[
            {"name": "pet-id", "in": "path", "required": True, "schema": {"type": "integer"}},
            {"name": "name", "in": "query", "schema": {"type": "string"}},
            {"name": "tags", "in": "query", "explode": False, "schema": {"type": "array", "items": {"type": "string"}}},
            {"name": "ids", "in": "query", "schema": {"type": "array", "items": {"type": "integer"}}},
        ],
        requestBody={"required": True, "content": {"application/json": {"schema": PET}}},
    )
    action, codes = one_action(raw, "/pets/{pet-id}", "patch")
    assert action.path == "/pets/{pet_id}"
    assert set(action.inputs["properties"]) == {"pet_id", "name_query", "tags", "ids", "id", "name"}
    assert action.inputs["required"] == ["id", "pet_id"]
    assert action.raw["query"] == {
        "name": "inputs.name_query",
        "tags": "inputs.tags && join(',', inputs.tags)",
        "ids": "inputs.ids",
    }
    assert codes == {"sample-made-up"}


def test_a_path_parameter_that_is_not_described_is_a_text_however_many_were_before_it():
    found = read_document(as_bytes(document({"/pets/{id}": {"get": operation()}})))
    for _ in range(MAX_PARTS + 1):
        request = request_of(found, "GET /pets/{id}", found.view("GET /pets/{id}", Losses()), Losses())
    assert request.properties == {"id": {"type": "string"}}


def test_bodies_that_are_no_object_are_one_input():
    body = {"required": True, "content": {"application/json": {"schema": {"type": "array", "items": PET}}}}
    action, _ = one_action(operation(requestBody=body), method="put")
    assert (action.raw["body"], action.inputs["required"]) == ("inputs.items", ["items"])
    assert action.bulk == {"field": "items", "over": 1}
    assert action.approval_tags == ("bulk_write",)


def test_a_bulk_call_without_a_list_to_count_asks_for_approval_each_time():
    body = {"content": {"application/json": {"schema": PET}}}
    action, _ = one_action(operation(operationId="batchUpdate", requestBody=body))
    assert (action.bulk, action.approval_tags) == (None, ("write",))


@pytest.mark.parametrize(
    ("schema", "outputs", "response"),
    [
        (PET, {"id", "name"}, None),
        ({"type": "array", "items": PET}, {"items"}, {"items": "body"}),
        ({"type": "string"}, {"value"}, {"value": "body"}),
        ({}, set(), None),
    ],
    ids=["object", "list", "text", "anything"],
)
def test_replies_become_outputs_that_are_objects(schema, outputs, response):
    content = {"application/json": {"schema": schema}}
    action, _ = one_action({"responses": {"200": {"description": "", "content": content}}}, method="get")
    assert (set(action.outputs["properties"]), action.raw.get("response")) == (outputs, response)


def test_a_reply_without_json_gives_its_status():
    action, codes = one_action({"responses": {"204": {"description": "Gone."}}}, method="get")
    assert (action.raw["response"], action.fixtures["happy"]["status"]) == ({"status": "status"}, 204)
    assert codes == set()


@pytest.mark.parametrize("name", ["X-Forwarded-Proto", "Connection", "Sec-Fetch-Mode", "X Y"])
def test_a_constant_header_that_a_manifest_may_not_set_is_a_loss(name):
    constant = {"name": name, "in": "header", "schema": {"type": "string", "enum": ["https"]}}
    action, codes = one_action(operation(parameters=[constant]))
    assert ("headers" in action.raw, "header" in codes) == (False, True)


JSON_PET = {"application/json": {"schema": PET}}
LOSING = {
    "cookie": {"parameters": [{"name": "session", "in": "cookie", "schema": {"type": "string"}}]},
    "header": {"parameters": [{"name": "X-Trace", "in": "header", "schema": {"type": "string"}}]},
    "header-auth": {"parameters": [{"name": "Authorization", "in": "header", "schema": {"type": "string"}}]},
    "query-style": {
        "parameters": [{"name": "filter", "in": "query", "style": "deepObject", "schema": {"type": "object"}}]
    },
    "query-name": {"parameters": [{"name": "a b", "in": "query", "schema": {"type": "string"}}]},
    "body-kind": {"requestBody": {"content": {"application/xml": {"schema": PET}}}},
    "body-kinds": {"requestBody": {"content": JSON_PET | {"application/xml": {"schema": PET}}}},
    "callbacks": {"callbacks": {"done": {}}},
    "servers": {"servers": [{"url": "https://other.example.com"}]},
    "reply-kind": {"responses": {"200": {"description": "", "content": {"application/pdf": {}}}}},
    "replies": {"responses": {"200": {"description": ""}, "202": {"description": ""}}},
    "links": {"responses": {"200": {"description": "", "links": {"next": {}}}}},
    "remote-reference": {"requestBody": {"$ref": "https://evil.example/body.json"}},
    "broken-reference": {"requestBody": {"$ref": "#/components/none"}},
    "circular-reference": {"requestBody": {"$ref": "#/components/circle"}},
}


@pytest.mark.parametrize("code", LOSING)
def test_what_a_manifest_cannot_say_is_a_loss(code):
    circle = {"circle": {"$ref": "#/components/circle"}}
    _, codes = one_action(operation() | LOSING[code], components=circle)
    assert code in codes


SCHEMAS = {
    "discriminator": {"oneOf": [PET, PET], "discriminator": {"propertyName": "kind"}},
    "recursive-schema": {"$ref": "#/components/schemas/Tree"},
    "binary": {"type": "string", "format": "binary"},
    "unknown-type": {"type": "decimal"},
    "pattern": {"type": "string", "pattern": "(?<=a)b"},
    "bound": {"type": "integer", "maximum": 9223372036854775807},
    "field-name": {"type": "object", "properties": {"__proto__": {"type": "string"}}},
    "tuple": {"type": "array", "items": [{"type": "string"}]},
    "enum": {"enum": [str(n) for n in range(500)]},
}


@pytest.mark.parametrize("code", SCHEMAS)
def test_what_a_schema_cannot_say_is_a_loss_and_the_rest_stays(code):
    tree = {"type": "object", "properties": {"left": {"$ref": "#/components/schemas/Tree"}, "name": {"type": "string"}}}
    body = {
        "content": {
            "application/json": {"schema": {"type": "object", "properties": {"it": SCHEMAS[code], "also": PET}}}
        }
    }
    action, codes = one_action(operation(requestBody=body), components={"schemas": {"Tree": tree}})
    assert code in codes
    assert set(action.inputs["properties"]) == {"it", "also"}
    assert set(action.inputs["properties"]["also"]["properties"]) == {"id", "name"}


def test_nullable_and_exclusive_bounds_of_3_0_are_said_in_the_words_of_json_schema():
    schema = {"type": "integer", "nullable": True, "minimum": 0, "exclusiveMinimum": True, "example": 5}
    body = {"content": {"application/json": {"schema": {"type": "object", "properties": {"count": schema}}}}}
    action, _ = one_action(operation(requestBody=body))
    assert action.inputs["properties"]["count"] == {"type": ["integer", "null"], "exclusiveMinimum": 0, "examples": [5]}


def test_small_numbers_are_written_without_powers_of_ten_and_left_out_where_that_is_too_long():
    rate = {"type": "number", "multipleOf": 1e-7, "example": 2.5e-6}
    tiny = {"type": "number", "multipleOf": 6.122989734383143e-219, "default": 6.122989734383143e-219}
    schema = {"type": "object", "properties": {"rate": rate, "tiny": tiny}}
    body = {"content": {"application/json": {"schema": schema}}}
    action, codes = one_action(operation(requestBody=body))
    properties = action.inputs["properties"]
    assert (properties["rate"], properties["tiny"]) == (
        {"type": "number", "multipleOf": 1e-7, "examples": [2.5e-6]},
        {"type": "number"},
    )
    assert "bound" in codes


def test_fields_that_only_answers_have_are_not_asked_for():
    schema = {
        "type": "object",
        "properties": {"id": {"type": "string", "readOnly": True}, "pin": {"type": "string", "writeOnly": True}},
    }
    raw = operation(requestBody={"content": {"application/json": {"schema": schema}}})
    raw["responses"]["200"]["content"]["application/json"]["schema"] = schema
    action, _ = one_action(raw)
    assert (set(action.inputs["properties"]), set(action.outputs["properties"])) == ({"pin"}, {"id"})


def test_all_of_is_told_field_by_field():
    schema = {
        "allOf": [{"$ref": "#/components/schemas/Pet"}, {"type": "object", "properties": {"age": {"type": "integer"}}}]
    }
    body = {"required": True, "content": {"application/json": {"schema": schema}}}
    action, _ = one_action(operation(requestBody=body), components={"schemas": {"Pet": PET}})
    assert set(action.inputs["properties"]) == {"id", "name", "age"}
    assert action.inputs["required"] == ["id"]


AUTHORISE, TOKEN = "https://sign.example.com/authorize", "https://sign.example.com/token"
AUTHS = {
    "oauth2 code": (
        {"type": "oauth2", "flows": {"authorizationCode": {"authorizationUrl": AUTHORISE, "tokenUrl": TOKEN, "scopes": {}}}},
        {"type": "oauth2", "authorize_url": AUTHORISE, "token_url": TOKEN, "scopes": ["pets:read"]},
        set(),
    ),
    "oauth2 machine": (
        {"type": "oauth2", "flows": {"clientCredentials": {"tokenUrl": "/oauth/token", "scopes": {}}}},
        {"type": "oauth2", "grant": "client_credentials", "token_url": "https://api.pets.example.com/oauth/token", "scopes": ["pets:read"]},
        set(),
    ),
    "oauth2 implicit": ({"type": "oauth2", "flows": {"implicit": {"authorizationUrl": AUTHORISE, "scopes": {}}}}, None, {"auth-flow"}),
    "bearer": ({"type": "http", "scheme": "Bearer"}, {"type": "bearer"}, set()),
    "basic": ({"type": "http", "scheme": "basic"}, {"type": "basic"}, set()),
    "digest": ({"type": "http", "scheme": "digest"}, None, {"auth-kind"}),
    "key in query": ({"type": "apiKey", "in": "query", "name": "key"}, {"type": "api_key", "in": "query", "name": "key"}, set()),
    "key in Authorization": ({"type": "apiKey", "in": "header", "name": "Authorization"}, {"type": "bearer"}, {"auth-guess"}),
    "key in cookie": ({"type": "apiKey", "in": "cookie", "name": "key"}, None, {"auth-kind"}),
    "open id": ({"type": "openIdConnect", "openIdConnectUrl": "https://x.example.com/.well-known"}, None, {"auth-kind"}),
    "mutual TLS": ({"type": "mutualTLS"}, None, {"auth-kind"}),
}  # fmt: skip


@pytest.mark.parametrize("name", AUTHS)
def test_ways_to_sign_in_are_mapped_or_lost(name):
    scheme, auth, lost = AUTHS[name]
    raw = operation(security=[{"it": ["pets:read"]}])
    draft, manifest = drafted(document({"/pets": {"get": raw}}, components={"securitySchemes": {"it": scheme}}))
    assert manifest.canonical.get("auth") == auth
    assert {loss.code for loss in draft.losses if loss.code.startswith("auth")} == lost
    assert "egress-missing-host" not in {one.code for one in read(draft.text).findings}


def test_several_ways_to_sign_in_are_one_and_the_rest_is_told():
    schemes = {"a": {"type": "http", "scheme": "basic"}, "b": {"type": "http", "scheme": "bearer"}}
    paths = {
        "/pets": {"get": operation(security=[{"a": []}, {"b": []}]), "post": operation(security=[{"a": [], "b": []}])}
    }
    draft, manifest = drafted(document(paths, components={"securitySchemes": schemes}))
    assert manifest.canonical["auth"] == {"type": "bearer"}
    assert {"auth-choice", "auth-together"} <= {loss.code for loss in draft.losses}


@pytest.mark.parametrize(
    ("servers", "base", "code"),
    [
        ([{"url": "https://a.example.com/v2/"}, {"url": "https://b.example.com"}], "https://a.example.com/v2", "servers"),
        ([{"url": "https://{r}.example.com", "variables": {"r": {"default": "eu"}}}], "https://eu.example.com", "server-variable"),
        ([{"url": "http://plain.example.com"}], None, "no-server"),
        ([{"url": "https://127.0.0.1"}], None, "no-server"),
        ([{"url": "https://user@api.example.com"}], None, "no-server"),
        ([{"url": "/v1"}], None, "no-server"),
        ([], None, "no-server"),
    ],
)  # fmt: skip
def test_the_server_becomes_the_base_address_or_a_loss(servers, base, code):
    draft, manifest = drafted(document({"/pets": {"get": operation()}}, servers=servers))
    assert manifest.canonical.get("base_url") == base
    assert code in {loss.code for loss in draft.losses}
    assert (base is None) == ("base_url" in manifest.missing)


def test_swagger_2_says_the_same():
    found = {
        "swagger": "2.0",
        "info": {"title": "Pets", "version": "1"},
        "host": "api.pets.example.com",
        "basePath": "/v1",
        "schemes": ["http", "https"],
        "consumes": ["application/json"],
        "produces": ["application/json"],
        "securityDefinitions": {"it": {"type": "oauth2", "flow": "accessCode", "authorizationUrl": AUTHORISE, "tokenUrl": TOKEN, "scopes": {}}},
        "security": [{"it": ["pets"]}],
        "definitions": {"Pet": PET},
        "paths": {
            "/pets": {
                "post": {
                    "operationId": "createPet",
                    "parameters": [{"name": "pet", "in": "body", "required": True, "schema": {"$ref": "#/definitions/Pet"}}],
                    "responses": {"201": {"description": "", "schema": {"$ref": "#/definitions/Pet"}, "examples": {"application/json": {"id": "p1"}}}},
                },
                "get": {
                    "operationId": "findPets",
                    "parameters": [{"name": "ids", "in": "query", "type": "array", "items": {"type": "integer"}}],
                    "responses": {"200": {"description": "", "schema": {"type": "array", "items": {"$ref": "#/definitions/Pet"}}}},
                },
            },
            "/pets/{id}/photo": {
                "post": {
                    "parameters": [
                        {"name": "id", "in": "path", "required": True, "type": "string"},
                        {"name": "file", "in": "formData", "type": "file", "required": True},
                    ],
                    "responses": {"200": {"description": ""}},
                }
            },
        },
    }  # fmt: skip
    draft, manifest = drafted(found)
    create, find, photo = (manifest.actions[name] for name in ("create_pet", "find_pets", "post_pets_id_photo"))
    assert manifest.canonical["auth"] == {
        "type": "oauth2",
        "authorize_url": AUTHORISE,
        "token_url": TOKEN,
        "scopes": ["pets"],
    }
    assert manifest.canonical["base_url"] == "https://api.pets.example.com/v1"
    assert (create.inputs["required"], create.fixtures["happy"]["body"]) == (["id"], {"id": "p1"})
    assert find.raw["query"] == {"ids": "inputs.ids && join(',', inputs.ids[].to_string(@))"}
    assert (photo.raw["body_format"], set(photo.inputs["properties"])) == ("multipart", {"id", "file"})
    assert {loss.code for loss in draft.losses} == {"binary", "sample-made-up", "servers"}


def test_too_many_operations_and_too_long_a_draft_are_refused():
    found = read_document(as_bytes(large(300)))
    keys = [one.key for one in found.operations]
    with pytest.raises(TooMuch, match=f"one connector takes {MOST_CHOSEN}"):
        draft_manifest(found, keys[: MOST_CHOSEN + 1], connector="pets")
    wide = {
        "type": "object",
        "properties": {f"field_{n}": {"type": "string", "description": "d" * 250} for n in range(500)},
    }
    content = {"application/json": {"schema": wide}}
    paths = {f"/{n}": {"get": {"responses": {"200": {"description": "", "content": content}}}} for n in range(10)}
    found = read_document(as_bytes(document(paths)))
    with pytest.raises(TooMuch, match="Choose fewer"):
        draft_manifest(found, [one.key for one in found.operations], connector="pets")


def test_what_is_too_long_already_is_written_no_further(monkeypatch):
    """Schemas that refer to one another grow to megabytes, and the page writes them anew each time it is opened."""
    wide = {"type": "object", "properties": {f"f{n}": {"type": "string", "description": "d" * 250} for n in range(400)}}
    content = {"application/json": {"schema": wide}}
    paths = {f"/{n}": {"get": {"responses": {"200": {"description": "", "content": content}}}} for n in range(50)}
    found, written = read_document(as_bytes(document(paths))), []
    one_action = drafting._action
    monkeypatch.setattr(drafting, "_action", lambda *given: written.append(1) or one_action(*given))
    with pytest.raises(TooMuch, match="more than 512 KB"):
        draft_manifest(found, [one.key for one in found.operations], connector="pets")
    assert len(written) < 20


def test_what_fits_is_written_in_any_script():
    """In ASCII alone, as JSON may have it, each of these letters would be three times as long as it is."""
    wide = {"type": "object", "properties": {f"f{n}": {"type": "string", "description": "д" * 250} for n in range(380)}}
    content = {"application/json": {"schema": wide}}
    paths = {"/wide": {"get": {"responses": {"200": {"description": "", "content": content}}}}}
    found = read_document(as_bytes(document(paths)))
    draft = draft_manifest(found, [one.key for one in found.operations], connector="pets")
    assert len(json.dumps(yaml.safe_load(draft.text))) > 2 * MAX_TEXT > 2 * len(draft.text.encode())


def test_names_are_unique_and_never_markup():
    paths = {
        "/pets": {"get": operation(operationId="<b>list</b>", summary="<script>alert(1)</script>")},
        "/dogs": {"get": operation(operationId="<b>list</b>", parameters=[ID])},
    }
    draft, manifest = drafted(document(paths, info={"title": "<img src=x onerror=alert(1)>", "version": "1"}))
    assert draft.actions == ("b_list_b", "b_list_b_2")
    assert manifest.name == "<img src=x onerror=alert(1)>"  # text, which every page escapes


def test_every_code_of_a_loss_stands_in_the_documentation():
    root = Path(__file__).resolve().parents[3]
    sources = "".join(path.read_text() for path in (root / "registry" / "openapi").glob("*.py"))
    codes = set(re.findall(r'losses\.add\(\s*"([a-z0-9-]+)"', sources)) | {"callbacks", "path-servers"}
    told = (root / "docs" / "workshop.md").read_text()
    assert len(codes) > 40
    assert [code for code in sorted(codes) if f"`{code}`" not in told] == []
