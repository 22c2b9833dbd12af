"""The shapes of the API about updates: what is answered, and what callers send."""

from rest_framework import serializers

from galaxy.core.api.serializers import PersonSerializer, StrictSerializer
from registry.api import ExtensionSerializer, PinnedSerializer
from registry.models import ScheduledMove, UpdatePolicy
from registry.updates.deciding import State
from registry.updates.windows import DAYS

DAY_NAMES = [name.lower() for name in DAYS]
STATES = [(state.value, state.label) for state in State]


_CLOCK = r"^([01][0-9]|2[0-3]):[0-5][0-9]$"


class VerdictSerializer(serializers.Serializer):
    """What comes of one newer release."""

    version = PinnedSerializer(source="release.version")
    step = serializers.SerializerMethodField(help_text="patch, minor or major, by its number.")
    state = serializers.ChoiceField(choices=STATES)
    why = serializers.ListField(child=serializers.CharField())
    at = serializers.DateTimeField(allow_null=True, help_text="When it is taken, as things stand.")
    asks_for = serializers.SerializerMethodField(help_text="What it asks for beyond what was agreed to.")
    security_fix = serializers.CharField(source="release.security_fix", help_text="The hole it closes, else empty.")

    def get_step(self, verdict) -> str:
        return verdict.release.bump.name.lower()

    def get_asks_for(self, verdict) -> list[str]:
        return [*verdict.release.wider, *verdict.release.sends]


class UpdateSerializer(serializers.Serializer):
    """An installation with newer releases, newest first, and which of them is taken next."""

    installation = serializers.UUIDField(source="installation.pk")
    extension = ExtensionSerializer(source="installation.extension")
    version = PinnedSerializer(source="installation.pin.version", help_text="In use.")
    next = PinnedSerializer(source="version", allow_null=True, help_text="Taken by itself, now or later.")
    releases = VerdictSerializer(source="verdicts", many=True)


class WindowSerializer(serializers.Serializer):
    days = serializers.ListField(child=serializers.ChoiceField(choices=[(name, name) for name in DAY_NAMES]))
    opens_at = serializers.CharField(help_text="HH:MM, by the clocks of the time zone.")
    closes_at = serializers.CharField(help_text="HH:MM; the same as opens_at: all day.")
    time_zone = serializers.CharField()


class UpdateRulesSerializer(serializers.Serializer):
    """What holds for every installation that says nothing else."""

    policy = serializers.ChoiceField(choices=UpdatePolicy.choices)
    window = WindowSerializer()
    wait_community = serializers.IntegerField(help_text="Days.")
    wait_verified = serializers.IntegerField(help_text="Days.")
    wait_enterprise = serializers.IntegerField(help_text="Days.")
    wait_own = serializers.IntegerField(help_text="Days, for what the workspace publishes for itself.")
    takes_code = serializers.BooleanField(help_text="New code is taken without its new scopes, where it can run so.")


class HoldSerializer(serializers.Serializer):
    reason = serializers.CharField()
    until = serializers.DateTimeField(allow_null=True)
    held_by = PersonSerializer()
    held_at = serializers.DateTimeField()


class PlanSerializer(serializers.Serializer):
    """How one installation goes forward: the rules that hold for it, and what they make of newer releases."""

    policy = serializers.ChoiceField(choices=UpdatePolicy.choices, source="plan.rules.policy")
    waiting_days = serializers.IntegerField(source="plan.rules.waiting_days")
    window = serializers.SerializerMethodField()
    takes_code = serializers.BooleanField(source="plan.rules.takes_code")
    hold = HoldSerializer(allow_null=True)
    next = PinnedSerializer(source="plan.version", allow_null=True)
    releases = VerdictSerializer(source="plan.verdicts", many=True)

    def get_window(self, found) -> str:
        return found.plan.rules.window.words


class WindowBody(StrictSerializer):
    days = serializers.ListField(
        child=serializers.ChoiceField(choices=[(name, name) for name in DAY_NAMES]), min_length=1, max_length=7
    )
    opens_at = serializers.RegexField(_CLOCK, help_text="HH:MM")
    closes_at = serializers.RegexField(_CLOCK, help_text="HH:MM; the same as opens_at: all day.")
    time_zone = serializers.CharField(max_length=64, help_text="By its name, such as Europe/Berlin.")


class UpdateRulesBody(StrictSerializer):
    """What is left out stays."""

    policy = serializers.ChoiceField(choices=UpdatePolicy.choices, required=False)
    window = WindowBody(required=False)
    wait_community = serializers.IntegerField(required=False, min_value=0, max_value=365)
    wait_verified = serializers.IntegerField(required=False, min_value=0, max_value=365)
    wait_enterprise = serializers.IntegerField(required=False, min_value=0, max_value=365)
    wait_own = serializers.IntegerField(required=False, min_value=0, max_value=365)
    takes_code = serializers.BooleanField(required=False)


class InstallationRulesBody(StrictSerializer):
    """What is left out stays; null is as the workspace says."""

    policy = serializers.ChoiceField(choices=UpdatePolicy.choices, required=False, allow_null=True)
    window = WindowBody(required=False, allow_null=True)
    waiting_days = serializers.IntegerField(required=False, allow_null=True, min_value=0, max_value=365)
    takes_code = serializers.BooleanField(required=False, allow_null=True)


class HoldBody(StrictSerializer):
    reason = serializers.CharField(max_length=300)
    until = serializers.DateTimeField(required=False, allow_null=True, default=None)


class WaitBody(StrictSerializer):
    """The first yes takes a reason."""

    digest = serializers.RegexField(r"^[0-9a-f]{64}$", help_text="The digest of the fix.")
    reason = serializers.CharField(required=False, allow_blank=True, max_length=300, default="")


class SkippedWaitSerializer(serializers.Serializer):
    version = PinnedSerializer()
    asked_by = PersonSerializer()
    agreed_by = PersonSerializer(allow_null=True)
    is_agreed = serializers.BooleanField(help_text="Whether two people said so.")


class PlannedMoveBody(StrictSerializer):
    digest = serializers.RegexField(r"^[0-9a-f]{64}$")
    at = serializers.DateTimeField()
    agreed = serializers.ListField(
        child=serializers.CharField(max_length=300),
        required=False,
        default=list,
        max_length=200,
        help_text="What it asks for beyond what was agreed to, as asks_for names it.",
    )
    keeps = serializers.BooleanField(required=False, default=False, help_text="Leave its new scopes off.")


class PlannedMoveSerializer(serializers.Serializer):
    version = PinnedSerializer()
    at = serializers.DateTimeField()
    state = serializers.ChoiceField(choices=ScheduledMove.State.choices)
    asked_by = PersonSerializer()
