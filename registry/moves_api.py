"""Who moved an installation, when and why; and who uses it, for machines."""

from django.shortcuts import get_object_or_404
from rest_framework import serializers

from galaxy.core.api.resources import DetailView, ListView, lists, reads
from galaxy.core.api.serializers import PersonSerializer
from registry.api import Installations, PinnedSerializer
from registry.dependants import LABELS, uses_of
from registry.models import Installation
from registry.reading import pin_rows, states_of

CAME = [("installed", "Installed"), ("moved", "Moved"), ("rolled_back", "Rolled back")]


class MoveSerializer(serializers.Serializer):
    """A version it was held at, and what brought it there."""

    version = PinnedSerializer()
    came = serializers.ChoiceField(choices=CAME)
    since = serializers.DateTimeField()
    until = serializers.DateTimeField(allow_null=True, help_text="Null while it is held.")
    by = PersonSerializer(allow_null=True)
    reason = serializers.CharField(help_text="Empty where nobody gave one.")
    approval = serializers.SerializerMethodField(help_text="The request that was approved, where there was one.")
    report = serializers.SerializerMethodField(help_text="The report of a replay that it rested on.")

    def get_approval(self, state) -> str | None:
        return state.approval or None

    def get_report(self, state) -> str | None:
        return state.report or None


@lists("installation_timeline", "List how an installation moved", tag="Installations")
class TimelineView(Installations, ListView):
    """Every version that an installation was held at, newest first: who moved it, why, and what that rested on."""

    opens = {"GET": "installations.read"}
    row = MoveSerializer
    moment = "since"

    def rows(self, wanted):
        self.installation = get_object_or_404(self.visible(), pk=self.kwargs["pk"])
        return pin_rows(self.installation)

    def prepare(self, found):
        if not found:
            return []
        older = pin_rows(self.installation).filter(since__lt=found[-1].since).order_by("-since").first()
        return states_of([*found, older] if older else found)[: len(found)]


class UseSerializer(serializers.Serializer):
    kind = serializers.ChoiceField(choices=list(LABELS.items()))
    name = serializers.CharField(help_text="Those that the caller may not see are counted in one row of their kind.")
    owner = serializers.CharField(help_text="Who answers for it; empty where that is not the caller's to know.")
    page = serializers.CharField(source="url", help_text="Its page; empty where the caller may not open it.")
    note = serializers.CharField(help_text="In what way it uses it.")


class DependantsSerializer(serializers.Serializer):
    dependants = UseSerializer(many=True)


@reads("installation_dependants", "Read who uses an installation", tag="Installations")
class DependantsView(Installations, DetailView):
    """Packs, agents, planned moves, pins, waiting requests and grants that depend on an installation, with who answers
    for them. An agent reads what its owner does."""

    opens = {"GET": "installations.read"}
    row = DependantsSerializer

    def visible(self):
        return super().visible().active()

    def find(self, **place):
        one: Installation = super().find(**place)
        return {"dependants": uses_of(one, self.caller.person)}
