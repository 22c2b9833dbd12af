"""Descriptions of gRPC calls: what is made of honest ones, and that hostile ones end with a sentence."""

import base64
import subprocess
import threading
import time
from pathlib import Path

import pytest
from google.protobuf import descriptor_pool
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet

from registry.protos import BadProto, TookTooLong, describe, describing
from registry.protos.schemas import DEEPEST

PROTO = """
syntax = "proto3";
package shop.v1;
import "google/protobuf/timestamp.proto";
import "google/protobuf/wrappers.proto";
import "google/protobuf/struct.proto";
enum State { UNKNOWN = 0; OPEN = 1; }
message Part { string sku = 1; repeated Part parts = 2; map<string, int64> sizes = 3; }
message Order {
  string id = 1; int64 big = 2; State state = 3; repeated Part parts = 4; google.protobuf.Timestamp at = 5;
  google.protobuf.Int32Value limit = 6; google.protobuf.Value extra = 7; bytes raw = 8; double price = 9;
  oneof to { string mail = 10; bool pickup = 11; } uint32 count = 12; google.protobuf.Struct more = 13;
}
message Receipt { string id = 1; int64 number = 2; State state = 3; }
service Shop {
  rpc Place(Order) returns (Receipt);
  rpc Watch(Order) returns (stream Receipt);
  rpc Upload(stream Order) returns (Receipt);
}
"""
CALL = {"service": "shop.v1.Shop", "method": "Place"}


def of(proto: str, **changes):
    return describe({"proto": proto} | CALL | changes)


def why_not(**call) -> str:
    with pytest.raises(BadProto) as refused:
        describe(CALL | call)
    return str(refused.value)


def a_set(*files: FileDescriptorProto) -> str:
    return base64.b64encode(FileDescriptorSet(file=files).SerializeToString()).decode()


def a_file(name="a.proto", **more) -> FileDescriptorProto:
    return FileDescriptorProto(name=name, syntax="proto3", **more)


def test_a_source_says_what_the_call_takes_and_gives():
    found = of(PROTO)
    assert found.method.path == "/shop.v1.Shop/Place"
    part = {
        "type": "object",
        "properties": {
            "sku": {"type": "string"},
            "parts": {"type": "array", "items": {"type": "object"}},  # leads back to itself
            "sizes": {
                "type": "object",
                "additionalProperties": {"type": ["integer", "string"], "pattern": "^-?[0-9]{1,20}$"},
            },
        },
        "additionalProperties": False,
    }
    assert found.inputs == {
        "type": "object",
        "properties": {
            "id": {"type": "string"},
            "big": {"type": ["integer", "string"], "pattern": "^-?[0-9]{1,20}$"},
            "state": {"type": "string", "enum": ["UNKNOWN", "OPEN"]},
            "parts": {"type": "array", "items": part},
            "at": {"type": "string", "format": "date-time"},
            "limit": {"type": ["integer", "null"], "minimum": -(2**31), "maximum": 2**31 - 1},
            "extra": {"description": "Any JSON."},
            "raw": {"type": "string", "contentEncoding": "base64"},
            "price": {"type": "number"},
            "mail": {"type": "string"},
            "pickup": {"type": "boolean"},
            "count": {"type": "integer", "minimum": 0, "maximum": 2**32 - 1},
            "more": {"type": "object"},
        },
        "additionalProperties": False,
    }
    assert found.outputs == {
        "type": "object",
        "properties": {
            "id": {"type": "string"},
            "number": {"type": "string", "pattern": "^-?[0-9]{1,20}$"},
            "state": {"type": ["integer", "string"]},
        },
    }


def test_what_is_deep_or_wide_is_any_object():
    chain = "".join(f"message M{number} {{ M{number + 1} next = 1; }}" for number in range(9)) + "message M9 {}"
    wide = "message W {" + "".join(f"string f{number} = {number + 1};" for number in range(201)) + "}"
    service = "service S { rpc Deep(M0) returns (W); }"
    found = describe({"proto": f'syntax = "proto3"; {chain} {wide} {service}', "service": "S", "method": "Deep"})
    schema, depth = found.inputs, 0
    while "properties" in schema:
        schema, depth = schema["properties"]["next"], depth + 1
    assert (depth, schema, found.outputs) == (DEEPEST, {"type": "object"}, {"type": "object"})


def test_a_text_is_compiled_once_however_many_methods_it_has(monkeypatch):
    started = []
    real = subprocess.run
    monkeypatch.setattr(subprocess, "run", lambda *args, **more: started.append(1) or real(*args, **more))
    proto = PROTO + "// once"
    threads = [threading.Thread(target=of, args=(proto,)) for _ in range(3)]
    of(proto)
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert "streams" in why_not(proto=proto, method="Watch")
    assert len(started) == 1


