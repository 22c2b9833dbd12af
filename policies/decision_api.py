"""Decisions, for machines: what the engine was asked and what it answered."""

from rest_framework import serializers

from galaxy.core.api.paging import PageFilter
from galaxy.core.api.resources import DetailView, ListView, RowsView, lists, reads
from policies.models import Decision, Effect
from policies.receipts import receipt_of
from policies.rules.snapshots import snapshot_of


class DecisionReasonSerializer(serializers.Serializer):
    code = serializers.CharField()
    text = serializers.CharField()
    passes_if = serializers.CharField()
    who = serializers.CharField(help_text="Who can see to it.")
    rule = serializers.IntegerField(default=0, help_text="The number of the rule that speaks; 0: a default.")


class DecisionSerializer(serializers.Serializer):
    id = serializers.UUIDField()
    effect = serializers.ChoiceField(choices=Effect.choices)
    action = serializers.CharField()
    reasons = DecisionReasonSerializer(many=True)
    obligations = serializers.DictField()
    policy_version = serializers.IntegerField()
    rules = serializers.ListField(child=serializers.IntegerField(), help_text="Numbers of the rules that spoke.")
    decided_at = serializers.DateTimeField()


class WayOutSerializer(serializers.Serializer):
    words = serializers.CharField()
    effect = serializers.ChoiceField(choices=Effect.choices)


class DecisionDetailSerializer(DecisionSerializer):
    input = serializers.DictField(help_text="The whole question: principal, action, resource, context.")
    ask = serializers.DictField(help_text="Who would have to say yes; {} where nobody.")
    repeats = serializers.BooleanField(allow_null=True, help_text="The rules of then give this answer again.")
    today = serializers.ChoiceField(choices=Effect.choices, help_text="What the rules of today answer.")
    ways_out = WayOutSerializer(many=True, help_text="Single changes that the rules of today answer better.")
    asked = serializers.CharField(help_text="Who is asked and how long that takes, in a sentence; or nothing.")


class DecisionFilter(PageFilter):
    effect = serializers.ChoiceField(required=False, choices=Effect.choices)
    action = serializers.CharField(required=False, max_length=160, help_text="What the action begins with.")
    since = serializers.DateTimeField(required=False)


class Decisions(RowsView):
    """Decisions of a workspace, as the caller may see them."""

    opens = {"GET": "decisions.read"}

    def visible(self):
        rows = Decision.objects.select_related("workspace").visible_to(self.caller.person, self.workspace)
        if self.caller.agent:
            return rows.filter(input__principal__agent=str(self.caller.agent.pk))
        return rows


@lists("decisions", "List decisions", tag="Policies")
class DecisionListView(Decisions, ListView):
    """Decisions on calls that the caller may see, newest first."""

    row = DecisionSerializer
    takes = DecisionFilter
    where = {"effect": "effect", "action": "action__startswith", "since": "decided_at__gte"}
    moment = "decided_at"


@reads("decisions", "Read one decision", tag="Policies")
class DecisionView(Decisions, DetailView):
    """The receipt of one decision: what was asked, why it was answered so, what would pass, who could say yes."""

    row = DecisionDetailSerializer

    def find(self, **place):
        decision = super().find(**place)
        receipt = receipt_of(decision, snapshot_of(self.workspace))
        return vars(decision) | {
            "repeats": receipt.repeats,
            "today": receipt.today,
            "ways_out": receipt.ways_out,
            "asked": receipt.asked.sentence if receipt.asked else "",
        }
