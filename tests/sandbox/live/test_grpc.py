"""gRPC actions from end to end: the gate, worker code, a real sandboxd, and a grpcio server with TLS and reflection."""

import base64
import json
import threading
import time

import grpc
import pytest
from django.core.serializers.json import DjangoJSONEncoder
from django.db import connections
from google.protobuf import descriptor_pb2, descriptor_pool

from galaxy.core.scope import workspace_scope
from marketplace.workshop.drafts import begin_draft
from marketplace.workshop.drafts import publish as publish_draft_text
from registry.manifests import read
from registry.models import Connection, Version
from registry.services import install
from registry.services.quarantining import stop_versions
from sandbox.grpc_calls import STATUSES, method_of
from sandbox.models import CallRecord, Run
from sandbox.sandboxd.client import ask
from tests.connections import seal_for
from tests.core.egress.peers import Peer, answer
from tests.extensions import publish
from tests.grpc_details import retry_info, rpc_status
from tests.peers.warehouse import HOST, MANIFEST, SERVICE, Warehouse, refusing, sleeping
from tests.sandbox.live.conftest import finished
from tests.sandbox.python_extensions import publish_python
from tests.sandboxd import Sandboxd

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "owner"])
TOKEN = "tok-9b7A+x=Q&z-0123456789"
LOGIN, DOWN = "login.stock.example.com", "down.stock.example.com"
QUICK = "retry: { strategy: exponential, max_attempts: 3, base_ms: 1, max_ms: 2 }\nactions:"
LINES = {"lines": [{"sku": "CHAIR-1", "quantity": 2}], "reference": "O-1"}
PYTHON = "# perms: [files.read]\n\ndef run(inputs, ctx):\n    return {'n': inputs.get('n', 0) + 1}\n"


@pytest.fixture(scope="module")
def _warehouse(tmp_path_factory, authority):
    found = Warehouse(tmp_path_factory.mktemp("warehouse"), authority)
    yield found
    found.close()


@pytest.fixture(scope="module")
def login(authority):
    """Gives tokens: the first call token-1-…, the second token-2-…"""
    found = Peer(authority.context(LOGIN), lambda request, send: send(token_of(len(found.requests))))
    yield found
    found.close()


def token_of(number: int) -> bytes:
    token = {"access_token": f"token-{number}-0123456789", "token_type": "Bearer", "expires_in": 3600}
    return answer(json.dumps(token), Content_Type="application/json")


@pytest.fixture(scope="module")
def standing(django_db_setup, authority, _warehouse, login):
    found = Sandboxd({HOST: _warehouse.port, LOGIN: login.port, DOWN: 1}, authority.pem)
    found.start("--size", "1")
    yield found
    found.close()


@pytest.fixture
def warehouse(_warehouse):
    _warehouse.forget()
    return _warehouse


@pytest.fixture
def meridian(cast, standing, settings, warehouse):
    settings.SANDBOXD_SOCKET = standing.socket
    settings.GALAXY_KMS = f"local:{standing.key_file}"  # this process seals what sandboxd opens
    with workspace_scope([cast["meridian"].pk]):
        yield cast["meridian"]


@pytest.fixture
def call(meridian, cast):
    """``call("get_item", {"sku": "a"})``: one action of the documents' sample, run to its end."""
    installed = []

    def run(action: str, inputs: dict, text: str = MANIFEST, bundle: dict | None = None, **options) -> Run:
        if not installed:
            version = publish(text.replace("actions:", QUICK, 1))
            installation = install(meridian, version.extension, version=version, actor=cast["admin"])
            connection = Connection.objects.select_related("installation__workspace", "workspace").get(
                installation=installation
            )
            installed.append(seal_for(connection, bundle or {"token": TOKEN}, settings={"client_id": "galaxy"}))
        return finished(meridian, cast["admin"], f"stock.{action}", inputs, **options)

    return run


def test_what_the_manifest_describes_is_what_the_server_says_of_itself(warehouse):
    ours = method_of(read(MANIFEST).manifest.actions["reserve"]).descriptor
    pool = descriptor_pool.DescriptorPool()
    told = [descriptor_pb2.FileDescriptorProto.FromString(raw) for raw in warehouse.describe()]
    for file in sorted(told, key=lambda file: len(file.dependency)):
        pool.Add(file)
    theirs = pool.FindServiceByName(SERVICE)
    assert as_proto(ours.containing_service.file) == as_proto(theirs.file)
    assert {method.name for method in theirs.methods} == {"GetItem", "Reserve", "Release"}


