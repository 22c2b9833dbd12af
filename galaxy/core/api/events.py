"""The audit trail, read by machines. Reading it is an event here too."""

import hashlib
import json

from django.core.cache import cache
from django.db import transaction
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response

from galaxy.core import audit
from galaxy.core.api.paging import PageFilter
from galaxy.core.api.serializers import LinkSerializer, StrictSerializer
from galaxy.core.api.views import WorkspaceView
from galaxy.core.audit.reading import details_of, view_of
from galaxy.core.models import AuditEvent
from galaxy.core.permissions import require

LOOK_S = 600  # the same look by the same caller within this time is one event


class EventFilter(StrictSerializer, PageFilter):
    action = serializers.CharField(
        required=False, max_length=63, help_text="An action, or all of a subject: approval.decided, approval."
    )
    actor = serializers.CharField(required=False, max_length=64, help_text="The id of a person or agent.")
    target = serializers.CharField(required=False, max_length=64, help_text="The id of the object.")
    since = serializers.DateTimeField(required=False)
    until = serializers.DateTimeField(required=False)


class EventSerializer(serializers.Serializer):
    id = serializers.IntegerField(source="event.pk")
    action = serializers.CharField(source="event.action")
    occurred_at = serializers.DateTimeField(source="event.occurred_at")
    actor_kind = serializers.ChoiceField(source="event.actor_kind", choices=AuditEvent.ActorKind.choices)
    actor_id = serializers.CharField(source="event.actor_id")
    actor = serializers.CharField()
    target_kind = serializers.CharField(source="event.target_kind")
    target_id = serializers.CharField(source="event.target_id")
    target = serializers.CharField()
    request_id = serializers.CharField(source="event.request_id")
    simulated = serializers.BooleanField(source="event.simulated")


class ChangeSerializer(serializers.Serializer):
    field = serializers.CharField()
    before = serializers.CharField(allow_null=True)
    after = serializers.CharField(allow_null=True)


class EventDetailSerializer(EventSerializer):
    chain = LinkSerializer(many=True)
    changes = ChangeSerializer(many=True)
    data = serializers.DictField(child=serializers.CharField())
    commitments = serializers.DictField(child=serializers.CharField(), help_text="Hex SHA-256 by field.")
    broken = serializers.ListField(
        child=serializers.CharField(), help_text="Fields whose value is not what was committed to."
    )


class EventPage(serializers.Serializer):
    results = EventSerializer(many=True)
    next = serializers.URLField(allow_null=True)


class Events(WorkspaceView):
    """The trail of a workspace. Whoever reads it is written into it."""

    def note_look(self, action, target, **data) -> None:
        """Write that the caller looked, unless the same look was written a moment ago."""
        what = json.dumps([self.caller.key, str(self.workspace.pk), action, str(target.pk), data], sort_keys=True)
        if cache.add(f"galaxy.look.{hashlib.sha256(what.encode()).hexdigest()}", 1, LOOK_S):
            with transaction.atomic():
                audit.record(action, actor=self.caller.actor, target=target, **data)


class EventListView(Events):
    opens = {"GET": "audit.read"}

    @extend_schema(
        operation_id="events_list",
        summary="Read the audit trail",
        parameters=[EventFilter],
        responses=EventPage,
        tags=["Audit trail"],
    )
    def get(self, request, workspace):
        """Events, newest first. Reading is written to the trail itself."""
        require(request.user, "core.view_auditevent", self.workspace)
        wanted = self.read(EventFilter, request.GET)
        events = AuditEvent.objects.in_workspace(self.workspace)
        names = {"action": "action__prefix", "actor": "actor_id", "target": "target_id", "since": "occurred_at__gte"}
        names["until"] = "occurred_at__lt"
        filters = {names[name]: value for name, value in wanted.items() if name in names}
        self.note_look("audit.viewed", self.workspace, filters={name: str(filters[name]) for name in filters})
        return self.page(
            events.filter(**filters),
            EventSerializer,
            moment="occurred_at",
            key="id",
            limit=wanted["limit"],
            prepare=lambda found: details_of(found, self.workspace),
        )


class EventView(Events):
    opens = {"GET": "audit.read"}

    @extend_schema(
        operation_id="events_retrieve",
        summary="Read one event",
        parameters=[],
        responses=EventDetailSerializer,
        tags=["Audit trail"],
    )
    def get(self, request, workspace, pk):
        """One event with its chain, what changed, and whether its commitments still hold."""
        require(request.user, "core.view_auditevent", self.workspace)
        events = AuditEvent.objects.in_workspace(self.workspace).select_related("workspace")
        event = get_object_or_404(events, pk=pk)
        self.note_look("event.viewed", event)
        view = view_of(event)
        row = vars(view.row) | {
            "chain": view.chain,
            "changes": view.changes,
            "data": dict(view.data),
            "commitments": event.commitments,
            "broken": view.broken,
        }
        return Response(EventDetailSerializer(row).data)
