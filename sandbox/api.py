"""Runs, for machines: the same gate as the pages. An agent sees the runs it asked for, and no others."""

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.response import Response

from galaxy.core.api.paging import PageFilter
from galaxy.core.api.resources import DetailView, ListView, RowsView, lists, reads
from galaxy.core.api.serializers import AgentSerializer, EmptyBody, LinkSerializer, PersonSerializer, StrictSerializer
from galaxy.core.api.views import repeatable
from policies.api import WaitingSerializer
from policies.waiting import waiting_of
from registry.models import Kind
from sandbox.models import Category, Run
from sandbox.packs.retrying import retry_pack, step_on
from sandbox.services import cancel_run, invoke
from sandbox.undoing.services import undo_run


class RunErrorSerializer(serializers.Serializer):
    """Why a run failed: who can do what about it."""

    error_code = serializers.CharField()
    status = serializers.IntegerField(allow_null=True, help_text="The other system's, where it answered.")
    attempts = serializers.IntegerField()
    last_endpoint = serializers.CharField()
    sentence = serializers.CharField()
    next_step = serializers.CharField()
    field = serializers.CharField()
    retry_at = serializers.DateTimeField(allow_null=True, help_text="Before then there is no use in trying again.")
    compensation = serializers.DictField(
        child=serializers.CharField(),
        default=dict,
        help_text="What became of each step of a pack that was to be taken back.",
    )


class RunSerializer(serializers.Serializer):
    id = serializers.UUIDField()
    target = serializers.CharField()
    kind = serializers.ChoiceField(choices=Kind.choices)
    mode = serializers.ChoiceField(choices=Run.Mode.choices)
    simulated = serializers.BooleanField(
        source="is_simulated", help_text="Whether any of it may be made up: everything that is not live throughout."
    )
    scenario = serializers.CharField(help_text="The sample a simulated run answers with, else empty.")
    scenarios = serializers.DictField(
        child=serializers.CharField(), help_text="Of a pack: the samples of single steps, by their ids."
    )
    stepwise = serializers.BooleanField(source="is_stepped", help_text="A pack that pauses after each step.")
    dry = serializers.BooleanField(source="is_dry", help_text="What reads is live, what writes is simulated.")
    state = serializers.ChoiceField(choices=Run.State.choices)
    requested_by = PersonSerializer(help_text="Who answers for it.")
    agent = AgentSerializer(allow_null=True, help_text="Who acted in their name, if it was not they themselves.")
    chain = LinkSerializer(many=True)
    parent = serializers.UUIDField(source="parent_id", allow_null=True, help_text="The pack whose step this is.")
    step_id = serializers.CharField()
    item = serializers.IntegerField(help_text="Which item of a loop it is for, from 1; 0 for what is no loop.")
    resumes = serializers.UUIDField(
        source="resumes_id", allow_null=True, help_text="The failed run of a pack that this one goes on with."
    )
    undoes = serializers.UUIDField(source="undoes_id", allow_null=True, help_text="The run that this one takes back.")
    version_digest = serializers.CharField()
    inputs = serializers.JSONField(help_text="Redacted.")
    outputs = serializers.JSONField(help_text="Redacted; null until there are any.")
    data_classes = serializers.ListField(child=serializers.CharField())
    approval = serializers.UUIDField(source="approval_id", allow_null=True)
    error_category = serializers.CharField(help_text=f"Empty, or one of {', '.join(Category.values)}.")
    error = RunErrorSerializer(allow_null=True)
    by_fallback = serializers.BooleanField(help_text="Another endpoint than the first one answered.")
    last_endpoint = serializers.CharField(help_text="Which one, then; else empty.")
    trace_id = serializers.CharField()
    created_at = serializers.DateTimeField()
    started_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)


class RunDetailSerializer(RunSerializer):
    waiting = serializers.SerializerMethodField(help_text="For whose yes it waits; null where it waits for nobody's.")

    @extend_schema_field(WaitingSerializer(allow_null=True))
    def get_waiting(self, run: Run) -> dict | None:
        asked = run.asked
        found = waiting_of(asked) if asked else None
        return WaitingSerializer(found).data if found else None


class RunFilter(PageFilter):
    state = serializers.ChoiceField(required=False, choices=Run.State.choices)
    mode = serializers.ChoiceField(required=False, choices=Run.Mode.choices)
    target = serializers.CharField(required=False, max_length=160)
    parent = serializers.UUIDField(required=False, help_text="The steps of this pack run, instead of whole runs.")
    since = serializers.DateTimeField(required=False)
    checks = serializers.BooleanField(
        required=False, default=False, help_text="Health checks of connections, instead of what somebody asked for."
    )


class RunBody(StrictSerializer):
    """What to run, and with what."""

    target = serializers.CharField(max_length=160, help_text="An action, transform or pack: hubspot.create_task.")
    inputs = serializers.DictField(required=False, default=dict, help_text="What it takes, by its own schema.")
    mode = serializers.ChoiceField(
        required=False,
        choices=Run.Mode.choices,
        default=Run.Mode.SIMULATED,
        help_text="What is not connected is simulated whatever is asked for; the answer says which it is. partial, for "
        "packs: live where it is connected, simulated elsewhere.",
    )
    scenario = serializers.ChoiceField(required=False, choices=Run.Scenario.choices, default=Run.Scenario.HAPPY)
    scenarios = serializers.DictField(
        child=serializers.ChoiceField(choices=Run.Scenario.choices),
        required=False,
        default=dict,
        help_text="Of a pack: the samples of single steps, by their ids.",
    )
    stepwise = serializers.BooleanField(
        required=False, default=False, help_text="A simulated pack pauses after each step."
    )
    dry = serializers.BooleanField(
        required=False,
        default=False,
        help_text="In whatever mode: what reads is live where it is connected, and what writes is simulated.",
    )


