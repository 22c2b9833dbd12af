"""Recordings and fixtures: a run can be answered from a list, with no network at all, and to the same bytes."""

import json

import pytest

from galaxy.core.egress import FixtureTransport, Limits, Refused
from galaxy.core.egress.exchanges import BadFixtures, load
from galaxy.core.egress.transport import Incoming
from tests.core.egress.conftest import API, CDN, SECRET, Names, Vault, Wire, get, make_broker


def replaying(recording, **parts):
    transport = FixtureTransport(recording, in_order=True)
    return make_broker(**{"transport": transport, "resolver": transport} | parts)


def a_run(broker) -> list:
    """What a program with some good, bad and failing calls is answered."""
    token = broker.placeholder("API_KEY")
    return [
        get(broker, f"https://{API}/a?x=1", headers={"X-Key": token}),
        get(broker, f"https://{API}/a?x=1", method="POST", body="b"),
        get(broker, "https://evil.test/"),
        get(broker, f"https://{CDN}/", headers={"X-Key": token}),
        get(broker, "https://gone.allowed.test/"),
        get(broker, f"https://{API}/slow"),
        get(broker, f"https://{API}/moved", follow=True),
        get(broker, f"https://{API}/binary"),
        get(broker, f"https://{API}/one-too-many"),
    ]


def peer(request):
    if request.target == "/slow":
        raise Refused("timeout", f"{request.host} did not answer in time.", was_sent=True)
    if request.target == "/moved":
        return Incoming(302, [("Location", f"https://{CDN}/there")], b"")
    if request.target == "/binary":
        return Incoming(200, [], b"\xff\x00\xfe")
    echoed = dict(request.headers).get("X-Key", "no key")
    return Incoming(200, [("Content-Type", "text/plain"), ("X-Echo", echoed)], f"{request.method} {echoed}".encode())


def test_a_replay_answers_the_same_bytes_without_network_or_values():
    limits = Limits(calls=6)
    key = b"of the run"
    first = make_broker(transport=Wire(peer), limits=limits, key=key)
    answers = a_run(first)
    recording = json.loads(json.dumps(first.recording))
    stand_in = Vault(API_KEY=("nothing like the value", {API}, {"header"}))
    again = replaying(recording, limits=limits, key=key, secrets=stand_in)
    assert json.dumps(a_run(again)) == json.dumps(answers)
    assert [answer.get("error") for answer in answers] == [
        None, None, "host_not_allowed", "secret_not_bound", "host_not_allowed", "timeout", None, None, "too_many_calls",
    ]  # fmt: skip
    assert again.counts == first.counts
    assert SECRET not in json.dumps(recording) and "[redacted]" in json.dumps(recording)


def test_failures_to_resolve_are_replayed_too():
    first = make_broker(resolver=Names(**{API: ["10.0.0.1"], CDN: []}))
    answers = [get(first), get(first, f"https://{CDN}/")]
    again = replaying(first.recording)
    assert [get(again), get(again, f"https://{CDN}/")] == answers
    assert [answer["error"] for answer in answers] == ["address_not_public", "dns_failed"]


def test_a_replay_that_takes_another_way_is_told():
    again = replaying([{"url": f"https://{API}/a"}, {"url": f"https://{API}/b"}])
    assert get(again, f"https://{API}/b")["error"] == "not_recorded"
    assert get(again, f"https://{API}/a")["status"] == 200
    assert get(again, f"https://{API}/a")["error"] == "not_recorded"


def test_a_recording_is_a_file_of_fixtures():
    first = make_broker(transport=Wire(peer), resolver=Names(**{CDN: []}))
    for target in ("a", "binary", "slow"):
        get(first, f"https://{API}/{target}")
    get(first, f"https://{CDN}/")
    assert len(load(json.dumps(first.recording))) == 4


def test_fixtures_answer_by_method_and_address():
    fixtures = load(
        json.dumps(
            [
                {"url": f"https://{API}/files", "body": {"n": 1}, "headers": {"Content-Type": "application/json"}},
                {"url": f"https://{API}/files?page=2", "body": {"n": 2}},
                {"method": "post", "url": f"https://{API}/files", "status": 429, "body": "slow down"},
                {"url": f"https://{API}/later", "status": 503},
                {"url": f"https://{API}/later", "body_base64": "AP8="},
                {"url": f"https://{API}/down", "failure": "timeout"},
            ]
        )
    )
    transport = FixtureTransport(fixtures)
    broker = make_broker(transport=transport, resolver=transport)
    assert get(broker, f"https://{API}/files?page=1") == {
        "status": 200,
        "headers": {"content-type": "application/json"},
        "body": '{"n": 1}',
    }
    assert get(broker, f"https://{API}/files?page=2")["body"] == '{"n": 2}'
    assert get(broker, f"https://{API}/files", method="POST")["status"] == 429
    assert [get(broker, f"https://{API}/later").get("status") for _ in range(3)] == [503, 200, 200]
    assert get(broker, f"https://{API}/down")["error"] == "timeout"
    assert get(broker, f"https://{API}/else")["error"] == "not_recorded"
    assert get(broker, "https://evil.test/")["error"] == "host_not_allowed"


def test_fixtures_are_capped_as_answers_are():
    transport = FixtureTransport([{"url": f"https://{API}/", "body": "x" * 11}])
    broker = make_broker(transport=transport, resolver=transport, limits=Limits(response_bytes=10))
    assert get(broker, f"https://{API}/")["error"] == "response_too_large"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "no JSON"),
        ("[" * 100_000, "no JSON"),
        ("{}", "a list"),
        ("[7]", "Exchange 1 is no map with a url"),
        ('[{"method": "GET"}]', "no map with a url"),
        ('[{"url": "x"}, {"url": "x", "statuz": 200}]', "Exchange 2 has keys that nobody reads: statuz"),
        ('[{"url": "x", "status": 99}]', "status of exchange 1"),
        ('[{"url": "x", "status": true}]', "status of exchange 1"),
        ('[{"url": "x", "method": 7}]', "method of exchange 1"),
        ('[{"url": "x", "headers": {"a": 7}}]', "headers of exchange 1"),
        ('[{"url": "x", "headers": []}]', "headers of exchange 1"),
        ('[{"url": "x", "body_base64": "%"}]', "body of exchange 1"),
        ('[{"url": "x", "body_base64": 7}]', "body of exchange 1"),
        ('[{"url": "x", "body": "\\ud800"}]', "body of exchange 1"),
        ('[{"url": "x", "failure": "boom"}]', "failure of exchange 1"),
        ('[{"url": "x", "failure": "timeout", "message": 7}]', "Exchange 1 needs a text"),
    ],
    ids=lambda value: value[:40],
)
def test_a_file_that_is_no_list_of_exchanges_is_refused_with_the_place(text, words):
    with pytest.raises(BadFixtures, match=words):
        load(text)
