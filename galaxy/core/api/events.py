"""The audit trail, read by machines. Reading it is an event here too."""

import hashlib
import json

from django.core.cache import cache
from django.db import transaction
from rest_framework import serializers

from galaxy.core import audit
from galaxy.core.api.paging import PageFilter
from galaxy.core.api.resources import DetailView, ListView, RowsView, lists, reads
from galaxy.core.api.serializers import LinkSerializer
from galaxy.core.audit.reading import as_object, details_of, view_of
from galaxy.core.models import AuditEvent
from galaxy.core.permissions import require

LOOK_S = 600  # the same look by the same caller within this time is one event


class EventFilter(PageFilter):
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


class Events(RowsView):
    """The trail of a workspace. Whoever reads it is written into it."""

    def visible(self):
        require(self.caller.person, "core.view_auditevent", self.workspace)
        return AuditEvent.objects.in_workspace(self.workspace).select_related("workspace")

    def note_look(self, action, target, **data) -> None:
        """Write that the caller looked, unless the same look was written a moment ago."""
        what = json.dumps([self.caller.key, str(self.workspace.pk), action, str(target.pk), data], sort_keys=True)
        if cache.add(f"galaxy.look.{hashlib.sha256(what.encode()).hexdigest()}", 1, LOOK_S):
            with transaction.atomic():
                audit.record(action, actor=self.caller.actor, target=target, **data)


@lists("events", "Read the audit trail", tag="Audit trail")
class EventListView(Events, ListView):
    """Events, newest first. Reading is written to the trail itself."""

    opens = {"GET": "audit.read"}
    row = EventSerializer
    takes = EventFilter
    where = {
        "action": "action__prefix",
        "actor": "actor_id",
        "target": "target_id",
        "since": "occurred_at__gte",
        "until": "occurred_at__lt",
    }
    moment = "occurred_at"

    def rows(self, wanted):
        found = super().rows(wanted)
        filters = {self.where[name]: str(wanted[name]) for name in wanted if name in self.where}
        self.note_look("audit.viewed", self.workspace, filters=filters)
        return found

    def prepare(self, found):
        return details_of(found, self.workspace)


@reads("events", "Read one event", tag="Audit trail")
class EventView(Events, DetailView):
    """One event with its chain, what changed, and whether its commitments still hold."""

    opens = {"GET": "audit.read"}
    row = EventDetailSerializer

    def find(self, **place):
        event = super().find(**place)
        self.note_look("event.viewed", event)
        view = view_of(event)
        return vars(view.row) | {
            "chain": view.chain,
            "changes": view.changes,
            "data": dict(view.data),
            "commitments": as_object(event.commitments),
            "broken": view.broken,
        }
