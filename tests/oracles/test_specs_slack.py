"""Slack as its OpenAPI document of 2021 and the types of its current library describe it."""

import json
from urllib.parse import parse_qsl

import pytest

from sandbox.rest import items_of, outputs_of
from tests.oracles import specs
from tests.oracles.ours import prepared
from tests.oracles.shipped import ACTIONS, MANIFESTS

pytestmark = specs.present

FAILURES = ("401", "403", "404", "422", "429", "5xx")
# Words of Slack that are younger than the document, told in its current documentation.
YOUNGER = {"ratelimited", "service_unavailable"}


def body_of(name):
    request = prepared(name)
    if "json" in request.headers["Content-Type"]:
        return json.loads(request.body)
    return dict(parse_qsl(request.body.decode(), keep_blank_values=True))


@pytest.mark.parametrize("name", specs.SLACK)
def test_a_request_goes_where_the_document_says_and_names_nothing_else(name):
    assert ACTIONS[name].path == specs.SLACK[name]
    operation = specs.slack(name)
    known = {parameter["name"]: parameter for parameter in operation["parameters"]}
    sent = body_of(name)
    assert sent.keys() <= known.keys()
    needed = {key for key, parameter in known.items() if parameter.get("required")} - {"token"}  # that one is a header
    assert needed <= sent.keys()
    media_type = "application/json" if name in ("slack.post_message", "slack.update_message") else "form"
    assert any(media_type in consumed for consumed in operation["consumes"])


@pytest.mark.parametrize("name", specs.SLACK)
def test_the_scopes_asked_for_open_the_method(name):
    """The document still has the scopes of before 2020; chat:write is both of its halves."""
    mapped = MANIFESTS["slack"].canonical["auth"]["scope_map"]
    needed = {scope for ours in ACTIONS[name].scopes for scope in mapped[ours]}
    renamed = {"chat:write": {"chat:write:user", "chat:write:bot"}}
    (security,) = specs.slack(name)["security"]
    opening = set(security["slackAuth"]) - {"none"}
    asked = {old for scope in needed for old in renamed.get(scope, {scope})}
    assert bool(asked & opening) == bool(opening)


@pytest.mark.parametrize("name", specs.SLACK)
@pytest.mark.parametrize("scenario", ["happy", "empty"])
def test_a_reply_on_file_is_one_that_the_document_describes(name, scenario):
    errors = specs.swagger_errors(
        specs.slack(name)["responses"]["200"]["schema"], ACTIONS[name].fixtures[scenario]["body"]
    )
    if (name, scenario) == ("slack.read_messages", "empty"):
        # A channel without messages since a moment: the document says that there is at least one.
        errors = [error for error in errors if error != "/messages [] has less than 1 item"]
    assert errors == []


@pytest.mark.parametrize("name", specs.SLACK)
@pytest.mark.parametrize("scenario", FAILURES)
def test_a_failure_on_file_is_one_that_the_document_describes(name, scenario):
    """missing_scope, which any method may answer, is listed for some, with what it needs and what there is."""
    schema = specs.slack(name)["responses"]["default"]["schema"]
    listing = specs.slack("slack.list_channels")["responses"]["default"]["schema"]["properties"]
    assert "missing_scope" in listing["error"]["enum"]
    body = ACTIONS[name].fixtures[scenario]["body"]
    errors = schema["properties"]["error"]["enum"]
    widened = {"type": "string", "enum": sorted({*errors, "missing_scope", *YOUNGER})}
    known = {"needed": listing["needed"], "provided": listing["provided"], **schema["properties"], "error": widened}
    if scenario == "404" and "channel" not in ACTIONS[name].inputs["properties"] and name != "slack.find_user":
        known["error"] = {"type": "string"}  # nothing is looked for here; the shared reply stands in
    assert specs.swagger_errors({**schema, "properties": known}, body) == []


@pytest.mark.parametrize("name", specs.SLACK)
def test_our_mapping_reads_the_documents_own_example(name):
    action = ACTIONS[name]
    body = specs.slack(name)["responses"]["200"]["examples"]["application/json"]
    pagination = action.raw.get("pagination")
    items = items_of(pagination, body) if pagination else None
    outputs = outputs_of(action.raw, status=200, headers={}, body=body, items=items)
    assert set(action.outputs.get("required", ())) <= outputs.keys()


def test_a_message_is_what_the_current_library_sends_and_gets():
    assert specs.schema_errors("slack/ChatPostMessageArguments.schema.json", body_of("slack.post_message")) == []
    for scenario in ("happy", "empty", *FAILURES):
        body = ACTIONS["slack.post_message"].fixtures[scenario]["body"]
        assert specs.schema_errors("slack/ChatPostMessageResponse.schema.json", body) == [], scenario


def test_every_action_is_looked_at():
    assert {name for name in ACTIONS if name.startswith("slack.")} == specs.SLACK.keys()
