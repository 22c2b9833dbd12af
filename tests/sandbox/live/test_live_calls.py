"""A live run of a REST action: what the peer is sent, what becomes of its answer, and what is kept."""

import json

import pytest

from sandbox.models import CallRecord
from tests.core.egress.peers import answer, saying
from tests.sandbox.live.manifests import API

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "owner"])


def as_json(value, status=200, **headers):
    return answer(json.dumps(value), status, **{"Content_Type": "application/json"} | headers)


def test_a_read_is_sent_as_its_manifest_says_and_answered(call, peer):
    peer.script = saying(as_json({"id": "x7", "more": "than declared"}))
    run = call("look_up", key="a b/ü", fields=["id", "n&me"], deep=False)
    assert (run.state, run.mode, run.error) == ("succeeded", "live", None)
    assert run.outputs["id"] == "x7"
    head = peer.requests[0].split(b"\r\n")
    assert head[0] == b"GET /things/a%20b%2F%C3%BC?deep=false&fields=id&fields=n%26me HTTP/1.1"
    assert f"Host: {API}".encode() in head and b"Accept: application/json" in head


def test_a_write_is_sent_once_with_what_the_inputs_gave(call, peer):
    peer.script = saying(as_json({"id": "x8"}, 201))
    run = call("create", key="Plan", tags=["a"])
    assert (run.state, run.outputs) == ("succeeded", {"id": "x8"})
    head, _, body = peer.requests[0].partition(b"\r\n\r\n")
    assert body == b'{"name":"Plan","properties":{"tags":["a"]}}'
    assert b"Content-Type: application/json" in head.split(b"\r\n")
    assert len(peer.requests) == 1


def test_an_input_that_makes_no_request_is_named(call, peer):
    run = call("look_up", key="..")
    assert (run.error["error_code"], run.error["field"], peer.requests) == ("bad_path", "key", [])


@pytest.mark.asvs("14.2.4")
def test_what_left_is_kept_without_values(call, peer):
    peer.script = saying(as_json({"id": "x7"}))
    run = call("look_up", key="secret-key", fields=["id"])
    record = CallRecord.objects.get(run=run)
    (attempt,) = record.exchanges
    (request,) = attempt["requests"]
    assert (attempt["attempt"], attempt["status"], attempt["category"]) == (1, 200, "")
    assert request["url"] == f"https://{API}/things/{{key}}?deep&fields"
    assert (request["method"], request["status"], request["page"]) == ("GET", 200, 1)
    assert "secret-key" not in json.dumps(record.exchanges)
