"""Rules and the sets of them, for machines: the same services as the pages, with the same refusals."""

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response

from galaxy.core.api.paging import PageFilter
from galaxy.core.api.resources import DetailView, ListView, RowsView, lists, reads
from galaxy.core.api.serializers import PersonSerializer, StrictSerializer
from galaxy.core.api.views import WorkspaceView, repeatable
from galaxy.core.permissions import require
from policies.models import RULE_PARTS, Effect, Rule, RuleSet
from policies.rules.sentences import names_of, plain
from policies.rules.vocabulary import rules_of
from policies.services.rules import change_rule, create_rule, end_rule, restore


class RuleSerializer(serializers.Serializer):
    id = serializers.UUIDField()
    number = serializers.IntegerField(help_text="What people call it by; never given twice.")
    title = serializers.CharField()
    effect = serializers.ChoiceField(choices=Effect.choices)
    who = serializers.DictField()
    what = serializers.DictField()
    when = serializers.DictField()
    ask = serializers.DictField(help_text="Who is asked and how, where the effect is require_approval.")
    obligations = serializers.DictField()
    owner = PersonSerializer()
    reason = serializers.CharField(help_text="Of its last change.")
    created_at = serializers.DateTimeField()
    changed_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField(allow_null=True)


class RuleBody(StrictSerializer):
    """The vocabulary of docs/rules.md. ``seen`` is the policy version it was made against."""

    title = serializers.CharField(max_length=80)
    effect = serializers.ChoiceField(choices=Effect.choices)
    who = serializers.DictField(required=False, default=dict)
    what = serializers.DictField(required=False, default=dict)
    when = serializers.DictField(required=False, default=dict)
    ask = serializers.DictField(required=False, default=dict)
    obligations = serializers.DictField(required=False, default=dict)
    reason = serializers.CharField(max_length=500)
    seen = serializers.IntegerField(min_value=0, max_value=2**31 - 1)
    confirmed = serializers.BooleanField(required=False, default=False, help_text="Save it in spite of warnings.")

    def parts(self) -> dict:
        return {name: self.validated_data[name] for name in RULE_PARTS}


class ReasonBody(StrictSerializer):
    reason = serializers.CharField(max_length=500)
    seen = serializers.IntegerField(min_value=0, max_value=2**31 - 1, help_text="The policy version you know.")


class RuleFilter(PageFilter):
    effect = serializers.ChoiceField(required=False, choices=Effect.choices)
    in_force = serializers.BooleanField(required=False, allow_null=True, default=None, help_text="All when left out.")


class Rules(RowsView):
    """The rules of a workspace, those that ended included."""

    row = RuleSerializer

    def visible(self):
        require(self.caller.person, "core.view_rule", self.workspace)
        return Rule.objects.in_workspace(self.workspace).select_related("workspace", "owner")

    def written(self, rule: Rule, status: int = 200) -> Response:
        return Response(RuleSerializer(self.visible().get(pk=rule.pk)).data, status=status)


@lists("rules", "List rules", tag="Policies")
class RuleListView(Rules, ListView):
    """Rules of the workspace, newest first."""

    opens = {"GET": "rules.read", "POST": "rules.write"}
    takes = RuleFilter
    where = {"effect": "effect"}
    moment = "created_at"

    def rows(self, wanted):
        rows = super().rows(wanted)
        return rows if wanted["in_force"] is None else rows.filter(ended_at__isnull=wanted["in_force"])

    @extend_schema(
        operation_id="rules_create",
        summary="Make a rule",
        request=RuleBody,
        responses={201: RuleSerializer},
        tags=["Policies"],
    )
    @repeatable
    def post(self, request, workspace):
        """Make a rule that holds from now on. Refused where it can match nothing, or would lock everybody out."""
        body = RuleBody(data=request.data)
        body.is_valid(raise_exception=True)
        said = body.validated_data
        rule = create_rule(
            self.workspace,
            actor=self.caller.person,
            values=body.parts(),
            reason=said["reason"],
            seen=said["seen"],
            confirmed=said["confirmed"],
        )
        return self.written(rule, 201)


