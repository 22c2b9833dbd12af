"""What a level rests on and contract tests in one's own workspace, for machines."""

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response

from galaxy.core.agents import granted_to
from galaxy.core.api.resources import DetailView, reads
from galaxy.core.api.serializers import EmptyBody
from galaxy.core.api.views import repeatable
from galaxy.core.errors import DomainError
from galaxy.core.permissions import require
from marketplace.evidence.models import TestRun
from marketplace.evidence.rules import ENTERPRISE, LEVELS
from marketplace.evidence.standing import AMBER, FAILED, LAPSED, MISSING, PROVEN, standing_of
from marketplace.evidence.testing import ask_tests_here
from marketplace.workshop.api import DraftTestsSerializer
from registry.models import Installation, Version


class NeverTested(DomainError):
    status = 404
    code = "never_tested"
    next_step = "Run them: a POST to this address."


class LevelRuleSerializer(serializers.Serializer):
    code = serializers.CharField(source="rule.code")
    title = serializers.CharField(source="rule.title")
    level = serializers.ChoiceField(source="rule.level", choices=LEVELS, help_text="The lowest level that asks for it.")
    state = serializers.ChoiceField(choices=[PROVEN, AMBER, LAPSED, FAILED, MISSING])
    note = serializers.CharField(source="evidence.note", default="")
    ran_at = serializers.DateTimeField(
        source="evidence.ran_at", default=None, allow_null=True, help_text="When it was last proven, or looked at."
    )
    lowers_at = serializers.DateTimeField(
        allow_null=True, help_text="When a level that rests on it is lowered; null for what does not age."
    )


class EvidenceSerializer(serializers.Serializer):
    extension = serializers.CharField(source="version.extension.slug")
    version = serializers.CharField(source="version.number")
    digest = serializers.CharField(source="version.digest")
    rules = LevelRuleSerializer(many=True)


class InstallationTestsSerializer(DraftTestsSerializer):
    """The same of what is installed."""


@reads("evidence", "Read the evidence behind a version", tag="Marketplace")
class EvidenceView(DetailView):
    """Every rule of every level, with when it was last proven for exactly these bytes."""

    opens = {"GET": "listings.read"}
    row = EvidenceSerializer

    def find(self, **place):
        require(self.caller.person, "core.view_listing", self.workspace)
        rows = Version.objects.public().select_related("extension").defer("manifest")
        version = get_object_or_404(rows, extension__slug=place["slug"], number=place["number"])
        return {"version": version, "rules": standing_of(version.digest, ENTERPRISE)}


@reads("installation_tests", "Read the contract tests of an installation", tag="Installations")
class InstallationTestsView(DetailView):
    """The last run of its contract tests in this workspace: what came of each, and whether it goes on still."""

    opens = {"GET": "installations.read", "POST": "installations.write"}
    row = InstallationTestsSerializer

    def find(self, **place):
        run = self._runs(self._installation(place["pk"])).first()
        if run is None:
            raise NeverTested("Its contract tests did not run here yet.")
        return run

    @extend_schema(
        operation_id="installation_tests_run",
        summary="Run the contract tests of an installation",
        request=EmptyBody,
        responses={202: InstallationTestsSerializer},
        tags=["Installations"],
    )
    @repeatable
    def post(self, request, workspace, pk):
        """Have its contract tests run in this workspace, simulated; the result is kept as evidence of it alone."""
        self.read(EmptyBody)
        run = ask_tests_here(self._installation(pk), actor=self.caller.person)
        return Response(InstallationTestsSerializer(run).data, status=202)

    def _installation(self, pk) -> Installation:
        rows = Installation.objects.in_workspace(self.workspace).active()
        if self.caller.agent:
            rows = rows.filter(granted_to(self.caller.agent, "run_installation", Installation))
        else:
            rows = rows.visible_to(self.caller.person)
        return get_object_or_404(rows.select_related("workspace", "extension", "pin__version__extension"), pk=pk)

    def _runs(self, installation: Installation) -> QuerySet[TestRun]:
        rows = TestRun.objects.filter(workspace=self.workspace, installation=installation)
        return rows.select_related("asked_by").order_by("-asked_at", "-pk")
