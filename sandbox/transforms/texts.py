"""normalize_text and normalize_number: one spelling for what people type."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Callable
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any, Literal

from registry.manifests.functions import title

from .errors import TransformError

_CASES: dict[str, Callable[[str], str]] = {"keep": str, "lower": str.lower, "upper": str.upper, "title": title}
_MAX_EXACT = 2**53 - 1  # RFC 7493: beyond it, readers of JSON lose digits
_MAX_DIGITS = 30


def normalize_text(
    value: Any, *, case: str = "keep", trim: bool = True, collapse: bool = True, form: Literal["NFC", "NFKC"] = "NFC"
) -> str:
    """A text in one Unicode form, with blanks and letter case in order. Raises TransformError: wrong_type."""
    if not isinstance(value, str):
        raise TransformError("wrong_type", "A text is expected.")
    text = _CASES[case](unicodedata.normalize(form, value))
    if collapse:
        text = re.sub(r"\s+", " ", text)
    if trim:
        text = text.strip()
    return unicodedata.normalize(form, text)  # a change of case can leave a letter decomposed


def normalize_number(value: Any, *, decimal_sign: str = ".", decimals: int | None = None) -> int | float:
    """``€ 1.234,50`` with the decimal sign ``,`` as 1234.5. Blanks, apostrophes and the other sign group by three.

    ``decimals`` rounds half to even, from the digits as written. Raises TransformError: wrong_type, bad_number, or
    number_range beyond plus or minus 9007199254740991.
    """
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise TransformError("wrong_type", "A number, or a text that holds one, is expected.")
    if isinstance(value, float) and not math.isfinite(value):
        raise TransformError("bad_number", "Infinity and not-a-number are no numbers here.")
    number = _read(value, decimal_sign) if isinstance(value, str) else Decimal(str(value))
    if abs(number) > _MAX_EXACT:
        raise TransformError("number_range", "The number is too large to be kept exactly.")
    if decimals is not None:
        number = number.quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_HALF_EVEN)
    return int(number) if number == number.to_integral_value() else float(number)


def _read(text: str, decimal_sign: str) -> Decimal:
    plain = "".join(sign for sign in text.strip() if unicodedata.category(sign) != "Sc").strip()
    plain = plain.replace("\N{MINUS SIGN}", "-").replace("’", "'")
    plain = re.sub(r"\s", " ", plain)
    group = "," if decimal_sign == "." else "."
    pattern = (
        rf"([-+]?) ?(\d+|\d{{1,3}}(?:([ '{re.escape(group)}])\d{{3}})(?:\3\d{{3}})*)(?:{re.escape(decimal_sign)}(\d+))?"
    )
    match = re.fullmatch(pattern, plain, re.ASCII)
    if not match or len(plain) > _MAX_DIGITS:
        raise TransformError("bad_number", f"The text is not a number with the decimal sign {decimal_sign!r}.")
    sign, whole, separator, fraction = match.groups()
    digits = whole.replace(separator, "") if separator else whole
    return Decimal(f"{sign}{digits}.{fraction or '0'}")
