"""Traces by OpenTelemetry: out once, under ids that follow from what is stored, without values; in by traceparent."""

import threading
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from galaxy.core.telemetry import otlp
from galaxy.core.telemetry.tallies import BATCHES_FAILED, SPANS_DROPPED, tallies
from galaxy.core.telemetry.traceparent import continuing, read_traceparent
from sandbox.metrics import exporting
from sandbox.metrics.exporting import export_traces
from sandbox.metrics.rolling import roll_up
from sandbox.models import Run, Span, Unsent
from sandbox.services import invoke, perform
from tests.api.conftest import send
from tests.extensions import PACK, PROBE, TIDY, installed
from tests.playhouse import staged

CANARY = "canary-7f3a-somebody@example.com"
TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


class Collector(HTTPServer):
    """Takes what is sent, or answers ``status``."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.bodies: list[bytes] = []
        self.status = 200

    @property
    def spans(self) -> list:
        requests = [ExportTraceServiceRequest.FromString(body) for body in self.bodies]
        return [
            span
            for one in requests
            for part in one.resource_spans
            for scope in part.scope_spans
            for span in scope.spans
        ]


class Handler(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.server.status == 200:
            self.server.bodies.append(body)
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, *words):
        """Nobody reads it."""


@pytest.fixture
def collector(settings):
    server = Collector()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    settings.OTLP_ENDPOINT = f"http://127.0.0.1:{server.server_port}"
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
@staged
def probe(workspace, admin):
    return installed(workspace, admin, PROBE, TIDY, PACK)[0]


@pytest.fixture
def ask(workspace, admin, probe):
    def asked(target="probe.create", inputs=None) -> Run:
        run = invoke(workspace, actor=admin, target=target, inputs=inputs or {"key": CANARY}, simulate=True)
        perform(run.pk)
        run.refresh_from_db()
        return run

    return asked


def test_the_spans_of_a_run_leave_once_as_a_tree_without_any_value(collector, ask):
    run = ask()
    stored = Span.objects.filter(run_id=run.pk).count()
    roll_up()
    assert export_traces() == 1 and export_traces() == 0 and not Unsent.objects.exists()
    spans = collector.spans
    assert len(spans) == stored > 4 and {span.trace_id.hex() for span in spans} == {run.trace_id}
    ids = {span.span_id for span in spans}
    (root,) = (span for span in spans if span.parent_span_id not in ids)
    assert root.name == "run probe.create" and not root.parent_span_id
    names = {span.name for span in spans}
    assert {"policy.evaluate", "queue", "attempt 1"} <= names
    assert CANARY.encode() not in b"".join(collector.bodies) and b"canary" not in b"".join(collector.bodies)
    told = {one.key: one.value.string_value for one in root.attributes}
    assert (told["galaxy.run"], told["galaxy.mode"]) == (str(run.pk), "simulated")


def test_what_is_sent_twice_is_the_same_span_twice(collector, ask, monkeypatch):
    ask()
    roll_up()
    with monkeypatch.context() as killed:
        killed.setattr(Unsent.objects, "filter", lambda **where: _stop(Unsent.objects.get_queryset().filter(**where)))
        with pytest.raises(KeyboardInterrupt):
            export_traces()
    first = {span.span_id for span in collector.spans}
    assert Unsent.objects.count() == 1 and first
    assert export_traces() == 1
    assert {span.span_id for span in collector.spans} == first and len(collector.bodies) == 2


def _stop(rows):
    """Rows that can be read, and on whose deletion the process is killed."""

    class Killed(type(rows)):
        def delete(self):
            raise KeyboardInterrupt

    rows.__class__ = Killed
    return rows


def test_a_collector_that_is_away_holds_up_nothing_and_gets_it_later(collector, ask, monkeypatch):
    away = tallies()[BATCHES_FAILED]
    with monkeypatch.context() as broken:
        broken.setattr(otlp, "send", lambda spans: False)
        run = ask()
        roll_up()
        assert run.state == "succeeded" and export_traces() == 0
    assert tallies()[BATCHES_FAILED] == away + 1 and Unsent.objects.count() == 1
    assert export_traces() == 1 and collector.spans


def test_the_sender_tells_a_refusal_from_a_success(collector):
    span = otlp.Told(uuid4(), TRACE, "a", datetime.now(UTC), 1.0)
    assert otlp.send([span]) and otlp.send([])
    collector.status = 400
    assert not otlp.send([span])


def test_too_many_that_wait_are_dropped_oldest_first_and_counted(collector, ask, monkeypatch):
    runs = [ask() for _ in range(3)]
    roll_up()
    before = tallies()[SPANS_DROPPED]
    monkeypatch.setattr(exporting, "MOST_WAITING", 2)
    assert export_traces() == 2
    assert tallies()[SPANS_DROPPED] > before
    assert len({span.trace_id.hex() for span in collector.spans} & {run.trace_id for run in runs}) == 2


def test_without_a_collector_nothing_is_noted(ask):
    ask()
    roll_up()
    assert not Unsent.objects.exists() and export_traces() == 0


def test_a_call_of_the_api_continues_the_callers_trace(collector, client_of, admin, probe):
    def asked(header: str) -> dict:
        body = {"target": "probe.look_up", "inputs": {"key": "a"}}
        return send(client_of(admin), "runs/", body, traceparent=header).json()

    continued = asked(f"00-{TRACE}-{PARENT}-01")
    assert continued["trace_id"] == TRACE
    perform(continued["id"])
    roll_up()
    export_traces()
    (root,) = (span for span in collector.spans if span.name == "run probe.look_up")
    assert root.parent_span_id.hex() == PARENT and root.trace_id.hex() == TRACE
    other = asked("nonsense")
    assert len(other["trace_id"]) == 32 and other["trace_id"] != TRACE


def test_a_trace_ends_with_the_request(ask):
    with continuing(read_traceparent(f"00-{TRACE}-{PARENT}-00")):
        assert ask().trace_id == TRACE
    assert ask().trace_id != TRACE and not ask().trace_parent


@pytest.mark.parametrize(
    "header",
    [
        "",
        f"00-{TRACE}-{PARENT}",
        f"ff-{TRACE}-{PARENT}-01",
        f"00-{TRACE.upper()}-{PARENT}-01",
        f"00-{'0' * 32}-{PARENT}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE}-{PARENT}-01-more",
        f"00-{TRACE}-{PARENT}-0g",
    ],
)
def test_malformed_is_ignored(header):
    assert read_traceparent(header) is None


def test_a_later_version_may_say_more():
    found = read_traceparent(f"01-{TRACE}-{PARENT}-01-whatever")
    assert found and found.trace_id == TRACE


@given(st.text())
def test_no_header_breaks_it(header):
    assert read_traceparent(header) is None or len(header.strip()) >= 55