@reads("rules", "Read one rule", tag="Policies")
class RuleView(Rules, DetailView):
    """One rule as it stands, or as it was when it ended."""

    opens = {"GET": "rules.read"}


class RuleChangeView(Rules):
    opens = {"POST": "rules.write"}

    @extend_schema(
        operation_id="rules_change",
        summary="Change a rule",
        request=RuleBody,
        responses=RuleSerializer,
        tags=["Policies"],
    )
    @repeatable
    def post(self, request, workspace, pk):
        """Replace every part of a rule from now on. What was in force before can be restored."""
        body = RuleBody(data=request.data)
        body.is_valid(raise_exception=True)
        said = body.validated_data
        rule = change_rule(
            get_object_or_404(self.visible(), pk=pk),
            actor=self.caller.person,
            values=body.parts(),
            reason=said["reason"],
            seen=said["seen"],
            confirmed=said["confirmed"],
        )
        return self.written(rule)


class RuleEndView(Rules):
    opens = {"POST": "rules.write"}

    @extend_schema(
        operation_id="rules_end",
        summary="End a rule",
        request=ReasonBody,
        responses=RuleSerializer,
        tags=["Policies"],
    )
    @repeatable
    def post(self, request, workspace, pk):
        """Let a rule hold no longer."""
        said = self.read(ReasonBody)
        return self.written(end_rule(get_object_or_404(self.visible(), pk=pk), actor=self.caller.person, **said))


class RuleSetSerializer(serializers.Serializer):
    number = serializers.IntegerField(help_text="The policy version.")
    digest = serializers.CharField(help_text="Hex SHA-256 of the RFC 8785 form of its rules.")
    change = serializers.CharField()
    reason = serializers.CharField()
    author = PersonSerializer()
    restored_from = serializers.IntegerField(allow_null=True)
    created_at = serializers.DateTimeField()


class SentenceSerializer(serializers.Serializer):
    number = serializers.IntegerField()
    sentence = serializers.CharField()


class RuleSetDetailSerializer(RuleSetSerializer):
    rules = serializers.ListField(child=serializers.DictField(), help_text="Whole, in the vocabulary of rules.")
    sentences = SentenceSerializer(many=True)


class RuleSets(RowsView):
    """Every set of rules that was ever in force here."""

    opens = {"GET": "rules.read"}

    def visible(self):
        require(self.caller.person, "core.view_rule", self.workspace)
        return RuleSet.objects.in_workspace(self.workspace).select_related("author")


@lists("rule_sets", "List policy versions", tag="Policies")
class RuleSetListView(RuleSets, ListView):
    """Policy versions, newest first: what was changed, by whom and why."""

    row = RuleSetSerializer
    moment = "created_at"


@reads("rule_sets", "Read one policy version", tag="Policies")
class RuleSetView(RuleSets, DetailView):
    """All rules of one policy version, also as sentences."""

    row = RuleSetDetailSerializer

    def find(self, **place):
        found = super().find(**place)
        rules = rules_of(found.content)
        names = names_of(self.workspace, rules)
        said = [{"number": rule.number, "sentence": plain(rule, names)} for rule in rules]
        return vars(found) | {"author": found.author, "rules": found.content, "sentences": said}


class RuleSetRestorationView(WorkspaceView):
    opens = {"POST": "rules.write"}

    @extend_schema(
        operation_id="rule_sets_restore",
        summary="Restore a policy version",
        request=ReasonBody,
        responses={201: RuleSetSerializer},
        tags=["Policies"],
    )
    @repeatable
    def post(self, request, workspace, number):
        """Let the rules of an earlier version hold again, as a new one: history is never rewritten."""
        require(self.caller.person, "core.view_rule", self.workspace)
        said = self.read(ReasonBody)
        get_object_or_404(RuleSet.objects.in_workspace(self.workspace), number=number)
        made = restore(self.workspace, actor=self.caller.person, number=number, **said)
        return Response(RuleSetSerializer(made).data, status=201)
