"""Outcomes, for machines: those that count, how many in each week, who made them, and what each cost."""

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response

from galaxy.core.api.paging import PageFilter
from galaxy.core.api.resources import ListView, lists
from galaxy.core.api.serializers import StrictSerializer
from galaxy.core.api.views import WorkspaceView
from galaxy.core.permissions import can
from sandbox.models import Outcome, Run
from sandbox.outcomes.attribution import costs_of, makers_of, with_part
from sandbox.outcomes.weeks import counting_in, history, week_of


class OutcomeSerializer(serializers.Serializer):
    id = serializers.UUIDField()
    run = serializers.UUIDField(source="run_id")
    pack = serializers.CharField(source="run.target")
    version_digest = serializers.CharField(source="run.version_digest")
    name = serializers.CharField()
    signal = serializers.CharField(help_text="What says that it succeeded.")
    reached_at = serializers.DateTimeField()


class OutcomeFilter(PageFilter):
    since = serializers.DateTimeField(required=False)
    until = serializers.DateTimeField(required=False)
    installation = serializers.UUIDField(required=False, help_text="One that took part: the pack's, or of a step.")
    pack = serializers.CharField(required=False, max_length=160)


@lists("outcomes", "List outcomes", tag="Outcomes")
class OutcomeListView(ListView):
    """Outcomes that count (live, successful, not undone) of runs that the caller may see, newest first."""

    opens = {"GET": "runs.read"}
    row = OutcomeSerializer
    takes = OutcomeFilter
    where = {"since": "reached_at__gte", "until": "reached_at__lt", "pack": "run__target"}
    moment = "reached_at"

    def visible(self):
        runs = Run.objects.in_workspace(self.workspace)
        agent, person = self.caller.agent, self.caller.person
        seen = runs.filter(agent=agent) if agent else runs.visible_to(person)
        rows = Outcome.objects.in_workspace(self.workspace).counting().select_related("run")
        return rows.filter(run__in=seen)

    def rows(self, wanted):
        rows = super().rows(wanted)
        return with_part(rows, wanted["installation"]) if wanted.get("installation") else rows


class WeekSerializer(serializers.Serializer):
    since = serializers.DateTimeField(help_text="A Monday, 00:00 UTC.")
    outcomes = serializers.IntegerField()


class PartSerializer(serializers.Serializer):
    """An extension's version that took part in outcomes."""

    installation = serializers.UUIDField()
    extension = serializers.CharField(source="slug")
    kind = serializers.CharField()
    version = serializers.CharField(source="number")
    outcomes = serializers.IntegerField(help_text="In how many; those of all parts add up to more than there are.")


class PackCostSerializer(serializers.Serializer):
    """What all live runs of a pack cost, shared by those of its outcomes that count."""

    pack = serializers.CharField(source="target")
    outcomes = serializers.IntegerField()
    cost = serializers.DictField(source="money", child=serializers.DecimalField(20, 8), help_text="By currency.")
    each = serializers.DictField(child=serializers.DecimalField(30, 8), help_text="For one successful outcome.")


class OutcomeWeeksSerializer(serializers.Serializer):
    weeks = WeekSerializer(many=True, help_text="Twelve, the oldest first; the last one runs.")
    makers = PartSerializer(many=True, help_text="Of the running week.")
    costs = PackCostSerializer(many=True, help_text="Of the running week.")


class NoFilter(StrictSerializer):
    """Nothing to choose."""


class OutcomeWeeksView(WorkspaceView):
    opens = {"GET": "runs.read"}

    @extend_schema(
        operation_id="outcome_weeks_retrieve",
        summary="Read outcomes by week",
        responses=OutcomeWeeksSerializer,
        tags=["Outcomes"],
    )
    def get(self, request, workspace):
        """Successful outcomes of twelve weeks (WSAO), and of this one who made them and what they cost; for an agent,
        those of its own runs."""
        self.read(NoFilter, request.GET)
        person, agent = self.caller.person, self.caller.agent
        seen_by = None if can(person, "core.view_run", self.workspace) else person
        week = week_of()
        told = {
            "weeks": [{"since": one.since, "outcomes": n} for one, n in history(self.workspace, seen_by, agent=agent)],
            "makers": makers_of(counting_in(self.workspace, week.since, week.until, seen_by, agent)),
            "costs": costs_of(self.workspace, week.since, week.until, seen_by, agent),
        }
        return Response(OutcomeWeeksSerializer(told).data)
