"""Filters that answer the usual case at once, and everything else as Django's own do."""

from typing import Any

from django.template import defaultfilters


def _truncatechars(value: Any, length: Any) -> Any:
    # Of plain letters that are few enough nothing is taken away, and none has another form.
    if isinstance(value, str) and type(length) is int and len(value) <= length and value.isascii():
        return value
    return defaultfilters.truncatechars(value, length)


QUICKER = {defaultfilters.truncatechars: _truncatechars}
