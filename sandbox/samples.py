"""Made-up answers that look like real ones, for actions whose manifest has no simulation handler. Pure.

They are seeded by the run and its inputs: the same run gives the same bytes, another lead gives another answer. Every
value has its own draw by its place, so that a field that is added changes no other.
"""

import hashlib
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import rfc8785

from registry.manifests.misfits import misfits

FIRST = ("Ada", "Amara", "Bruno", "Chen", "Dara", "Elif", "Femi", "Grace", "Hugo", "Ines", "Jonas", "Kaya", "Lena",
         "Mateo", "Noor", "Oskar", "Priya", "Rosa", "Sven", "Tomoko")  # fmt: skip
LAST = ("Abara", "Brandt", "Castro", "Diallo", "Eriksen", "Fischer", "Garcia", "Haddad", "Ito", "Jansen", "Kowalski",
        "Lindqvist", "Moreau", "Nakamura", "Okafor", "Petrov", "Rossi", "Silva", "Tanaka", "Weber")  # fmt: skip
COMPANIES = ("Alder Works", "Birch and Co", "Cedar Systems", "Delta Freight", "Elm Analytics", "Fjord Energy",
             "Grove Health", "Harbour Foods", "Iris Optics", "Juniper Legal")  # fmt: skip
CITIES = ("Aarhus", "Bergen", "Cork", "Delft", "Essen", "Fribourg", "Graz", "Hull", "Izmir", "Jena")
WORDS = ("amber", "birch", "cobalt", "dune", "ember", "fern", "glade", "harbour", "iris", "juniper")
MOST_DEEP, MOST_FIELDS, MOST_ENTRIES = 6, 40, 5
_ID = re.compile(r"(^|_)(id|key|uid|uuid|number|ref|reference)$|Id$|^ts$")
_EPOCH = datetime(2026, 1, 1, 9, tzinfo=UTC)


class Draw:
    """Numbers that hang on the seed, the inputs and a place, and on nothing else."""

    def __init__(self, seed: int, inputs: Any):
        self._key = hashlib.sha256(rfc8785.dumps([str(seed), inputs])).digest()

    def number(self, place: str, below: int) -> int:
        digest = hashlib.sha256(self._key + place.encode()).digest()
        return int.from_bytes(digest[:8], "big") % max(below, 1)

    def one(self, place: str, among: tuple[Any, ...] | list[Any]) -> Any:
        return among[self.number(place, len(among))]

    def text(self, place: str) -> str:
        return hashlib.sha256(self._key + place.encode()).hexdigest()


def made(schema: dict[str, Any], inputs: dict[str, Any], *, seed: int) -> Any:
    """A value by ``schema``: formats, enums and bounds are kept, fields that are among the inputs are theirs."""
    return _made(schema, "", "", Draw(seed, inputs), inputs, schema, 0)


def varied(outputs: Any, schema: dict[str, Any], inputs: dict[str, Any], *, seed: int) -> Any:
    """The outputs of a recorded sample as another call would get them: identifiers of the same shape, and what the
    inputs say in fields of their names. As they were where the schema takes nothing else."""
    if not isinstance(outputs, dict):
        return outputs
    changed = _varied(outputs, "", Draw(seed, inputs), inputs)
    return changed if not misfits(changed, schema) else outputs


def _varied(value: Any, place: str, draw: Draw, inputs: dict[str, Any]) -> Any:
    if isinstance(value, list):
        return [_varied(one, f"{place}/{number}", draw, inputs) for number, one in enumerate(value)]
    if not isinstance(value, dict):
        return value
    found = {}
    for name, one in value.items():
        here = f"{place}/{name}"
        if isinstance(one, dict | list):
            found[name] = _varied(one, here, draw, inputs)
        elif name in inputs and type(inputs[name]) is type(one):
            found[name] = inputs[name]
        elif isinstance(one, str) and _ID.search(name):
            found[name] = _like(one, draw, here)
        else:
            found[name] = one
    return found


def _like(text: str, draw: Draw, place: str) -> str:
    """Other digits and letters in their places, and everything else as it is."""
    signs = []
    for number, sign in enumerate(text):
        here = f"{place}#{number}"
        if sign.isascii() and sign.isdigit():
            signs.append(str(draw.number(here, 10)) if number else str(1 + draw.number(here, 9)))
        elif "a" <= sign <= "f":
            signs.append("abcdef"[draw.number(here, 6)])
        else:
            signs.append(sign)
    return "".join(signs)


