"""Lists by cursor: a page costs the same however far it lies, and a row that comes in between moves nothing.

A cursor is the place of the last row shown, signed for the very address it was given out by. One that was altered, or
that belongs to another list, is refused.
"""

from typing import Any

from django.core import signing
from django.db.models import Q, QuerySet
from django.utils.dateparse import parse_datetime
from rest_framework import serializers

from galaxy.core.api.serializers import StrictSerializer
from galaxy.core.errors import DomainError

SIZE = 50
LARGEST = 100


class BadCursor(DomainError):
    status = 400
    code = "bad_cursor"
    next_step = "Take the list from its beginning, and follow “next” as it is given."


def page_of(rows: QuerySet, request, *, moment: str | None, key: str = "pk", limit: int = SIZE) -> tuple[list, str]:
    """(the rows of one page, the address of the next page or ""), newest first.

    Ordered by ``moment`` and then ``key``, both descending; with ``moment`` None by ``key`` alone, ascending. Both
    together must be unique.
    """
    salt = f"galaxy.cursor:{request.path}"
    text = request.GET.get("cursor")
    place = _open(text, salt, moment) if text else None
    if moment is None:
        rows = rows.order_by(key)
        rows = rows.filter(**{f"{key}__gt": place[1]}) if place else rows
    else:
        rows = rows.order_by(f"-{moment}", f"-{key}")
        if place:
            at, last = place
            earlier = Q(**{f"{moment}__lt": at}) | Q(**{f"{key}__lt": last})
            rows = rows.filter(earlier, **{f"{moment}__lte": at})
    found = list(rows[: limit + 1])
    if len(found) <= limit:
        return found, ""
    last = found[limit - 1]
    at = getattr(last, moment).isoformat() if moment else ""
    cursor = signing.dumps([at, str(_value(last, key))], salt=salt)
    query = request.GET.copy()
    query["cursor"] = cursor
    return found[:limit], request.build_absolute_uri(f"{request.path}?{query.urlencode()}")


def _open(text: str, salt: str, moment: str | None) -> tuple[Any, str]:
    try:
        at, last = signing.loads(text, salt=salt)
    except (signing.BadSignature, ValueError, TypeError) as error:
        raise BadCursor("This cursor was not given out by this list.") from error
    return (parse_datetime(at) if moment else None), last


def _value(row: Any, key: str) -> Any:
    for name in key.split("__"):
        row = getattr(row, name)
    return row


class PageFilter(StrictSerializer):
    """What every list takes; a parameter that is not among the fields is refused."""

    limit = serializers.IntegerField(
        required=False, min_value=1, max_value=LARGEST, default=SIZE, help_text="Rows of one page."
    )
    cursor = serializers.CharField(
        required=False, max_length=400, help_text="Where to go on: taken from “next”, never made up."
    )
