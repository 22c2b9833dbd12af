"""JSON in its one canonical form (JCS, RFC 8785), of which digests and commitments are made.

``rfc8785`` says what that form is. orjson writes most values in the same bytes, many times as fast: all but numbers
with a fraction, and names that are not ASCII, which RFC 8785 sorts by UTF-16 code units.
"""

from typing import Any

import orjson
import rfc8785

_SAFE = 2**53 - 1  # the largest integer that RFC 8785 takes


def dumps(value: Any) -> bytes:
    """UTF-8. Raises what ``rfc8785.dumps`` raises: ValueError or TypeError where ``value`` has no such form."""
    if _is_alike(value):
        try:
            return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
        except orjson.JSONEncodeError:  # text that is no Unicode, or nested deeper than orjson goes
            pass
    return rfc8785.dumps(value)


def _is_alike(value: Any) -> bool:
    """Whether both write ``value`` alike. Subclasses are not looked into."""
    kind = type(value)
    if kind is str or kind is bool or value is None:
        return True
    if kind is dict:
        for name, part in value.items():
            if type(name) is not str or not name.isascii() or (type(part) is not str and not _is_alike(part)):
                return False
        return True
    if kind is list or kind is tuple:
        for part in value:  # noqa: SIM110  (twice as fast as all() of a generator)
            if type(part) is not str and not _is_alike(part):
                return False
        return True
    return kind is int and -_SAFE <= value <= _SAFE