def as_proto(file) -> descriptor_pb2.FileDescriptorProto:
    proto = descriptor_pb2.FileDescriptorProto()
    file.CopyToProto(proto)
    proto.name = ""  # each calls the file as it likes, and protoc writes down the names of JSON that all can tell
    for message in all_messages(proto.message_type):
        for field in message.field:
            field.ClearField("json_name")
    return proto


def all_messages(messages):
    for message in messages:
        yield message
        yield from all_messages(message.nested_type)


def test_a_read_is_called_and_its_message_becomes_json(call, warehouse):
    run = call("get_item", {"sku": "CHAIR-1"})
    assert (run.state, run.mode, run.error) == ("succeeded", "live", None)
    assert run.outputs == {
        "sku": "CHAIR-1",
        "name": "Garden chair",
        "in_stock": "1152921504606846976",
        "labels": {"colour": "green"},
        "picture": "AP8=",
    }
    ((name, metadata, request),) = warehouse.calls
    assert (name, request.sku) == ("GetItem", "CHAIR-1")
    assert metadata["authorization"] == f"Bearer {TOKEN}"
    (attempt,) = CallRecord.objects.get(run=run).exchanges
    (record,) = attempt["requests"]
    assert (record["method"], record["url"], record["status"]) == ("POST", f"https://{HOST}/{SERVICE}/GetItem", 200)
    assert (record["address"], record["was_sent"]) == ("127.0.0.1", True)
    assert "CHAIR-1" not in json.dumps(attempt) and TOKEN not in json.dumps(attempt)


def test_a_draft_of_the_workshop_is_called_as_every_version_is(meridian, cast, warehouse):
    draft = begin_draft(meridian, text=MANIFEST, actor=cast["creator"])
    version = publish_draft_text(draft, actor=cast["creator"])
    installation = install(meridian, version.extension, version=version, actor=cast["creator"])
    seal_for(installation.connections.get(), {"token": TOKEN}, settings={"client_id": "galaxy"})
    run = finished(meridian, cast["creator"], "stock.get_item", {"sku": "CHAIR-1"})
    assert (run.state, run.mode, run.version.number) == ("succeeded", "live", "1.0.0-draft.1")
    assert (run.outputs["name"], [call[0] for call in warehouse.calls]) == ("Garden chair", ["GetItem"])


def test_a_write_is_called_with_its_metadata(call, warehouse):
    run = call("reserve", LINES | {"until": "2026-12-01T12:00:00Z"})
    assert (run.state, run.outputs) == (
        "succeeded",
        {"id": "R-17", "state": "HELD", "until": "2026-12-01T12:00:00Z"},
    )
    ((_, metadata, request),) = warehouse.calls
    assert metadata["x-warehouse"] == "north"
    assert [(line.sku, line.quantity) for line in request.lines] == [("CHAIR-1", 2)]
    assert request.until.ToSeconds() == 1796126400


@pytest.mark.parametrize(
    ("code", "calls", "state", "calls_to_write"),
    [
        (grpc.StatusCode.NOT_FOUND, 1, "failed", 1),
        (grpc.StatusCode.INTERNAL, 3, "unknown", 1),
        (grpc.StatusCode.ABORTED, 3, "failed", 3),
    ],
    ids=str,
)
def test_a_code_ends_a_read_and_a_write_as_it_must(call, warehouse, code, calls, state, calls_to_write):
    """What each code means is a table of its own (tests/sandbox/test_grpc_statuses.py); here the gate acts by it."""
    warehouse.answer = refusing(code)
    looked = call("get_item", {"sku": "a"})
    assert (looked.state, looked.error_category) == ("failed", STATUSES[code].category)
    assert len(warehouse.calls) == calls
    warehouse.calls.clear()
    wrote = call("reserve", LINES)
    assert (wrote.state, wrote.error_category) == (state, STATUSES[code].category)
    assert len(warehouse.calls) == calls_to_write
    assert wrote.error["error_code"] == f"grpc_{code.name.lower()}"
    assert wrote.error["last_endpoint"] == f"gRPC https://{HOST}/{SERVICE}/Reserve"


def test_a_call_that_heals_is_a_success(call, warehouse):
    warehouse.answer = refusing(grpc.StatusCode.UNAVAILABLE, times=2, honest=warehouse.honest)
    run = call("get_item", {"sku": "a"})
    assert (run.state, len(warehouse.calls)) == ("succeeded", 3)


