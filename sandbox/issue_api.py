"""Issues, for machines of people: what keeps failing, whose turn it is, and what to do. Closing is a person's."""

from rest_framework import serializers

from galaxy.core.api.paging import PageFilter
from galaxy.core.api.resources import DetailView, ListView, RowsView, lists, reads
from galaxy.core.api.serializers import PersonSerializer
from sandbox.models import Issue


class IssueSerializer(serializers.Serializer):
    id = serializers.UUIDField()
    kind = serializers.ChoiceField(choices=Issue.Kind.choices)
    target = serializers.CharField(help_text="The action it is about, or a version or connection.")
    installation = serializers.UUIDField(source="installation_id")
    connection = serializers.UUIDField(source="connection_id", allow_null=True)
    sentence = serializers.CharField()
    next_step = serializers.CharField()
    facts = serializers.JSONField(help_text="Names and numbers of what was seen last.")
    owner = PersonSerializer(allow_null=True, help_text="Whose turn it is; null: of all who manage connections.")
    times = serializers.IntegerField(help_text="How often it was seen.")
    opened_at = serializers.DateTimeField()
    last_at = serializers.DateTimeField()
    closed_at = serializers.DateTimeField(allow_null=True)
    closed_by = PersonSerializer(allow_null=True, help_text="Null where Galaxy closed it itself.")
    closed_because = serializers.CharField()


class IssueFilter(PageFilter):
    kind = serializers.ChoiceField(required=False, choices=Issue.Kind.choices)
    installation = serializers.UUIDField(required=False)
    open = serializers.BooleanField(required=False, allow_null=True, default=None, help_text="All when left out.")


class Issues(RowsView):
    """The issues of a workspace, as the caller may see them."""

    row = IssueSerializer
    opens = {"GET": "issues.read"}

    def visible(self):
        rows = Issue.objects.in_workspace(self.workspace).select_related("workspace", "owner", "closed_by")
        return rows.visible_to(self.caller.person)


@lists("issues", "List issues", tag="Issues")
class IssueListView(Issues, ListView):
    """Issues that the caller may see, newest first."""

    takes = IssueFilter
    where = {"kind": "kind", "installation": "installation"}
    moment = "opened_at"

    def rows(self, wanted):
        rows = super().rows(wanted)
        return rows if wanted["open"] is None else rows.filter(closed_at__isnull=wanted["open"])


@reads("issues", "Read one issue", tag="Issues")
class IssueView(Issues, DetailView):
    """One issue as it stands now."""
