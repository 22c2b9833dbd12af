"""What the page that makes a fixture shows: each exchange as the file would hold it, and what is masked in it."""

import json
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from registry.manifests.types import DATA_CLASSES
from sandbox.fixture_review import UNREAD

MOST_SHOWN = 20_000  # characters of one body; the file has all of it
MOST_PLACES = 500  # that can be kept one by one
WORDS = DATA_CLASSES | {UNREAD: "Something nobody can look through"}


@dataclass(frozen=True)
class MaskedPlace:
    """``what`` names its data classes in words; the rest is as in sandbox.fixture_review.Place."""

    id: str
    where: str
    what: str
    shown: str
    count: int
    is_keepable: bool


@dataclass(frozen=True)
class Exchange:
    """``answer`` is the status, or why there is none; ``body`` JSON or a text, cut where ``is_cut``."""

    number: int
    method: str
    url: str
    answer: str
    tone: str
    headers: dict[str, str]
    body: Any
    is_cut: bool
    places: list[MaskedPlace]
    doubts: list[str]

    @property
    def is_text(self) -> bool:
        return isinstance(self.body, str)


class FixturePage:
    def __init__(self, review: dict[str, Any]):
        self._review = review

    @cached_property
    def exchanges(self) -> list[Exchange]:
        return [self._exchange(number, entry) for number, entry in enumerate(self._review["exchanges"], 1)]

    @property
    def masked(self) -> int:
        return len(self._review["places"])

    @property
    def kept_masked(self) -> int:
        """Places beyond those that the page lists."""
        return max(0, self.masked - MOST_PLACES)

    @property
    def more_doubts(self) -> int:
        return self._review["more_doubts"]

    def _exchange(self, number: int, entry: dict[str, Any]) -> Exchange:
        body, is_cut = _cut(entry.get("body", ""))
        status = entry.get("status")
        return Exchange(
            number=number,
            method=entry["method"],
            url=entry["url"],
            answer=str(status) if status else entry["message"],
            tone="ok" if status and status < 400 else "warn",
            headers=entry.get("headers", {}),
            body=body,
            is_cut=is_cut,
            places=[_place(one) for one in self._review["places"][:MOST_PLACES] if one["exchange"] == number],
            doubts=[one["where"] for one in self._review["doubts"] if one["exchange"] == number],
        )


def _place(place: dict[str, Any]) -> MaskedPlace:
    what = ", ".join(WORDS[name] for name in place["classes"])
    return MaskedPlace(place["id"], place["where"], what, place["shown"], place["count"], place["is_keepable"])


def _cut(body: Any) -> tuple[Any, bool]:
    text = body if isinstance(body, str) else json.dumps(body, ensure_ascii=False, indent=2)
    return (text[:MOST_SHOWN], True) if len(text) > MOST_SHOWN else (body, False)
