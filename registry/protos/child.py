"""The child process that reads what an author wrote: limits first, then protoc, then the descriptors and schemas.

It gets {proto | descriptor_set} as JSON on standard input, works in an empty folder of its own, and prints
{descriptor_set} or {error}. A crash of it is an answer as well: nothing else is harmed.
"""

import base64
import binascii
import json
import os
import re
import resource
import sys
from pathlib import Path

MIB = 1 << 20
SOURCE, COMPILED, MESSAGES = "service.proto", "service.binpb", "messages"
LIMITS = {
    resource.RLIMIT_CORE: 0,
    resource.RLIMIT_CPU: 5,
    resource.RLIMIT_DATA: 256 * MIB,
    resource.RLIMIT_FSIZE: 4 * MIB,
    resource.RLIMIT_NOFILE: 32,
    resource.RLIMIT_NPROC: 0,
}
_PLACE = re.compile(rf"{re.escape(SOURCE)}:(\d+):(\d+): (.*)")
_IMPORT = re.compile(r'Import "([^"]*)" was not found')


def main() -> None:
    for which, most in LIMITS.items():
        resource.setrlimit(which, (most, most))
    # The libraries come after the limits, as they are what a hostile text aims at.
    from registry.protos.pools import BadProto, every_method
    from registry.protos.schemas import Schemas

    asked = json.load(sys.stdin)
    try:
        raw = _compiled(asked["proto"]) if "proto" in asked else _decoded(asked["descriptor_set"])
        for method in every_method(raw):
            Schemas(is_answer=True).of(method.input_type)
            Schemas(is_answer=True).of(method.output_type)
        answer = {"descriptor_set": base64.b64encode(raw).decode()}
    except BadProto as error:
        answer = {"error": str(error)}
    json.dump(answer, sys.stdout)


def _decoded(text: str) -> bytes:
    from registry.protos.pools import BadProto

    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except binascii.Error:
        raise BadProto("The descriptor set is no base64.") from None


def _compiled(source: str) -> bytes:
    """What protoc makes of ``source``, with everything that it imports. Raises BadProto."""
    import grpc_tools
    from grpc_tools import protoc

    from registry.protos.pools import BadProto

    Path(SOURCE).write_text(source, encoding="utf-8")
    own = Path(grpc_tools.__file__).parent / "_proto"
    with Path(MESSAGES).open("wb") as messages:
        os.dup2(messages.fileno(), sys.stderr.fileno())
    arguments = ["protoc", "-I.", f"-I{own}", "--include_imports", f"--descriptor_set_out={COMPILED}", SOURCE]
    if protoc.main(arguments) != 0:
        raise BadProto(_first_error(Path(MESSAGES).read_text(encoding="utf-8", errors="replace")))
    return Path(COMPILED).read_bytes()


def _first_error(messages: str) -> str:
    for line in messages.splitlines():
        found = _PLACE.match(line)
        if found is None or found[3].startswith("warning:"):
            continue
        if missing := _IMPORT.match(found[3]):
            return (
                f"It imports {missing[1]:.100}; only files of google/protobuf are here. Give a descriptor set in place "
                "of the source."
            )
        return f"Line {found[1]}, column {found[2]}: {found[3]:.200}"
    return "protoc does not take it."