def _made(
    schema: dict[str, Any], name: str, place: str, draw: Draw, inputs: dict[str, Any], root: dict[str, Any], depth: int
) -> Any:
    if "$ref" in schema and depth <= MOST_DEEP:
        inner = root.get("$defs", {}).get(str(schema["$ref"]).removeprefix("#/$defs/"), {})
        return _made(inner, name, place, draw, inputs, root, depth + 1)
    if "const" in schema:
        return schema["const"]
    given = inputs.get(name)
    if name and given is not None and not isinstance(given, dict | list) and not misfits({"v": given}, _holder(schema)):
        return given
    if schema.get("enum"):
        return draw.one(place, schema["enum"])
    for key in ("oneOf", "anyOf", "allOf"):
        if schema.get(key) and "properties" not in schema:
            return _made(schema[key][0], name, place, draw, inputs, root, depth + 1)
    kinds = schema.get("type")
    kind = next((one for one in kinds if one != "null"), "null") if isinstance(kinds, list) else kinds
    if kind == "object" or (kind is None and "properties" in schema):
        properties, required = schema.get("properties", {}), schema.get("required", ())
        names = (
            list(required) if depth >= MOST_DEEP // 2 else [*properties, *(r for r in required if r not in properties)]
        )
        return {
            one: _made(properties.get(one, {}), one, f"{place}/{one}", draw, inputs, root, depth + 1)
            for one in names[:MOST_FIELDS]
        }
    if kind == "array":
        low, high = schema.get("minItems", 0 if depth >= MOST_DEEP else 1), schema.get("maxItems", MOST_ENTRIES)
        count = low + draw.number(f"{place}#", max(1, min(high, low + 3) - low + 1))
        items = schema.get("items", {})
        singular = name.removesuffix("s")
        return [_made(items, singular, f"{place}/{n}", draw, inputs, root, depth + 1) for n in range(count)]
    if kind == "boolean":
        return True
    if kind in ("integer", "number"):
        return _number(schema, kind, place, draw)
    return None if kind == "null" else _text(schema, name, place, draw)


def _number(schema: dict[str, Any], kind: str, place: str, draw: Draw) -> int | float:
    low = schema.get("minimum", schema.get("exclusiveMinimum"))
    high = schema.get("maximum", schema.get("exclusiveMaximum"))
    start = low if low is not None else min(1, high - 1) if high is not None else 1
    stop = high if high is not None else start + 500
    start += "exclusiveMinimum" in schema
    stop -= "exclusiveMaximum" in schema and kind == "integer"
    step = schema.get("multipleOf", 1)
    if kind == "integer" or float(step) != 1:
        first = -(-start // step) * step
        return first + step * draw.number(place, int(max(0, (stop - first) // step)) + 1)
    return round(start + (stop - start) * draw.number(place, 1000) / 1001, 2) if stop > start else start


def _text(schema: dict[str, Any], name: str, place: str, draw: Draw) -> str:
    found = _by_format(schema.get("format", ""), place, draw) or _by_name(name.lower(), place, draw)
    low, high = schema.get("minLength", 0), schema.get("maxLength", 200)
    pattern = schema.get("pattern")
    if pattern and misfits({"v": found}, _holder(schema)):
        for candidate in (draw.text(place), draw.text(place).upper(), str(10**17 + draw.number(place, 10**17))):
            for length in (low or 1, 8, 12, 15, 18, 24, 32, 36):
                if not misfits({"v": candidate[:length]}, _holder(schema)):
                    return candidate[:length]
    return found[:high].ljust(min(low, 500), "x")


def _by_format(format: str, place: str, draw: Draw) -> str:
    day = _EPOCH + timedelta(days=draw.number(place, 300), minutes=draw.number(f"{place}m", 600))
    hexadecimal = draw.text(place)
    last = 1 + draw.number(place, 250)
    return {
        "date": f"{day:%Y-%m-%d}",
        "date-time": f"{day:%Y-%m-%dT%H:%M:%SZ}",
        "time": f"{day:%H:%M:%SZ}",
        "email": f"{draw.one(f'{place}f', FIRST)}.{draw.one(f'{place}l', LAST)}@example.com".lower(),
        "uri": f"https://example.com/{draw.one(place, WORDS)}/{hexadecimal[:8]}",
        "url": f"https://example.com/{draw.one(place, WORDS)}/{hexadecimal[:8]}",
        "uuid": "-".join(
            (hexadecimal[:8], hexadecimal[8:12], f"4{hexadecimal[13:16]}", f"8{hexadecimal[17:20]}", hexadecimal[20:32])
        ),
        "hostname": f"{draw.one(place, WORDS)}.example.com",
        "ipv4": f"192.0.2.{last}",
        "ipv6": f"2001:db8::{last:x}",
    }.get(format, "")


def _by_name(name: str, place: str, draw: Draw) -> str:
    first, last = draw.one(f"{place}f", FIRST), draw.one(f"{place}l", LAST)
    if "email" in name:
        return f"{first}.{last}@example.com".lower()
    if "first" in name:
        return str(first)
    if "last" in name or "surname" in name:
        return str(last)
    if "company" in name or "organi" in name:
        return str(draw.one(place, COMPANIES))
    if "city" in name or "place" in name:
        return str(draw.one(place, CITIES))
    if "phone" in name:
        return f"+1 415 555 01{draw.number(place, 100):02}"
    if "name" in name or "owner" in name or "author" in name:
        return f"{first} {last}"
    if "url" in name or "link" in name:
        return f"https://example.com/{draw.text(place)[:8]}"
    if _ID.search(name):
        return draw.text(place)[:12]
    label = name.replace("_", " ").strip() or "sample"
    return f"{label} {draw.one(place, WORDS)}"


def _holder(schema: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": {"v": {key: one for key, one in schema.items() if key != "$ref"}}}
