"""Agents, for machines of whoever manages them: which there are, what they used, and stopping one at once."""

from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response

from galaxy.core.agents import grants_of, suspend_agent
from galaxy.core.api.resources import DetailView, ListView, RowsView, lists, reads
from galaxy.core.api.serializers import AgentSerializer, PersonSerializer, StrictSerializer
from galaxy.core.api.views import repeatable
from galaxy.core.models import Agent
from galaxy.core.permissions import require
from sandbox.budgets import calls_today

STATES = ["active", "suspended", "ended"]


class AgentFactsSerializer(AgentSerializer):
    purpose = serializers.CharField()
    state = serializers.ChoiceField(choices=STATES)
    owner = PersonSerializer(help_text="Who answers for it, and whose rights bound its own.")
    scopes = serializers.ListField(child=serializers.CharField())
    calls_per_day = serializers.IntegerField(help_text="Its budget, from 00:00 UTC.")
    calls_today = serializers.IntegerField()
    created_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField()


class AgentGrantSerializer(serializers.Serializer):
    permission = serializers.CharField()
    object_id = serializers.UUIDField()
    object = serializers.CharField()


class AgentDetailSerializer(AgentFactsSerializer):
    grants = AgentGrantSerializer(many=True)


class SuspensionBody(StrictSerializer):
    """Why it is stopped; stands in the audit trail."""

    reason = serializers.CharField(required=False, allow_blank=True, max_length=300, default="")


class Agents(RowsView):
    """The agents of a workspace, for whoever manages them."""

    def visible(self):
        require(self.caller.person, "core.manage_agent", self.workspace)
        return Agent.objects.in_workspace(self.workspace).select_related("workspace", "owner", "group")

    def facts(self, agents: list[Agent]) -> list[dict[str, Any]]:
        """What AgentFactsSerializer writes of each, its calls of today among them."""
        calls = calls_today(self.workspace, agents)
        names = ("id", "name", "purpose", "state", "owner", "scopes", "calls_per_day", "created_at", "ends_at")
        return [
            {name: getattr(agent, name) for name in names} | {"calls_today": calls.get(agent.pk, 0)} for agent in agents
        ]


@lists("agents", "List the agents", tag="Agents")
class AgentListView(Agents, ListView):
    """Every agent by its name, those that ended included."""

    opens = {"GET": "agents.read"}
    row = AgentFactsSerializer
    key = "name"

    def prepare(self, found):
        return self.facts(found)


@reads("agents", "Read one agent", tag="Agents")
class AgentView(Agents, DetailView):
    """One agent with what it may call."""

    opens = {"GET": "agents.read"}
    row = AgentDetailSerializer

    def find(self, **place):
        agent = super().find(**place)
        grants = [{"permission": perm, "object_id": obj.pk, "object": str(obj)} for obj, perm in grants_of(agent)]
        return self.facts([agent])[0] | {"grants": grants}


class AgentSuspensionView(Agents):
    opens = {"POST": "agents.suspend"}

    @extend_schema(
        operation_id="agents_suspend",
        summary="Suspend an agent",
        request=SuspensionBody,
        responses=AgentFactsSerializer,
        tags=["Agents"],
    )
    @repeatable
    def post(self, request, workspace, pk):
        """Stop an agent at once: its next request and every run of its that waits is refused. Safe to send twice."""
        reason = self.read(SuspensionBody)["reason"]
        agent = suspend_agent(get_object_or_404(self.visible(), pk=pk), actor=self.caller.person, reason=reason)
        return Response(AgentFactsSerializer(self.facts([agent])[0]).data)
