"""Installed extensions, for machines. An agent sees those that were granted to it, and installs nothing."""

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response

from galaxy.core.agents import granted_to
from galaxy.core.api.paging import PageFilter
from galaxy.core.api.serializers import PersonSerializer, StrictSerializer
from galaxy.core.api.views import WorkspaceView, repeatable
from galaxy.core.permissions import require
from registry.errors import NotInstallable
from registry.models import Installation, Kind, Version
from registry.services import install, uninstall

MODES = [("simulated", "Simulated"), ("connected", "Connected"), ("inside", "Never leaves Galaxy")]


class ExtensionSerializer(serializers.Serializer):
    slug = serializers.CharField()
    name = serializers.CharField()
    kind = serializers.ChoiceField(choices=Kind.choices)
    publisher = serializers.CharField()


class PinnedSerializer(serializers.Serializer):
    number = serializers.CharField()
    digest = serializers.CharField()


class InstallationSerializer(serializers.Serializer):
    id = serializers.UUIDField()
    extension = ExtensionSerializer()
    version = PinnedSerializer(source="pin.version", allow_null=True, default=None)
    scopes = serializers.ListField(child=serializers.CharField(), help_text="What the workspace agreed to.")
    hosts = serializers.ListField(child=serializers.CharField())
    installed_by = PersonSerializer()
    installed_at = serializers.DateTimeField()
    removed_at = serializers.DateTimeField(allow_null=True)


class InstallationPage(serializers.Serializer):
    results = InstallationSerializer(many=True)
    next = serializers.URLField(allow_null=True)


class InstallationFilter(StrictSerializer, PageFilter):
    kind = serializers.ChoiceField(required=False, choices=Kind.choices)
    extension = serializers.CharField(required=False, max_length=80, help_text="The slug of an extension.")


class InstallBody(StrictSerializer):
    """What to install: exactly these bytes."""

    digest = serializers.RegexField(
        r"^[0-9a-f]{64}$", help_text="The digest of the version, as the listing gives it: what you agree to."
    )


class RemovalBody(StrictSerializer):
    """Why it goes; stands in the audit trail."""

    reason = serializers.CharField(required=False, allow_blank=True, max_length=300, default="")


class Installations(WorkspaceView):
    """The installations of a workspace, as the caller may see them."""

    def visible(self):
        """What the caller may see; of an agent's grants only what its owner may see too."""
        rows = Installation.objects.in_workspace(self.workspace).select_related(
            "workspace", "extension", "installed_by", "pin__version"
        )
        if self.caller.agent:
            return rows.filter(granted_to(self.caller.agent, "run_installation", Installation))
        return rows.visible_to(self.caller.person)


class InstallationListView(Installations):
    opens = {"GET": "installations.read", "POST": "installations.write"}

    @extend_schema(
        operation_id="installations_list",
        summary="List what is installed",
        parameters=[InstallationFilter],
        responses=InstallationPage,
        tags=["Installations"],
    )
    def get(self, request, workspace):
        """Installed extensions that the caller may see, newest first."""
        wanted = self.read(InstallationFilter, request.GET)
        names = {"kind": "extension__kind", "extension": "extension__slug"}
        filters = {names[name]: value for name, value in wanted.items() if name in names}
        rows = self.visible().active().filter(**filters)
        return self.page(rows, InstallationSerializer, moment="installed_at", key="id", limit=wanted["limit"])

    @extend_schema(
        operation_id="installations_create",
        summary="Install a version",
        request=InstallBody,
        responses={201: InstallationSerializer},
        tags=["Installations"],
    )
    @repeatable
    def post(self, request, workspace):
        """Install exactly the version with this digest, agreeing to what it asks for."""
        require(request.user, "core.install_extension", self.workspace)
        digest = self.read(InstallBody)["digest"]
        version = Version.objects.select_related("extension").filter(digest=digest).first()
        if version is None:
            raise NotInstallable("No version has this digest.", "Take the digest from the extension's listing.")
        made = install(self.workspace, version.extension, version=version, actor=request.user)
        return Response(InstallationSerializer(self.visible().get(pk=made.pk)).data, status=201)


class InstallationView(Installations):
    opens = {"GET": "installations.read"}

    @extend_schema(
        operation_id="installations_retrieve",
        summary="Read one installation",
        parameters=[],
        responses=InstallationSerializer,
        tags=["Installations"],
    )
    def get(self, request, workspace, pk):
        """One installed extension, or one that was removed."""
        return Response(InstallationSerializer(get_object_or_404(self.visible(), pk=pk)).data)


class InstallationRemovalView(Installations):
    opens = {"POST": "installations.write"}

    @extend_schema(
        operation_id="installations_remove",
        summary="Remove an installation",
        request=RemovalBody,
        responses=InstallationSerializer,
        tags=["Installations"],
    )
    @repeatable
    def post(self, request, workspace, pk):
        """End an installation. Its runs and its trail stay; nothing can call it any more."""
        installation = get_object_or_404(self.visible(), pk=pk)
        uninstall(installation, actor=request.user, reason=self.read(RemovalBody)["reason"])
        return Response(InstallationSerializer(self.visible().get(pk=pk)).data)