def test_a_descriptor_set_means_the_same_as_the_source_it_was_made_of():
    compiled = base64.b64decode(describing._asked("proto", PROTO)["descriptor_set"])
    lines = base64.encodebytes(compiled).decode()
    found = describe({"descriptor_set": lines} | CALL)
    assert (found.inputs, found.outputs) == (of(PROTO).inputs, of(PROTO).outputs)


def test_nothing_is_registered_with_the_process():
    of(PROTO)
    with pytest.raises(KeyError):
        descriptor_pool.Default().FindServiceByName("shop.v1.Shop")


def test_two_extensions_may_call_different_things_by_one_name():
    other = PROTO.replace("string id = 1; int64 big = 2;", "bytes id = 1;")
    assert "big" in of(PROTO).inputs["properties"] and "big" not in of(other).inputs["properties"]
    assert of(PROTO).method.request is not of(other).method.request


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"method": "Watch"}, "shop.v1.Shop.Watch streams; only unary calls are made."),
        ({"method": "Upload"}, "shop.v1.Shop.Upload streams; only unary calls are made."),
        ({"method": "Send"}, "shop.v1.Shop has no method Send; it has Place, Upload, Watch."),
        ({"service": "Shop"}, "There is no service Shop; there is shop.v1.Shop."),
    ],
)
def test_what_is_not_a_unary_method_of_it_is_refused(change, sentence):
    assert why_not(proto=PROTO, **change) == sentence


def test_a_call_without_a_description_is_refused():
    assert why_not() == "Neither proto nor descriptor_set describes the call."


HEAD = 'syntax = "proto3";'
OPTION = 'import "google/protobuf/descriptor.proto"; message O { optional O o = 1; }'
OPTION += "extend google.protobuf.MessageOptions { optional O o = 50000; } message X { option (o) = {"


@pytest.mark.parametrize(
    ("proto", "words"),
    [
        ("nonsense", "Line 1, column 1: Expected top-level statement"),
        ("\0\x01", "Line 1, column 1: Invalid control characters"),
        (HEAD + "message A {", "Reached end of input"),
        (HEAD + "message A {} message A {}", '"A" is already defined.'),
        (HEAD + 'import "service.proto";', "File recursively imports itself"),
        (HEAD + 'import "/etc/passwd";', "It imports /etc/passwd; only files of google/protobuf are here."),
        (HEAD + 'import /* so */ "../../etc/passwd";', "It imports ../../etc/passwd"),
        (HEAD + 'import "google/api/" "annotations.proto";', "It imports google/api/annotations.proto"),
        (HEAD + "message A {" * 5_000 + "}" * 5_000, "Reached maximum recursion limit"),
        ('syntax = "proto2"; message A {' + "optional group G = 1 {" * 3_000 + "}" * 3_001, "The compiler broke on"),
        ('syntax = "proto2";' + OPTION + "o {" * 3_000 + "}" * 3_000 + "};}", "The compiler broke on"),
        (HEAD + "".join(f"message A{number} {{}}" for number in range(5_001)), "more than 5000 messages"),
    ],
    ids=lambda text: text[:30],
)  # fmt: skip
def test_a_hostile_source_is_refused_with_a_sentence(proto, words):
    begun = time.monotonic()
    told = why_not(proto=proto)
    assert words in told
    assert len(told) < 400 and "\n" not in told
    assert time.monotonic() - begun < describing.SECONDS


def looping(*names):
    return [a_file(name, dependency=[after]) for name, after in zip(names, (*names[1:], names[0]), strict=True)]


def nested(depth: int) -> str:
    """A set by hand, as no library writes one: a message within a message, and so on (wire type 2)."""
    raw = b"\x0a\x01M"
    for field in (*[3] * depth, 4, 1):  # nested_type, message_type of the file, file of the set
        raw = bytes([field << 3 | 2]) + length(len(raw)) + raw
    return base64.b64encode(raw).decode()


