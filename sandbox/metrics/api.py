"""Figures of targets, for machines: latency, failures, retries, waits, saturation and cost, from roll-ups."""

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response

from galaxy.core.api.serializers import StrictSerializer
from galaxy.core.permissions import can
from registry.api import Installations
from registry.models import Version
from sandbox.metrics.reading import figures_of
from sandbox.metrics.rolling import behind_since
from sandbox.metrics.windows import KEYS, USUAL, window_of

MOST = 500


class MetricFilter(StrictSerializer):
    range = serializers.ChoiceField(
        required=False, choices=KEYS, default=USUAL, help_text="Whole hours or days (UTC), the running one included."
    )
    installation = serializers.UUIDField(required=False)
    target = serializers.CharField(required=False, max_length=160)
    simulated = serializers.BooleanField(required=False, default=False, help_text="Of simulated runs, not live ones.")
    versions = serializers.BooleanField(required=False, default=False, help_text="Each version by itself.")
    limit = serializers.IntegerField(required=False, default=100, min_value=1, max_value=MOST)


class SlotSerializer(serializers.Serializer):
    """One hour or day."""

    start = serializers.DateTimeField()
    calls = serializers.IntegerField()
    failed = serializers.IntegerField(source="bad")
    p50_ms = serializers.FloatField(allow_null=True)
    p95_ms = serializers.FloatField(allow_null=True)


class MetricSerializer(serializers.Serializer):
    """One target. Percentiles are exact to 1 %."""

    target = serializers.CharField(help_text="Empty for the other targets of a workspace that has too many.")
    kind = serializers.CharField()
    installation = serializers.UUIDField(allow_null=True)
    version = serializers.CharField(
        source="number", allow_null=True, help_text="Its number, where versions are told one by one."
    )
    calls = serializers.IntegerField(help_text="All that ended.")
    succeeded = serializers.IntegerField(source="good")
    failed = serializers.IntegerField(source="bad")
    not_counted = serializers.IntegerField(source="callers", help_text="Mistakes of whoever called.")
    unknown = serializers.IntegerField(help_text="Of the failed, those that may have taken effect.")
    errors = serializers.DictField(child=serializers.IntegerField(), help_text="Of the failed, by category.")
    retries = serializers.IntegerField()
    p50_ms = serializers.FloatField(allow_null=True)
    p95_ms = serializers.FloatField(allow_null=True)
    budget_ms = serializers.IntegerField(allow_null=True, help_text="What p95 is to keep within; null for a pack.")
    queue_p95_ms = serializers.FloatField(allow_null=True)
    approval_p95_ms = serializers.FloatField(allow_null=True)
    held_back = serializers.IntegerField(help_text="Refused while a breaker was open.")
    over_budget = serializers.IntegerField(help_text="Refused by a budget of this workspace.")
    pool_busy = serializers.IntegerField(help_text="The sandbox had no free place.")
    turns = serializers.IntegerField(help_text="How often a turn had not come.")
    cost = serializers.DictField(
        source="money", child=serializers.DecimalField(20, 8), help_text="By currency, as manifests declare."
    )
    slots = SlotSerializer(many=True, help_text="The oldest first.")


class MetricsSerializer(serializers.Serializer):
    since = serializers.DateTimeField()
    until = serializers.DateTimeField()
    behind_since = serializers.DateTimeField(
        allow_null=True, help_text="What ended since is not counted yet; null where everything is."
    )
    total = serializers.IntegerField(help_text="How many targets there are.")
    results = MetricSerializer(many=True, help_text="The busiest first.")


class MetricListView(Installations):
    """Figures of what the caller may see installed; an agent's, of what it may call."""

    opens = {"GET": "runs.read"}

    @extend_schema(
        operation_id="metrics_list",
        summary="Read figures of targets",
        parameters=[MetricFilter],
        responses=MetricsSerializer,
        tags=["Metrics"],
    )
    def get(self, request, workspace):
        """Latency, failures, retries, waits and cost of actions, transforms and packs."""
        wanted = self.read(MetricFilter, request.GET)
        window = window_of(wanted["range"])
        found = figures_of(
            self.workspace,
            window,
            simulated=wanted["simulated"],
            installations=self._installations(wanted.get("installation")),
            target=wanted.get("target", ""),
            by_version=wanted["versions"],
            waits=True,
        )
        shown = found[: wanted["limit"]]
        ids = [one.version for one in shown if one.version]
        numbers = dict(Version.objects.filter(pk__in=ids).values_list("pk", "number")) if ids else {}
        for one in shown:
            one.number = numbers.get(one.version) if one.version else None
        told = {"since": window.since, "until": window.until, "behind_since": behind_since(self.workspace)}
        return Response(MetricsSerializer(told | {"total": len(found), "results": shown}).data)

    def _installations(self, only):
        """Ids of what is told of; None for everything, "other" included."""
        rows = self.visible().order_by().values_list("pk", flat=True)
        if only:
            return list(rows.filter(pk=only))
        if self.caller.agent is None and can(self.caller.person, "core.view_run", self.workspace):
            return None
        return list(rows)
