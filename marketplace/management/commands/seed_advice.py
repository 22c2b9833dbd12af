from galaxy.core.management.demo_command import DemoCommand
from galaxy.core.models import Agent, User, Workspace
from marketplace.assistant.models import Advice
from marketplace.assistant.services import renew
from marketplace.management.commands.seed_agents import AT_WORK
from sandbox.services import invoke

TITLES = ("Minutes of Monday", "Minutes of Tuesday", "Minutes of Wednesday")


class Command(DemoCommand):
    help = "Let the assistant look at the demo once, so that its advice is there from the start; safe to run twice."

    ready = "Demo advice ready, {made} new."

    def fill(self, workspace: Workspace, people: dict[str, User]) -> int:
        self._try_in_vain(workspace, people["admin"])
        return renew(workspace).made

    def _try_in_vain(self, workspace: Workspace, admin: User) -> None:
        """The demo's agent asks again and again for what it was not given; nothing where there is advice already."""
        agent = Agent.objects.in_workspace(workspace).filter(name=AT_WORK[0]).first()
        if agent is None or Advice.objects.in_workspace(workspace).exists():
            return
        for title in TITLES:
            inputs = {"parent_page_id": "page-1", "title": title}
            invoke(workspace, actor=admin, agent=agent, target="notion.create_page", inputs=inputs, simulate=True)
