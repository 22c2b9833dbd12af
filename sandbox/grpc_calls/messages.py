"""JSON to the message of a request, and the message of an answer to JSON, by the JSON mapping of Protocol Buffers."""

import json
import math
import re
from collections.abc import Iterable
from typing import Any

from google.protobuf import json_format
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import DecodeError, EncodeError, Message
from google.protobuf.message_factory import GetMessageClass

from galaxy.core.egress import Refused
from registry.manifests import ActionSpec
from registry.protos import BadProto, Method, TookTooLong
from registry.protos import method_of as described
from sandbox.models import Category
from sandbox.rest.failures import BadCall

DEEPEST = 32
# What an answer may hold once it is JSON. A field that is not set takes nothing in a message and its name in JSON, so
# that a few bytes of a peer could become gigabytes here.
MOST_VALUES = 200_000
_FLOATS = (FieldDescriptor.CPPTYPE_FLOAT, FieldDescriptor.CPPTYPE_DOUBLE)
_DEEPEST_ANSWER = 100  # as of protobuf itself, which counts anew in every Any
# How json_format tells where it was, from the outermost field to the innermost; what follows may quote a value.
_CHAIN = re.compile(r"(?:Failed to parse \w+ field: )*")
_UNKNOWN = re.compile(r'Message type "[\w.]+" has no field named "([^"\n]{1,100})" at "([\w.\[\]]{1,200})"')
_PLACE = re.compile(r" at ([A-Za-z_][\w.\[\]]{0,200})\.*$")
_NAME, _NUMBER = re.compile(r"parse (\w+) field"), re.compile(r"\[\d+\]")
# What our own libraries raise for values and messages that nobody thought of.
_BROKEN = (
    json_format.Error, DecodeError, EncodeError, ValueError, TypeError, KeyError, AttributeError, OverflowError,
    RecursionError,
)  # fmt: skip


def method_of(spec: ActionSpec) -> Method:
    """What the action calls, from its manifest. Raises BadCall."""
    try:
        return described(spec.grpc)
    except TookTooLong as error:
        raise BadCall(Category.TRANSIENT, "description_not_read", str(error)) from error
    except BadProto as error:
        raise BadCall(Category.TOOL_ERROR, "bad_description", str(error)) from error


def encode(method: Method, inputs: dict[str, Any]) -> bytes:
    """The serialised request. Raises BadCall, which names the field and repeats no value."""
    message = method.request()
    try:
        json_format.ParseDict(inputs, message, descriptor_pool=method.pool, max_recursion_depth=DEEPEST)
    except _BROKEN as error:
        field = _field(str(error), method.descriptor.input_type)
        told = f"{field} does not fit" if field else "They do not fit"
        sentence = f"The inputs cannot be written as {method.descriptor.input_type.full_name}. {told} its description."
        raise BadCall(Category.VALIDATION, "bad_message", sentence, field=field) from error
    missing = message.FindInitializationErrors()
    if missing:
        sentence = f"{method.descriptor.input_type.full_name} requires {missing[0]}."
        raise BadCall(Category.VALIDATION, "bad_message", sentence, field=missing[0])
    return message.SerializeToString()


def decode(method: Method, raw: bytes) -> bytes:
    """The answer as JSON text in UTF-8: names as in the .proto file, every plain field told. Raises Refused.

    64-bit integers are texts, bytes are base64, enums are names; NaN and infinity are no JSON and are refused.
    """
    name = method.descriptor.output_type.full_name
    try:
        message = method.response.FromString(raw)
        if not message.IsInitialized():
            raise DecodeError
        _Counter(method.pool).count(message)
        value = json_format.MessageToDict(
            message,
            preserving_proto_field_name=True,
            always_print_fields_with_no_presence=True,
            descriptor_pool=method.pool,
        )
        return json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except _TooMuch as error:
        sentence = f"The answer holds more than {MOST_VALUES} values."
        raise Refused("response_too_large", sentence, was_sent=True) from error
    except _BROKEN as error:
        raise Refused("bad_response", f"The answer is no {name}.", was_sent=True) from error


class _TooMuch(Exception):
    """The message is larger in JSON than anybody needs."""


class _Counter:
    """Counts the values that a message has in JSON, and stops early. What is packed in an Any is unpacked for that.
    NaN and infinity, which are no numbers of JSON, are found on the way."""

    def __init__(self, pool: DescriptorPool):
        self._pool = pool
        self._left = MOST_VALUES

    def count(self, message: Message, depth: int = 0) -> None:
        """Raises _TooMuch, or one of _BROKEN for what JSON cannot tell."""
        if depth > _DEEPEST_ANSWER:
            raise RecursionError
        self._take(1 + len(message.DESCRIPTOR.fields))
        if message.DESCRIPTOR.full_name == "google.protobuf.Any" and message.type_url:
            kind = self._pool.FindMessageTypeByName(message.type_url.rpartition("/")[2])
            self.count(GetMessageClass(kind).FromString(message.value), depth + 1)
            return
        for field, value in message.ListFields():
            if field.is_repeated:
                self._take(len(value))
            if field.cpp_type in _FLOATS and not all(map(math.isfinite, value if field.is_repeated else (value,))):
                raise ValueError
            for one in _messages_in(field, value):
                self.count(one, depth + 1)

    def _take(self, number: int) -> None:
        self._left -= number
        if self._left < 0:
            raise _TooMuch


def _messages_in(field: FieldDescriptor, value: Any) -> Iterable[Message]:
    kind = field.message_type
    if kind is None:
        return ()
    if kind.GetOptions().map_entry:
        return value.values() if kind.fields_by_name["value"].message_type else ()
    return value if field.is_repeated else (value,)


def _field(told: str, message: Descriptor) -> str:
    """The path of the field that json_format complains of, such as ``items[0].sku``; empty where it does not say.

    What is no field of the message may be a value, or its own word in disguise, and is not repeated.
    """
    chain = _CHAIN.match(told)[0]  # type: ignore[index]  # it matches nothing at least
    named = ".".join(_NAME.findall(chain))
    if found := _UNKNOWN.match(told, len(chain)):
        return f"{_below_message(found[2])}.{found[1]}".lstrip(".")
    found = _PLACE.search(told)
    place = _below_message(found[1]) if found else ""
    return place if _is_path(message, _NUMBER.sub("", place).split(".")) else named


def _is_path(message: Descriptor | None, names: list[str]) -> bool:
    for name in names:
        field = message.fields_by_name.get(name) if message else None
        if field is None:
            return False
        message = field.message_type
    return True


def _below_message(place: str) -> str:
    """``Order.items[0]`` as ``items[0]``."""
    return place.partition(".")[2]
