"""Decisions as a list: filtered, newest first, and paged by place, so that the millionth costs what the first does."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from django import forms
from django.db.models import Q, QuerySet

from policies.models import Decision, Effect

SIZE = 50
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class DecisionFilterForm(forms.Form):
    """Every part may be left out. ``rule`` is the number of a rule that spoke."""

    effect = forms.ChoiceField(required=False, label="Answer", choices=[("", "Any answer"), *Effect.choices])
    action = forms.CharField(required=False, max_length=160, label="Action begins with")
    rule = forms.IntegerField(required=False, min_value=0, max_value=2**31 - 1, label="Rule number")
    policy = forms.IntegerField(required=False, min_value=0, max_value=2**31 - 1, label="Policy version")

    @property
    def is_used(self) -> bool:
        return any(self.cleaned_data.get(name) not in (None, "") for name in self.fields)

    def apply(self, decisions: QuerySet[Decision]) -> QuerySet[Decision]:
        """``decisions`` that fit; the form is valid."""
        wanted = self.cleaned_data
        if wanted["effect"]:
            decisions = decisions.filter(effect=wanted["effect"])
        if wanted["action"]:
            decisions = decisions.filter(action__startswith=wanted["action"])
        if wanted["rule"] is not None:
            decisions = decisions.filter(rules__contains=[wanted["rule"]])
        if wanted["policy"] is not None:
            decisions = decisions.filter(policy_version=wanted["policy"])
        return decisions


@dataclass(frozen=True)
class Page:
    """``older`` is the place where the next page begins, "" at the end; ``is_first`` unless one came from a place."""

    decisions: list[Decision]
    older: str
    is_first: bool


def page_of(decisions: QuerySet[Decision], before: str = "") -> Page:
    """The decisions before a place, or the newest; what is no place is ignored. One more row than shown is read."""
    place = _parse(before)
    if place:
        at, pk = place
        decisions = decisions.filter(Q(decided_at__lt=at) | Q(decided_at=at, pk__lt=pk), decided_at__lte=at)
    found = list(decisions.order_by("-decided_at", "-pk")[: SIZE + 1])
    shown = found[:SIZE]
    return Page(shown, _place_of(shown[-1]) if len(found) > SIZE else "", place is None)


def _place_of(decision: Decision) -> str:
    return f"{(decision.decided_at - _EPOCH) // _MICROSECOND}-{decision.pk.hex}"


def _parse(place: str) -> tuple[datetime, UUID] | None:
    if not (found := re.fullmatch(r"([0-9]{1,17})-([0-9a-f]{32})", place, re.ASCII)):
        return None
    return _EPOCH + int(found[1]) * _MICROSECOND, UUID(hex=found[2])