def test_a_peer_that_says_when_to_come_back_is_heard(call, warehouse):
    details = rpc_status(retry_info(hours=2, milliseconds=1))
    warehouse.answer = refusing(grpc.StatusCode.RESOURCE_EXHAUSTED, details=details)
    run = call("get_item", {"sku": "a"})
    assert (run.state, run.error_category, len(warehouse.calls)) == ("failed", "rate_limit", 1)
    assert "wait until" in run.error["next_step"]


def test_a_write_may_go_again_where_an_unavailable_peer_asks_for_it(call, warehouse):
    details = rpc_status(retry_info(seconds=0))
    code = grpc.StatusCode.UNAVAILABLE
    warehouse.answer = refusing(code, times=1, honest=warehouse.honest, details=details)
    run = call("reserve", LINES)
    assert (run.state, len(warehouse.calls)) == ("succeeded", 2)


def test_a_fallback_is_called_where_the_first_endpoint_is_out_of_reach(call, warehouse):
    """Nothing was sent there, so that even a write may go elsewhere."""
    text = MANIFEST.replace(f"base_url: https://{HOST}", f"base_url: https://{DOWN}")
    text = text.replace("egress:", f"egress:\n  - {{ host: {DOWN} }}")
    text = text.replace("    undo: release", f"    fallbacks: [{{ base_url: https://{HOST} }}]\n    undo: release")
    run = call("reserve", LINES, text)
    assert (run.state, run.outputs["id"], len(warehouse.calls)) == ("succeeded", "R-17", 1)


def test_a_deadline_ends_the_call_and_leaves_a_write_unknown(call, warehouse):
    warehouse.answer = sleeping(0.5, warehouse.honest)
    text = MANIFEST.replace("    undo: release", "    timeout_ms: 150\n    undo: release")
    run = call("reserve", LINES, text)
    assert (run.state, run.error_category, len(warehouse.calls)) == ("unknown", "transient", 1)
    assert run.error["error_code"] == "timeout"


def test_a_call_under_way_ends_within_five_seconds_once_its_version_is_stopped(call, warehouse, meridian, desk):
    """F95, as test_quarantine.py holds it for REST and Python: a read fails, and says why."""
    over, stopped = threading.Event(), []

    def answer(name, request, context):
        over.wait(9)  # until the test is over; the declared limit is longer
        return warehouse.honest(name, request, context)

    def stop():
        deadline = time.monotonic() + 60
        while not warehouse.calls and time.monotonic() < deadline:
            time.sleep(0.02)
        try:
            with workspace_scope([meridian.pk, desk.workspace.pk]):
                stop_versions([Version.objects.get(extension__slug="stock").pk], "It sends too much.")
            stopped.append(time.monotonic())
        finally:
            connections.close_all()

    warehouse.answer = answer
    stopper = threading.Thread(target=stop)
    stopper.start()
    try:
        run = call("get_item", {"sku": "a"}, MANIFEST.replace("timeout_ms: 3000", "timeout_ms: 9500"))
        ended = time.monotonic()
    finally:
        over.set()
        stopper.join()
    assert (run.state, run.error_category, run.error["error_code"]) == ("failed", "policy_block", "quarantined")
    assert "stopped this version while the call was under way" in run.error["sentence"]
    assert len(warehouse.calls) == 1 and ended - stopped[0] < 5


def test_an_answer_that_does_not_fit_is_told_as_such(call, warehouse):
    warehouse.answer = lambda name, request, context: warehouse.messages.Item(name="x" * 3_000_000)
    run = call("get_item", {"sku": "a"})
    assert (run.state, run.error["error_code"]) == ("failed", "response_too_large")


def test_inputs_that_the_message_does_not_take_are_not_sent(call, warehouse):
    text = MANIFEST.replace("    timeout_ms: 3000", "    inputs: { sku: any }")
    run = call("get_item", {"sku": 7}, text)
    assert (run.state, run.error_category, run.error["error_code"]) == ("failed", "validation", "bad_message")
    assert "sku does not fit" in run.error["sentence"] and warehouse.calls == []
    assert run.error["field"] == "sku"


