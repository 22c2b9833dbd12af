"""Forms of this floor: shape and plain validation. The rules themselves stand in the services."""

from django import forms

from policies.models import Vote


class DecisionForm(forms.Form):
    """A reviewer's word on one approval; ``digest`` is what the page showed them."""

    decision = forms.ChoiceField(
        choices=Vote.Choice.choices, error_messages={"required": "Choose to approve or reject."}
    )
    note = forms.CharField(required=False, max_length=2000, label="Reason")
    digest = forms.CharField(max_length=64)
