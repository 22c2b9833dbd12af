"""What of a recording goes into a file of fixtures: personal data is found and masked, place by place.

A place is an exchange and where something stands in it: ``1 path/3``, ``1 query/0``, ``1 headers/x-user``,
``2 body/people/0/email``, ``2 body/people/a***@example.com#name`` for the name of a field. Names stand in it masked,
so that a place can be shown, sent and stored anywhere.
"""

import json
import re
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any
from urllib.parse import quote, unquote, unquote_plus

from galaxy.core.errors import DomainError
from sandbox.personal_names import ByName, classes_of, declared
from sandbox.transforms import pii
from sandbox.transforms.redaction import mask, numbered

MAX_BYTES = 512 * 1024  # of exchanges; more nobody reviews, and looking through it takes seconds
UNREAD = "unread"  # stands for a data class where nobody could look
_DEEPEST = 64
_MANY_WORDS = 6  # from here on a text may name people without any pattern
_LIKE_A_NAME = re.compile(r"\b[A-ZÀ-ÖØ-Þ]\w+ [A-ZÀ-ÖØ-Þ]\w+")
_MOST_DOUBTS = 50
_NOT_KEPT = frozenset({"secret"})
_PLACEHOLDER = re.compile(r"\{secret:\w+\}", re.ASCII)
# They tell of the body as it came, which the file does not hold byte by byte.
_LEFT_OUT = frozenset({"content-length", "content-encoding", "transfer-encoding"})


class TooMuch(DomainError):
    """Nobody reviews that much."""

    status = 422
    code = "fixture_too_large"
    next_step = "Run the action on something smaller, and make a fixture of that run."


class UnknownPlace(DomainError):
    """A place to keep is not one that was masked, or holds a secret."""

    status = 422
    code = "unknown_place"
    next_step = "Open the page anew; the run may have been recorded again."


@dataclass(frozen=True)
class Place:
    """One masked place. ``classes`` are its data classes; ``shown`` is the mask, ``count`` how many values it hides.
    ``is_keepable`` is false for secrets, which are in no fixture whoever asks."""

    id: str
    exchange: int
    where: str
    classes: list[str]
    shown: str
    count: int
    is_keepable: bool
    is_kept: bool


@dataclass
class Review:
    """``exchanges`` in the form of galaxy.core.egress.exchanges; ``doubts`` are {exchange, where} of texts of
    bodies that may name people all the same, ``more_doubts`` how many more there are."""

    exchanges: list[dict[str, Any]]
    places: list[Place] = field(default_factory=list)
    doubts: list[dict[str, Any]] = field(default_factory=list)
    more_doubts: int = 0

    def as_body(self) -> dict[str, Any]:
        return asdict(self)


def review(
    recording: Mapping[str, Any], *, inputs: dict[str, Any], outputs: dict[str, Any], keep: Iterable[str] = ()
) -> Review:
    """The exchanges of ``recording`` without personal data.

    ``inputs`` and ``outputs`` are the schemas of what ran: a field of an answer that bears the name of a field with a
    data class has that class, and what such an input held is looked for everywhere. ``keep`` are ids of places that a
    person confirmed as harmless. Raises TooMuch or UnknownPlace.
    """
    exchanges = recording["exchanges"]
    if len(json.dumps(exchanges)) > MAX_BYTES:
        raise TooMuch(f"This run moved more than {MAX_BYTES // 1024} KiB, which is too much to look through.")
    takes, gives = declared(inputs), declared(outputs)
    by_name = {name: takes.get(name, frozenset()) | gives.get(name, frozenset()) for name in {*takes, *gives}}
    known = dict(_personal_texts(recording["inputs"], takes, takes.get("", frozenset())))
    reviewer = _Reviewer(by_name, known, frozenset(keep), gives.get("", frozenset()))
    result = Review([reviewer.exchange(number, entry) for number, entry in enumerate(exchanges, 1)])
    unknown = reviewer.keep - {place.id for place in reviewer.places if place.is_keepable}
    if unknown:
        raise UnknownPlace(f"{len(unknown)} of the places to keep are none of this run's.")
    result.places = reviewer.places
    result.doubts, result.more_doubts = reviewer.doubts[:_MOST_DOUBTS], max(0, len(reviewer.doubts) - _MOST_DOUBTS)
    return result


