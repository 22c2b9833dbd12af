"""A descriptor pool of one extension's own, made of its descriptor set; nothing is registered with the process."""

from collections.abc import Iterator
from functools import lru_cache

from google.protobuf import (
    any_pb2,
    api_pb2,
    descriptor_pb2,
    duration_pb2,
    empty_pb2,
    field_mask_pb2,
    message_factory,
    source_context_pb2,
    struct_pb2,
    timestamp_pb2,
    type_pb2,
    wrappers_pb2,
)
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import DecodeError, Message

MOST_FILES = 100
MOST_TYPES = 5_000
MOST_POOLS = 32  # kept; one for each descriptor set
# Always ours, whatever a set says of them: the JSON mapping of Protocol Buffers relies on their exact form.
WELL_KNOWN: dict[str, bytes] = {
    module.DESCRIPTOR.name: module.DESCRIPTOR.serialized_pb
    for module in (
        any_pb2, api_pb2, descriptor_pb2, duration_pb2, empty_pb2, field_mask_pb2, source_context_pb2, struct_pb2,
        timestamp_pb2, type_pb2, wrappers_pb2,
    )
}  # fmt: skip


class BadProto(ValueError):
    """The description of a call cannot be used; the text is one sentence for its author."""


class Method:
    """One unary method. ``path`` is where it is called; ``request`` and ``response`` make messages of its pool."""

    def __init__(self, descriptor: MethodDescriptor, pool: DescriptorPool):
        self.descriptor = descriptor
        self.pool = pool
        self.path = f"/{descriptor.containing_service.full_name}/{descriptor.name}"
        self.request: type[Message] = message_factory.GetMessageClass(descriptor.input_type)
        self.response: type[Message] = message_factory.GetMessageClass(descriptor.output_type)


def find_method(descriptor_set: bytes, service: str, method: str) -> Method:
    """The method that a serialised FileDescriptorSet describes. Raises BadProto."""
    pool, names = _pool_of(descriptor_set)
    try:
        found = pool.FindServiceByName(service)
    except KeyError:
        listed = ", ".join(sorted(names)) or "none"
        raise BadProto(f"There is no service {service}; there is {listed:.200}.") from None
    if method not in found.methods_by_name:
        listed = ", ".join(sorted(found.methods_by_name)) or "none"
        raise BadProto(f"{service} has no method {method}; it has {listed:.200}.")
    descriptor = found.methods_by_name[method]
    if descriptor.client_streaming or descriptor.server_streaming:
        raise BadProto(f"{service}.{method} streams; only unary calls are made.")
    return Method(descriptor, pool)


def every_method(descriptor_set: bytes) -> Iterator[MethodDescriptor]:
    """All methods of all services. Raises BadProto."""
    pool, names = _pool_of(descriptor_set)
    for name in names:
        yield from pool.FindServiceByName(name).methods


@lru_cache(MOST_POOLS)
def _pool_of(raw: bytes) -> tuple[DescriptorPool, list[str]]:
    """The pool, and the full names of the services in it."""
    try:
        files = list(descriptor_pb2.FileDescriptorSet.FromString(raw).file)
    except DecodeError:
        raise BadProto("This is no FileDescriptorSet.") from None
    if len(files) > MOST_FILES:
        raise BadProto(f"There are {len(files)} files in it; the most is {MOST_FILES}.")
    if sum(map(_types_in, files)) > MOST_TYPES:
        raise BadProto(f"There are more than {MOST_TYPES} messages and enums in it.")
    by_name = {file.name: file for file in files if file.name not in WELL_KNOWN}
    if len(by_name) < sum(file.name not in WELL_KNOWN for file in files):
        raise BadProto("Two files in it bear one name.")
    pool = DescriptorPool()
    for name in _in_order(by_name):
        try:
            pool.AddSerializedFile(WELL_KNOWN[name] if name in WELL_KNOWN else by_name[name].SerializeToString())
        except (TypeError, ValueError):  # its words may quote the set without end
            raise BadProto(f"The file {name:.100} contradicts itself or another file of the set.") from None
    services = [
        ".".join(filter(None, (file.package, service.name))) for file in by_name.values() for service in file.service
    ]
    return pool, services


def _in_order(files: dict[str, descriptor_pb2.FileDescriptorProto]) -> list[str]:
    """Names of the files and of what they import, the imported first. Raises BadProto."""
    order: list[str] = []
    under_way: set[str] = set()

    def visit(name: str) -> None:
        if name in order:
            return
        if name in under_way:
            raise BadProto(f"The file {name:.100} imports itself, directly or by others.")
        under_way.add(name)
        if name in files:
            wanted = list(files[name].dependency)
        elif name in WELL_KNOWN:
            wanted = list(descriptor_pb2.FileDescriptorProto.FromString(WELL_KNOWN[name]).dependency)
        else:
            raise BadProto(f"The file {name:.100} is imported and not there.")
        for one in wanted:
            visit(one)
        order.append(name)

    for name in files:
        visit(name)
    return order


def _types_in(holder: descriptor_pb2.FileDescriptorProto | descriptor_pb2.DescriptorProto) -> int:
    is_file = isinstance(holder, descriptor_pb2.FileDescriptorProto)
    nested = holder.message_type if is_file else holder.nested_type
    return len(holder.enum_type) + sum(1 + _types_in(message) for message in nested)
