"""A form field for JSON that says where it went wrong."""

import json
import re
from typing import Any

from django import forms

SHAPES: dict[type, str] = {dict: 'an object, such as {"name": "Ada"}', list: "a list, such as [1, 2]"}

NULL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")  # the escape itself, not a backslash followed by its letters


class JSONText(forms.CharField):
    """JSON typed by a person, as the value it stands for; None where nothing was typed.

    ``shape`` is dict or list where only that is taken. Names that stand twice and NaN are refused, since no two
    readers agree on them.
    """

    def __init__(self, shape: type | None = None, **options):
        self.shape = shape
        widget = forms.Textarea(attrs={"rows": 8, "class": "mono", "spellcheck": "false"})
        super().__init__(widget=widget, empty_value=None, **options)

    def clean(self, value):
        text = super().clean(value)
        if text is None:
            return None
        parsed = read_json(text)
        if self.shape and not isinstance(parsed, self.shape):
            raise forms.ValidationError(f"This must be {SHAPES[self.shape]}.")
        return parsed


def read_json(text: str) -> Any:
    """The value of ``text``. Raises forms.ValidationError with line and column."""
    if NULL.search(text):
        raise forms.ValidationError("A text in this holds a null character, which cannot be stored.")
    try:
        return json.loads(text, object_pairs_hook=_once_each, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise forms.ValidationError(f"This is not JSON: {error.msg[:1].lower()}{error.msg[1:]} at {place}.") from error
    except RecursionError as error:
        raise forms.ValidationError("This is nested too deeply.") from error
    except ValueError as error:  # Python reads no whole number of more than 4300 digits
        raise forms.ValidationError("A number in this is too long.") from error


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise forms.ValidationError(f"The name “{twice}” stands twice in one object.")
    return found


def _no_constant(word: str) -> Any:
    raise forms.ValidationError(f"{word} is not a number that JSON knows.")
