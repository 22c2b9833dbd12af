"""normalize_phone: a telephone number as E.164."""

from __future__ import annotations

from typing import Any

import phonenumbers

from .errors import TransformError

MAX_LENGTH = 60


def normalize_phone(value: Any, *, region: str | None = None) -> str:
    """``(415) 555-2671`` in the region US as ``+14155552671``. E.164 has no extension, so one is left out.

    Raises TransformError: wrong_type, bad_phone, or no_region for a national number without ``region``.
    """
    if not isinstance(value, str):
        raise TransformError("wrong_type", "A telephone number is written as a text.")
    try:
        number = phonenumbers.parse(value[: MAX_LENGTH + 1], region)
    except phonenumbers.NumberParseException as error:
        if error.error_type == phonenumbers.NumberParseException.INVALID_COUNTRY_CODE and region is None:
            raise TransformError(
                "no_region", "The number has no country code. Write it with +, or name the region."
            ) from None
        raise TransformError("bad_phone", "The text is not a telephone number.") from None
    if len(value) > MAX_LENGTH or not phonenumbers.is_valid_number(number):
        raise TransformError("bad_phone", "No telephone network has such a number.")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
