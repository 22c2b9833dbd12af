"""Fields of the form of a rule that several places of it have in common."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError

SPARE_ROWS = 2  # empty inputs under a list of names
MOST_NAMES = 50
LONGEST_NAME = 160


class NamesInput(forms.TextInput):
    """Several inputs of one name; empty ones say nothing. Drawn by policies/_names.html."""

    def value_from_datadict(self, data, files, name):
        return data.getlist(name) if hasattr(data, "getlist") else data.get(name)


class NamesField(forms.Field):
    """A list of names, each once. ``suggested`` are [(name, what it is)] that the inputs offer."""

    widget = NamesInput

    def __init__(self, **options: Any):
        super().__init__(required=False, **options)
        self.suggested: list[tuple[str, str]] = []

    def clean(self, value: Any) -> list[str]:
        names = [one.strip() for one in value or () if isinstance(one, str) and one.strip()]
        if len(names) > MOST_NAMES or any(len(one) > LONGEST_NAME or "\x00" in one for one in names):
            raise ValidationError(f"Name at most {MOST_NAMES}, each of at most {LONGEST_NAME} characters.")
        return list(dict.fromkeys(names))


def several_field(label: str, choices: list[tuple[str, str]] = (), **options: Any) -> forms.MultipleChoiceField:
    widget = forms.CheckboxSelectMultiple
    return forms.MultipleChoiceField(required=False, label=label, choices=choices, widget=widget, **options)


def clock_field(label: str) -> forms.CharField:
    widget = forms.TextInput(attrs={"placeholder": "09:00", "inputmode": "numeric"})
    return forms.CharField(required=False, max_length=5, label=label, widget=widget)


def zone_field() -> forms.CharField:
    widget = forms.TextInput(attrs={"list": "zones", "placeholder": "Europe/Berlin"})
    return forms.CharField(required=False, max_length=60, label="Time zone", widget=widget)


def number_field(label: str, **options: Any) -> forms.FloatField:
    return forms.FloatField(
        required=False, label=label, widget=forms.TextInput(attrs={"inputmode": "decimal"}), **options
    )
