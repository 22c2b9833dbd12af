"""The shapes of the API that several floors share. Every field is named; nothing of a row is written by itself."""

from rest_framework import serializers


class StrictSerializer(serializers.Serializer):
    """What a caller sends; a name that is not among the fields is refused (ASVS 15.3.3)."""

    def to_internal_value(self, data):
        unknown = set(data) - set(self.fields) if hasattr(data, "keys") else set()
        if unknown:
            raise serializers.ValidationError({str(name): "There is no such field." for name in sorted(unknown)})
        return super().to_internal_value(data)


class EmptyBody(StrictSerializer):
    """A POST that needs to say nothing."""


class PersonSerializer(serializers.Serializer):
    id = serializers.UUIDField()
    name = serializers.CharField()


class AgentSerializer(serializers.Serializer):
    id = serializers.UUIDField()
    name = serializers.CharField()


class LinkSerializer(serializers.Serializer):
    """One link of the chain of who acted through whom."""

    kind = serializers.ChoiceField(choices=["person", "agent", "trigger", "token", "version", "call", "system"])
    id = serializers.CharField()
    label = serializers.CharField()


class WorkspaceSerializer(serializers.Serializer):
    slug = serializers.CharField()
    name = serializers.CharField()


class TokenSerializer(serializers.Serializer):
    name = serializers.CharField()
    prefix = serializers.CharField(help_text="Its beginning, to tell it by.")
    permissions = serializers.ListField(child=serializers.CharField())
    expires_at = serializers.DateTimeField()


class MeSerializer(serializers.Serializer):
    """Who asks, and where they may."""

    person = PersonSerializer(help_text="Who asks; for an agent, the owner who answers for it.")
    agent = AgentSerializer(allow_null=True)
    token = TokenSerializer(allow_null=True, help_text="Null for a signed-in session.")
    workspaces = WorkspaceSerializer(many=True)
