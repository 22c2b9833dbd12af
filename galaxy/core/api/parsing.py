"""Bodies: JSON that every reader understands alike, of bounded size, and nothing else."""

import json
import math
from typing import Any, ClassVar

from django.conf import settings
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser

from galaxy.core.errors import DomainError

DEEPEST = 40  # levels of nesting


class BodyTooLarge(DomainError):
    status = 413
    code = "too_large"
    next_step = "Send less at once."


class StrictJSONParser(BaseParser):
    """One JSON object in UTF-8. Names that stand twice, NaN, infinities and null characters are refused (ASVS 1.5.3).

    Raises ParseError with the place, or BodyTooLarge before reading more than is taken.
    """

    media_type = "application/json"
    limit: ClassVar[int] = settings.DATA_UPLOAD_MAX_MEMORY_SIZE  # bytes

    def parse(self, stream, media_type=None, parser_context=None) -> dict[str, Any]:
        limit = self.limit
        raw = stream.read(limit + 1)
        if len(raw) > limit:
            raise BodyTooLarge(f"A body has at most {limit // 1024} KiB.")
        try:
            text = raw.decode("utf-8-sig")
            found = json.loads(
                text, object_pairs_hook=_once_each, parse_constant=_no_constant, parse_float=_finite_number
            )
        except UnicodeDecodeError as error:
            raise ParseError("The body is not UTF-8.") from error
        except json.JSONDecodeError as error:
            raise ParseError(
                f"The body is not JSON: {error.msg} at line {error.lineno}, column {error.colno}."
            ) from error
        except RecursionError as error:
            raise ParseError("The body is nested too deeply.") from error
        except ValueError as error:  # Python reads no whole number of more than 4300 digits
            raise ParseError("A number in the body is too long.") from error
        if not isinstance(found, dict):
            raise ParseError("The body is not an object.")
        _check_texts(found, DEEPEST)
        return found


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ParseError(f"The name “{twice[:80]}” stands twice in one object.")
    return found


def _no_constant(word: str) -> Any:
    raise ParseError(f"{word} is not a number that JSON knows.")


def _finite_number(word: str) -> float:
    number = float(word)
    if math.isinf(number):
        raise ParseError(f"The number {word[:40]} is too large.")
    return number


def _check_texts(value: Any, levels: int) -> None:
    """Texts that PostgreSQL can store and UTF-8 can carry, and no deeper than anything here needs."""
    if levels == 0:
        raise ParseError("The body is nested too deeply.")
    if isinstance(value, str):
        if "\0" in value:
            raise ParseError("A text in the body holds a null character, which cannot be stored.")
        if any("\ud800" <= letter <= "\udfff" for letter in value):
            raise ParseError("A text in the body holds half of a character.")
    elif isinstance(value, dict):
        for name, inner in value.items():
            _check_texts(name, levels)
            _check_texts(inner, levels - 1)
    elif isinstance(value, list):
        for inner in value:
            _check_texts(inner, levels - 1)
