"""The card that mends a failed run: one for each category, with a control that works for whoever may use it."""

import re
from datetime import timedelta
from html import unescape

import pytest
from django.utils import timezone

from galaxy.core.agents import create_agent
from galaxy.core.members import grant_on
from sandbox.errors import CATEGORIES, RunError
from sandbox.fixes import fix_for
from sandbox.models import Category, OutboxMessage, Run
from sandbox.services import invoke, perform
from sandbox.services.ending import end
from tests.extensions import PACK, PROBE, TIDY, installed
from tests.sandbox.scripted import OK, connected, failed, live

__all__ = ["live"]


@pytest.fixture
def probe(workspace, admin):
    found = installed(workspace, admin, PROBE)[0]
    connected(found)
    return found


def ended(live, category: str, code: str = "http_500", **more) -> Run:
    """A live run that failed so."""
    run = live.asked("probe.look_up")
    run.refresh_from_db()
    end(run, error=RunError(category, code, **more))
    return Run.objects.get(pk=run.pk)


def card(client, run) -> str:
    page = client.get(run.get_absolute_url()).content.decode()
    assert 'id="fix"' in page
    return page[page.index('id="fix"') : page.index('<dl class="facts">', page.index('id="fix"'))]


def links(html: str) -> list[str]:
    return [unescape(url) for url in re.findall(r'<a [^>]*href="([^"]+)"', html)]


def works(client, url: str) -> bool:
    return url.startswith(("#", "https://")) or client.get(url.partition("#")[0]).status_code == 200


STEPS = {
    "auth_error": ("Reconnect it", "Reconnect…"),
    "rate_limit": ("Wait, then run it again.", "Run it again…"),
    "quota": ("Look what is left", "See its limits"),
    "not_found": ("Correct the inputs.", "Correct the inputs…"),
    "validation": ("Correct the inputs.", "Correct the inputs…"),
    "tool_error": ("Tell its publisher, Tests.", "Copy the report"),
    "transient": ("Run it again in a few minutes.", "Run it again…"),
    "policy_block": ("See what would pass.", "See the decision"),
}


@pytest.mark.parametrize("category", Category.values)
def test_every_category_has_a_card_whose_controls_work(client_of, admin, probe, live, category):
    client = client_of(admin)
    html = card(client, ended(live, category))
    for words in STEPS[category]:
        assert words in html
    assert links(html)
    assert [url for url in links(html) if not works(client, url)] == []


def test_no_category_is_without_a_step_and_an_owner():
    assert set(STEPS) == set(CATEGORIES) == set(Category.values)


@pytest.mark.parametrize(
    ("category", "code", "title"),
    [
        ("transient", "circuit_open", "Wait until calls go through, or reset its breaker."),
        ("policy_block", "circuit_open", "Ask whoever holds its calls back, or reset its breaker."),
        ("validation", "output_mismatch", "Tell its publisher, Tests."),
        ("policy_block", "not_connected", "Connect it, then run it again."),
        ("policy_block", "approval_expired", "Ask again."),
        ("policy_block", "scope_not_consented", "Agree to what it asks for."),
    ],
)
def test_what_is_known_more_closely_has_a_step_of_its_own(client_of, admin, probe, live, category, code, title):
    client = client_of(admin)
    html = card(client, ended(live, category, code))
    assert title in html
    assert [url for url in links(html) if not works(client, url)] == []


def test_waiting_says_until_when(client_of, admin, probe, live):
    at = timezone.now() + timedelta(minutes=7)
    html = card(client_of(admin), ended(live, "rate_limit", retry_at=at))
    assert "There is no use in it before" in html
    assert f"{at:%H:%M}" in html


def test_the_inputs_come_back_for_correction(client_of, admin, probe, live):
    client = client_of(admin)
    run = ended(live, "not_found", "http_404")
    form = client.get(links(card(client, run))[0]).content.decode()
    assert 'value="a"' in form


