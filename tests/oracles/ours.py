"""What Galaxy sends for each action, made of the shipped manifests and the inputs of the official cases."""

from urllib.parse import urlsplit

from sandbox.rest import Prepared, build
from tests.oracles.clients import SALESFORCE_HOST
from tests.oracles.official import OFFICIAL, action_of
from tests.oracles.peer import Received
from tests.oracles.shipped import ACTIONS, MANIFESTS


def prepared(name: str) -> Prepared:
    """The request of ``gmail.send`` or of ``gmail.search_messages, next page``."""
    case, action = OFFICIAL[name], action_of(name)
    manifest = MANIFESTS[action.partition(".")[0]]
    return build(ACTIONS[action], manifest, case.inputs, host=SALESFORCE_HOST, page=case.page)


def received(name: str) -> Received:
    """The same as a vendor would get it."""
    request = prepared(name)
    address = urlsplit(request.url)
    target = f"{address.path}?{address.query}" if address.query else address.path
    headers = {header.lower(): value for header, value in request.headers.items()}
    return Received(request.method, target, headers, request.body)
