"""The pages of agents and tokens: what they show, what they refuse, and a token that is shown once."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from galaxy.core.agents import create_agent, grants_of
from galaxy.core.models import Agent, AuditEvent, Token
from galaxy.core.tokens import create_token
from sandbox.services import invoke
from tests.extensions import PROBE, TIDY, installed
from tests.playhouse import staged

LIST = "/w/meridian/agents/"
TOKENS = "/w/meridian/tokens/"
SECRET = re.compile(r"gxy_[\w-]{43}")


@pytest.fixture
@staged
def probe(workspace, admin):
    return installed(workspace, admin, PROBE, TIDY)[0]


@pytest.fixture
@staged
def agent(workspace, admin, probe):
    return create_agent(
        workspace,
        name="Lead agent",
        purpose="Follows up on leads.",
        owner=admin,
        scopes=["things.read"],
        grants=[(probe, "registry.run_installation")],
        calls_per_day=50,
        ends_at=timezone.now() + timedelta(days=30),
        actor=admin,
    )


def filled(by, probe, **changes) -> dict:
    day = timezone.now().date() + timedelta(days=30)
    facts = {"name": "Lead agent", "purpose": "Follows up.", "owner": str(by.pk), "calls_per_day": "50"}
    return facts | {"ends_at": f"{day}", "scopes": ["things.read"], f"grant-{probe.pk}": "read"} | changes


def test_an_agent_is_made_with_what_the_form_says(client_of, admin, member, probe):
    response = client_of(admin).post(f"{LIST}new/", filled(member, probe, **{f"grant-{probe.pk}": "write"}))
    agent = Agent.objects.get()
    assert response["Location"] == agent.get_absolute_url()
    assert (agent.owner, agent.scopes, agent.calls_per_day) == (member, ["things.read"], 50)
    assert grants_of(agent) == [(probe, "registry.run_installation"), (probe, "registry.write_installation")]
    assert AuditEvent.objects.filter(action="agent.created", actor_id=str(admin.pk)).count() == 1


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", "x" * 81),
        ("purpose", ""),
        ("owner", "not-an-id"),
        ("calls_per_day", "0"),
        ("calls_per_day", "many"),
        ("ends_at", "2020-01-01"),
        ("ends_at", "2999-01-01"),
        ("scopes", ["made.up"]),
    ],
)
def test_what_cannot_be_used_is_said_beside_the_field(field, value, client_of, admin, probe):
    response = client_of(admin).post(f"{LIST}new/", filled(admin, probe, **{field: value}))
    assert response.status_code == 422
    assert response.context["form"].errors[field]
    assert not Agent.objects.exists()


def test_a_stranger_owns_no_agent_here(client_of, admin, stranger, probe):
    assert client_of(admin).post(f"{LIST}new/", filled(stranger, probe)).status_code == 422


def test_an_agent_is_changed_and_the_trail_has_before_and_after(client_of, admin, probe, agent):
    client = client_of(admin)
    page = client.get(f"{agent.get_absolute_url()}change/").content.decode()
    assert 'value="Lead agent"' in page
    less = filled(admin, probe, calls_per_day="7", **{f"grant-{probe.pk}": ""})
    client.post(f"{agent.get_absolute_url()}change/", less)
    agent.refresh_from_db()
    assert (agent.calls_per_day, grants_of(agent)) == (7, [])
    event = AuditEvent.objects.get(action="agent.changed")
    assert {"before.calls_per_day", "after.calls_per_day"} <= set(event.commitments)


def test_its_page_shows_what_it_did(client_of, workspace, admin, agent):
    invoke(workspace, actor=admin, agent=agent, target="probe.look_up", inputs={"key": "a"})
    invoke(workspace, actor=admin, agent=agent, target="probe.create", inputs={"key": "a"})
    page = client_of(admin).get(agent.get_absolute_url()).content.decode()
    for words in ("probe.look_up", "probe.create", "was not given things.write", "Run requested", "50 calls a day"):
        assert words in page
    assert "1 of 50" in client_of(admin).get(LIST).content.decode()  # the refused one was no call


def test_it_is_suspended_resumed_and_ended_by_one_press_each(client_of, admin, agent):
    client, url = client_of(admin), agent.get_absolute_url()
    for act, state in (("suspension", "suspended"), ("resumption", "active"), ("end", "ended")):
        assert client.post(f"{url}{act}/").status_code == 302
        agent.refresh_from_db()
        assert agent.state == state
    page = client.get(url).content.decode()
    assert "It has ended" in page
    assert "Suspend now" not in page
    assert client.post(f"{url}resumption/").status_code == 409
    assert client.post(f"{url}tokens/", {"name": "T", "days": "30", "permissions": ["runs.read"]}).status_code == 409


def test_the_token_of_an_agent_is_shown_once(client_of, api_get, admin, agent):
    client, url = client_of(admin), agent.get_absolute_url()
    made = client.post(f"{url}tokens/", {"name": "Cron", "days": "30", "permissions": ["runs.read"]})
    text = SECRET.search(made.content.decode())[0]
    assert "no-store" in made["Cache-Control"]
    assert api_get(text).json()["agent"]["name"] == "Lead agent"
    page = client.get(url).content.decode()
    assert not SECRET.search(page)
    assert text[:10] in page
    token = Token.objects.get()
    back = client.post(f"{TOKENS}{token.pk}/revocation/", {"next": url})
    assert (back.status_code, back["Location"]) == (302, url)
    assert api_get(text).status_code == 401


def test_an_agent_is_not_offered_what_it_may_never_open(client_of, admin, agent):
    page = client_of(admin).get(agent.get_absolute_url()).content.decode()
    assert 'value="runs.write"' in page
    assert 'value="approvals.decide"' not in page
    body = {"name": "T", "days": "30", "permissions": ["approvals.decide"]}
    assert client_of(admin).post(f"{agent.get_absolute_url()}tokens/", body).status_code == 422
    assert not Token.objects.exists()


def test_a_person_makes_a_token_of_their_own(client_of, api_get, member, approver):
    client = client_of(member)
    made = client.post(TOKENS, {"name": "Nightly job", "days": "7", "permissions": ["runs.read", "listings.read"]})
    text = SECRET.search(made.content.decode())[0]
    assert api_get(text).json()["person"]["name"] == member.name
    page = client.get(TOKENS).content.decode()
    assert "Nightly job" in page
    assert not SECRET.search(page)
    assert "Nightly job" not in client_of(approver).get(TOKENS).content.decode()


def test_somebody_elses_token_is_not_found(client_of, workspace, member, owner):
    token, _ = create_token(workspace, name="T", permissions=["runs.read"], days=1, actor=member)
    assert client_of(owner).post(f"{TOKENS}{token.pk}/revocation/").status_code == 404
    token.refresh_from_db()
    assert token.state == "active"


def test_a_token_is_sent_nowhere_else_after_it_is_revoked(client_of, workspace, member):
    token, _ = create_token(workspace, name="T", permissions=["runs.read"], days=1, actor=member)
    response = client_of(member).post(f"{TOKENS}{token.pk}/revocation/", {"next": "https://elsewhere.example/"})
    assert response["Location"] == TOKENS


@pytest.mark.parametrize("body", [{}, {"name": "T"}, {"name": "T", "days": "400", "permissions": ["runs.read"]}])
def test_what_makes_no_token(body, client_of, member):
    assert client_of(member).post(TOKENS, body).status_code == 422
    assert not Token.objects.exists()


@pytest.mark.asvs("1.2.1")
def test_names_are_shown_as_text(client_of, workspace, admin, agent):
    Agent.objects.update(name="<script>alert(1)</script>", purpose="<b>bold</b>")
    for url in (LIST, agent.get_absolute_url(), f"{agent.get_absolute_url()}change/"):
        page = client_of(admin).get(url).content.decode()
        assert "<script>alert" not in page
        assert "<b>bold" not in page


def test_only_who_manages_agents_sees_them_in_the_navigation(client_of, admin, member):
    assert f'href="{LIST}"' in client_of(admin).get("/w/meridian/").content.decode()
    assert f'href="{LIST}"' not in client_of(member).get("/w/meridian/").content.decode()


def test_the_list_asks_a_fixed_number_of_queries(client_of, workspace, admin, agent, django_assert_max_num_queries):
    for number in range(6):
        create_agent(
            workspace,
            name=f"Agent {number}",
            purpose="p",
            owner=admin,
            scopes=[],
            grants=[],
            calls_per_day=1,
            ends_at=timezone.now() + timedelta(days=1),
            actor=admin,
        )
    client = client_of(admin)
    with django_assert_max_num_queries(20):
        client.get(LIST)


@pytest.fixture
def api_get(cast):
    from django.test import Client

    return lambda text: Client(headers={"Authorization": f"Bearer {text}"}).get("/api/v1/me/")


def test_a_near_end_and_a_near_budget_are_shown(client_of, admin, agent):
    client, pages = client_of(admin), (agent.get_absolute_url(), LIST)
    for page in pages:
        text = client.get(page).content.decode()
        assert "Ends soon" not in text and "nearly spent" not in text.lower() and "It ends" not in text
    Agent.objects.update(ends_at=timezone.now() + timedelta(days=2), calls_per_day=5)
    for key in "abcd":
        invoke(agent.workspace, actor=admin, agent=agent, target="probe.look_up", inputs={"key": key})
    detail, listed = (client.get(page).content.decode() for page in pages)
    assert "<b>It ends" in detail and "Its calls of today are nearly spent." in detail and "4 of 5" in detail
    assert "Ends soon" in listed and "Nearly spent" in listed
    Agent.objects.update(calls_per_day=4)
    detail, listed = (client.get(page).content.decode() for page in pages)
    assert "Its calls of today are spent." in detail and "Spent</span>" in listed
