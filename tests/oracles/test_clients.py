"""What Galaxy sends is what the vendor's own client sends, and what it takes for an answer the client takes too."""

import pytest
from googleapiclient.errors import HttpError
from hubspot.crm.contacts.exceptions import ApiException
from notion_client import APIErrorCode, APIResponseError
from simple_salesforce.exceptions import SalesforceError
from slack_sdk.errors import SlackApiError

from tests.oracles.clients import client_of
from tests.oracles.official import OFFICIAL, action_of
from tests.oracles.ours import received
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
        case APIResponseError() as error:
            assert (error.status, error.code, str(error)) == (status, APIErrorCode(body["code"]), body["message"])
            assert body["status"] == status
        case SalesforceError() as error:
            assert (error.status, error.content) == (status, body)
