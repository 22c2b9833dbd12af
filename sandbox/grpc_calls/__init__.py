"""gRPC actions: JSON to messages and back, codes to categories; sandbox.sandboxd.grpc_calls makes the call.

What an action calls is described by its manifest alone (registry.protos); nothing is asked of the peer but the call.
docs/grpc.md tells the whole of it.
"""

from sandbox.grpc_calls.judging import Judged, judged
from sandbox.grpc_calls.messages import decode, encode, method_of
from sandbox.grpc_calls.statuses import STATUSES, meaning_of

__all__ = ["STATUSES", "Judged", "decode", "encode", "judged", "meaning_of", "method_of"]
