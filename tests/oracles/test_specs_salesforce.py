"""Salesforce as its own collection of requests shows it."""

import json
import re
from urllib.parse import parse_qsl, urlsplit

import pytest

from tests.oracles import specs
from tests.oracles.official import OFFICIAL
from tests.oracles.ours import prepared
from tests.oracles.shipped import ACTIONS, MANIFESTS

pytestmark = specs.present


@pytest.mark.parametrize("name", specs.SALESFORCE)
def test_a_request_goes_where_the_collection_shows(name):
    """Its paths are told with and without a slash at their end, for the same resources."""
    request, shown = prepared(name), specs.salesforce(name)
    if name == "salesforce.upsert_record":
        # One entry stands for five verbs, which its description lists.
        assert request.method in shown["description"].rpartition("\n")[2]
    else:
        assert request.method == shown["method"]
    path = shown["url"].partition("?")[0].removeprefix("{{_endpoint}}").rstrip("/")
    if "collections" in specs.SALESFORCE[name]:
        path = path.removesuffix("/<SOBJECT_API_NAME>")  # records name their object themselves
    path = re.sub(r"<\w+>", "[^/]+", path.replace("v{{version}}", r"v\d\d\.0"))
    assert re.fullmatch(path, urlsplit(request.url).path.rstrip("/"))


@pytest.mark.parametrize("name", specs.SALESFORCE)
def test_a_query_names_what_the_collection_names(name):
    known = {entry["key"] for entry in specs.salesforce(name)["queryParams"]}
    given = {key for key, _ in parse_qsl(urlsplit(prepared(name).url).query)}
    if name == "salesforce.get_record":
        known = {"fields"}  # which the entry tells in words: "used to retrieve field values"
        assert "retrieve field values" in specs.salesforce(name)["description"]
    assert given == known


@pytest.mark.parametrize("name", ["salesforce.create_records", "salesforce.update_records"])
def test_a_body_of_many_records_has_the_collections_keys(name):
    assert json.loads(prepared(name).body).keys() == json.loads(specs.salesforce(name)["rawModeData"]).keys()


@pytest.mark.parametrize("name", ["salesforce.create_record", "salesforce.update_record"])
def test_a_body_of_one_record_is_its_fields(name):
    assert all(isinstance(value, str) for value in json.loads(specs.salesforce(name)["rawModeData"]).values())
    assert json.loads(prepared(name).body) == OFFICIAL[name].inputs["fields"]


@pytest.mark.parametrize(
    ("file", "key"),
    [("web_server_flow_1", "authorize_url"), ("web_server_flow_2", "token_url"), ("revoke_token", "revoke_url")],
)
def test_the_sign_in_goes_where_the_collection_shows(file, key):
    shown = specs.document(f"salesforce/rest/auth__{file}.json")["url"].partition("?")[0]
    assert urlsplit(MANIFESTS["salesforce"].canonical["auth"][key]).path == shown.removeprefix("{{url}}{{site}}")


def test_every_action_is_looked_at():
    assert {name for name in ACTIONS if name.startswith("salesforce.")} == specs.SALESFORCE.keys()
