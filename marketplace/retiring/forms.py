"""Forms about how versions end: shape and plain validation of what people type."""

from datetime import date

from django import forms

from galaxy.core.models import Workspace
from registry.models import Quarantine

REASON, NOTE = 500, 4_000


def _reason(label: str) -> forms.CharField:
    return forms.CharField(
        max_length=REASON,
        label=label,
        help_text="Whoever uses it reads this.",
        widget=forms.Textarea(attrs={"rows": 3}),
    )


class DeprecationForm(forms.Form):
    ends_on = forms.DateField(
        label="Last day",
        widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}),
    )
    reason = _reason("Why does it end?")
    migration_note = forms.CharField(
        required=False,
        max_length=NOTE,
        label="What has to be done to move there",
        widget=forms.Textarea(attrs={"rows": 5}),
    )

    def __init__(self, *args, successors, earliest: date, **kwargs):
        super().__init__(*args, **kwargs)
        ends_on = self.fields["ends_on"]
        ends_on.help_text = f"By UTC, {earliest:%-d %B %Y} or later."
        ends_on.widget.attrs["min"] = earliest.isoformat()
        self.fields["successor"] = forms.ModelChoiceField(
            queryset=successors, required=False, label="What to move to", empty_label="Nothing follows it"
        )
        self.order_fields(["ends_on", "reason", "successor", "migration_note"])


class DeprecationEndForm(forms.Form):
    reason = _reason("Why does it stay?")


class YankingForm(forms.Form):
    reason = _reason("Why is it taken back?")


class QuarantineForm(forms.Form):
    reach = forms.ChoiceField(
        label="How far does it reach?", choices=Quarantine.Reach.choices, widget=forms.RadioSelect
    )
    reason = _reason("Why?")


class LiftingForm(forms.Form):
    reason = _reason("What came of it?")


class FlaggedCallsForm(forms.Form):
    on_flagged = forms.ChoiceField(
        label="Calls of a version that is looked into", choices=Workspace.OnFlagged.choices, widget=forms.RadioSelect
    )


class ReleaseForm(forms.Form):
    """Which version is meant, as in ``hubspot 1.2.0``."""

    release = forms.RegexField(
        regex=r"\A\s*[a-z0-9][a-z0-9._-]{0,79}\s+[0-9A-Za-z.-]{1,64}\s*\Z",
        max_length=150,
        label="Which version?",
        help_text="Name and number, such as hubspot 1.2.0.",
        error_messages={"invalid": "Write the name and the number, such as hubspot 1.2.0."},
    )

    @property
    def parts(self) -> tuple[str, str]:
        slug, number = self.cleaned_data["release"].split()
        return slug, number
