"""Health, for machines: how an installation stands, and how its live calls of seven days went."""

from rest_framework import serializers

from galaxy.core.api.resources import DetailView, reads
from registry.api import Installations
from registry.standing import STATES
from sandbox.health.page import health_page


class CallsSerializer(serializers.Serializer):
    """Live calls that are over. Mistakes of callers and what policy stopped are not counted."""

    succeeded = serializers.IntegerField(source="good")
    failed = serializers.IntegerField(source="bad")
    not_counted = serializers.IntegerField(source="caller")


class ActionHealthSerializer(serializers.Serializer):
    target = serializers.CharField()
    calls = CallsSerializer(source="tally")
    p95_ms = serializers.FloatField(
        allow_null=True, help_text="95 of 100 that counted took no longer, waits between tries included."
    )


class ObjectiveSerializer(serializers.Serializer):
    """99.5 % of the calls of seven days succeed."""

    calls = CallsSerializer(source="week")
    is_judged = serializers.BooleanField(help_text="Whether there were calls enough to say anything.")
    is_met = serializers.BooleanField()
    budget_left_percent = serializers.FloatField(
        source="budget_left", help_text="Of the failures that the calls so far allow; below 0 where more failed."
    )
    burn_rate = serializers.FloatField(
        allow_null=True, help_text="Of the last 24 hours; 1 uses up the budget in just seven days. Null without calls."
    )


class HealthSerializer(serializers.Serializer):
    state = serializers.ChoiceField(source="standing.state.value", choices=[(one.value, one.label) for one in STATES])
    why = serializers.CharField(source="standing.why")
    next_step = serializers.CharField(source="standing.next_step", help_text="Empty where nothing has to be done.")
    objective = ObjectiveSerializer()
    actions = ActionHealthSerializer(many=True, help_text="Those that were called, the busiest first.")


class InstallationHealthSerializer(serializers.Serializer):
    health = HealthSerializer(allow_null=True, help_text="Null for what never leaves Galaxy.")


@reads("installation_health", "Read the health of one installation", tag="Installations")
class InstallationHealthView(Installations, DetailView):
    """How an installed extension stands, against its objective of seven days. What was removed has no health."""

    opens = {"GET": "installations.read"}
    row = InstallationHealthSerializer

    def visible(self):
        return super().visible().active()

    def find(self, **place):
        return {"health": health_page(super().find(**place), self.caller.person)}
