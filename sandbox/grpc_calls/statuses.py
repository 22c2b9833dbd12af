"""What each gRPC code means to a run: one closed table (codes: google/rpc/code.proto and grpc/doc/statuscodes.md)."""

import base64
import binascii
import math
from dataclasses import dataclass, replace
from functools import cache

import grpc
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass

from registry.protos.pools import WELL_KNOWN
from sandbox.models import Category

LONGEST_WAIT_S = 86_400


@dataclass(frozen=True)
class Meaning:
    """``has_acted``: False says that a write was surely not done, True that it may have been; so only False lets one
    that is not idempotent be tried again. None: the peer has to have asked for another try."""

    category: str
    has_acted: bool | None
    sentence: str


_C, _S = Category, grpc.StatusCode
STATUSES: dict[grpc.StatusCode, Meaning] = {
    _S.CANCELLED: Meaning(_C.TRANSIENT, True, "The other system gave the call up."),
    _S.UNKNOWN: Meaning(_C.TOOL_ERROR, True, "The other system failed and does not say how."),
    _S.INVALID_ARGUMENT: Meaning(_C.VALIDATION, False, "The other system does not take these values."),
    _S.DEADLINE_EXCEEDED: Meaning(_C.TRANSIENT, True, "The other system was not done in time."),
    _S.NOT_FOUND: Meaning(_C.NOT_FOUND, False, "The other system does not know the record."),
    _S.ALREADY_EXISTS: Meaning(_C.VALIDATION, False, "The record is there already."),
    _S.PERMISSION_DENIED: Meaning(_C.AUTH_ERROR, False, "The connection may not do this at the other system."),
    _S.RESOURCE_EXHAUSTED: Meaning(_C.RATE_LIMIT, False, "The other system takes no more calls for now."),
    _S.FAILED_PRECONDITION: Meaning(_C.VALIDATION, False, "The record is not in a state that allows this."),
    _S.ABORTED: Meaning(_C.TRANSIENT, False, "Another change came in between, so the other system undid this one."),
    _S.OUT_OF_RANGE: Meaning(_C.VALIDATION, False, "A value lies outside of what the other system has."),
    _S.UNIMPLEMENTED: Meaning(_C.TOOL_ERROR, False, "The other system has no such method."),
    _S.INTERNAL: Meaning(_C.TRANSIENT, True, "The other system broke on the call."),
    _S.UNAVAILABLE: Meaning(_C.TRANSIENT, None, "The other system is not available."),
    _S.DATA_LOSS: Meaning(_C.TOOL_ERROR, True, "The other system has lost data."),
    _S.UNAUTHENTICATED: Meaning(_C.AUTH_ERROR, False, "The other system does not take the credentials."),
}
_QUOTA = replace(STATUSES[_S.RESOURCE_EXHAUSTED], category=_C.QUOTA, sentence="A quota at the other system is used up.")


def meaning_of(code: grpc.StatusCode, details: str = "") -> tuple[Meaning | None, int | None]:
    """The meaning of a code, None for OK, and the seconds after which the peer asks to be called again.

    ``details`` is the answer's grpc-status-details-bin in base64. A peer that says which quota is used up, and not when
    to come back, is not helped by waiting a little.
    """
    found = _details(details)
    waits = [wait for name, value in found if name == "google.rpc.RetryInfo" and (wait := _wait(value)) is not None]
    after_s = waits[0] if waits else None
    is_quota = (
        code is _S.RESOURCE_EXHAUSTED and after_s is None and any(n == "google.rpc.QuotaFailure" for n, _ in found)
    )
    return _QUOTA if is_quota else STATUSES.get(code), after_s


def _details(text: str) -> list[tuple[str, bytes]]:
    """Full name and bytes of each detail of a google.rpc.Status; none where it is not one, or holds a mark of ours."""
    try:
        status = _classes()[0].FromString(base64.b64decode(text + "=" * (-len(text) % 4), validate=True))
    except (binascii.Error, DecodeError, ValueError):
        return []
    return [(one.type_url.rpartition("/")[2], one.value) for one in status.details]


def _wait(raw: bytes) -> int | None:
    """Whole seconds of a RetryInfo, rounded up."""
    try:
        delay = _classes()[1].FromString(raw).retry_delay
    except DecodeError:
        return None
    seconds = delay.seconds + delay.nanos / 1e9
    return math.ceil(seconds) if 0 <= seconds <= LONGEST_WAIT_S else None


@cache
def _classes() -> tuple[type[Message], type[Message]]:
    """google.rpc.Status and google.rpc.RetryInfo (google/rpc/status.proto, error_details.proto), in a pool of ours."""
    file = FileDescriptorProto(name="galaxy/rpc.proto", package="google.rpc", syntax="proto3")
    file.dependency.extend(["google/protobuf/any.proto", "google/protobuf/duration.proto"])
    optional, repeated = FieldDescriptorProto.LABEL_OPTIONAL, FieldDescriptorProto.LABEL_REPEATED
    kind = FieldDescriptorProto.TYPE_MESSAGE
    status = file.message_type.add(name="Status")
    status.field.add(name="details", number=3, label=repeated, type=kind, type_name=".google.protobuf.Any")
    info = file.message_type.add(name="RetryInfo")
    info.field.add(name="retry_delay", number=1, label=optional, type=kind, type_name=".google.protobuf.Duration")
    pool = DescriptorPool()
    for raw in (*map(WELL_KNOWN.__getitem__, file.dependency), file.SerializeToString()):
        pool.AddSerializedFile(raw)
    status_class, info_class = (GetMessageClass(pool.FindMessageTypeByName(f"google.rpc.{name}")) for name in _NAMES)
    return status_class, info_class


_NAMES = ("Status", "RetryInfo")
