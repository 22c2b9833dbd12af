"""What proves a connection goes to its own host, in its own place: not to where a redirect leads, not into records."""

from urllib.parse import quote

import pytest

from galaxy.core.models import AuditEvent
from registry.models import Connection
from sandbox.models import CallRecord
from sandbox.sandboxd.client import Refused, ask
from tests.connections import seal_for
from tests.core.egress.peers import answer, saying
from tests.core.vault.test_canary import dump
from tests.sandbox.live.conftest import finished
from tests.sandbox.live.manifests import API, ELSEWHERE, LISTS, LIVE, TENANT, connector
from tests.sandbox.live.test_live_calls import as_json

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "owner"])
TOKEN = "tok-Canary-9b/7A+x=Q&z"
ACTIONS = LIVE[LIVE.index("  - id: look_up") :]
LINKED = LISTS[LISTS.index("  - id: by_link") : LISTS.index("  - id: download")]


@pytest.fixture
def call(meridian, cast, connect, sandboxd, settings):
    """``call(auth, bundle, "look_up", key="a")`` with a connection that proves itself so."""
    settings.GALAXY_KMS = f"local:{sandboxd.key_file}"  # as sandboxd has it, to seal what a person would type in

    def run(auth: str, bundle: dict, action: str, *, base_url=f"https://{API}", host="", actions=ACTIONS, **inputs):
        text = connector("proven", actions, auth=auth, base_url=base_url)
        installation = connect(text, host=host)
        connection = Connection.objects.select_related("installation__workspace", "workspace").get(
            installation=installation
        )
        seal_for(connection, bundle, settings={"username": "ada"})
        return finished(meridian, cast["admin"], f"proven.{action}", inputs)

    return run


@pytest.mark.parametrize(
    ("auth", "bundle", "line"),
    [
        ("type: bearer", {"token": TOKEN}, f"Authorization: Bearer {TOKEN}"),
        ("type: api_key, name: X-Key", {"api_key": TOKEN}, f"X-Key: {TOKEN}"),
        (
            "type: api_key, in: query, name: key",
            {"api_key": TOKEN},
            "GET /things/a?fields=id&key=tok-Canary-9b%2F7A%2Bx%3DQ%26z HTTP/1.1",
        ),
        (
            "type: basic",
            {"password": TOKEN},
            "Authorization: Basic YWRhOnRvay1DYW5hcnktOWIvN0EreD1RJno=",
        ),
    ],
    ids=["bearer", "header", "query", "basic"],
)
def test_a_request_carries_what_the_manifest_says_and_no_trace_of_it_is_kept(call, peer, sandboxd, auth, bundle, line):
    peer.script = lambda request, send: send(as_json({"id": "x7", "echo": request.decode("latin-1")}, X_Echo=TOKEN))
    run = call(auth, bundle, "look_up", key="a", fields=["id"])
    assert (run.state, run.error) == ("succeeded", None)
    assert line.encode() in peer.requests[0].split(b"\r\n")
    assert run.outputs["id"] == "x7" and "[redacted]" in run.outputs["echo"]
    everything = dump() + sandboxd.log.read_text()
    assert TOKEN not in everything and "YWRhOnRvay1DYW5hcnktOWIvN0EreD1RJno" not in everything


def test_a_key_stands_once_in_the_address_of_a_page_whose_link_repeats_it(call, peer):
    """What comes back of it is a mark by then, and some vendors read the first of two."""
    link = f'</linked?key={quote(TOKEN, safe="")}&page=2>; rel="next"'
    replies = [as_json([{"a": 1}], Link=link), as_json([{"a": 2}])]
    peer.script = lambda request, send: send(replies[len(peer.requests) - 1])
    run = call("type: api_key, in: query, name: key", {"api_key": TOKEN}, "by_link", actions=LINKED)
    assert (run.state, run.outputs["items"]) == ("succeeded", [{"a": 1}, {"a": 2}])
    assert peer.requests[1].startswith(f"GET /linked?page=2&key={quote(TOKEN, safe='')} HTTP/1.1".encode())


