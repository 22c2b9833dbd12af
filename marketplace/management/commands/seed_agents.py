from datetime import timedelta

from django.utils import timezone

from galaxy.core.agents import create_agent, suspend_agent
from galaxy.core.management.demo_command import DemoCommand
from galaxy.core.models import Agent, User, Workspace
from galaxy.core.tokens import AGENT_PERMISSIONS, caller_of, create_token
from marketplace.seeding.installing import see_to
from sandbox.models import Run
from sandbox.services import invoke, perform

CONNECTOR = "notion"
READ = "registry.run_installation"
AT_WORK = ("Page librarian", "Finds the pages that a new colleague asks for.")
STOPPED = ("Page importer", "Copied pages from the old wiki until it was stopped.")
CALLS = [
    ("notion.search", {"query": "Onboarding"}),
    ("notion.search", {"query": "Price list 2026"}),
    ("notion.create_page", {"parent_page_id": "page-1", "title": "Copied by mistake"}),  # it may read, and this writes
]


class Command(DemoCommand):
    help = "Give the demo workspace an agent at work and one that was stopped; safe to run twice. Not in production."

    ready = "Demo agents ready, {made} of them new."

    def fill(self, workspace: Workspace, people: dict[str, User]) -> int:
        admin = people["admin"]
        return sum([self._at_work(workspace, admin), self._stopped(workspace, admin)])

    def _at_work(self, workspace: Workspace, admin: User) -> bool:
        agent = self._agent(workspace, admin, *AT_WORK, days=90)
        if agent is None:
            return False
        days, permissions = 90, AGENT_PERMISSIONS
        _, text = create_token(
            workspace, name="Scheduler", permissions=permissions, days=days, actor=admin, agent=agent
        )
        caller_of(text)  # as its first request does: the token shows its last use
        for target, inputs in CALLS:
            run = invoke(workspace, actor=admin, agent=agent, target=target, inputs=inputs, simulate=True)
            if run.state == Run.State.QUEUED:
                perform(run.pk)
        return True

    def _stopped(self, workspace: Workspace, admin: User) -> bool:
        agent = self._agent(workspace, admin, *STOPPED, days=30)
        if agent is not None:
            suspend_agent(agent, actor=admin, reason="Copied pages twice")
        return agent is not None

    def _agent(self, workspace: Workspace, admin: User, name: str, purpose: str, *, days: int) -> Agent | None:
        """A new agent that may read the connector; None where one of that name is there."""
        if Agent.objects.in_workspace(workspace).filter(name=name).exists():
            return None
        return create_agent(
            workspace,
            name=name,
            purpose=purpose,
            owner=admin,
            scopes=["notion.pages.read"],
            grants=[(see_to(workspace, CONNECTOR, actor=admin), READ)],
            calls_per_day=200,
            ends_at=timezone.now() + timedelta(days=days),
            actor=admin,
        )
