"""JSON Schemas of messages, by the JSON mapping of Protocol Buffers (protobuf.dev, "ProtoJSON Format").

Fields keep the names of the .proto file. 64-bit integers are texts in answers, since JSON's readers lose digits of
them; a request may give either. Bytes are base64.
"""

from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor

DEEPEST = 6  # messages within messages; what lies deeper, or leads back to itself, is any object
MOST_FIELDS = 200  # in one schema, so that a manifest of many actions stays one that can be read

_INT32, _UINT32 = (-(2**31), 2**31 - 1), (0, 2**32 - 1)
_NUMBERS: dict[int, tuple[int, int]] = {
    FieldDescriptor.CPPTYPE_INT32: _INT32,
    FieldDescriptor.CPPTYPE_UINT32: _UINT32,
}
_LONG = (FieldDescriptor.CPPTYPE_INT64, FieldDescriptor.CPPTYPE_UINT64)
_FLOATS = (FieldDescriptor.CPPTYPE_FLOAT, FieldDescriptor.CPPTYPE_DOUBLE)
_DIGITS = "^-?[0-9]{1,20}$"
_OPEN: dict[str, Any] = {"type": "object"}


class Schemas:
    """Writes the schema of one message; ``is_answer``: of what comes back, where further fields may come."""

    def __init__(self, *, is_answer: bool):
        self._is_answer = is_answer
        self._fields_left = MOST_FIELDS

    def of(self, message: Descriptor) -> dict[str, Any]:
        return self._message(message, ())

    def _message(self, message: Descriptor, above: tuple[str, ...]) -> dict[str, Any]:
        if special := self._well_known(message):
            return special
        self._fields_left -= len(message.fields)
        if message.full_name in above or len(above) >= DEEPEST or self._fields_left < 0:
            return dict(_OPEN)
        inside = (*above, message.full_name)
        schema: dict[str, Any] = {
            "type": "object",
            "properties": {field.name: self._field(field, inside) for field in message.fields},
        }
        if required := sorted(field.name for field in message.fields if field.is_required):
            schema["required"] = required
        if not self._is_answer:
            schema["additionalProperties"] = False
        return schema

    def _field(self, field: FieldDescriptor, above: tuple[str, ...]) -> dict[str, Any]:
        if not field.is_repeated:
            return self._single(field, above)
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            return {
                "type": "object",
                "additionalProperties": self._single(field.message_type.fields_by_name["value"], above),
            }
        return {"type": "array", "items": self._single(field, above)}

    def _single(self, field: FieldDescriptor, above: tuple[str, ...]) -> dict[str, Any]:
        kind = field.cpp_type
        if kind == FieldDescriptor.CPPTYPE_MESSAGE:
            return self._message(field.message_type, above)
        if kind == FieldDescriptor.CPPTYPE_ENUM:
            names = [value.name for value in field.enum_type.values]
            # An answer may hold a value that is newer than the description; it comes as its number.
            return {"type": ["integer", "string"]} if self._is_answer else {"type": "string", "enum": names}
        if kind == FieldDescriptor.CPPTYPE_STRING:
            is_bytes = field.type == FieldDescriptor.TYPE_BYTES
            return {"type": "string"} | ({"contentEncoding": "base64"} if is_bytes else {})
        if kind == FieldDescriptor.CPPTYPE_BOOL:
            return {"type": "boolean"}
        if kind in _LONG:
            return {"type": "string" if self._is_answer else ["integer", "string"], "pattern": _DIGITS}
        if kind in _FLOATS:
            return {"type": "number"}
        low, high = _NUMBERS[kind]
        return {"type": "integer", "minimum": low, "maximum": high}

    def _well_known(self, message: Descriptor) -> dict[str, Any]:
        """The schema of a type that JSON has a form of its own for; empty for every other."""
        package, _, name = message.full_name.rpartition(".")
        if package != "google.protobuf":
            return {}
        if name.endswith("Value") and "value" in message.fields_by_name and name != "Value":
            inner = self._single(message.fields_by_name["value"], ())
            kinds = inner["type"] if isinstance(inner["type"], list) else [inner["type"]]
            return inner | {"type": sorted([*kinds, "null"])}
        return {
            "Any": dict(_OPEN),
            "Duration": {"type": "string"},
            "FieldMask": {"type": "string"},
            "ListValue": {"type": "array"},
            "Struct": dict(_OPEN),
            "Timestamp": {"type": "string", "format": "date-time"},
            "Value": {"description": "Any JSON."},
        }.get(name, {})
