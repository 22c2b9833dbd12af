"""Publishers of a workspace, for machines: their names and proof, their public keys, and the day from which they sign.

Private halves of keys are nowhere in it. An agent sees none of it."""

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response

from galaxy.core.api.resources import DetailView, ListView, RowsView, lists, reads
from galaxy.core.api.serializers import EmptyBody, PersonSerializer, StrictSerializer
from galaxy.core.api.views import repeatable
from galaxy.core.permissions import require
from registry.models import Publisher, PublisherMember, SigningKey
from registry.publishers.claiming import MAY_CLAIM
from registry.publishers.keys import add_key, demand_signatures, retire_key
from registry.signing.revoking import revoke_key

TAG = "Publishers"
STATES = ("active", "retired", "revoked")


class PublisherSerializer(serializers.Serializer):
    id = serializers.UUIDField()
    name = serializers.CharField()
    slug = serializers.CharField()
    proof = serializers.ChoiceField(choices=Publisher.Proof.choices)
    proven_at = serializers.DateTimeField(allow_null=True)
    domain = serializers.CharField(help_text="Empty where none is named.")
    created_at = serializers.DateTimeField()


class PublisherTeamSerializer(serializers.Serializer):
    person = PersonSerializer(source="user")
    role = serializers.ChoiceField(choices=PublisherMember.Role.choices)


class PublisherDetailSerializer(PublisherSerializer):
    record_name = serializers.SerializerMethodField(help_text="Where the TXT record lies; empty without a domain.")
    record_text = serializers.CharField(help_text="What the TXT record says.")
    checked_at = serializers.DateTimeField(allow_null=True, help_text="When it was last looked for.")
    missing_since = serializers.DateTimeField(allow_null=True)
    signs_from = serializers.DateTimeField(
        allow_null=True, help_text="What is published from then on counts with a signature of the publisher's only."
    )
    team = PublisherTeamSerializer(many=True)

    def get_record_name(self, row: Publisher) -> str:
        return row.record_name if row.domain else ""


class PublisherKeySerializer(serializers.Serializer):
    id = serializers.CharField()
    public = serializers.CharField(source="public_text", help_text="32 bytes of Ed25519, in base64.")
    state = serializers.ChoiceField(choices=STATES)
    introduced_at = serializers.DateTimeField()
    retired_at = serializers.DateTimeField(allow_null=True)
    revoked_at = serializers.DateTimeField(allow_null=True)
    revoke_reason = serializers.CharField()


class PublisherKeyBody(StrictSerializer):
    public = serializers.CharField(max_length=300, help_text="32 bytes in base64, or a PUBLIC KEY in PEM.")


class KeyRevocationBody(StrictSerializer):
    """Why it is taken back; everybody reads it."""

    reason = serializers.CharField(max_length=300)


class SigningBody(StrictSerializer):
    """From which day on, by UTC; null: not any more."""

    since = serializers.DateField(allow_null=True, help_text="Today (from this moment on) or a day to come.")


class Publishers(RowsView):
    """The names of this workspace."""

    row = PublisherSerializer

    def visible(self):
        require(self.caller.person, MAY_CLAIM, self.workspace)
        return Publisher.objects.filter(workspace=self.workspace)

    def publisher(self, pk) -> Publisher:
        return get_object_or_404(self.visible(), pk=pk)

    def told(self, pk) -> Response:
        return Response(PublisherDetailSerializer(self.publisher(pk)).data)


class Keys(Publishers):
    row = PublisherKeySerializer

    def signing_key(self, pk, key) -> SigningKey:
        return get_object_or_404(self.publisher(pk).keys.select_related("publisher"), pk=key)


@lists("publishers", "List publishers", tag=TAG)
class PublisherListView(Publishers, ListView):
    """The names that this workspace publishes under, the newest first."""

    opens = {"GET": "publishers.read"}
    moment = "created_at"


@reads("publishers", "Read one publisher", tag=TAG)
class PublisherView(Publishers, DetailView):
    """One name: how it is proven, with which record, who is on its team, and from when on it signs."""

    opens = {"GET": "publishers.read"}
    row = PublisherDetailSerializer

    def visible(self):
        return super().visible().prefetch_related("team__user")


@lists("publisher_keys", "List the keys of a publisher", tag=TAG)
class PublisherKeyListView(Keys, ListView):
    """Its public keys, the newest first, retired and revoked ones among them."""

    opens = {"GET": "publishers.read", "POST": "publishers.write"}
    moment = "introduced_at"

    def rows(self, wanted):
        return self.publisher(self.kwargs["pk"]).keys.all()

    @extend_schema(
        operation_id="publisher_keys_create",
        summary="Add a key",
        request=PublisherKeyBody,
        responses={201: PublisherKeySerializer},
        tags=[TAG],
    )
    @repeatable
    def post(self, request, workspace, pk):
        """Take the public half of a key that versions are signed with from now on."""
        row = add_key(self.publisher(pk), public=self.read(PublisherKeyBody)["public"], actor=self.caller.person)
        return Response(PublisherKeySerializer(row).data, status=201)


class PublisherKeyRetirementView(Keys):
    opens = {"POST": "publishers.write"}

    @extend_schema(
        operation_id="publisher_keys_retire",
        summary="Retire a key",
        request=EmptyBody,
        responses=PublisherKeySerializer,
        tags=[TAG],
    )
    @repeatable
    def post(self, request, workspace, pk, key):
        """It signs no more, for good; what it signed stays good."""
        self.read(EmptyBody)
        return Response(PublisherKeySerializer(retire_key(self.signing_key(pk, key), actor=self.caller.person)).data)


class PublisherKeyRevocationView(Keys):
    opens = {"POST": "publishers.write"}

    @extend_schema(
        operation_id="publisher_keys_revoke",
        summary="Revoke a key",
        request=KeyRevocationBody,
        responses=PublisherKeySerializer,
        tags=[TAG],
    )
    @repeatable
    def post(self, request, workspace, pk, key):
        """What it signed counts for nothing any more; what nothing else vouches for stops everywhere within seconds."""
        row = self.signing_key(pk, key)
        revoke_key(row, reason=self.read(KeyRevocationBody)["reason"], actor=self.caller.person)
        row.refresh_from_db()
        return Response(PublisherKeySerializer(row).data)


class PublisherSigningView(Publishers):
    opens = {"POST": "publishers.write"}

    @extend_schema(
        operation_id="publishers_demand_signatures",
        summary="Demand the publisher's own signature",
        request=SigningBody,
        responses=PublisherDetailSerializer,
        tags=[TAG],
    )
    @repeatable
    def post(self, request, workspace, pk):
        """What is published from that day on is neither installed nor run without a signature of the publisher's."""
        demand_signatures(self.publisher(pk), since=self.read(SigningBody)["since"], actor=self.caller.person)
        return self.told(pk)
