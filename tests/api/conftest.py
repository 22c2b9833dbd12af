"""Callers of the API: people by token, and an agent that a person owns."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from galaxy.core.agents import create_agent
from galaxy.core.tokens import AGENT_PERMISSIONS, API_PERMISSIONS, create_token
from marketplace.services import list_extension
from tests.extensions import PROBE, TIDY, installed, publish
from tests.playhouse import staged

SCOPES = ["things.delete", "things.read", "things.write"]


@pytest.fixture
@staged
def probe(workspace, admin):
    """The connector "probe", installed and listed."""
    found = installed(workspace, admin, PROBE)[0]
    list_extension(found.pin.version, level="community", summary="A made-up system.")
    return found


@pytest.fixture
@staged
def tidy(workspace):
    """The transform "probe.tidy": listed, not installed."""
    version = publish(TIDY)
    list_extension(version, level="verified", summary="A made-up transform.")
    return version


@pytest.fixture
def token_of(workspace):
    """``token_of(person, *permissions, agent=None)``: the text of a new token; of everything where none is named."""

    def make(person, *permissions, agent=None):
        wanted = permissions or (AGENT_PERMISSIONS if agent else API_PERMISSIONS)
        return create_token(workspace, name="Test", permissions=wanted, days=30, actor=person, agent=agent)[1]

    return make


@pytest.fixture
def api():
    """``api(token)``: a client that sends this token, and JSON."""
    return lambda text: Client(headers={"Authorization": f"Bearer {text}"})


@pytest.fixture
def make_agent(workspace, admin, probe):
    """``make_agent(owner, **facts)``: an agent made by the admin, which may read and write "probe"."""

    def make(owner, **facts):
        grants = [(probe, f"registry.{name}") for name in ("run_installation", "write_installation")]
        given = {"name": "Lead agent", "purpose": "Follows up on leads.", "scopes": SCOPES, "grants": grants}
        given |= {"calls_per_day": 100, "ends_at": timezone.now() + timedelta(days=30), "actor": admin}
        return create_agent(workspace, owner=owner, **(given | facts))

    return make


@pytest.fixture
def agent(make_agent, admin):
    return make_agent(admin)


def url(rest: str = "", slug: str = "meridian") -> str:
    return f"/api/v1/workspaces/{slug}/{rest}"


def send(client, rest: str, body: dict, **headers):
    """A POST of JSON; headers by their own names."""
    return client.post(url(rest), body, content_type="application/json", headers=headers)
