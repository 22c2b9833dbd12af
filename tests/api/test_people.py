"""People, roles, grants, agents and tokens by API: the rows and rules of the pages, to be read and to be stopped."""

import pytest

from galaxy.core.effective import effective_of
from galaxy.core.members import grant_on
from galaxy.core.members.asking import ask_for
from galaxy.core.models import AuditEvent, Membership, Token
from galaxy.core.permissions import LABELS, ROLE_PERMISSIONS
from sandbox.services import invoke
from tests.api.conftest import send, url


def test_what_somebody_may_do_is_what_the_page_says(api, token_of, workspace, admin, auditor, member, probe):
    grant_on(probe, perm="registry.run_installation", user=auditor, actor=admin)
    membership = Membership.objects.select_related("workspace", "user").get(user=auditor)
    found = api(token_of(member)).get(url(f"members/{membership.pk}/")).json()
    effective = effective_of(membership)
    assert {one["permission"]: one["is_held"] for one in found["permissions"]} == {
        line.perm: line.is_held for line in effective.lines
    }
    (given,) = found["grants"]
    assert (given["permission"], given["object_id"]) == ("registry.run_installation", str(probe.pk))
    assert given["reason"]["by"] == str(admin)
    assert (found["person"]["name"], found["role"]) == (auditor.name, "Auditor")


def test_people_and_roles_are_walked_by_cursor(api, token_of, member):
    client = api(token_of(member))
    for rest, count in (("members/", 6), ("roles/", 6)):
        seen, address = [], url(f"{rest}?limit=4")
        while address:
            page = client.get(address).json()
            seen += [one["id"] for one in page["results"]]
            address = page["next"]
        assert len(seen) == len(set(seen)) == count, rest
    roles = {one["name"]: one for one in client.get(url("roles/")).json()["results"]}
    assert roles["Auditor"]["members"] == 1
    assert set(roles["Auditor"]["permissions"]) == {
        f"core.{name}" for name in ROLE_PERMISSIONS["auditor"] & set(LABELS)
    }


def test_requests_are_shown_to_who_asked_and_to_who_can_answer(api, token_of, workspace, cast, member):
    ask_for(workspace, perm="core.view_run", kind="core.workspace", id=workspace.pk, actor=member)
    for who, count in (("member", 1), ("admin", 1), ("auditor", 0), ("creator", 0)):
        found = api(token_of(cast[who])).get(url("permission-requests/?status=pending")).json()["results"]
        assert len(found) == count, who


def test_an_agent_is_stopped_at_once_and_the_trail_says_by_whom(api, token_of, admin, agent, probe):
    theirs, manager = api(token_of(admin, agent=agent)), api(token_of(admin, "agents.read", "agents.suspend"))
    invoke(agent.workspace, actor=admin, agent=agent, target="probe.look_up", inputs={"key": "a"})
    (listed,) = manager.get(url("agents/")).json()["results"]
    assert (listed["name"], listed["state"], listed["calls_today"]) == ("Lead agent", "active", 1)
    shown = manager.get(url(f"agents/{agent.pk}/")).json()
    assert {one["permission"] for one in shown["grants"]} == {
        "registry.run_installation",
        "registry.write_installation",
    }
    assert theirs.get(url("runs/")).status_code == 200
    for _ in range(2):
        answer = send(manager, f"agents/{agent.pk}/suspension/", {"reason": "Too many calls"})
        assert (answer.status_code, answer.json()["state"]) == (200, "suspended")
    assert theirs.get(url("runs/")).json()["detail"] == "Lead agent is suspended."
    event = AuditEvent.objects.get(action="agent.suspended")
    assert event.actor_id == str(admin.pk)


def test_tokens_are_ones_own_and_can_end_themselves(api, token_of, admin, member, agent):
    token_of(admin)
    token_of(admin, agent=agent)
    client = api(token_of(member, "tokens.read", "tokens.revoke"))
    (own,) = client.get(url("tokens/")).json()["results"]
    assert (own["state"], own["permissions"]) == ("active", ["tokens.read", "tokens.revoke"])
    assert "digest" not in own
    for other in Token.objects.exclude(pk=own["id"]):
        assert send(client, f"tokens/{other.pk}/revocation/", {}).status_code == 404
    assert send(client, f"tokens/{own['id']}/revocation/", {}).json()["state"] == "revoked"
    assert client.get(url("tokens/")).status_code == 401
    assert Token.objects.filter(revoked_at=None).count() == 2


def test_the_grants_on_an_installation_name_people_and_agents(api, token_of, client_of, admin, auditor, agent, probe):
    grant_on(probe, perm="registry.run_installation", user=auditor, actor=admin)
    found = api(token_of(admin)).get(url(f"installations/{probe.pk}/grants/")).json()["grants"]
    assert {(one["holder_kind"], one["holder"], one["permission"]) for one in found} == {
        ("user", str(auditor), "registry.run_installation"),
        ("agent", "Lead agent", "registry.run_installation"),
        ("agent", "Lead agent", "registry.write_installation"),
    }
    page = client_of(admin).get(probe.get_absolute_url()).content.decode()
    link = f'<a href="{agent.get_absolute_url()}">Lead agent</a>'
    assert page.count(link) == 4, "in both cards, for both acts"
    assert f"(agent of {admin})" in page
    assert f'{auditor} <span class="muted">(given here)</span>' in page


@pytest.mark.parametrize(("fact", "words"), [("suspended_at", "suspended"), ("owner", "who may not")])
def test_a_grant_that_opens_nothing_says_why(client_of, cast, admin, auditor, agent, probe, fact, words):
    type(agent).objects.update(**{fact: agent.created_at if fact == "suspended_at" else auditor})
    page = client_of(admin).get(probe.get_absolute_url()).content.decode()
    assert f", {words})" in page


def test_these_lists_ask_a_fixed_number_of_queries(
    api, token_of, workspace, cast, admin, make_agent, django_assert_max_num_queries
):
    client = api(token_of(admin))
    client.get(url("agents/"))  # last use is written
    for number in range(5):
        make_agent(admin, name=f"Agent {number}")
        token_of(admin)
    for who in ("approver", "creator", "member"):
        for perm in ("core.view_auditevent", "core.view_secret"):
            ask_for(workspace, perm=perm, kind="core.workspace", id=workspace.pk, actor=cast[who])
    for rest, most in (("members/", 8), ("roles/", 9), ("permission-requests/", 10), ("agents/", 9), ("tokens/", 7)):
        with django_assert_max_num_queries(most):
            assert len(client.get(url(rest)).json()["results"]) >= 5
