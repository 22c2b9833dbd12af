"""Notion as the OpenAPI document of its own server and the types of its own library describe it."""

import json
import re
from urllib.parse import parse_qsl, urlsplit

import pytest

from sandbox.rest import build, outputs_of
from tests.oracles import specs
from tests.oracles.official import OFFICIAL
from tests.oracles.ours import prepared
from tests.oracles.shipped import ACTIONS, MANIFESTS

pytestmark = specs.present

FAILURES = ("401", "403", "404", "422", "429", "conflict", "5xx")
# The document types the children of a new page as texts, which the library's types correct.
CREATE_PAGE = "notion/CreatePageParameters.schema.json"


@pytest.mark.parametrize("name", specs.NOTION)
def test_a_request_goes_where_the_document_says(name):
    request, path = prepared(name), specs.NOTION[name]
    operation = specs.notion(name, request.method)
    address = urlsplit(request.url)
    assert re.fullmatch(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(path)), address.path)
    known = {entry["name"] for entry in operation.get("parameters", ()) if entry.get("in") == "query"}
    assert {key for key, _ in parse_qsl(address.query)} <= known
    version = specs.document("notion/notion-openapi.json")["components"]["parameters"]["notionVersion"]
    assert request.headers[version["name"]] == version["schema"]["default"]


@pytest.mark.parametrize("name", specs.NOTION)
def test_a_body_is_one_that_the_document_describes(name):
    request = prepared(name)
    described = specs.notion(name, request.method).get("requestBody")
    assert bool(request.body) == bool(described)
    if name == "notion.create_page":
        assert specs.schema_errors(CREATE_PAGE, json.loads(request.body)) == []
    elif described:
        schema = described["content"]["application/json"]["schema"]
        body = json.loads(request.body)
        assert body.keys() <= schema["properties"].keys()
        assert specs.openapi_errors(schema, body) == []


@pytest.mark.parametrize("name", specs.NOTION)
@pytest.mark.parametrize("scenario", FAILURES)
def test_a_failure_on_file_has_the_form_that_the_document_describes(name, scenario):
    """The form is told for 400; it is that of every failure, as the replies 403, 404 and 429 of one path show."""
    schema = specs.notion("notion.get_page", "GET")["responses"]["400"]["content"]["application/json"]["schema"]
    body = ACTIONS[name].fixtures[scenario]["body"]
    assert specs.openapi_errors({**schema, "required": sorted(schema["properties"])}, body) == []
    assert body.keys() - schema["properties"].keys() == {"request_id"}


@pytest.mark.parametrize("name", ["notion.get_connection", "notion.add_comment"])
def test_our_mapping_reads_the_documents_own_example(name):
    action = ACTIONS[name]
    reply = specs.notion(name, action.method)["responses"]["200"]["content"]["application/json"]
    body = reply["examples"]["Result"]["value"]
    outputs = outputs_of(action.raw, status=200, headers={}, body=body)
    assert set(action.outputs.get("required", ())) <= outputs.keys()
    assert body.keys() <= {*action.fixtures["happy"]["body"], "request_id"}


def test_a_page_without_text_is_one_that_the_library_would_send():
    inputs = {"parent_page_id": OFFICIAL["notion.create_page"].inputs["parent_page_id"], "title": "Engines"}
    request = build(ACTIONS["notion.create_page"], MANIFESTS["notion"], inputs)
    assert specs.schema_errors(CREATE_PAGE, json.loads(request.body)) == []


def test_every_action_is_looked_at():
    assert {name for name in ACTIONS if name.startswith("notion.")} == specs.NOTION.keys()