def test_a_redirect_to_another_declared_host_is_not_told_the_token(call, peer):
    def script(request, send):
        is_first = f"Host: {API}".encode() in request
        send(answer("", 302, Location=f"https://{ELSEWHERE}/moved") if is_first else as_json({"id": "there"}))

    peer.script = script
    run = call("type: bearer", {"token": TOKEN}, "look_up", key="a")
    assert run.outputs == {"id": "there"}
    assert [TOKEN.encode() in request for request in peer.requests] == [True, False]
    (request,) = CallRecord.objects.get(run=run).exchanges[0]["requests"]
    assert (request["redirects"], request["redirected_to"]) == (1, [ELSEWHERE])


def test_the_host_of_the_connection_is_called_and_only_below_its_suffix(call, peer):
    peer.script = saying(as_json({"id": "x7"}))
    base = "https://{connection.host}"
    run = call("type: bearer", {"token": TOKEN}, "look_up", base_url=base, host=TENANT, key="a")
    assert run.state == "succeeded"
    assert f"Host: {TENANT}".encode() in peer.requests[0]
    Connection.objects.update(host="evil.example")
    run = finished(run.workspace, run.requested_by, "proven.look_up", {"key": "a"})
    assert (run.error_category, run.error["error_code"]) == ("policy_block", "host_not_allowed")
    assert len(peer.requests) == 1


def test_a_token_that_is_refused_without_another_one_is_sent_once(call, peer):
    peer.script = saying(as_json({}, 401))
    run = call("type: bearer", {"token": TOKEN}, "look_up", key="a")
    assert (run.state, run.error_category, run.error["status"]) == ("failed", "auth_error", 401)
    assert len(peer.requests) == 1


def test_a_host_that_is_not_declared_is_refused_and_the_trail_says_so(call, peer):
    peer.script = saying(answer("", 302, Location="https://evil.example/x"))
    run = call("type: bearer", {"token": TOKEN}, "look_up", key="a")
    assert (run.error_category, run.error["error_code"]) == ("policy_block", "redirect_refused")
    assert AuditEvent.objects.filter(action="egress.refused", target_id=str(run.pk)).count() == 1


def test_a_write_carries_the_same_key_whenever_it_is_tried_again(call, peer):
    def script(request, send):
        send(as_json({}, 503) if len(peer.requests) == 1 else as_json({"id": "x9"}))

    peer.script = script
    run = call("type: none", {}, "pay", key="a")
    assert (run.state, len(peer.requests)) == ("succeeded", 2)
    keys = {line for request in peer.requests for line in request.split(b"\r\n") if line.startswith(b"Idempotency-Key")}
    assert keys == {f"Idempotency-Key: {run.pk}".encode()}


def test_a_call_ends_where_its_connection_is_made_anew_between_two_tries(call, peer, monkeypatch):
    """Another account may stand behind it, for which nobody approved anything."""

    def ask_and_reconnect(op, body, *, seconds):
        answer = ask(op, body, seconds=seconds)
        Connection.objects.update(generation=2)
        return answer

    monkeypatch.setattr("sandbox.runners.live.ask", ask_and_reconnect)
    peer.script = saying(as_json({}, 503))
    run = call("type: none", {}, "pay", key="a")
    assert (run.error_category, run.error["error_code"]) == ("policy_block", "connection_changed")
    assert len(peer.requests) == 1


OTHERWISE = [
    {"inputs": {"key": "other"}},
    {"attempt": 7},
    {"generation": "1"},
    {"digest": "0" * 64},
    {"target": "proven.create"},
    {"url": "https://evil.example/"},
    {"endpoint": 6},
    {"seconds": 60.0},
    {"page": 1},
]


def test_an_order_that_is_not_the_gates_own_is_refused(call, peer, monkeypatch):
    """Whoever reaches the socket can have the exchange that the gate let through, and no other."""
    refusals = []

    def ask_otherwise_first(op, body, *, seconds):
        for changes in OTHERWISE:
            with pytest.raises(Refused) as refused:
                ask(op, body | changes, seconds=seconds)
            refusals.append(refused.value.code)
        assert peer.requests == []
        return ask(op, body, seconds=seconds)

    monkeypatch.setattr("sandbox.runners.live.ask", ask_otherwise_first)
    peer.script = saying(as_json({"id": "x7"}))
    assert call("type: bearer", {"token": TOKEN}, "look_up", key="a").state == "succeeded"
    assert refusals == ["bad_order"] * len(OTHERWISE)
    assert len(peer.requests) == 1
