"""How a gRPC call is described: the source of a .proto file, or a descriptor set, read as what it is, hostile text.

Pure: no Django, no database, no network. Whatever an author wrote is first looked at by a child process with limits
(``child``), since a few lines are enough to break the compiler; only what it lets through is loaded anywhere else.
"""

from registry.protos.describing import Description, TookTooLong, describe, method_of
from registry.protos.pools import BadProto, Method

__all__ = ["BadProto", "Description", "Method", "TookTooLong", "describe", "method_of"]