def test_a_token_that_a_peer_echoes_is_kept_nowhere(call, warehouse, standing):
    def echo(name, request, context):
        token = dict(context.invocation_metadata())["authorization"].removeprefix("Bearer ")
        if request.sku == "fine":
            return warehouse.messages.Item(sku=token, name=f"Bearer {token}", picture=token.encode())
        context.set_trailing_metadata(
            (("x-echo", token), ("grpc-status-details-bin", rpc_status(retry_info(seconds=1)) + token.encode()))
        )
        return context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"bad token {token}")

    warehouse.answer = echo
    fine, bad = call("get_item", {"sku": "fine"}), call("get_item", {"sku": "bad"})
    assert (fine.state, fine.outputs["name"]) == ("succeeded", "Bearer [redacted]")
    assert bad.state == "failed"
    rows = [*Run.objects.values(), *CallRecord.objects.values()]
    kept = json.dumps(rows, cls=DjangoJSONEncoder, default=str) + standing.log.read_text(encoding="utf-8")
    for form in (TOKEN, base64.b64encode(TOKEN.encode()).decode()[:24], TOKEN[:12]):
        assert form not in kept


def test_a_token_that_is_refused_is_renewed_once(call, warehouse, login):
    """As a 401 is over HTTP: another token, the same call once more, and then the no stands."""
    auth = f"type: oauth2, grant: client_credentials, token_url: https://{LOGIN}/token"
    text = MANIFEST.replace("type: bearer", auth).replace("egress:", f"egress:\n  - {{ host: {LOGIN} }}")
    bundle = {"access_token": "an-older-token-0123456789", "client_secret": "client-secret-0123456789"}

    def only_new(name, request, context):
        if "older" in dict(context.invocation_metadata())["authorization"]:
            context.abort(grpc.StatusCode.UNAUTHENTICATED, "The token is over.")
        return warehouse.honest(name, request, context)

    warehouse.answer = only_new
    login.requests.clear()
    wrote = call("reserve", LINES, text, bundle)
    assert (wrote.state, wrote.outputs["id"]) == ("succeeded", "R-17")
    tokens = [metadata["authorization"] for _, metadata, _ in warehouse.calls]
    assert tokens == ["Bearer an-older-token-0123456789", "Bearer token-1-0123456789"]
    warehouse.calls.clear()
    warehouse.answer = refusing(grpc.StatusCode.UNAUTHENTICATED)
    refused = call("reserve", LINES)
    assert (refused.state, refused.error_category) == ("failed", "auth_error")
    assert (len(warehouse.calls), len(login.requests)) == (2, 2)


def test_a_connection_is_tested_by_the_call_that_tells_of_its_health(call, warehouse, cast):
    call("get_item", {"sku": "a"}, MANIFEST + "health: { action: get_item }\n")
    row = Connection.objects.select_related("installation__pin").get()
    order = {"workspace": str(row.workspace_id), "connection": str(row.pk), "digest": row.installation.pin.digest}
    assert ask("connection.test", order, seconds=10) == {
        "passed": True,
        "sentence": f"{HOST} answered 200: it takes what this connection holds.",
    }
    assert warehouse.calls[-1][1]["authorization"] == f"Bearer {TOKEN}"
    warehouse.answer = refusing(grpc.StatusCode.UNAUTHENTICATED)
    assert ask("connection.test", order, seconds=10)["passed"] is False


def test_sim_mode_answers_from_the_manifest_and_calls_nobody(call, warehouse):
    for scenario, state, category in (
        ("happy", "succeeded", ""),
        ("auth", "failed", "auth_error"),
        ("rate", "succeeded", ""),
        ("server", "succeeded", ""),
    ):
        run = call("get_item", {"sku": "CHAIR-7"}, simulate=True, scenario=Run.Scenario[scenario.upper()])
        assert (run.state, run.mode, run.error_category) == (state, "simulated", category), scenario
        if state == "succeeded":
            assert run.outputs == {
                "sku": "CHAIR-7", "name": "Garden chair", "in_stock": "12", "labels": {}, "picture": "",
            }  # fmt: skip
    assert warehouse.calls == []


def test_python_runs_in_the_same_sandboxd_before_and_after(call, cast, meridian):
    """grpcio has threads of its own by then; sealed workers are started by exec, so that they take none along."""

    def count_up(workspace, user):
        with workspace_scope([workspace.pk]):
            return finished(workspace, user, "count.up", {"n": 1}).outputs

    version = publish_python(PYTHON, id="count.up")
    admin, other, stranger = cast["admin"], cast["tidewater"], cast["stranger"]
    install(meridian, version.extension, version=version, actor=admin)
    assert count_up(meridian, admin) == {"n": 2}
    assert call("get_item", {"sku": "a"}).state == "succeeded"
    assert count_up(meridian, admin) == {"n": 2}
    with workspace_scope([other.pk]):
        install(other, version.extension, version=version, actor=stranger)
    assert count_up(other, stranger) == {"n": 2}  # in a new worker, since none serves two workspaces
    assert call("get_item", {"sku": "a"}).state == "succeeded"
