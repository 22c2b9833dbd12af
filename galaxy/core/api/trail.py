"""The sealed tree and the streams of the trail, for machines: what an outside verifier needs, and how streams fare."""

from django.http import Http404
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response

from galaxy.core.api.resources import DetailView, ListView, RowsView, lists, reads
from galaxy.core.api.serializers import PersonSerializer
from galaxy.core.api.views import WorkspaceView
from galaxy.core.audit.streams.reading import with_backlog
from galaxy.core.audit.tree import checkpoint_of, inclusion_proofs, position_of, public_keys
from galaxy.core.errors import Conflict
from galaxy.core.models import AuditEvent, AuditLeaf, AuditSink
from galaxy.core.permissions import require


class NotSealedYet(Conflict):
    """An event is sealed within a second; its proof exists from then on."""

    code = "not_sealed_yet"
    next_step = "Ask again in a second."


class KeySerializer(serializers.Serializer):
    number = serializers.IntegerField()
    key_id = serializers.CharField()
    public = serializers.CharField(help_text="The Ed25519 public key, in hex.")
    introduced_at = serializers.DateTimeField()
    note = serializers.CharField(help_text="The signed note that introduced it.")


class CheckpointSerializer(serializers.Serializer):
    number = serializers.IntegerField()
    size = serializers.IntegerField(help_text="How many events are under it.")
    root = serializers.CharField(help_text="The root of the tree, in hex.")
    note = serializers.CharField(help_text="The signed note, in C2SP tlog-checkpoint form.")
    key_id = serializers.CharField()
    signed_at = serializers.DateTimeField()
    keys = KeySerializer(many=True, help_text="Every key that ever signed here, in order.")


class ProofSerializer(serializers.Serializer):
    position = serializers.IntegerField(help_text="The event's leaf, from 0.")
    leaf = serializers.CharField(help_text="The hash of the leaf, in hex.")
    path = serializers.ListField(child=serializers.CharField(), help_text="Hashes from the leaf up, in hex (RFC 9162).")
    checkpoint = CheckpointSerializer()


class CheckpointView(WorkspaceView):
    opens = {"GET": "audit.read"}

    @extend_schema(
        operation_id="checkpoint_retrieve",
        summary="Read the newest checkpoint",
        responses=CheckpointSerializer,
        tags=["Audit trail"],
    )
    def get(self, request, workspace):
        """The signed head of the trail. Keep it somewhere else: whoever changes the past cannot change your copy."""
        require(self.caller.person, "core.view_auditevent", self.workspace)
        return Response(CheckpointSerializer(_checkpoint(self.workspace)).data)


class EventProofView(WorkspaceView):
    opens = {"GET": "audit.read"}

    @extend_schema(
        operation_id="event_proof_retrieve",
        summary="Prove that an event is in the trail",
        responses=ProofSerializer,
        tags=["Audit trail"],
    )
    def get(self, request, workspace, pk):
        """The path from one event's leaf to the signed root."""
        require(self.caller.person, "core.view_auditevent", self.workspace)
        event = get_object_or_404(AuditEvent.objects.in_workspace(self.workspace), pk=pk)
        head = _checkpoint(self.workspace)
        position = position_of(event)
        if position is None or position >= head["size"]:
            raise NotSealedYet("This event is not sealed yet.")
        (path,) = inclusion_proofs(self.workspace, [position], head["size"])
        leaf = AuditLeaf.objects.in_workspace(self.workspace).get(position=position)
        found = {
            "position": position,
            "leaf": bytes(leaf.hash).hex(),
            "path": [one.hex() for one in path],
            "checkpoint": head,
        }
        return Response(ProofSerializer(found).data)


def _checkpoint(workspace) -> dict:
    head = checkpoint_of(workspace)
    if head is None:
        raise Http404
    keys = [vars(key) | {"public": key.public.hex()} for key in public_keys()]
    return vars(head) | {"root": head.root.hex(), "keys": keys}


class SinkSerializer(serializers.Serializer):
    id = serializers.UUIDField(source="sink.pk")
    name = serializers.CharField(source="sink.name")
    kind = serializers.ChoiceField(source="sink.kind", choices=AuditSink.Kind.choices)
    address = serializers.CharField(source="sink.address")
    actions = serializers.CharField(source="sink.actions", help_text="Only events that begin so; all where empty.")
    state = serializers.ChoiceField(source="sink.state", choices=["active", "failing", "paused"])
    cursor = serializers.IntegerField(source="sink.cursor", help_text="Leaves that were handed over.")
    backlog = serializers.IntegerField(help_text="Leaves that are sealed and not yet handed over.")
    failures = serializers.IntegerField(source="sink.failures")
    last_error = serializers.CharField(source="sink.last_error")
    delivered_at = serializers.DateTimeField(source="sink.delivered_at", allow_null=True)
    created_by = PersonSerializer(source="sink.created_by")
    created_at = serializers.DateTimeField(source="sink.created_at")


class Sinks(RowsView):
    """Where the trail is streamed to, and never by which key."""

    opens = {"GET": "audit.read"}
    row = SinkSerializer

    def visible(self):
        require(self.caller.person, "core.view_auditevent", self.workspace)
        rows = AuditSink.objects.in_workspace(self.workspace).filter(removed_at=None)
        return rows.select_related("workspace", "created_by")

    def prepare(self, found):
        return with_backlog(self.workspace, found)


@lists("audit_streams", "List audit streams", tag="Audit trail")
class SinkListView(Sinks, ListView):
    """Streams of the trail, newest first. They are made on their page, where the key is shown."""

    moment = "created_at"


@reads("audit_streams", "Read one audit stream", tag="Audit trail")
class SinkView(Sinks, DetailView):
    """How far one stream came, and what stands in its way."""

    def find(self, **place):
        return self.prepare([super().find(**place)])[0]
