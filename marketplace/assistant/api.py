"""Advice, for machines of people: read it, put it off or away, have what it recommends prepared. Deciding stays a
person's, signed in."""

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.response import Response

from galaxy.core.api.paging import PageFilter
from galaxy.core.api.resources import DetailView, ListView, RowsView, lists, reads
from galaxy.core.api.serializers import EmptyBody, PersonSerializer, StrictSerializer
from galaxy.core.api.views import repeatable
from marketplace.assistant import acting, services
from marketplace.assistant.models import Advice
from marketplace.assistant.rules import NAMES

SEVERITIES = {1: "info", 2: "warn", 3: "urgent"}


class GroundSerializer(serializers.Serializer):
    fact = serializers.CharField()
    url = serializers.CharField(help_text="The page of the rows behind it, a path of this Galaxy; empty for none.")


class RecommendedSerializer(serializers.Serializer):
    does = serializers.ChoiceField(choices=acting.STEPS)
    label = serializers.CharField()
    url = serializers.CharField(help_text="The page on which a person does it, a path of this Galaxy.")


class AdviceSerializer(serializers.Serializer):
    id = serializers.UUIDField()
    rule = serializers.ChoiceField(choices=NAMES)
    severity = serializers.SerializerMethodField()
    installation = serializers.UUIDField(source="installation_id", allow_null=True)
    connection = serializers.UUIDField(source="connection_id", allow_null=True)
    sentence = serializers.SerializerMethodField(help_text="In the rule's own words.")
    rephrased = serializers.CharField(help_text="The same in a model's words; empty where none is asked or believed.")
    reasons = serializers.SerializerMethodField()
    rests_on = serializers.SerializerMethodField()
    recommended = serializers.SerializerMethodField()
    state = serializers.ChoiceField(choices=Advice.State.choices)
    made_at = serializers.DateTimeField()
    snoozed_until = serializers.DateTimeField(allow_null=True)
    acted_at = serializers.DateTimeField(allow_null=True)
    acted_by = PersonSerializer(allow_null=True)
    change = serializers.UUIDField(source="made", allow_null=True, help_text="The change that acting asked for.")
    ended_at = serializers.DateTimeField(allow_null=True)
    ended_by = PersonSerializer(allow_null=True, help_text="Null where it closed by itself.")
    reason = serializers.CharField(help_text="Why it was dismissed.")
    judged_at = serializers.DateTimeField(allow_null=True)
    verdict = serializers.ChoiceField(choices=Advice.Verdict.choices, allow_blank=True)

    @extend_schema_field(serializers.ChoiceField(choices=list(SEVERITIES.values())))
    def get_severity(self, row: Advice) -> str:
        return SEVERITIES[row.severity]

    @extend_schema_field(serializers.CharField())
    def get_sentence(self, row: Advice) -> str:
        return str(row)

    @extend_schema_field(serializers.ListField(child=serializers.CharField()))
    def get_reasons(self, row: Advice) -> list[str]:
        return list(row.told)

    @extend_schema_field(GroundSerializer(many=True))
    def get_rests_on(self, row: Advice) -> list[dict]:
        return [{"fact": fact, "url": url} for fact, url in row.rests_on]

    @extend_schema_field(RecommendedSerializer)
    def get_recommended(self, row: Advice) -> dict:
        step = row.recommended
        return {"does": step.does, "label": step.label, "url": row.step_url}


class PreparedSerializer(serializers.Serializer):
    advice = AdviceSerializer()
    sentence = serializers.CharField(help_text="What came of it, and what is left to a person.")
    url = serializers.CharField(help_text="Where a person goes on, a path of this Galaxy.")
    change = serializers.UUIDField(allow_null=True, help_text="The change that was asked for, if one was.")


class AdviceFilter(PageFilter):
    state = serializers.ChoiceField(required=False, choices=Advice.State.choices)
    rule = serializers.ChoiceField(required=False, choices=NAMES)
    installation = serializers.UUIDField(required=False)


class DismissalBody(StrictSerializer):
    reason = serializers.CharField(max_length=300)


class SnoozeBody(StrictSerializer):
    until = serializers.DateTimeField(help_text="Within 90 days.")


class Advices(RowsView):
    """Advice that the caller may see and act on."""

    row = AdviceSerializer

    def visible(self):
        rows = Advice.objects.visible_to(self.caller.person, self.workspace)
        installed = ("installation__extension", "installation__workspace", "installation__pin__version")
        return rows.select_related("workspace", "acted_by", "ended_by", "connection", *installed)

    def answered(self, pk) -> Response:
        return Response(self.row(self.visible().get(pk=pk)).data)


@lists("advice", "List advice", tag="Assistant")
class AdviceListView(Advices, ListView):
    """What the assistant advises, newest first: of every state unless one is named."""

    opens = {"GET": "advice.read"}
    takes = AdviceFilter
    where = {"state": "state", "rule": "rule", "installation": "installation"}
    moment = "made_at"


@reads("advice", "Read one piece of advice", tag="Assistant")
class AdviceView(Advices, DetailView):
    """One piece of advice, with its reasons, the facts it rests on and what came of it."""

    opens = {"GET": "advice.read"}


class AdviceDismissalView(Advices):
    opens = {"POST": "advice.write"}

    @extend_schema(
        operation_id="advice_dismiss",
        summary="Dismiss advice",
        request=DismissalBody,
        responses=AdviceSerializer,
        tags=["Assistant"],
    )
    @repeatable
    def post(self, request, workspace, pk):
        """Put it away for a reason; the same is not said again for 90 days, unless it grows more urgent."""
        said = self.read(DismissalBody)
        row = get_object_or_404(self.visible(), pk=pk)
        services.dismiss(row, actor=self.caller.person, reason=said["reason"], via=self.caller.actor)
        return self.answered(pk)


class AdviceSnoozeView(Advices):
    opens = {"POST": "advice.write"}

    @extend_schema(
        operation_id="advice_snooze",
        summary="Put advice off",
        request=SnoozeBody,
        responses=AdviceSerializer,
        tags=["Assistant"],
    )
    @repeatable
    def post(self, request, workspace, pk):
        """Put it off to a moment within 90 days; it closes itself all the same once its facts are gone."""
        said = self.read(SnoozeBody)
        row = get_object_or_404(self.visible(), pk=pk)
        services.snooze(row, actor=self.caller.person, until=said["until"], via=self.caller.actor)
        return self.answered(pk)


class AdviceActingView(Advices):
    opens = {"POST": "advice.write"}

    @extend_schema(
        operation_id="advice_act",
        summary="Have what advice recommends prepared",
        request=EmptyBody,
        responses=PreparedSerializer,
        tags=["Assistant"],
    )
    @repeatable
    def post(self, request, workspace, pk):
        """Ask for it in the caller's name, before a person who decides; or say on which page they do it themselves.
        Nothing is decided here, and nothing agreed to."""
        self.read(EmptyBody)
        row = get_object_or_404(self.visible(), pk=pk)
        prepared = acting.act(row, actor=self.caller.person, agent=self.caller.agent, via=self.caller.actor)
        found = {"sentence": prepared.sentence, "url": prepared.url, "change": prepared.change}
        return Response(PreparedSerializer({**found, "advice": self.visible().get(pk=pk)}).data)
