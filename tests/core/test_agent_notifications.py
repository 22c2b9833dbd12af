"""What the owner of an agent is told: that it is suspended, near its budget, or near its end."""

from datetime import timedelta

import pytest
from django.utils import timezone

from galaxy.core import agents
from galaxy.core.agents import change_agent, create_agent, suspend_agent, tell_of_ending_agents
from galaxy.core.members.people import remove_member
from galaxy.core.models import Membership, Notification
from galaxy.core.notifications.kinds import find
from galaxy.core.scope import workspace_scope
from sandbox.services import invoke
from tests.extensions import PROBE, installed

READ = "registry.run_installation"


@pytest.fixture
def agent(workspace, admin, member):
    """An agent of the member's, made by the admin, with five calls a day."""
    probe = installed(workspace, admin, PROBE)[0]
    return create_agent(workspace, actor=admin, **facts(member, [(probe, READ)], days=30))


def facts(owner, grants, *, days):
    return {
        "name": "Lead agent",
        "purpose": "Follows up.",
        "owner": owner,
        "scopes": ["things.read"],
        "grants": grants,
        "calls_per_day": 5,
        "ends_at": timezone.now() + timedelta(days=days),
    }


def told(kind):
    return [(row.person, row.note) for row in Notification.objects.filter(kind=kind).select_related("person")]


def test_the_owner_hears_that_their_agent_is_suspended_but_not_by_their_own_hand(workspace, agent, admin, member):
    suspend_agent(agent, actor=admin, reason="Odd calls")
    assert told("agent_suspended") == [(member, "Odd calls")]
    place = find(member, workspace, [("core.agent", agent.pk)])[("core.agent", agent.pk)]
    assert (place.label, place.url) == ("Lead agent", "")  # its page is for those who manage agents
    assert find(admin, workspace, [("core.agent", agent.pk)])[("core.agent", agent.pk)].url == agent.get_absolute_url()


def test_whoever_made_an_agent_hears_that_its_owner_left(workspace, agent, owner, admin, member):
    remove_member(Membership.objects.get(user=member), actor=owner)
    assert told("agent_suspended") == [(admin, "Its owner is no member any more.")]


def test_the_owner_is_told_once_as_the_budget_runs_low(workspace, agent, member):
    for number in range(5):
        invoke(workspace, actor=member, agent=agent, target="probe.look_up", inputs={"key": str(number)})
        assert told("agent_budget") == ([(member, "4 of 5 calls today")] if number >= 3 else [])


def test_the_owner_is_told_once_before_the_end_and_again_of_another_end(workspace, agent, admin, member):
    def sweep():
        with workspace_scope():  # beat has none
            return tell_of_ending_agents()

    assert sweep() == 0
    change_agent(agent, actor=admin, **facts(member, [], days=2))
    assert sweep() == 1
    Notification.objects.update(read_at=timezone.now())
    assert sweep() == 0
    assert not Notification.objects.unread().exists()
    change_agent(agent, actor=admin, **facts(member, [], days=1))
    sweep()
    assert [row.person for row in Notification.objects.unread()] == [member]


def test_agents_beyond_the_most_of_one_sweep_are_taken_by_the_next(workspace, agent, admin, member, monkeypatch):
    monkeypatch.setattr(agents, "TOLD_AT_MOST", 1)
    other = create_agent(workspace, actor=admin, **facts(admin, [], days=2) | {"name": "Other agent"})
    change_agent(agent, actor=admin, **facts(member, [], days=2) | {"ends_at": other.ends_at})
    with workspace_scope():
        assert [tell_of_ending_agents() for _ in range(3)] == [1, 1, 0]
    assert {person for person, _ in told("agent_ending")} == {admin, member}