def test_the_report_for_the_publisher_names_the_run_and_no_value(client_of, admin, probe, live):
    run = live.asked("probe.look_up", {"key": "of-a-customer"})
    run.refresh_from_db()
    end(run, error=RunError("tool_error", "not_json", status=200, attempts=1))
    html = card(client_of(admin), Run.objects.get(pk=run.pk))
    assert str(run.pk) in html
    assert run.version_digest in html
    assert "of-a-customer" not in html


def test_who_may_not_is_told_what_is_missing(client_of, workspace, admin, auditor, member, probe, live):
    html = card(client_of(auditor), ended(live, "auth_error", "http_401"))
    assert html.count('aria-disabled="true"') == 2, "neither to reconnect nor to run"
    run = invoke(workspace, actor=member, target="probe.create", inputs={"key": "a"})
    assert run.error["error_code"] == "write_grant_missing"
    html = card(client_of(member), run)
    assert "Ask for the permission." in html
    assert 'form="ask"' in html
    grant_on(probe, perm="registry.write_installation", user=member, actor=admin)
    assert "Run it again…" in card(client_of(member), run)


def test_an_agent_whose_budget_is_spent_leads_to_its_page(client_of, workspace, owner, probe):
    agent = create_agent(
        workspace,
        name="Helper",
        purpose="Looks things up.",
        owner=owner,
        scopes=["things.read"],
        grants=[(probe, "registry.run_installation")],
        calls_per_day=1,
        ends_at=timezone.now() + timedelta(days=7),
        actor=owner,
    )
    for _ in range(2):
        run = invoke(workspace, actor=owner, agent=agent, target="probe.look_up", inputs={"key": "a"}, simulate=True)
    html = card(client_of(owner), run)
    assert "Give the agent a larger budget" in html
    assert links(html) == [agent.get_absolute_url()]


def test_a_pack_is_mended_where_its_step_failed(client_of, workspace, admin, probe):
    installed(workspace, admin, TIDY, PACK)
    pack = perform(
        invoke(
            workspace, actor=admin, target="probe.flow", inputs={"name": "A", "on": "2026-01-02"}, simulate=True,
            scenario="401",
        ).pk
    )  # fmt: skip
    assert pack.error_category == "auth_error"
    html = card(client_of(admin), pack)
    assert probe.get_absolute_url() in html, "simulated, it went out by no connection"


def test_a_run_that_waits_for_its_turn_says_why_and_until_when(client_of, workspace, admin, live):
    text = PROBE.replace("retry: {", "rate_limits: { rpm: 1 }\nretry: {", 1)
    connection = connected(installed(workspace, admin, text)[0])
    live("probe.look_up", OK)
    run = live("probe.look_up", OK)
    page = client_of(admin).get(run.get_absolute_url()).content.decode()
    assert "Waiting for its turn." in page
    assert OutboxMessage.objects.get(run=run).because in unescape(page)
    assert f"{connection.get_absolute_url()}#limits" in page


def test_what_came_by_a_fallback_says_so(client_of, workspace, admin, live):
    text = PROBE.replace("path: /things/{key}\n", 'path: /things/{key}\n    fallbacks: [{ path: "/mirror/{key}" }]\n')
    connected(installed(workspace, admin, text.replace("base_ms: 100", "base_ms: 1"))[0])
    run = live("probe.look_up", {0: failed(503), 1: OK})
    page = client_of(admin).get(run.get_absolute_url()).content.decode()
    assert "By fallback" in page
    assert run.last_endpoint in page


def test_a_run_in_doubt_is_settled_and_not_run_again(client_of, admin, probe, live):
    run = ended(live, "transient", sentence="No answer came.", next_step="Look there.", ambiguous=True)
    page = client_of(admin).get(run.get_absolute_url()).content.decode()
    assert "Nobody knows yet" in page and "Look there." in page
    assert 'id="fix"' not in page


def test_a_run_that_went_well_has_no_card(probe, live, admin):
    run = live("probe.look_up", OK)
    assert fix_for(run, run, admin) is None
