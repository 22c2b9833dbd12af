"""What Galaxy sends is what the vendor's own client sends, and what it takes for an answer the client takes too."""

from urllib.parse import parse_qs

import pytest
from googleapiclient.errors import HttpError
from hubspot.crm.contacts import Error, ErrorDetail
from hubspot.crm.contacts.exceptions import ApiException
from notion_client import APIErrorCode, APIResponseError
from notion_client.helpers import collect_paginated_api
from simple_salesforce.exceptions import SalesforceError
from slack_sdk.errors import SlackApiError

from tests.oracles.clients import client_of
from tests.oracles.google import METHODS
from tests.oracles.official import OFFICIAL, action_of, next_of, next_page
from tests.oracles.ours import first_page, received
from tests.oracles.peer import VendorPeer
from tests.oracles.shipped import ACTIONS
from tests.oracles.wire import canonical


@pytest.fixture(scope="module")
def stand_in():
    peer = VendorPeer()
    yield peer
    peer.close()


@pytest.fixture
def peer(stand_in):
    stand_in.received.clear()
    return stand_in


@pytest.mark.parametrize("name", OFFICIAL)
def test_we_send_what_the_official_client_sends(name, peer):
    """And the client reads our happy fixture as a success, since it would raise otherwise."""
    connector = name.partition(".")[0]
    peer.answers = [ACTIONS[action_of(name)].fixtures["happy"]]
    with client_of(connector, peer.url) as client:
        OFFICIAL[name].call(client)
    (theirs,) = peer.received
    assert canonical(received(name)) == canonical(theirs)


@pytest.mark.parametrize("name", ACTIONS)
def test_the_official_client_reads_an_empty_reply_as_a_success(name, peer):
    peer.answers = [ACTIONS[name].fixtures["empty"]]
    with client_of(name.partition(".")[0], peer.url) as client:
        OFFICIAL[name].call(client)
    assert len(peer.received) == 1


# Google's clients go on by what the discovery documents name (test_discovery).
LISTS = [name for name in ACTIONS if next_page(name) in OFFICIAL and name not in METHODS]


@pytest.mark.parametrize("name", LISTS)
def test_the_official_client_goes_on_by_what_we_go_on_by(name, peer):
    connector, first = name.partition(".")[0], first_page(name)
    first["body"] |= {"notion": {"has_more": True}, "salesforce": {"done": False}}.get(connector, {})
    peer.answers = [first, ACTIONS[name].fixtures["happy"]]
    with client_of(connector, peer.url) as client:
        assert _way_on(client, name, peer) == next_of(name)


def _way_on(client, name, peer):
    """What the client's own way through a list takes for the next page."""
    match name.partition(".")[0]:
        case "slack":
            assert len(list(OFFICIAL[name].call(client))) == 2
            return parse_qs(peer.received[1].body.decode())["cursor"][0]
        case "hubspot":
            return OFFICIAL[name].call(client).paging.next.after
        case "notion":
            starts = []

            def page(start_cursor):
                starts.append(start_cursor)
                return OFFICIAL[name].call(client)

            collect_paginated_api(page)
            return starts[1]
        case "salesforce":
            list(client.query_all_iter(OFFICIAL[name].inputs["soql"]))
            return peer.received[1].target


@pytest.mark.parametrize("scenario", ["happy", "empty"])
@pytest.mark.parametrize("name", [name for name in ACTIONS if name.startswith("hubspot.")])
def test_hubspots_client_names_every_field_of_a_reply(name, scenario, peer):
    """Its models are made of HubSpot's own description; what they do not name gets lost in them."""
    fixture = ACTIONS[name].fixtures[scenario]
    peer.answers = [fixture]
    with client_of("hubspot", peer.url) as client:
        read = OFFICIAL[name].call(client)
    if "body" in fixture:
        sent = {key: value for key, value in fixture["body"].items() if key != "url"}  # younger than the client
        assert set(places(read.to_dict(serialize=True))) == set(places(sent))


def places(value, way=()):
    """Where something stands in a reply, as tuples of names; a list is looked through."""
    if isinstance(value, dict) and value:
        for key, part in value.items():
            yield from places(part, (*way, key))
    elif isinstance(value, list) and value:
        for part in value:
            yield from places(part, way)
    elif value is not None:
        yield way


# A read of each connector: failures are the connector's, the same for all its actions.
READS = {
    "gmail": "get_message", "google-drive": "get_file", "slack": "read_messages", "hubspot": "get_contact",
    "notion": "get_page", "salesforce": "get_record",
}  # fmt: skip
ERRORS = (HttpError, SlackApiError, ApiException, APIResponseError, SalesforceError)
FAILURES = [
    (connector, scenario)
    for connector, action in READS.items()
    for scenario in ACTIONS[f"{connector}.{action}"].fixtures
    if scenario not in {"happy", "empty", "slow"}
]


@pytest.mark.parametrize(("connector", "scenario"), FAILURES)
def test_the_official_client_reads_a_failure_on_file_as_that_failure(connector, scenario, peer):
    name = f"{connector}.{READS[connector]}"
    fixture = ACTIONS[name].fixtures[scenario]
    peer.answers = [fixture]
    with client_of(connector, peer.url) as client, pytest.raises(ERRORS) as raised:
        OFFICIAL[name].call(client)
    status, body = fixture["status"], fixture["body"]
    match raised.value:
        case HttpError() as error:
            assert (error.status_code, error.reason) == (status, body["error"]["message"])
            assert body["error"]["code"] == status
            assert error.error_details == body["error"].get("details", body["error"]["errors"])
        case SlackApiError() as error:
            assert (error.response.status_code, error.response["error"]) == (status, body["error"])
            assert error.response.headers.get("Retry-After") == fixture.get("headers", {}).get("Retry-After")
        case ApiException() as error:
            assert error.status == status
            assert body["correlationId"] in error.body
            # Refusals have this form; limits and outages another one, which only HubSpot's documentation tells.
            told = {*Error.attribute_map.values(), "status"}
            if status in (423, 429, 503):
                assert body.keys() <= told | {"errorType", "policyName"}
            else:
                assert {"category", "correlationId", "message"} <= body.keys() <= told
            assert all(part.keys() <= set(ErrorDetail.attribute_map.values()) for part in body.get("errors", ()))
        case APIResponseError() as error:
            assert (error.status, error.code, str(error)) == (status, APIErrorCode(body["code"]), body["message"])
            assert body["status"] == status
        case SalesforceError() as error:
            assert (error.status, error.content) == (status, body)
