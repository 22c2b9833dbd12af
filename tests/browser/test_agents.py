"""Agents and tokens in a browser: made, shown once, used against the API, and suspended; and each page held to axe."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from playwright.sync_api import expect

from galaxy.core.agents import create_agent
from galaxy.core.scope import workspace_scope
from galaxy.core.tokens import create_token
from sandbox.services import invoke
from tests.browser.axe import DESK, PHONE, faults
from tests.extensions import PROBE, TIDY, installed

AGENTS = "/w/meridian/agents/"


@pytest.fixture
def agent(cast):
    """An agent with a token and three runs: queued, refused and waiting."""
    workspace, admin = cast["meridian"], cast["admin"]
    with workspace_scope([workspace.pk]):
        probe = installed(workspace, admin, PROBE, TIDY)[0]
        agent = create_agent(
            workspace,
            name="Lead agent",
            purpose="Follows up on leads that nobody has called within a day.",
            owner=admin,
            scopes=["things.read", "things.delete"],
            grants=[(probe, f"registry.{name}_installation") for name in ("run", "write")],
            calls_per_day=50,
            ends_at=timezone.now() + timedelta(days=60),
            actor=admin,
        )
        create_token(workspace, name="Cron", permissions=["runs.read", "runs.write"], days=90, actor=admin, agent=agent)
        create_token(workspace, name="Nightly job", permissions=["runs.read"], days=30, actor=admin)
        for target in ("look_up", "create", "remove"):
            invoke(workspace, actor=admin, agent=agent, target=f"probe.{target}", inputs={"key": "a"})
        return agent


def test_an_agent_is_made_given_a_token_and_suspended_without_script(visit, cast, agent):
    tab = visit(f"{AGENTS}new/", cast["admin"], script=False)
    page = tab.page
    page.get_by_label("Name").fill("Night agent")
    page.get_by_label("Purpose").fill("Tidies up at night.")
    page.get_by_label("Probe").select_option("read")
    page.get_by_label("things.read").check()
    page.get_by_role("button", name="Create agent").click()
    page.get_by_label("Name").fill("Cron")
    page.get_by_label("See runs").check()
    page.get_by_role("button", name="Make token").click()
    text = page.get_by_label("Token", exact=True).input_value()
    client = Client(headers={"Authorization": f"Bearer {text}"})
    assert client.get("/api/v1/me/").json()["agent"]["name"] == "Night agent"
    page.get_by_role("link", name="Done").click()
    expect(page.get_by_role("button", name="Suspend now")).to_be_visible()
    assert text not in page.content()
    page.get_by_role("button", name="Suspend now").click()
    expect(page.get_by_text("Every call is refused")).to_be_visible()
    assert client.get("/api/v1/me/").status_code == 401


def test_every_page_is_clean_at_every_size(visit, cast, agent):
    pages = (agent.get_absolute_url(), "/w/meridian/tokens/", "/api/v1/docs/")
    tab = visit(AGENTS, cast["admin"], for_axe=True)
    for path in pages:
        assert faults(tab.go(path), DESK, PHONE) == [], path
        assert tab.complaints == [], path
