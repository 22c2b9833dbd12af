"""The warehouse of docs/grpc.md as a grpcio server with reflection and TLS, by messages that protoc generated."""

import importlib.util
import re
import sys
import time
from concurrent import futures
from pathlib import Path

import grpc
from grpc_reflection.v1alpha import reflection, reflection_pb2, reflection_pb2_grpc
from grpc_tools import protoc

from tests.core.egress.grpc_peers import credentials

HOST = "stock.example.com"
SERVICE = "stock.v1.Warehouse"
PAGE = (Path(__file__).resolve().parents[2] / "docs" / "grpc.md").read_text(encoding="utf-8")
MANIFEST = re.search(r"```yaml\n(.*?)```", PAGE, re.DOTALL)[1]
PROTO = "\n".join(line[4:] for line in re.search(r"  proto: \|\n((?:    .*\n|\n)+)", MANIFEST)[1].split("\n"))
METHODS = {"GetItem": "GetItemRequest", "Reserve": "ReserveRequest", "Release": "ReleaseRequest"}


class Warehouse:
    """``answer(name, request, context)`` gives the message of a call; ``calls`` are (name, metadata, request)."""

    def __init__(self, folder: Path, authority):
        self._authority = authority
        self.messages = generated(folder)
        self.forget()
        self._server = grpc.server(futures.ThreadPoolExecutor(4))
        handlers = {name: self._handler(name, getattr(self.messages, kind)) for name, kind in METHODS.items()}
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))
        reflection.enable_server_reflection((SERVICE, reflection.SERVICE_NAME), self._server)
        self.port = self._server.add_secure_port("127.0.0.1:0", credentials(authority, HOST))
        self._server.start()

    def forget(self) -> None:
        self.calls: list = []
        self.answer = self.honest

    def honest(self, name, request, context):
        if name == "GetItem":
            item = self.messages.Item(sku=request.sku, name="Garden chair", in_stock=2**60, picture=b"\0\xff")
            item.labels["colour"] = "green"
            return item
        state = "HELD" if name == "Reserve" else "RELEASED"
        return self.messages.Reservation(id="R-17", state=state, until=getattr(request, "until", None))

    def describe(self) -> list[bytes]:
        """The files that reflection tells of the service, serialised."""
        roots = grpc.ssl_channel_credentials(self._authority.pem.encode())
        options = [("grpc.ssl_target_name_override", HOST)]
        with grpc.secure_channel(f"127.0.0.1:{self.port}", roots, options) as channel:
            stub = reflection_pb2_grpc.ServerReflectionStub(channel)
            asked = reflection_pb2.ServerReflectionRequest(file_containing_symbol=SERVICE)
            (said,) = stub.ServerReflectionInfo(iter([asked]), timeout=5)
        return list(said.file_descriptor_response.file_descriptor_proto)

    def close(self) -> None:
        self._server.stop(0).wait()

    def _handler(self, name, kind):
        def handle(request, context):
            self.calls.append((name, dict(context.invocation_metadata()), request))
            return self.answer(name, request, context)

        return grpc.unary_unary_rpc_method_handler(handle, kind.FromString, lambda message: message.SerializeToString())


def refusing(code: grpc.StatusCode, words: str = "no", times: int = 10**6, honest=None, details: bytes = b""):
    """An answer that refuses so often, and then is honest."""
    left = [times]

    def answer(name, request, context):
        left[0] -= 1
        if left[0] < 0:
            return honest(name, request, context)
        if details:
            context.set_trailing_metadata((("grpc-status-details-bin", details),))
        return context.abort(code, words)

    return answer


def sleeping(seconds: float, honest):
    return lambda name, request, context: time.sleep(seconds) or honest(name, request, context)


def generated(folder: Path):
    """What protoc writes in Python for the messages."""
    name = "galaxy_tests_stock"
    if name not in sys.modules:
        (folder / f"{name}.proto").write_text(PROTO, encoding="utf-8")
        own = Path(protoc.__file__).parent / "_proto"
        assert protoc.main(["", f"-I{folder}", f"-I{own}", f"--python_out={folder}", f"{name}.proto"]) == 0
        spec = importlib.util.spec_from_file_location(name, folder / f"{name}_pb2.py")
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]
