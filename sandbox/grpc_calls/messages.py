"""JSON to the message of a request, and the message of an answer to JSON, by the JSON mapping of Protocol Buffers."""

import json
import re
from typing import Any

from google.protobuf import json_format
from google.protobuf.message import DecodeError, EncodeError

from galaxy.core.egress import Refused
from registry.manifests import ActionSpec
from registry.protos import BadProto, Method, TookTooLong
from registry.protos import method_of as described
from sandbox.models import Category
from sandbox.rest.failures import BadCall

DEEPEST = 32
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
        field = _field(str(error))
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
        value = json_format.MessageToDict(
            message,
            preserving_proto_field_name=True,
            always_print_fields_with_no_presence=True,
            descriptor_pool=method.pool,
        )
        return json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except _BROKEN as error:
        raise Refused("bad_response", f"The answer is no {name}.", was_sent=True) from error


def _field(told: str) -> str:
    """The path of the field that json_format complains of, such as ``items[0].sku``; empty where it does not say."""
    chain = _CHAIN.match(told)[0]  # type: ignore[index]  # it matches nothing at least
    named = ".".join(_NAME.findall(chain))
    if found := _UNKNOWN.match(told, len(chain)):
        return f"{_below_message(found[2])}.{found[1]}".lstrip(".")
    found = _PLACE.search(told)
    place = _below_message(found[1]) if found else ""
    return place if _NUMBER.sub("", place) == named else named


def _below_message(place: str) -> str:
    """``Order.items[0]`` as ``items[0]``."""
    return place.partition(".")[2]
