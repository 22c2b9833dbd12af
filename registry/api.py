"""Installed extensions, for machines. An agent sees those that were granted to it, and installs nothing."""

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response

from galaxy.core.agents import granted_to
from galaxy.core.api.paging import PageFilter
from galaxy.core.api.resources import DetailView, ListView, RowsView, lists, reads
from galaxy.core.api.serializers import PersonSerializer, StrictSerializer
from galaxy.core.api.views import repeatable
from galaxy.core.object_grants import Held, held_on_object
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


class InstallationFilter(PageFilter):
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
    name = serializers.CharField(
        required=False,
        allow_blank=True,
        max_length=80,
        default="",
        help_text="The name of the extension, where anything depends on it.",
    )


class Installations(RowsView):
    """The installations of a workspace, as the caller may see them."""

    row = InstallationSerializer

    def visible(self):
        """What the caller may see; of an agent's grants only what its owner may see too."""
        rows = Installation.objects.in_workspace(self.workspace).select_related(
            "workspace", "extension", "installed_by", "pin__version"
        )
        if self.caller.agent:
            return rows.filter(granted_to(self.caller.agent, "run_installation", Installation))
        return rows.visible_to(self.caller.person)


@lists("installations", "List what is installed", tag="Installations")
class InstallationListView(Installations, ListView):
    """Installed extensions that the caller may see, newest first."""

    opens = {"GET": "installations.read", "POST": "installations.write"}
    takes = InstallationFilter
    where = {"kind": "extension__kind", "extension": "extension__slug"}
    moment = "installed_at"

    def rows(self, wanted):
        return super().rows(wanted).active()

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
        digest = self.read(InstallBody)["digest"]
        known = Version.objects.open_to(self.workspace).select_related("extension")
        version = known.filter(digest=digest).first()
        if version is None:
            require(request.user, "core.install_extension", self.workspace)
            raise NotInstallable("No version has this digest.", "Take the digest from the extension's listing.")
        made = install(self.workspace, version.extension, version=version, actor=request.user)
        return Response(InstallationSerializer(self.visible().get(pk=made.pk)).data, status=201)


@reads("installations", "Read one installation", tag="Installations")
class InstallationView(Installations, DetailView):
    """One installed extension, or one that was removed."""

    opens = {"GET": "installations.read"}


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
        said = self.read(RemovalBody)
        uninstall(installation, actor=request.user, reason=said["reason"], confirmed=said["name"])
        return Response(InstallationSerializer(self.visible().get(pk=pk)).data)


class GrantSerializer(serializers.Serializer):
    """One permission on one object, given to a role, a person or an agent."""

    permission = serializers.SerializerMethodField()
    label = serializers.CharField()
    holder_kind = serializers.ChoiceField(source="kind", choices=["role", "user", "agent"])
    holder_id = serializers.UUIDField(source="id")
    holder = serializers.CharField(source="name")

    def get_permission(self, held: Held) -> str:
        return f"registry.{held.codename}"


class InstallationGrantsSerializer(serializers.Serializer):
    grants = GrantSerializer(many=True)


@reads("installation_grants", "Read the grants on an installation", tag="Installations")
class InstallationGrantsView(Installations, DetailView):
    """The single grants on one installation; what roles hold on the whole workspace stands with the roles."""

    opens = {"GET": "people.read"}
    row = InstallationGrantsSerializer

    def find(self, **place):
        return {"grants": held_on_object(super().find(**place))}
