"""Form fields that several floors use."""

from typing import Any

from django import forms

MAX_WORDS = 200


class WordsField(forms.CharField):
    """What somebody types into a search field. Any text will do: what is too long is cut, NUL is dropped."""

    def __init__(self, **kwargs: Any):
        super().__init__(required=False, widget=forms.SearchInput(), **kwargs)

    def to_python(self, value: Any) -> str:
        return (super().to_python(value) or "").replace("\x00", "")[:MAX_WORDS].strip()

    def run_validators(self, value: Any) -> None:
        """Nothing that is typed into a search field is wrong."""
