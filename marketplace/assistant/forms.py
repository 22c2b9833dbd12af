"""Forms of advice: the filters of the list, and what one says to put it away or off."""

from datetime import timedelta
from typing import Any

from django import forms
from django.utils import timezone

from marketplace.assistant.models import Advice
from marketplace.assistant.rules import NAMES

OPEN, SNOOZED, ACTED = "open", "snoozed", "acted"
STATES = [
    ("", "Open"),
    (SNOOZED, "Put off"),
    (ACTED, "Acted on"),
    (Advice.State.DISMISSED, "Dismissed"),
    (Advice.State.CLOSED, "No longer so"),
    ("any", "Any state"),
]
DAYS = {"1": "1 day", "7": "7 days", "30": "30 days", "90": "90 days"}


class AdviceFilterForm(forms.Form):
    """All optional; sent by GET, so that every view of the list is a link."""

    state = forms.ChoiceField(required=False, label="State", choices=STATES)
    rule = forms.ChoiceField(required=False, label="About", choices=[("", "Everything"), *NAMES])
    severity = forms.TypedChoiceField(
        required=False,
        label="Severity",
        coerce=int,
        empty_value=None,
        choices=[("", "Any severity"), *reversed(Advice.Severity.choices)],
    )

    def __init__(self, *args: Any, **options: Any):
        super().__init__(*args, **options)
        for field in self.fields.values():
            field.widget.attrs["class"] = "select"

    @property
    def is_filtered(self) -> bool:
        return not self.is_valid() or any(self.cleaned_data.values())

    def apply(self, rows):
        """``rows`` (an Advice queryset) under the filters given, which are valid."""
        data, now = self.cleaned_data, timezone.now()
        state = data["state"]
        if state in Advice.State.values:
            rows = rows.filter(state=state)
        elif state == SNOOZED:
            rows = rows.open().filter(snoozed_until__gt=now)
        elif state == ACTED:
            rows = rows.filter(acted_at__isnull=False)
        elif not state:
            rows = rows.shown(now)
        if data["rule"]:
            rows = rows.filter(rule=data["rule"])
        return rows.filter(severity=data["severity"]) if data["severity"] else rows

    @property
    def words(self) -> str:
        """What is filtered by, for the page that finds nothing."""
        chosen: dict[str, Any] = {name: self[name].value() for name in self.fields if self[name].value()}
        told = [
            str({str(key): label for key, label in getattr(self.fields[name], "choices", ())}.get(str(one), one))
            for name, one in chosen.items()
        ]
        return f"Filtered by {', '.join(told)}." if told else ""


class DismissForm(forms.Form):
    reason = forms.CharField(
        max_length=300,
        label="Why you dismiss it",
        help_text="The same is not said again for 90 days, unless it grows more urgent.",
        widget=forms.TextInput(attrs={"class": "input"}),
    )


class SnoozeForm(forms.Form):
    days = forms.ChoiceField(
        label="Put off for", choices=list(DAYS.items()), widget=forms.Select(attrs={"class": "select"})
    )

    @property
    def until(self):
        return timezone.now() + timedelta(days=int(self.cleaned_data["days"]))
