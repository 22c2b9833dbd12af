"""Triggers, for machines of people: which there are, what came in, and stopping one. Making them is a person's."""

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response

from galaxy.core.api.paging import PageFilter
from galaxy.core.api.resources import DetailView, ListView, RowsView, lists, reads
from galaxy.core.api.serializers import PersonSerializer, StrictSerializer
from galaxy.core.api.views import repeatable
from galaxy.core.permissions import require
from sandbox.models import Trigger, TriggerDelivery, TriggerFiring
from sandbox.triggers.page import sees_events
from sandbox.triggers.services import switch_off

STATES = ["on", "off", "silent"]


class TriggerSerializer(serializers.Serializer):
    id = serializers.UUIDField()
    name = serializers.CharField()
    slug = serializers.CharField(help_text="By which rules name it.")
    kind = serializers.ChoiceField(choices=Trigger.Kind.choices)
    state = serializers.ChoiceField(choices=STATES)
    purpose = serializers.CharField()
    owner = PersonSerializer(help_text="Who answers for it, and whose rights bound its own.")
    target = serializers.CharField(help_text="What it starts.")
    inputs = serializers.JSONField(help_text="JMESPath over the event, by input.")
    scopes = serializers.ListField(child=serializers.CharField())
    simulates = serializers.BooleanField(help_text="Whether it only ever simulates.")
    cron = serializers.CharField(help_text="Of a schedule; empty of a webhook.")
    zone = serializers.CharField()
    next_at = serializers.DateTimeField(allow_null=True)
    last_event_at = serializers.DateTimeField(allow_null=True, help_text="When something last came in at a webhook.")
    silent_since = serializers.DateTimeField(allow_null=True)
    paused_because = serializers.CharField(help_text="Why it is off, where somebody or Galaxy switched it off.")
    failures = serializers.IntegerField(help_text="Starts in a row that failed.")
    created_at = serializers.DateTimeField()


class DeliverySerializer(serializers.Serializer):
    id = serializers.UUIDField()
    event_id = serializers.CharField()
    received_at = serializers.DateTimeField()
    body_bytes = serializers.IntegerField()
    merged = serializers.BooleanField(source="was_merged", help_text="Into what waited already.")
    state = serializers.ChoiceField(source="firing.state", choices=TriggerFiring.State.choices)
    run = serializers.UUIDField(source="firing.run_id", allow_null=True)
    sentence = serializers.CharField(source="firing.sentence", help_text="Why nothing was started.")


class OffBody(StrictSerializer):
    """Why it is switched off; stands on its page and in the audit trail."""

    reason = serializers.CharField(max_length=300)


class Triggers(RowsView):
    """The triggers of a workspace, for whoever sees what is installed in it."""

    row = TriggerSerializer

    def visible(self):
        require(self.caller.person, "core.view_installation", self.workspace)
        return Trigger.objects.in_workspace(self.workspace).kept().select_related("workspace", "owner")


@lists("triggers", "List the triggers", tag="Triggers")
class TriggerListView(Triggers, ListView):
    """Every trigger by its name."""

    opens = {"GET": "triggers.read"}
    key = "name"


@reads("triggers", "Read one trigger", tag="Triggers")
class TriggerView(Triggers, DetailView):
    """One trigger as it stands now; its address and its secrets stay in the console."""

    opens = {"GET": "triggers.read"}


@lists("triggers_deliveries", "List what came in at a webhook", tag="Triggers")
class DeliveryListView(ListView):
    """What came in and was taken, newest first, without bodies: for whoever may see every run or manages triggers."""

    opens = {"GET": "triggers.read"}
    row = DeliverySerializer
    takes = PageFilter
    moment = "received_at"

    def visible(self):
        require(self.caller.person, "core.view_installation", self.workspace)
        triggers = Trigger.objects.in_workspace(self.workspace).kept().select_related("workspace")
        trigger = get_object_or_404(triggers, pk=self.kwargs["pk"])
        if not sees_events(self.caller.person, trigger):
            require(self.caller.person, "core.view_run", self.workspace)
        rows = TriggerDelivery.objects.in_workspace(self.workspace).filter(trigger=trigger)
        return rows.select_related("firing").defer("firing__events", "shown")


class TriggerOffView(Triggers):
    opens = {"POST": "triggers.stop"}

    @extend_schema(
        operation_id="triggers_off",
        summary="Switch a trigger off",
        request=OffBody,
        responses=TriggerSerializer,
        tags=["Triggers"],
    )
    @repeatable
    def post(self, request, workspace, pk):
        """Start nothing any more, until a person switches it on. Safe to send twice."""
        reason = self.read(OffBody)["reason"]
        trigger = switch_off(get_object_or_404(self.visible(), pk=pk), actor=self.caller.person, reason=reason)
        return Response(TriggerSerializer(trigger).data)