def length(number: int) -> bytes:
    low, high = number & 0x7F, number >> 7
    return bytes([low | 0x80]) + length(high) if high else bytes([low])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("AAAA", "This is no FileDescriptorSet."),
        ("A", "The descriptor set is no base64."),
        (a_set(a_file(dependency=["/etc/passwd"])), "The file /etc/passwd is imported and not there."),
        (a_set(a_file(dependency=["a.proto"])), "The file a.proto imports itself"),
        (a_set(*looping("a.proto", "b.proto", "c.proto")), "imports itself, directly or by others."),
        (a_set(a_file(), a_file()), "Two files in it bear one name."),
        (a_set(*(a_file(f"{number}.proto") for number in range(101))), "There are 101 files in it"),
        (nested(200), "This is no FileDescriptorSet."),
        (a_set(FileDescriptorProto(name="a.proto", message_type=[{"name": "A"}, {"name": "A"}])), "contradicts itself"),
        (
            a_set(a_file(message_type=[{"name": "A"}]), a_file("b.proto", message_type=[{"name": "A"}])),
            "The file b.proto contradicts itself or another file",
        ),
        (
            a_set(a_file(message_type=[{"name": "A", "field": [{"name": "x", "number": 1, "type": 11, "label": 1}]}])),
            "The file a.proto contradicts itself",
        ),
    ],
    ids=lambda text: text[:30],
)
def test_a_hostile_descriptor_set_is_refused_with_a_sentence(text, words):
    assert words in why_not(descriptor_set=text)


def test_what_a_set_says_of_the_well_known_types_is_not_believed():
    """The JSON mapping relies on their form, so a Timestamp of somebody's own would break whoever reads it."""
    false = FileDescriptorProto(name="google/protobuf/timestamp.proto", package="google.protobuf", syntax="proto3")
    false.message_type.add(name="Timestamp").field.add(name="seconds", number=1, type=9, label=1)
    compiled = FileDescriptorSet.FromString(base64.b64decode(describing._asked("proto", PROTO)["descriptor_set"]))
    own = [file for file in compiled.file if file.name == "service.proto"]
    found = describe({"descriptor_set": a_set(false, *own)} | CALL)
    request = found.method.request()
    request.at.FromJsonString("2026-01-01T00:00:00Z")
    assert request.at.seconds == 1767225600


def test_the_child_knows_nothing_of_its_surroundings(monkeypatch):
    seen = {}
    real = subprocess.run

    def run(command, **options):
        seen.update(options, command=command, files=list(Path(options["cwd"]).iterdir()))
        return real(command, **options)

    monkeypatch.setattr(subprocess, "run", run)
    monkeypatch.setenv("GALAXY_SECRET_OF_TESTS", "x")
    of(PROTO + "// surroundings")
    assert (seen["env"], seen["files"]) == ({}, [])
    assert "-I" in seen["command"]
    assert not Path(seen["cwd"]).exists()


def test_a_child_that_takes_too_long_is_ended_and_asked_again_later(monkeypatch):
    proto = PROTO + "// slow"
    with monkeypatch.context() as patched:
        patched.setattr(describing, "SECONDS", 0.001)
        patched.setattr(describing, "PAUSE_S", 0.0)
        with pytest.raises(TookTooLong, match="not read in time"):
            of(proto)
    assert of(proto).method.path == "/shop.v1.Shop/Place"


def test_a_child_that_breaks_is_asked_again_later(monkeypatch):
    """It may have been the machine: out of memory, or of room in its folder."""
    proto = PROTO + "// broken"
    with monkeypatch.context() as patched:
        patched.setattr(describing, "_START", "raise SystemExit(1)")
        patched.setattr(describing, "PAUSE_S", 0.0)
        assert why_not(proto=proto) == "The compiler broke on this description."
    assert of(proto).method.path == "/shop.v1.Shop/Place"


def test_a_text_that_cannot_be_read_is_tried_once_for_all_that_hangs_on_it(monkeypatch):
    started = []
    real = subprocess.run
    monkeypatch.setattr(subprocess, "run", lambda *args, **more: started.append(1) or real(*args, **more))
    monkeypatch.setattr(describing, "_START", "raise SystemExit(1)")
    for method in ("Place", "Watch", "Upload"):
        assert "broke" in why_not(proto=PROTO + "// for all", method=method)
    assert len(started) == 1


def test_whoever_waits_too_long_behind_others_is_told(monkeypatch):
    monkeypatch.setattr(describing, "SECONDS", 0.01)
    monkeypatch.setattr(describing, "_slots", threading.BoundedSemaphore(1))
    with describing._slots, pytest.raises(TookTooLong, match="had to wait too long"):
        of(PROTO + "// behind others")


def test_a_child_keeps_to_its_limits():
    """It lowers them for itself before it loads what a hostile text aims at."""
    code = describing._START.replace(
        "main()", "main.__globals__['_compiled'] = lambda source: bytearray(1 << 30)\nmain()"
    )
    done = subprocess.run(
        [describing.sys.executable, "-I", "-c", code, str(describing._ROOT)],
        input=b'{"proto": ""}',
        capture_output=True,
        env={},
        check=False,
    )
    assert done.returncode != 0 and b"MemoryError" in done.stderr
