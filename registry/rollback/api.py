"""The way back, for machines: what it would mean, and the move. Agents move nothing."""

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response

from galaxy.core.api.serializers import StrictSerializer
from galaxy.core.api.views import repeatable
from galaxy.core.permissions import require
from registry.api import Installations, InstallationSerializer
from registry.errors import NotInstallable
from registry.models import Installation, Version
from registry.rollback.services import MOST_REASON, roll_back
from registry.rollback.targets import targets_of


class RollbackBody(StrictSerializer):
    """Where to go back to, and why."""

    digest = serializers.RegexField(r"^[0-9a-f]{64}$", help_text="The digest of the version to go back to.")
    reason = serializers.CharField(max_length=MOST_REASON, help_text="Stands in the trail and in the timeline.")
    agreed = serializers.ListField(
        child=serializers.CharField(max_length=300),
        required=False,
        default=list,
        max_length=200,
        help_text="Scopes, hosts and sentences that the version asks for beyond what was agreed to.",
    )
    accepted = serializers.ListField(
        child=serializers.CharField(max_length=40),
        required=False,
        default=list,
        max_length=20,
        help_text="What would stop and was seen: `packs`.",
    )


class InstallationRollbackView(Installations):
    opens = {"POST": "installations.write"}

    @extend_schema(
        operation_id="installations_roll_back",
        summary="Roll an installation back",
        request=RollbackBody,
        responses=InstallationSerializer,
        tags=["Installations"],
    )
    @repeatable
    def post(self, request, workspace, pk):
        """Pin it back to a version that it was held at, or to an older one. Runs that began keep theirs."""
        installation = get_object_or_404(self.visible().active(), pk=pk)
        sent = self.read(RollbackBody)
        version = _target(installation, sent.pop("digest"))
        if version is None:
            require(request.user, "registry.pin_installation", installation)
            raise NotInstallable("It can go back to no version of this digest.", "Take one that it was held at.")
        roll_back(installation, version=version, actor=request.user, **sent)
        return Response(InstallationSerializer(self.visible().get(pk=pk)).data)


def _target(installation: Installation, digest: str) -> Version | None:
    held = installation.pin.version if installation.pin.digest == digest else None
    return held or next((one for one in targets_of(installation) if one.digest == digest), None)
