"""News that can wait: fifty pieces of it are one mail an hour, and nobody is told what they may not see."""

from datetime import timedelta

import pytest
from django.core import mail
from django.utils import timezone

from galaxy.core.agents import create_agent
from galaxy.core.models import Agent, Notification
from galaxy.core.notifications import notify, settle
from galaxy.core.notifications.mailing import DIGEST_LINES, mail_digest, people_with_digests
from galaxy.core.scope import workspace_scope
from galaxy.core.tasks import mail_digests


@pytest.fixture
def make_agent(workspace, owner):
    def make(name):
        ends_at = timezone.now() + timedelta(days=30)
        facts = {"purpose": "Waits.", "scopes": [], "grants": [], "calls_per_day": 1, "ends_at": ends_at}
        return create_agent(workspace, name=name, owner=owner, actor=owner, **facts)

    return make


@pytest.fixture
def agents(make_agent):
    return [make_agent(f"Agent {number}") for number in range(50)]


def test_fifty_pieces_are_one_mail(workspace, owner, agents, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        for agent in agents:
            notify(workspace, [owner], "agent_suspended", agent, later=True)
    assert mail.outbox == []
    assert mail_digests() == 1
    (sent,) = mail.outbox
    assert sent.to == [owner.email]
    assert sent.subject == "50 pieces of news, in Meridian"
    assert sent.body.count("Your agent is suspended: Agent") == DIGEST_LINES
    assert "and 25 more" in sent.body


def test_the_next_hour_says_nothing_twice(workspace, owner, agents):
    notify(workspace, [owner], "agent_suspended", agents[0], later=True)
    assert mail_digest(workspace, owner) == 1
    assert mail_digest(workspace, owner) == 0
    notify(workspace, [owner], "agent_suspended", agents[0], later=True)  # it came up again, and is news again
    assert mail_digest(workspace, owner) == 1


def test_what_was_read_settled_or_is_old_is_no_news(workspace, owner, agents):
    for agent in agents[:3]:
        notify(workspace, [owner], "agent_suspended", agent, later=True)
    rows = Notification.objects.in_workspace(workspace)
    rows.filter(target_id=agents[0].pk).update(read_at=timezone.now())
    settle(workspace, agents[1], "agent_suspended")
    long_ago = timezone.now() - timedelta(days=2)
    rows.filter(target_id=agents[2].pk).update(occurred_at=long_ago, mail_at=long_ago)
    assert people_with_digests() == []
    assert mail_digest(workspace, owner) == 0
    assert mail.outbox == []


def test_who_wants_no_mail_of_a_kind_gets_none(workspace, owner, agents):
    owner.mail_choices = {"agent_suspended": False}
    owner.save()
    notify(workspace, [owner], "agent_suspended", agents[0], later=True)
    assert mail_digest(workspace, owner) == 0
    assert mail.outbox == []


def test_it_names_nothing_that_its_reader_may_not_see(workspace, member, agents):
    """The agent is the owner's: a member who was told of it by mistake reads that something happened, and no name."""
    notify(workspace, [member], "agent_suspended", agents[0], later=True)
    assert mail_digest(workspace, member) == 1
    assert "Agent 0" not in mail.outbox[0].body
    assert "Your agent is suspended" in mail.outbox[0].body


def test_names_are_escaped(workspace, owner, make_agent):
    agent = make_agent("<img src=x>")
    notify(workspace, [owner], "agent_suspended", agent, later=True)
    mail_digest(workspace, owner)
    ((html, _),) = mail.outbox[0].alternatives
    assert "<img src=x>" not in html
    assert "&lt;img src=x&gt;" in html


def test_the_sweep_reads_ids_of_every_workspace_and_nothing_else(workspace, owner, agents):
    notify(workspace, [owner], "agent_suspended", agents[0], later=True)
    with workspace_scope([]):
        assert people_with_digests() == [(workspace.pk, owner.pk)]
        assert not Agent.objects.exists()
