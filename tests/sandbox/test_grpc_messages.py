"""JSON to messages and back: which field is to blame, and what a hostile answer cannot do."""

import json
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from galaxy.core.egress import Refused
from registry.protos import method_of
from sandbox.grpc_calls import decode, encode
from sandbox.grpc_calls.messages import MOST_VALUES
from sandbox.rest.failures import BadCall

WIDE = "".join(f"string field_{number} = {number + 20};" for number in range(100))
PROTO = f"""
syntax = "proto3";
package shop.v1;
import "google/protobuf/any.proto";
import "google/protobuf/struct.proto";
import "google/protobuf/timestamp.proto";
import "google/protobuf/wrappers.proto";
enum State {{ UNKNOWN = 0; OPEN = 1; }}
message Part {{ string sku = 1; int32 count = 2; repeated Part parts = 3; map<string, int64> sizes = 4; }}
message Order {{
  string id = 1; int64 big = 2; State state = 3; repeated Part parts = 4; google.protobuf.Timestamp at = 5;
  google.protobuf.Int32Value limit = 6; google.protobuf.Struct more = 7; bytes raw = 8; double price = 9;
  oneof way {{ string mail = 10; bool pickup = 11; }} google.protobuf.Any any = 12; repeated bool flags = 13;
  repeated Wide wide = 14; map<string, Wide> named = 15; optional string note = 16; uint32 small = 17;
}}
message Wide {{ {WIDE} }}
service Shop {{ rpc Place(Order) returns (Order); }}
"""
NAMES = ("id", "big", "state", "parts", "at", "limit", "more", "raw", "price", "mail", "pickup", "any", "flags",
         "wide", "named", "note", "small", "sku", "count", "sizes", "@type", "OPEN")  # fmt: skip
OLD = """
syntax = "proto2";
message Order { required string id = 1; optional string note = 2 [default = "none"]; }
service Shop { rpc Place(Order) returns (Order); }
"""


@pytest.fixture(scope="module")
def method():
    return method_of({"proto": PROTO, "service": "shop.v1.Shop", "method": "Place"})


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.sampled_from(NAMES),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES) | st.text(), inner, max_size=4),
    max_leaves=12,
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(inputs=st.dictionaries(st.sampled_from(NAMES), values, max_size=6))
def test_whatever_the_inputs_are_they_are_written_or_refused(method, inputs):
    try:
        raw = encode(method, inputs)
    except BadCall as refused:
        assert refused.category == "validation"
        return
    try:
        json.loads(decode(method, raw))
    except Refused as refused:  # an infinity that an input may hold and JSON may not
        assert refused.code == "bad_response"


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(raw=st.binary(max_size=200))
def test_whatever_a_peer_sends_it_is_json_or_refused(method, raw):
    try:
        json.loads(decode(method, raw), parse_constant=pytest.fail)
    except Refused as refused:
        assert (refused.code, refused.was_sent) == ("bad_response", True)


def test_what_goes_in_comes_out(method):
    value = {
        "id": "O-1",
        "big": str(2**62),
        "state": "OPEN",
        "parts": [{"sku": "a", "count": 2, "parts": [], "sizes": {"m": "7"}}],
        "at": "2026-12-01T12:00:00Z",
        "limit": 7,
        "more": {"a": [1.5, None, {"b": "c"}]},
        "raw": "AP8=",
        "price": 9.5,
        "mail": "",
        "any": {"@type": "type.googleapis.com/shop.v1.Part", "sku": "b", "count": 0, "parts": [], "sizes": {}},
        "flags": [True],
        "wide": [],
        "named": {},
        "small": 2**32 - 1,
    }
    assert json.loads(decode(method, encode(method, value))) == value


def test_a_plain_field_that_was_not_sent_has_its_default(method):
    assert json.loads(decode(method, b"")) == {
        "id": "", "big": "0", "state": "UNKNOWN", "parts": [], "raw": "", "price": 0.0, "flags": [], "wide": [],
        "named": {}, "small": 0,
    }  # fmt: skip


def test_a_number_may_be_given_for_a_long_integer_and_a_newer_enum_value_comes_as_its_number(method):
    assert encode(method, {"big": 7}) == encode(method, {"big": "7"})
    assert json.loads(decode(method, b"\x18\x63"))["state"] == 99


