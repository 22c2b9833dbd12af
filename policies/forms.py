"""Forms of this floor: shape and plain validation. The rules themselves stand in the services."""

from collections.abc import Sequence
from typing import Any

from django import forms

from galaxy.core.models import User
from policies.models import Vote
from policies.subjects import Narrowable

# Why people say no, most often. What is chosen is put before what is typed; whoever asked reads both.
CHIPS = ("Too many records", "Wrong target", "Not now", "Needs more context")
REASON_CHARS = 2000


class DecisionForm(forms.Form):
    """A reviewer's word on one approval; ``digest`` is what the page showed them."""

    decision = forms.ChoiceField(
        choices=Vote.Choice.choices, error_messages={"required": "Choose to approve or reject."}
    )
    chip = forms.ChoiceField(required=False, choices=[(one, one) for one in CHIPS])
    note = forms.CharField(required=False, max_length=REASON_CHARS, label="Reason")
    digest = forms.CharField(max_length=64)

    @property
    def word(self) -> dict[str, str]:
        """What decide_approval and decide_many take of it."""
        data = self.cleaned_data
        chip = data["chip"] if data["decision"] == Vote.Choice.REJECT else ""  # they are reasons to say no
        note = ": ".join(part for part in (chip, data["note"].strip()) if part)
        return {"decision": data["decision"], "note": note[:REASON_CHARS]}


class StackDecisionForm(DecisionForm):
    """One word on several; ``shown`` is the signed list of what the preview showed, ``pick`` the ids chosen of it."""

    digest = None  # type: ignore[assignment]
    shown = forms.CharField(max_length=60_000)


class HandOverForm(forms.Form):
    """``people`` are those who may answer it besides the reader."""

    to = forms.ModelChoiceField(queryset=User.objects.none(), label="To", empty_label=None, widget=forms.RadioSelect)
    note = forms.CharField(
        required=False,
        max_length=500,
        label="What they should know",
        widget=forms.Textarea(attrs={"rows": 2, "class": "textarea"}),
    )

    def __init__(self, data=None, *, people):
        super().__init__(data)
        self.fields["to"].queryset = people


class NarrowingForm(forms.Form):
    """What of a request is left: for each part that can be made smaller, entries to keep or a lower number.

    ``values`` is what policies.subjects.Subject.narrow takes.
    """

    digest = forms.CharField(max_length=64, widget=forms.HiddenInput)

    def __init__(self, data=None, *, parts: Sequence[Narrowable], digest: str):
        super().__init__(data, initial={"digest": digest})
        self.parts = parts
        for place, part in enumerate(parts):
            if part.entries:
                kept = [(str(number), entry) for number, entry in enumerate(part.entries)]
                self.fields[f"keep_{place}"] = forms.MultipleChoiceField(
                    required=False,
                    choices=kept,
                    initial=[number for number, _ in kept],
                    label=part.label,
                    help_text=part.note,
                    widget=forms.CheckboxSelectMultiple,
                )
            elif part.value is not None:
                self.fields[f"lower_{place}"] = forms.FloatField(
                    max_value=part.value,
                    initial=part.value,
                    label=part.label,
                    help_text=part.note,
                    widget=forms.NumberInput(attrs={"class": "input", "step": "any"}),
                )
            if part.optional:
                self.fields[f"without_{place}"] = forms.BooleanField(
                    required=False, label=f"Leave out {part.label}", help_text="" if part.value else part.note
                )

    @property
    def groups(self) -> list[list[forms.BoundField]]:
        """The fields of each part, in the order of the parts."""
        names = ("keep", "lower", "without")
        return [
            [self[f"{name}_{place}"] for name in names if f"{name}_{place}" in self.fields]
            for place in range(len(self.parts))
        ]

    @property
    def values(self) -> dict[str, Any]:
        without: dict[str, list[int]] = {}
        lower: dict[str, float] = {}
        left_out: list[str] = []
        for place, part in enumerate(self.parts):
            if self.cleaned_data.get(f"without_{place}"):
                left_out.append(part.name)
                continue
            kept = self.cleaned_data.get(f"keep_{place}")
            if kept is not None and len(kept) < len(part.entries):
                without[part.name] = [number for number in range(len(part.entries)) if str(number) not in kept]
            number = self.cleaned_data.get(f"lower_{place}")
            if number is not None and number != part.value:
                lower[part.name] = number
        return {"without": without, "lower": lower, "leave_out": left_out}