class _Reviewer:
    """Goes through one recording. ``whole`` are the classes of every value of an answer, where the outputs as a whole
    have some."""

    def __init__(self, by_name: ByName, known: Mapping[str, str], keep: frozenset[str], whole: frozenset[str]):
        self.keep = keep
        self.places: list[Place] = []
        self.doubts: list[dict[str, Any]] = []
        self._by_name = by_name
        self._known = {text.casefold(): data_class for text, data_class in known.items()}
        words = "|".join(re.escape(text) for text in sorted(known, key=len, reverse=True))
        self._known_pattern = re.compile(rf"(?<!\w)(?:{words})(?!\w)", re.IGNORECASE) if known else None
        self._whole = whole
        self._number = 0

    def exchange(self, number: int, entry: Mapping[str, Any]) -> dict[str, Any]:
        self._number = number
        result: dict[str, Any] = {"method": entry["method"], "url": self._url(entry["url"])}
        if "failure" in entry:
            message = self._text(entry["message"], "message", frozenset())
            return result | {"failure": entry["failure"], "message": message, "was_sent": entry["was_sent"]}
        headers = {
            name: self._text(value, f"headers/{name}", classes_of(name, self._by_name))
            for name, value in entry["headers"].items()
            if name not in _LEFT_OUT
        }
        result |= {"status": entry["status"], "headers": headers}
        if "body_base64" in entry:
            kept = self._unread("body", entry["body_base64"])
            return result | ({"body_base64": kept} if kept else {"body": ""})
        return result | {"body": self._body(entry["body"])}

    def _url(self, url: str) -> str:
        """The address that the fixture answers. Without its query where that holds something masked: an address
        without one answers whatever is asked there."""
        address, _, query = url.partition("?")
        host, slash, path = address.removeprefix("https://").partition("/")
        segments = [self._segment(part, f"path/{at}") for at, part in enumerate(path.split("/"))]
        address = f"https://{host}{slash}{'/'.join(segments)}"
        parts = [self._query_part(part, f"query/{at}") for at, part in enumerate(query.split("&"))] if query else []
        return f"{address}?{query}" if parts and all(parts) else address

    def _segment(self, segment: str, where: str) -> str:
        text = unquote(segment)
        shown = self._text(text, where, frozenset())
        if shown == text:
            return segment
        return quote(shown, safe="") if "%" in segment else shown

    def _query_part(self, part: str, where: str) -> bool:
        """Whether it may stand in the fixture as it is."""
        name, _, value = (unquote_plus(piece) for piece in part.partition("="))
        if _PLACEHOLDER.fullmatch(value):
            return True
        is_same_name = self._text(name, f"{where}#name", frozenset()) == name
        return self._text(value, where, classes_of(name, self._by_name)) == value and is_same_name

    def _body(self, body: str) -> Any:
        """JSON where it is an object or a list, else the text."""
        try:
            value = json.loads(body, parse_constant=_no_number, parse_float=_finite)
        except ValueError:
            value = None
        except RecursionError:
            return self._unread("body", body) or ""
        if isinstance(value, dict | list):
            return self._value(value, "body", self._whole, 0)
        return self._text(body, "body", self._whole)

    def _value(self, value: Any, where: str, classes: frozenset[str], depth: int) -> Any:
        if isinstance(value, dict | list) and depth > _DEEPEST:
            return self._unread(where, value)
        if isinstance(value, list):
            return [self._value(part, f"{where}/{at}", classes, depth + 1) for at, part in enumerate(value)]
        if isinstance(value, dict):
            return self._map(value, where, classes, depth)
        if isinstance(value, str):
            return self._text(value, where, classes)
        return value if value is None else self._scalar(value, where, classes)

    def _map(self, value: dict[str, Any], where: str, classes: frozenset[str], depth: int) -> dict[str, Any]:
        result: dict[str, Any] = {}
        taken: dict[str, int] = {}
        for name, part in value.items():
            name = _writable(name)
            masked, found = self._masked(name, frozenset())
            shown = numbered(masked, taken)
            place = f"{where}/{shown.replace('~', '~0').replace('/', '~1')}"
            written = self._hidden(f"{place}#name", name, shown, found) if found else shown
            result[written] = self._value(part, place, classes | classes_of(name, self._by_name), depth + 1)
        return result

    def _text(self, text: str, where: str, classes: frozenset[str]) -> str:
        text = _writable(text)
        shown, found = self._masked(text, classes)
        plain = unquote(text) if "%" in text and not classes else text
        if plain != text and self._masked(plain, classes)[1] != found:  # an address behind escapes
            shown, found = self._masked(_writable(plain), classes)
        if where.startswith("body") and not classes and _is_doubtful(shown, where):
            self.doubts.append({"exchange": self._number, "where": where})
        return self._hidden(where, text, shown, found) if found else text

    def _scalar(self, value: float | bool, where: str, classes: frozenset[str]) -> float | bool:
        """Numbers and truth values are masked as the zero of their type, which code can go on with."""
        found = [(name, "") for name in sorted(classes)]
        if not found and not isinstance(value, bool):
            found = self._masked(json.dumps(value), classes)[1]
        return self._hidden(where, value, type(value)(), found) if found else value

    def _unread(self, where: str, value: Any) -> Any:
        return self._hidden(where, value, None, [(UNREAD, "left out")])

    def _masked(self, text: str, classes: frozenset[str]) -> tuple[str, list[tuple[str, str]]]:
        """``text`` without what is personal in it, and (class, mask) of each such value."""
        if classes and text:
            shown = mask(text, min(classes))
            return shown, [(name, shown) for name in sorted(classes)]
        pieces, found, done = [], [], 0
        for start, end, name in self._spans(text):
            shown = mask(text[start:end], name)
            pieces += [text[done:start], shown]
            found.append((name, shown))
            done = end
        return "".join([*pieces, text[done:]]), found

    def _spans(self, text: str) -> list[pii.Match]:
        spans = pii.find(text)
        if self._known_pattern is None:
            return spans
        starts = [one.start for one in spans]
        known = []
        for found in self._known_pattern.finditer(text):
            before = bisect_left(starts, found.end())  # spans that begin before it ends
            if not before or spans[before - 1].end <= found.start():
                known.append(pii.Match(*found.span(), self._known.get(found[0].casefold(), "name")))
        return sorted([*spans, *known])

    def _hidden(self, where: str, value: Any, shown: Any, found: list[tuple[str, str]]) -> Any:
        """Note a masked place; what is written there: the mask, or the value where it is kept."""
        classes = sorted({name for name, _ in found})
        id = f"{self._number} {where}"
        is_keepable = not _NOT_KEPT.intersection(classes)
        is_kept = is_keepable and id in self.keep
        masks = list(dict.fromkeys(each for _, each in found if each))
        words = ", ".join(masks[:3]) if masks else json.dumps(shown)
        count = 1 if len(masks) == 1 else len(found)
        self.places.append(Place(id, self._number, where, classes, words[:200], count, is_keepable, is_kept))
        return value if is_kept else shown


def _personal_texts(value: Any, by_name: ByName, classes: frozenset[str]) -> Iterable[tuple[str, str]]:
    """(text, class) of every input that has one."""
    if isinstance(value, dict):
        for name, part in value.items():
            yield from _personal_texts(part, by_name, classes | classes_of(name, by_name))
    elif isinstance(value, list):
        for part in value:
            yield from _personal_texts(part, by_name, classes)
    elif isinstance(value, str) and classes and len(value.strip()) > 1:
        yield value.strip(), min(classes)


def _is_doubtful(shown: str, where: str) -> bool:
    """Whether what is left of a text may name people: prose, two words like a name, a whole body that is no JSON."""
    is_whole = where == "body" and bool(shown.strip())
    return is_whole or len(shown.split()) >= _MANY_WORDS or bool(_LIKE_A_NAME.search(shown))


def _writable(text: str) -> str:
    """Without halves of surrogate pairs, which JSON can hold and no file can."""
    return text.encode("utf-8", "replace").decode()


def _finite(text: str) -> float:
    number = float(text)
    return number if abs(number) != float("inf") else _no_number(text)


def _no_number(text: str) -> float:
    raise ValueError(f"{text:.20} is no number that JSON can hold.")
