"""Quarantine, for machines: which versions are taken out, how far and why, and what came of it."""

from rest_framework import serializers

from galaxy.core.api.paging import PageFilter
from galaxy.core.api.resources import ListView, lists
from galaxy.core.permissions import require
from registry.api import ExtensionSerializer, PinnedSerializer
from registry.models import Quarantine


class QuarantineSerializer(serializers.Serializer):
    id = serializers.UUIDField()
    extension = ExtensionSerializer(source="version.extension")
    version = PinnedSerializer()
    reach = serializers.ChoiceField(
        choices=Quarantine.Reach.choices, help_text="`installs`: nobody installs it anew. `calls`: nothing of it runs."
    )
    reason = serializers.CharField()
    opened_at = serializers.DateTimeField()
    lifted_at = serializers.DateTimeField(allow_null=True)
    lift_reason = serializers.CharField(allow_blank=True)


class QuarantineFilter(PageFilter):
    extension = serializers.CharField(required=False, max_length=80, help_text="The slug of an extension.")
    reach = serializers.ChoiceField(required=False, choices=Quarantine.Reach.choices)


@lists("quarantines", "List what is or was in quarantine", tag="Marketplace")
class QuarantineListView(ListView):
    """Versions that the marketplace took out, the newest decision first. `lifted_at` is null while one holds."""

    opens = {"GET": "listings.read"}
    takes = QuarantineFilter
    row = QuarantineSerializer
    where = {"extension": "version__extension__slug", "reach": "reach"}
    moment = "opened_at"

    def visible(self):
        require(self.caller.person, "core.view_listing", self.workspace)
        rows = Quarantine.objects.filter(version__workspace=None)
        return rows.select_related("version__extension").defer("version__manifest")
