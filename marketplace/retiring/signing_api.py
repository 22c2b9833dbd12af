"""Signatures of what one publishes, for machines: what is signed, by whom it was, and the publisher's own."""

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response

from galaxy.core.api.resources import DetailView, reads
from galaxy.core.api.serializers import StrictSerializer
from galaxy.core.api.views import repeatable
from galaxy.core.permissions import require
from marketplace.retiring.reading import publications_of
from registry.models import SigningKey, Version
from registry.publisher_api import STATES
from registry.publishers.claiming import MAY_CLAIM
from registry.publishers.keys import add_signature, statement_for
from registry.signing.standing import standing_of


class SignatureSerializer(serializers.Serializer):
    key = serializers.CharField(source="key_id")
    owner = serializers.ChoiceField(source="key.owner", choices=SigningKey.Owner.choices)
    state = serializers.ChoiceField(
        source="key.state", choices=STATES, help_text="Of the key: what a revoked one signed counts for nothing."
    )
    signature = serializers.CharField(source="text", help_text="64 bytes of Ed25519 over the statement, in base64.")
    signed_at = serializers.DateTimeField()


class SignaturesSerializer(serializers.Serializer):
    extension = serializers.CharField(source="version.extension.slug")
    version = serializers.CharField(source="version.number")
    statement = serializers.CharField(help_text="Its UTF-8 is what is signed, nothing before and nothing after.")
    signatures = SignatureSerializer(many=True)
    waits_for = serializers.ListField(
        child=serializers.CharField(), help_text="Whose signatures it lacks: nobody installs it before they signed."
    )


class SignatureBody(StrictSerializer):
    signature = serializers.CharField(max_length=1024, help_text="64 bytes in base64.")


@reads("signatures", "Read the signatures of a version", tag="Publishers")
class SignaturesView(DetailView):
    """What is signed of a version that this workspace publishes, and who signed it."""

    opens = {"GET": "publishers.read", "POST": "publishers.write"}
    row = SignaturesSerializer

    def find(self, **place):
        version = self._version(**place)
        rows = version.signatures.select_related("key").order_by("key__owner", "signed_at")
        return {
            "version": version,
            "statement": statement_for(version),
            "signatures": list(rows),
            "waits_for": standing_of([version])[version.pk].waits_for,
        }

    @extend_schema(
        operation_id="signatures_create",
        summary="Sign a version",
        request=SignatureBody,
        responses={201: SignaturesSerializer},
        tags=["Publishers"],
    )
    @repeatable
    def post(self, request, workspace, slug, number):
        """Hand in the publisher's signature of the statement; it is verified at once."""
        signature = self.read(SignatureBody)["signature"]
        add_signature(self._version(slug, number), signature=signature, actor=self.caller.person)
        return Response(SignaturesSerializer(self.find(slug=slug, number=number)).data, status=201)

    def _version(self, slug, number) -> Version:
        require(self.caller.person, MAY_CLAIM, self.workspace)
        rows = Version.objects.filter(extension__in=publications_of(self.workspace).values("pk"))
        return get_object_or_404(rows.select_related("extension__owner"), extension__slug=slug, number=number)
