"""What forms of several floors share: fields, and how a service's refusal comes back to whoever filled them in."""

from typing import Any

from django import forms

from galaxy.core.errors import Invalid

MAX_WORDS = 200


class WordsField(forms.CharField):
    """What somebody types into a search field. Any text will do: what is too long is cut, NUL is dropped."""

    def __init__(self, **kwargs: Any):
        super().__init__(required=False, widget=forms.SearchInput(), **kwargs)

    def to_python(self, value: Any) -> str:
        return (super().to_python(value) or "").replace("\x00", "")[:MAX_WORDS].strip()

    def run_validators(self, value: Any) -> None:
        """Nothing that is typed into a search field is wrong."""


def add_refusals(form: forms.Form, error: Invalid) -> None:
    """Put what a service refused beside the fields it is about; about none of this form, it stands above it."""
    named = [name for name in error.fields if name in form.fields]
    for name in named:
        form.add_error(name, error.fields[name])
    if not named:
        form.add_error(None, str(error))