@pytest.mark.parametrize(
    ("inputs", "field"),
    [
        ({"id": 7}, "id"),
        ({"nope": 1}, "nope"),
        ({"big": "x"}, "big"),
        ({"big": 2**63}, "big"),
        ({"small": -1}, "small"),
        ({"state": "SHUT"}, "state"),
        ({"parts": {"sku": "a"}}, "parts"),
        ({"parts": [{"nope": 1}]}, "parts[0].nope"),
        ({"parts": [{}, {"count": "x"}]}, "parts.count"),
        ({"parts": [{"parts": [{"count": 1.5}]}]}, "parts.parts.count"),
        ({"parts": [{"sizes": [1]}]}, "parts.sizes"),
        ({"at": "yesterday"}, "at"),
        ({"limit": "x"}, "limit"),
        ({"more": [1]}, "more"),
        ({"price": "much"}, "price"),
        ({"pickup": "yes"}, "pickup"),
        ({"id": "\ud800"}, "id"),
        ({"any": {"@type": "type.googleapis.com/other.v1.Thing"}}, "any"),
        ({"mail": "a", "pickup": True}, ""),
    ],
)
def test_the_field_to_blame_is_named_and_its_value_is_not(method, inputs, field):
    with pytest.raises(BadCall) as refused:
        encode(method, inputs)
    told = refused.value
    assert (told.category, told.code, told.field) == ("validation", "bad_message", field)
    assert (field or "They do not fit") in str(told)
    for value in ("yesterday", "much", "SHUT", "yes"):
        assert value not in str(told)


@pytest.mark.parametrize(
    "value", ["x at Order.secret", "Failed to parse secret field: x", 'has no field named "secret" at "Order"']
)
def test_a_value_that_reads_like_a_message_of_ours_names_no_field(method, value):
    with pytest.raises(BadCall) as refused:
        encode(method, {"state": value})
    assert (refused.value.field, "secret" in str(refused.value)) == ("state", False)


def test_what_nests_without_end_is_refused(method):
    part: dict = {}
    for _ in range(200):
        part = {"parts": [part]}
    with pytest.raises(BadCall):
        encode(method, {"parts": [part]})


def test_a_field_that_the_message_requires_has_to_be_there():
    old = method_of({"proto": OLD, "service": "Shop", "method": "Place"})
    with pytest.raises(BadCall, match=r"Order requires id\.") as refused:
        encode(old, {"note": "x"})
    assert refused.value.field == "id"
    with pytest.raises(Refused, match="The answer is no Order"):
        decode(old, b"")


def length(number: int) -> bytes:
    low, high = number & 0x7F, number >> 7
    return bytes([low | 0x80]) + length(high) if high else bytes([low])


def field(number: int, raw: bytes) -> bytes:
    return length(number << 3 | 2) + length(len(raw)) + raw


def in_any(raw: bytes) -> bytes:
    return field(12, field(1, b"x/shop.v1.Order") + field(2, raw))


def nested(depth: int, wrap) -> bytes:
    raw = b""
    for _ in range(depth):
        raw = wrap(raw)
    return raw


@pytest.mark.parametrize(
    "raw",
    [
        b"\xff",
        b"\x0a\x05ab",
        field(1, b"\xff\xfe"),  # no UTF-8
        b"\x49" + b"\0\0\0\0\0\0\xf8\x7f",  # NaN
        b"\x49" + b"\0\0\0\0\0\0\xf0\x7f",  # infinity
        field(5, b"\x08" + b"\xff" * 8 + b"\x3f"),  # a time after all time
        field(7, field(1, field(1, b"a") + field(2, b"\x11\0\0\0\0\0\0\xf8\x7f"))),  # NaN within a Struct
        field(12, field(1, b"x/other.v1.Thing")),
        field(12, field(1, b"x/shop.v1.Order") + field(2, b"\xff")),
        field(4, nested(200, lambda inner: field(3, inner))),
        nested(200, in_any),
        nested(5_000, in_any),
    ],
)
def test_an_answer_that_cannot_be_told_is_refused(method, raw):
    begun = time.monotonic()
    with pytest.raises(Refused, match=r"The answer is no shop\.v1\.Order\.") as refused:
        decode(method, raw)
    assert (refused.value.code, refused.value.was_sent) == ("bad_response", True)
    assert time.monotonic() - begun < 2


@pytest.mark.parametrize(
    "raw",
    [
        field(13, b"\1" * (MOST_VALUES + 1)),
        field(14, b"") * 2_500,  # two bytes each, and a hundred fields in JSON
        b"".join(field(15, field(1, str(number).encode()) + field(2, b"")) for number in range(2_500)),
        field(12, field(1, b"x/shop.v1.Order") + field(2, field(14, b"") * 2_500)),
        field(4, b"".join(field(4, field(1, str(number).encode())) for number in range(300))) * 700,
    ],
    ids=["packed", "empty messages", "map of messages", "within an Any", "maps"],
)
def test_a_few_bytes_do_not_become_gigabytes(method, raw):
    with pytest.raises(Refused, match="more than 200000 values") as refused:
        decode(method, raw)
    assert (refused.value.code, refused.value.was_sent) == ("response_too_large", True)