class Runs(RowsView):
    """The runs of a workspace, as the caller may see them."""

    row = RunSerializer

    def visible(self):
        rows = Run.objects.in_workspace(self.workspace).select_related("workspace", "requested_by", "agent")
        if self.caller.agent:
            return rows.filter(agent=self.caller.agent)
        return rows.visible_to(self.caller.person)


@lists("runs", "List runs", tag="Runs")
class RunListView(Runs, ListView):
    """Runs that the caller may see, newest first."""

    opens = {"GET": "runs.read", "POST": "runs.write"}
    takes = RunFilter
    where = {"state": "state", "mode": "mode", "target": "target", "since": "created_at__gte"}
    moment = "created_at"

    def rows(self, wanted):
        rows = super().rows(wanted).filter(parent=wanted.get("parent"), is_check=wanted["checks"])
        return rows if wanted.get("parent") else rows.filter(rehearses=None)

    @extend_schema(
        operation_id="runs_create",
        summary="Start a run",
        request=RunBody,
        responses={201: RunDetailSerializer},
        tags=["Runs"],
    )
    @repeatable
    def post(self, request, workspace):
        """Ask for one execution. The run is queued, waits for an approval, or has failed by policy or budget."""
        wanted = self.read(RunBody)
        run = invoke(
            self.workspace,
            actor=self.caller.person,
            agent=self.caller.agent,
            target=wanted["target"],
            inputs=wanted["inputs"],
            simulate=wanted["mode"] == Run.Mode.SIMULATED and not wanted["dry"],
            partly=wanted["mode"] == Run.Mode.PARTIAL,
            scenario=wanted["scenario"],
            scenarios=wanted["scenarios"],
            stepwise=wanted["stepwise"],
            dry=wanted["dry"],
        )
        return Response(RunDetailSerializer(self.visible().get(pk=run.pk)).data, status=201)


@reads("runs", "Read one run", tag="Runs")
class RunView(Runs, DetailView):
    """One run as it stands now."""

    opens = {"GET": "runs.read"}
    row = RunDetailSerializer


class RunCancellationView(Runs):
    opens = {"POST": "runs.write"}

    @extend_schema(
        operation_id="runs_cancel",
        summary="Cancel a run",
        request=EmptyBody,
        responses=RunDetailSerializer,
        tags=["Runs"],
    )
    @repeatable
    def post(self, request, workspace, pk):
        """Call off a run that nobody works on yet."""
        self.read(EmptyBody)
        run = get_object_or_404(self.visible(), pk=pk)
        cancel_run(run, actor=self.caller.person, chain=self.caller.actor)
        return Response(RunDetailSerializer(self.visible().get(pk=pk)).data)


class RunRetryView(Runs):
    opens = {"POST": "runs.write"}

    @extend_schema(
        operation_id="runs_retry",
        summary="Retry a pack from the failed step",
        request=EmptyBody,
        responses={201: RunDetailSerializer},
        tags=["Runs"],
    )
    @repeatable
    def post(self, request, workspace, pk):
        """A new run takes over what the failed one had finished, at the same versions, and goes on where it failed. The
        values are kept for that for some days."""
        self.read(EmptyBody)
        run = get_object_or_404(self.visible(), pk=pk)
        made = retry_pack(run, actor=self.caller.person, agent=self.caller.agent)
        return Response(RunDetailSerializer(get_object_or_404(self.visible(), pk=made.pk)).data, status=201)


class RunUndoingView(Runs):
    opens = {"POST": "runs.write"}

    @extend_schema(
        operation_id="runs_undo",
        summary="Take back what a run did",
        request=EmptyBody,
        responses={201: RunDetailSerializer},
        tags=["Runs"],
    )
    @repeatable
    def post(self, request, workspace, pk):
        """A run of the action that is declared as undo, or for a pack of those of its steps, the last one first. It is
        decided, and approved, like any other."""
        self.read(EmptyBody)
        run = get_object_or_404(self.visible(), pk=pk)
        made = undo_run(run, actor=self.caller.person, agent=self.caller.agent)
        return Response(RunDetailSerializer(get_object_or_404(self.visible(), pk=made.pk)).data, status=201)


class RunStepView(Runs):
    opens = {"POST": "runs.write"}

    @extend_schema(
        operation_id="runs_step",
        summary="Go on with the next step",
        request=EmptyBody,
        responses=RunDetailSerializer,
        tags=["Runs"],
    )
    @repeatable
    def post(self, request, workspace, pk):
        """Let a simulated pack that paused after a step go on with the next one."""
        self.read(EmptyBody)
        run = get_object_or_404(self.visible(), pk=pk)
        step_on(run, actor=self.caller.person, chain=self.caller.actor)
        return Response(RunDetailSerializer(self.visible().get(pk=pk)).data)
