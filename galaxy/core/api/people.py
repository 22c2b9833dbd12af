"""People, for machines: who is in the workspace, what they may do and why, the roles, and what was asked for.

All of it is read only. Who may do what is changed in the console, by a person who is signed in.
"""

from django.db.models import Q
from rest_framework import serializers

from galaxy.core.api.paging import PageFilter
from galaxy.core.api.resources import DetailView, ListView, RowsView, lists, reads
from galaxy.core.api.serializers import PersonSerializer
from galaxy.core.effective import effective_of
from galaxy.core.members.asking import answerable_by
from galaxy.core.members.roles import RoleFacts, facts_of
from galaxy.core.models import Membership, PermissionRequest, RoleGroup
from galaxy.core.permissions import require


class MemberSerializer(serializers.Serializer):
    id = serializers.UUIDField(help_text="Of the membership, which its person's page is named by.")
    person = PersonSerializer(source="user")
    role = serializers.CharField(source="role_label")
    joined_at = serializers.DateTimeField()


class ReasonSerializer(serializers.Serializer):
    """Where a permission comes from: a role, or a grant by name."""

    role = serializers.CharField(help_text="The role that carries it; empty for a grant by name.")
    by = serializers.CharField(help_text="Who gave it by name.")
    at = serializers.DateTimeField(allow_null=True)


class HeldPermissionSerializer(serializers.Serializer):
    permission = serializers.CharField(source="perm")
    label = serializers.CharField()
    is_held = serializers.BooleanField()
    reasons = ReasonSerializer(many=True)


class HeldGrantSerializer(serializers.Serializer):
    permission = serializers.CharField(source="perm")
    label = serializers.CharField()
    object_kind = serializers.CharField(source="kind")
    object_id = serializers.UUIDField(source="target_id")
    object = serializers.CharField(source="target")
    reason = ReasonSerializer()


class MemberDetailSerializer(MemberSerializer):
    permissions = HeldPermissionSerializer(many=True, help_text="Every one there is on the workspace, held or not.")
    grants = HeldGrantSerializer(many=True, help_text="What they hold on single objects besides.")


class RoleSerializer(serializers.Serializer):
    id = serializers.UUIDField(source="role.pk")
    name = serializers.CharField(source="role.label")
    is_custom = serializers.BooleanField(source="role.is_custom")
    permissions = serializers.SerializerMethodField(help_text="On the whole workspace.")
    members = serializers.IntegerField()

    def get_permissions(self, facts: RoleFacts) -> list[str]:
        return [f"core.{codename}" for codename in facts.permissions]


class PermissionRequestSerializer(serializers.Serializer):
    id = serializers.UUIDField()
    permission = serializers.CharField()
    object_kind = serializers.CharField(source="target_kind")
    object_id = serializers.UUIDField(source="target_id")
    object = serializers.CharField(source="target_label")
    status = serializers.ChoiceField(choices=PermissionRequest.Status.choices)
    asked_by = PersonSerializer()
    asked_at = serializers.DateTimeField()
    decided_by = PersonSerializer(allow_null=True)
    decided_at = serializers.DateTimeField(allow_null=True)
    reason = serializers.CharField()


class PermissionRequestFilter(PageFilter):
    status = serializers.ChoiceField(required=False, choices=PermissionRequest.Status.choices)


class Members(RowsView):
    """The people of a workspace: one's own row for anybody, the others with ``view_member``."""

    opens = {"GET": "people.read"}

    def visible(self):
        return Membership.objects.in_workspace(self.workspace).select_related("user", "custom_role", "workspace")


@lists("members", "List the people", tag="People")
class MemberListView(Members, ListView):
    """Everybody in the workspace, the newest first."""

    row = MemberSerializer
    moment = "joined_at"

    def visible(self):
        require(self.caller.person, "core.view_member", self.workspace)
        return super().visible()


@reads("members", "Read what somebody may do, and why", tag="People")
class MemberView(Members, DetailView):
    """One person with their effective permissions: each with the role or the grant that carries it."""

    row = MemberDetailSerializer

    def find(self, **place):
        membership = super().find(**place)
        if membership.user_id != self.caller.person.pk:
            require(self.caller.person, "core.view_member", self.workspace)
        effective = effective_of(membership)
        membership.permissions, membership.grants = effective.lines, effective.objects
        return membership


@lists("roles", "List the roles", tag="People")
class RoleListView(ListView):
    """The six roles and the workspace's own, with what each may do on the whole workspace."""

    opens = {"GET": "people.read"}
    row = RoleSerializer
    key = "group_id"  # in the order they were made: the six first

    def visible(self):
        require(self.caller.person, "core.view_member", self.workspace)
        return RoleGroup.objects.in_workspace(self.workspace).select_related("workspace")

    def prepare(self, found):
        return facts_of(self.workspace, found)


@lists("permission_requests", "List what was asked for", tag="People")
class PermissionRequestListView(ListView):
    """What the caller asked for, and what waits for their answer."""

    opens = {"GET": "people.read"}
    row = PermissionRequestSerializer
    takes = PermissionRequestFilter
    where = {"status": "status"}
    moment = "asked_at"

    def visible(self):
        person = self.caller.person
        answerable = answerable_by(person, self.workspace).values("pk")
        requests = PermissionRequest.objects.in_workspace(self.workspace).select_related("asked_by", "decided_by")
        return requests.filter(Q(asked_by=person) | Q(pk__in=answerable))
