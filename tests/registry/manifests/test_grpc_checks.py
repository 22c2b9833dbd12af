"""gRPC actions in manifests: what the description fills in, and what a creator is told."""

import re

import pytest

from registry.manifests import grpc_checks, load, publishable, read
from registry.protos import describe
from tests.peers.warehouse import MANIFEST as SAMPLE


def findings(old: str = "", new: str = "") -> list[tuple[str, str]]:
    assert old in SAMPLE
    return [(finding.code, finding.path) for finding in read(SAMPLE.replace(old, new)).findings]


def test_the_sample_of_the_documents_may_be_published():
    reading = read(SAMPLE)
    assert (reading.findings, publishable(reading.manifest)) == ([], [])
    again = read(reading.manifest.canonical_text, format="json")
    assert (again.findings, again.manifest.digest) == ([], reading.manifest.digest)


def test_inputs_and_outputs_are_those_of_the_messages():
    actions = read(SAMPLE).manifest.actions
    assert actions["get_item"].inputs["properties"] == {"sku": {"type": "string"}}
    assert actions["get_item"].inputs["additionalProperties"] is False
    assert set(actions["reserve"].outputs["properties"]) == {"id", "state", "until"}
    assert actions["reserve"].grpc["proto"] == actions["release"].grpc["proto"]


def test_what_an_author_writes_stands():
    text = SAMPLE.replace("    timeout_ms: 3000\n", "    inputs: { sku: string }\n")
    assert read(text).manifest.actions["get_item"].inputs["required"] == ["sku"]


@pytest.mark.parametrize(
    ("old", "new", "code", "path"),
    [
        ("method: GetItem", "method: GetItems", "bad-proto", "actions[0].grpc"),
        ("returns (Item)", "returns (stream Item)", "bad-proto", "actions[0].grpc"),
        ("base_url: https://stock.example.com", "base_url: https://stock.example.com/v1", "bad-url", "base_url"),
        ("timeout_ms: 3000", "path: /items", "unknown-key", "actions[0].path"),
        ("timeout_ms: 3000", "inputs: { skuu: string }", "bad-reference", "actions[0].inputs.skuu"),
        ("timeout_ms: 3000", "fallbacks: [{ path: /x }]", "unknown-key", "actions[0].fallbacks[0].path"),
        (
            "timeout_ms: 3000",
            "fallbacks: [{ base_url: https://stock.example.com/x }]",
            "bad-url",
            "actions[0].fallbacks[0]",
        ),
        ("X-Warehouse: north", "grpc-timeout: 1S", "bad-header", "actions[1].headers.grpc-timeout"),
        ("X-Warehouse: north", "User-Agent: me", "bad-header", "actions[1].headers.User-Agent"),
        ("X-Warehouse: north", "Trace-Bin: AAAA", "bad-header", "actions[1].headers.Trace-Bin"),
        ("type: bearer", "type: api_key, name: key, in: query", "bad-value", "auth.in"),
        ("  proto: |", "  descriptor_set: AAAA\n  proto: |", "duplicate-key", "actions[0].grpc"),
    ],
)
def test_what_cannot_be_called_is_told_at_its_place(old, new, code, path):
    assert (code, path) in findings(old, new)


def test_a_description_of_its_own_is_told_of_there():
    own = "grpc: { service: stock.v1.Warehouse, method: GetItem, descriptor_set: AAAA }"
    found = read(SAMPLE.replace("grpc: { service: stock.v1.Warehouse, method: GetItem }", own)).findings
    assert [(finding.code, finding.path, finding.message) for finding in found] == [
        ("bad-proto", "actions[0].grpc.descriptor_set", "This is no FileDescriptorSet.")
    ]
    assert SAMPLE.splitlines()[found[0].line - 1].strip().startswith("grpc: { service")


def test_more_descriptions_than_anybody_waits_for_are_not_read(monkeypatch):
    read_ones = []
    monkeypatch.setattr(grpc_checks, "MOST_DESCRIPTIONS", 2)
    monkeypatch.setattr(grpc_checks, "describe", lambda grpc: read_ones.append(grpc["proto"]) or describe(grpc))
    proto = 'syntax = "proto3"; message A {{}} service S {{ rpc M(A) returns (A); }} // {}'
    call = "grpc: {{ service: S, method: M, proto: '{}' }}"
    actions = [call.format(proto.format(name)) for name in ("one", "two", "one", "three")]
    shared = "grpc: { service: S, method: M }"
    lines = [f"  - {{ id: a{at}, {one} }}" for at, one in enumerate([*actions, shared])]
    reading = read("\n".join(["connector: stock", f"grpc: {{ proto: '{proto.format('all')}' }}", "actions:", *lines]))
    assert [(finding.code, finding.path) for finding in reading.findings] == [("bad-proto", "actions[3].grpc.proto")]
    assert [text.rpartition(" ")[2] for text in read_ones] == ["one", "two", "one", "all"]


def test_a_draft_without_a_description_says_what_it_lacks():
    text = re.sub(r"\ngrpc:\n  proto: \|\n(    .*\n|\n)+", "\n", SAMPLE)
    reading = read(text)
    assert reading.findings == []
    assert {"actions.get_item.grpc.proto", "actions.get_item.inputs"} <= set(reading.manifest.missing)


def test_a_manifest_that_was_not_read_from_a_text_is_checked_before_publication():
    canonical = read(SAMPLE).manifest.canonical
    canonical["grpc"]["proto"] = canonical["grpc"]["proto"].replace("returns (Item)", "returns (stream Item)")
    (found,) = publishable(load(canonical))
    assert (found.code, found.path) == ("bad-proto", "actions.get_item.grpc")
    assert found.message == "get_item: stock.v1.Warehouse.GetItem streams; only unary calls are made."
