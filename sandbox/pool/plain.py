"""Reads what a guest wrote as what it may be: hostile text."""

import json
import math
import re
from typing import Any

LARGEST_INTEGER = 2**53 - 1  # RFC 7493, section 2.2: what every reader of JSON takes for the same number
NULL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")  # the escape itself, not a backslash followed by its letters


class Unfit(ValueError):
    """``code`` is one of errors.ERRORS."""

    def __init__(self, code: str, message: str = ""):
        super().__init__(message or code)
        self.code, self.message = code, message


def read_json(text: Any, *, max_bytes: int, max_depth: int) -> Any:
    """The value that ``text`` stands for, as PostgreSQL and every JSON reader take it alike. Raises Unfit."""
    if not isinstance(text, str):
        raise Unfit("output_not_json", "it is no text")
    if len(text) > max_bytes:
        raise Unfit("output_too_large")
    try:
        value = json.loads(text, parse_constant=_no_number, parse_int=_integer, parse_float=_float)
        written = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        size = len(written.encode())
    except RecursionError:
        raise Unfit("output_too_deep") from None
    except UnicodeEncodeError:
        raise Unfit("output_text", "half of a surrogate pair") from None
    except Unfit:
        raise
    except ValueError as error:
        raise Unfit("output_not_json", str(error)) from None
    if size > max_bytes:
        raise Unfit("output_too_large")
    if NULL.search(written):
        raise Unfit("output_text", "a null character")
    if _depth_exceeds(value, max_depth):
        raise Unfit("output_too_deep")
    return value


def plain_text(value: Any, max_chars: int) -> str:
    """A text that every database and terminal takes: no null, no half of a surrogate pair."""
    text = value if isinstance(value, str) else str(type(value).__name__)
    return text[:max_chars].encode("utf-8", "replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}")


def _no_number(word: str) -> Any:
    raise Unfit("output_number")


def _integer(digits: str) -> int:
    if len(digits) > 17 or abs(number := int(digits)) > LARGEST_INTEGER:
        raise Unfit("output_number")
    return number


def _float(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise Unfit("output_number")
    return number


def _depth_exceeds(value: Any, max_depth: int) -> bool:
    """Level by level, so that depth costs no stack."""
    level = [value] if isinstance(value, dict | list) else []
    for _ in range(max_depth):
        if not level:
            return False
        parts = (part.values() if isinstance(part, dict) else part for part in level)
        level = [inner for part in parts for inner in part if isinstance(inner, dict | list)]
    return bool(level)
