"""Secrets, for machines: that they are there, where they may go, and when they were used. Never a value."""

from rest_framework import serializers

from galaxy.core.api.paging import PageFilter
from galaxy.core.api.resources import ListView, lists
from galaxy.core.api.serializers import PersonSerializer
from galaxy.core.models import SecretVersion
from galaxy.core.permissions import require
from galaxy.core.vault.reading import in_stage, secrets_of


class SecretSerializer(serializers.Serializer):
    id = serializers.UUIDField()
    name = serializers.CharField()
    purpose = serializers.CharField()
    hosts = serializers.ListField(child=serializers.CharField(), help_text="Where its current value may be sent.")
    places = serializers.ListField(child=serializers.ChoiceField(choices=SecretVersion.Place.choices))
    version = serializers.IntegerField(allow_null=True, help_text="Of the value that is in use.")
    staged_version = serializers.IntegerField(allow_null=True)
    created_by = PersonSerializer()
    created_at = serializers.DateTimeField()
    last_used_at = serializers.DateTimeField(allow_null=True)


class SecretFilter(PageFilter):
    name = serializers.CharField(required=False, max_length=64)


@lists("secrets", "List secrets", tag="Secrets")
class SecretListView(ListView):
    """Secrets that are kept, newest first, by name and bounds. Their values cannot be read, here or anywhere."""

    opens = {"GET": "secrets.read"}
    row = SecretSerializer
    takes = SecretFilter
    where = {"name": "name"}
    moment = "created_at"

    def visible(self):
        require(self.request.user, "core.view_secret", self.workspace)
        return secrets_of(self.workspace).kept()

    def prepare(self, found):
        for secret in found:
            current, staged = (in_stage(secret, stage) for stage in ("current", "staged"))
            secret.version, secret.staged_version = current and current.number, staged and staged.number
            secret.hosts, secret.places = (current.hosts, current.places) if current else ([], [])
        return found
