"""How a publication fares, for machines: what its page tells, and nothing of what that leaves out."""

from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response

from galaxy.core.api.serializers import StrictSerializer
from galaxy.core.api.views import WorkspaceView
from marketplace.evidence.facing import badge_of
from marketplace.retiring.reading import publications_of, require_publications
from marketplace.telemetry.access import require_seeing
from marketplace.telemetry.counting import WINDOWS
from marketplace.telemetry.models import VersionDay
from marketplace.telemetry.reading import LEAST, Totals, telemetry_of
from sandbox.models import Category

UNTOLD = f"Null where fewer than {LEAST} workspaces called it."
ACTIVE = f"At least so many workspaces called it, in steps; null where fewer than {LEAST} did, or fewer did not."


class FailureSerializer(serializers.Serializer):
    category = serializers.ChoiceField(
        choices=["", *Category.values, VersionDay.OTHERS],
        help_text=f"Empty: effect unknown. `others`: of categories that fewer than {LEAST} workspaces had each.",
    )
    number = serializers.IntegerField()


class FaredSerializer(serializers.Serializer):
    """Live calls that count."""

    succeeded = serializers.IntegerField(source="good")
    failed = serializers.IntegerField(source="bad")
    not_counted = serializers.IntegerField(source="callers", help_text="Mistakes of whoever called.")
    p95_ms = serializers.IntegerField(
        allow_null=True,
        help_text="95 of 100 end within; to one per cent where many call. Null where times are too far apart.",
    )
    failures = FailureSerializer(source="errors", many=True)


class DaySerializer(serializers.Serializer):
    day = serializers.DateField(help_text="By UTC; the last one is not over, so its calls are null.")
    installs = serializers.IntegerField(allow_null=True)
    calls = FaredSerializer(allow_null=True, help_text=f"{UNTOLD} Told once, when the day is over.")


class VersionSerializer(serializers.Serializer):
    number = serializers.CharField()
    held_by = serializers.IntegerField(help_text="Workspaces that hold it now.")
    active = serializers.IntegerField(allow_null=True, help_text=ACTIVE)
    calls = FaredSerializer(allow_null=True, help_text=UNTOLD)


class ShortfallSerializer(serializers.Serializer):
    rule = serializers.CharField()
    reason = serializers.CharField()
    told_at = serializers.DateTimeField()


class LevelSerializer(serializers.Serializer):
    level = serializers.CharField(source="listing.level")
    short = ShortfallSerializer(many=True, help_text="What falls short of it.")
    lowers_at = serializers.DateTimeField(allow_null=True, help_text="When it is lowered if nothing changes.")


class TelemetrySerializer(serializers.Serializer):
    days = serializers.IntegerField()
    installs = serializers.IntegerField(help_text="Workspaces that hold it now.")
    active = serializers.IntegerField(allow_null=True, help_text=ACTIVE)
    budget_ms = serializers.IntegerField(allow_null=True, help_text="Null for a pack.")
    calls = FaredSerializer(allow_null=True, help_text=f"The sum of the days and versions that are told. {UNTOLD}")
    by_day = DaySerializer(many=True)
    by_version = VersionSerializer(many=True, help_text="The newest first.")
    level = LevelSerializer(allow_null=True)


class TelemetryFilter(StrictSerializer):
    days = serializers.ChoiceField(required=False, choices=WINDOWS, default=WINDOWS[1])


class TelemetryView(WorkspaceView):
    opens = {"GET": "publications.read"}

    @extend_schema(
        operation_id="publication_telemetry_retrieve",
        summary="Read how a publication fares",
        parameters=[TelemetryFilter],
        responses=TelemetrySerializer,
        tags=["Publications"],
    )
    def get(self, request, workspace, slug):
        """Installs, calls, success, times and failures in all workspaces together, by day and by version: sums alone,
        and of nothing that fewer than three workspaces called. Failures that fewer than three had are left out."""
        require_publications(self.caller.person, self.workspace)
        extension = get_object_or_404(publications_of(self.workspace), slug=slug)
        require_seeing(self.caller.person, extension)
        window = int(self.read(TelemetryFilter, request.GET)["days"])
        told = telemetry_of(extension, window)
        shape = {
            "days": window,
            "installs": told.installs,
            "active": told.active,
            "budget_ms": told.budget_ms,
            "calls": _calls(told.sums),
            "by_day": [{"day": row.day, "installs": row.installs, "calls": _calls(row.sums)} for row in told.days],
            "by_version": [
                {
                    "number": row.version.number,
                    "held_by": row.held,
                    "active": row.active,
                    "calls": _calls(row.sums),
                }
                for row in told.versions
            ],
            "level": badge_of(extension),
        }
        return Response(TelemetrySerializer(shape).data)


def _calls(sums: Totals) -> Any:
    return sums if sums.is_told else None
