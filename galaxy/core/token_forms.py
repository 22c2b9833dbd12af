"""The form of a token."""

from collections.abc import Iterable

from django import forms

from galaxy.core.tokens import API_PERMISSIONS


class TokenForm(forms.Form):
    """``allowed`` are the permissions that can be chosen: an agent's are fewer than a person's."""

    name = forms.CharField(max_length=80, label="Name", help_text="What will use it, so that you know it again.")
    days = forms.TypedChoiceField(
        coerce=int,
        initial="90",
        label="Expires in",
        choices=[("7", "7 days"), ("30", "30 days"), ("90", "90 days"), ("180", "180 days"), ("365", "365 days")],
        widget=forms.Select(attrs={"class": "select"}),
    )
    permissions = forms.MultipleChoiceField(label="It opens", widget=forms.CheckboxSelectMultiple)

    def __init__(self, data=None, *, allowed: Iterable[str] = tuple(API_PERMISSIONS)):
        super().__init__(data)
        choices = [(name, f"{API_PERMISSIONS[name]} ({name})") for name in allowed]
        self.fields["permissions"].choices = choices  # type: ignore[attr-defined]
