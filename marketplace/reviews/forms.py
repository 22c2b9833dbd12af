"""Forms of reviews: shape and plain validation of what people type."""

from django import forms

from marketplace.reviews.services import MOST_CHARACTERS

_WORDS = {
    5: "5, does what it says",
    4: "4, with small faults",
    3: "3, usable",
    2: "2, often in the way",
    1: "1, broken",
}


class ReviewForm(forms.Form):
    rating = forms.TypedChoiceField(
        label="How is it?", coerce=int, choices=list(_WORDS.items()), widget=forms.RadioSelect, empty_value=None
    )
    text = forms.CharField(
        required=False,
        max_length=MOST_CHARACTERS,
        label="What should others know?",
        help_text="Plain text. Everybody in every workspace reads it; write nothing of yours or of your customers.",
        widget=forms.Textarea(attrs={"rows": 6}),
    )


class HidingForm(forms.Form):
    reason = forms.CharField(
        max_length=300,
        label="Why is it hidden?",
        help_text="Whoever wrote it reads this, and both trails keep it.",
        widget=forms.Textarea(attrs={"rows": 3}),
    )
