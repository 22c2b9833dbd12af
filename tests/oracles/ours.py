"""What Galaxy sends for each action, made of the shipped manifests and the inputs of the official cases."""

import copy
from typing import Any
from urllib.parse import urlsplit

from sandbox.rest import Prepared, build
from tests.oracles.clients import SALESFORCE_HOST
from tests.oracles.official import OFFICIAL, action_of, next_of
from tests.oracles.peer import Received
from tests.oracles.shipped import ACTIONS, MANIFESTS


def prepared(name: str) -> Prepared:
    """The request of ``gmail.send`` or of ``gmail.search_messages, next page``."""
    case, action = OFFICIAL[name], action_of(name)
    manifest = MANIFESTS[action.partition(".")[0]]
    return build(ACTIONS[action], manifest, case.inputs, host=SALESFORCE_HOST, page=case.page)


def first_page(name: str) -> dict[str, Any]:
    """The happy fixture of a list, changed to say where we look for it that there is the page of the official case."""
    action = ACTIONS[name]
    fixture, pagination = copy.deepcopy(action.fixtures["happy"]), action.raw["pagination"]
    part = fixture["body"]
    *way, last = (pagination.get("link") or pagination["cursor"]).split(".")
    for step in way:
        part = part.setdefault(step, {})
    part[last] = next_of(name)
    return fixture


def received(name: str) -> Received:
    """The same as a vendor would get it."""
    request = prepared(name)
    address = urlsplit(request.url)
    target = f"{address.path}?{address.query}" if address.query else address.path
    headers = {header.lower(): value for header, value in request.headers.items()}
    return Received(request.method, target, headers, request.body)
