"""Gmail and Drive as Google's own discovery documents describe them."""

import json
import re
from urllib.parse import parse_qsl

import pytest

from registry.manifests.misfits import misfits
from sandbox.rest import items_of, outputs_of
from tests.oracles import google
from tests.oracles.official import OFFICIAL
from tests.oracles.ours import prepared, received
from tests.oracles.shipped import ACTIONS, MANIFESTS
from tests.oracles.wire import canonical


@pytest.fixture(params=google.METHODS)
def name(request):
    return request.param


@pytest.fixture
def connector(name):
    return name.partition(".")[0]


@pytest.fixture
def entry(name):
    return google.method(google.METHODS[name])


def test_a_request_is_one_that_the_document_describes(name, connector, entry):
    request = prepared(name)
    assert request.method == entry["httpMethod"]
    path, _, query = request.url.partition("?")
    found = google.address(connector, entry, is_upload="upload" in ACTIONS[name].raw).fullmatch(path)
    assert found is not None
    given = parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query))
    known = google.parameters(connector, entry)
    assert [pair for pair in given if not google.accepts(known[pair[0]], pair[1])] == []
    repeated = {key for key, _ in given if len([1 for other, _ in given if other == key]) > 1}
    assert all(known[key].get("repeated") for key in repeated)
    required = {key for key, parameter in known.items() if parameter.get("required")}
    assert required <= found.groupdict().keys() | {key for key, _ in given}


def test_a_body_is_one_that_the_document_describes(name, connector, entry):
    body = canonical(received(name)).body
    assert bool(body) == ("request" in entry)
    if isinstance(body, tuple):  # what is said of a file comes before it
        assert entry["mediaUpload"]["protocols"]["simple"]["multipart"]
        body = body[0][1]
    if body:
        assert list(google.validator(connector, entry["request"]).iter_errors(json.loads(body))) == []


def test_no_input_makes_another_change_of_it(name, connector, entry):
    """A file called "trash" would be deleted where the whole bin is emptied: one address, two methods."""
    action, manifest = ACTIONS[name], MANIFESTS[connector]
    if action.method == "GET":
        return
    template = re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/{}]+)", re.escape(manifest.canonical["base_url"] + action.path))
    for other in google.methods(google.document(connector)):
        place = re.fullmatch(template, google.template_of(connector, other))
        if place and place.groupdict() and other["httpMethod"] == action.method and other is not entry:
            assert misfits(OFFICIAL[name].inputs | place.groupdict(), action.inputs) != {}, other["id"]


def test_the_scopes_asked_for_are_among_those_that_open_the_method(name, connector, entry):
    mapped = MANIFESTS[connector].canonical["auth"]["scope_map"]
    for scope in ACTIONS[name].scopes:
        assert set(mapped[scope]) & set(entry["scopes"]), scope


@pytest.mark.parametrize("scenario", ["happy", "empty"])
def test_a_reply_on_file_is_one_that_the_document_describes(name, connector, entry, scenario):
    fixture = ACTIONS[name].fixtures[scenario]
    if ACTIONS[name].raw.get("response_format") == "bytes":
        assert entry["supportsMediaDownload"]
    elif "response" in entry:
        assert list(google.validator(connector, entry["response"]).iter_errors(fixture["body"])) == []
    elif fixture["status"] == 204:
        assert "body" not in fixture
    else:
        assert entry["id"] == "drive.files.export"  # answers with the file itself


def test_every_output_is_read_from_a_field_that_the_document_names(name, connector, entry):
    """The happy reply fits the document, and all outputs come out of it: none waits for a field that is none."""
    action = ACTIONS[name]
    fixture, pagination = action.fixtures["happy"], action.raw.get("pagination")
    body = fixture.get("body")
    items = items_of(pagination, body) if pagination else None
    outputs = outputs_of(action.raw, status=fixture["status"], headers={}, body=body, items=items)
    assert outputs.keys() == action.outputs["properties"].keys()
    if fields := dict(parse_qsl(prepared(name).url.partition("?")[2])).get("fields"):
        assert google.selected(connector, entry["response"], fields) == []


def test_a_list_goes_on_by_the_documents_own_parameters(name, connector, entry):
    pagination = ACTIONS[name].raw.get("pagination")
    has_pages = "pageToken" in entry.get("parameters", {})
    assert (pagination is not None) == has_pages
    if pagination:
        response = google.document(connector)["schemas"][entry["response"]["$ref"]]["properties"]
        assert response[pagination["items"]]["type"] == "array"
        assert pagination["cursor"] in response
        assert {pagination["cursor_param"], pagination["size_param"]} <= entry["parameters"].keys()


@pytest.mark.parametrize("manifest", [MANIFESTS["gmail"], MANIFESTS["google-drive"]], ids=lambda manifest: manifest.id)
def test_the_scopes_of_the_consent_screen_exist(manifest):
    known = google.document(manifest.id)["auth"]["oauth2"]["scopes"]
    who = {"openid", "https://www.googleapis.com/auth/userinfo.email"}  # of signing in, not of this service
    assert set(manifest.canonical["auth"]["scopes"]) - who <= known.keys()


def test_every_action_of_the_two_is_looked_at():
    assert {name for name in ACTIONS if name.startswith(("gmail.", "google-drive."))} == google.METHODS.keys()
