"""The budget of an agent: its calls of the day, counted from its runs. What a manifest declares: sandbox.declared."""

from collections.abc import Iterable
from math import ceil
from uuid import UUID

from django.db.models import Count, Q
from django.utils import timezone

from galaxy.core.models import Agent, Workspace
from galaxy.core.notifications import notify
from sandbox.errors import RunError
from sandbox.models import Category, Run

NEAR = 0.8  # of an agent's calls of a day


def budget_spent(agent: Agent, *, but: Run) -> RunError | None:
    """The refusal of the call ``but`` where ``agent`` has made its calls of today (UTC) already, else None.

    The owner is told when the call brings the agent near its budget. Runs that policy or this very budget stopped were
    no calls, nor was what was tried out for an approver. The agent's row is locked until the transaction ends, so that
    hurried calls are counted one after the other.
    """
    agent = Agent.objects.select_for_update(of=("self",)).select_related("workspace", "owner").get(pk=agent.pk)
    made = _calls(agent.workspace_id).filter(agent=agent).exclude(pk=but.pk).count()
    if made < agent.calls_per_day:
        if made + 1 == calls_near(agent):
            note = f"{made + 1} of {agent.calls_per_day} calls today"
            notify(agent.workspace, [agent.owner], "agent_budget", agent, note=note)
        return None
    return RunError(
        Category.QUOTA,
        "agent_budget_spent",
        sentence=f"{agent} has made its {agent.calls_per_day} calls of today.",
        next_step="It can call again after midnight UTC, or with a larger budget.",
    )


def calls_near(agent: Agent) -> int:
    """The call of a day with which ``agent`` comes near its budget: its owner is told then, and its page says so."""
    return ceil(agent.calls_per_day * NEAR)


def calls_today(workspace: Workspace, agents: Iterable[Agent]) -> dict[UUID, int]:
    """How many calls each of ``agents`` has made since midnight UTC, by id; who made none is left out."""
    mine = _calls(workspace.pk).filter(agent__in=[agent.pk for agent in agents])
    return dict(mine.order_by().values_list("agent").annotate(Count("pk")))


def _calls(workspace_id: UUID):
    midnight = timezone.now().replace(hour=0, minute=0, second=0, microsecond=0)
    refused = Q(error_category=Category.POLICY_BLOCK) | Q(error_category=Category.QUOTA, attempt=0)
    made = Run.objects.in_workspace(workspace_id).filter(created_at__gte=midnight, rehearses=None)
    return made.exclude(refused)
