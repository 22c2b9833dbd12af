"""Connections, for machines: how they stand, and never what they hold. Connecting is for people, on pages."""

from django.db.models import Q
from rest_framework import serializers

from galaxy.core.agents import granted_to
from galaxy.core.api.paging import PageFilter
from galaxy.core.api.resources import DetailView, ListView, RowsView, lists, reads
from galaxy.core.api.serializers import PersonSerializer
from registry.models import Connection, Installation

STATUSES = Connection.Status.choices


class ConnectionSerializer(serializers.Serializer):
    id = serializers.UUIDField()
    installation = serializers.UUIDField(source="installation_id")
    extension = serializers.CharField(source="installation.extension.slug")
    owner = PersonSerializer(allow_null=True, help_text="Whose own account it is; null: shared by the workspace.")
    account = serializers.CharField()
    status = serializers.ChoiceField(choices=STATUSES, help_text="exhausted: a person has to reconnect it.")
    host = serializers.CharField()
    scopes_granted = serializers.ListField(child=serializers.CharField(), help_text="In the vendor's words.")
    connected_at = serializers.DateTimeField(allow_null=True)
    refreshed_at = serializers.DateTimeField(allow_null=True)
    expires_at = serializers.DateTimeField(allow_null=True, help_text="When its token ends, where that is known.")
    next_refresh_at = serializers.DateTimeField(allow_null=True)
    last_error = serializers.CharField(help_text="What the last refresh failed of, in a sentence.")


class ConnectionFilter(PageFilter):
    status = serializers.ChoiceField(required=False, choices=STATUSES)
    extension = serializers.CharField(required=False, max_length=80, help_text="The slug of an extension.")


class Connections(RowsView):
    """The connections of a workspace, as the caller may see them."""

    opens = {"GET": "installations.read"}
    row = ConnectionSerializer

    def visible(self):
        """What the caller may see; of an agent's the shared ones of what was granted to it, and its owner's own."""
        rows = Connection.objects.in_workspace(self.workspace).filter(installation__removed_at=None)
        rows = rows.select_related("owner", "installation__extension").visible_to(self.caller.person)
        if self.caller.agent:  # whose owner may manage everybody's, which an agent has no part in
            granted = granted_to(self.caller.agent, "run_installation", Installation)
            theirs = Q(owner=None) | Q(owner=self.caller.person)
            rows = rows.filter(theirs, installation__in=Installation.objects.filter(granted))
        return rows


@lists("connections", "List connections", tag="Installations")
class ConnectionListView(Connections, ListView):
    """Ways into accounts at third parties that the caller may see, newest first."""

    takes = ConnectionFilter
    where = {"status": "status", "extension": "installation__extension__slug"}
    moment = "created_at"


@reads("connections", "Read one connection", tag="Installations")
class ConnectionView(Connections, DetailView):
    """One connection: its state, its token's times, and what was granted."""
