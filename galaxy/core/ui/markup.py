"""Django's own ways to make markup, without what they do for words that are translated later: here none are.

A page escapes some hundred words. ``django.utils.html.escape`` first looks at each argument whether it is lazy, which
takes longer than to escape it.
"""

from collections.abc import Iterable
from html import escape
from typing import Any

from django.utils.html import conditional_escape
from django.utils.safestring import SafeString


def escaped(value: Any) -> str:
    """``value`` escaped, unless it is markup."""
    kind = type(value)
    if kind is SafeString:
        return value
    return SafeString(escape(value)) if kind is str else conditional_escape(value)


def format_html(form: str, *args: Any, **kwargs: Any) -> SafeString:
    """``form`` with what is put into it escaped."""
    return SafeString(form.format(*map(escaped, args), **{name: escaped(one) for name, one in kwargs.items()}))


def format_html_join(between: str, form: str, rows: Iterable[Any]) -> SafeString:
    """``form`` for each of ``rows``, tuples of what is put into it."""
    return SafeString(str(escaped(between)).join(form.format(*map(escaped, row)) for row in rows))
