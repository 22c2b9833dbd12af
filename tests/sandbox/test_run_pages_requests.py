"""The page of a live run says what left for it, request by request; a simulated run sent nothing."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from sandbox.models import CallRecord
from tests.extensions import PROBE, installed
from tests.sandbox.run_rows import make_run

URL = "https://api.probe.example/things/{key}?fields"


def request(**more):
    return {
        "method": "GET", "url": URL, "status": 200, "code": "", "reason": "", "address": "93.184.216.34",
        "redirects": 0, "redirected_to": [], "was_sent": True, "duration_ms": 12, "bytes_in": 2048, "bytes_out": 0,
        "page": 1,
    } | more  # fmt: skip


ATTEMPTS = [
    {"attempt": 1, "status": 503, "duration_ms": 20.0, "category": "transient", "requests": [request(status=503)]},
    {
        "attempt": 2,
        "status": None,
        "duration_ms": 20.0,
        "category": "transient",
        "requests": [request(status=None, reason="api.probe.example did not answer in time.")],
    },
    {"attempt": 3, "status": 200, "duration_ms": 9.0, "category": "", "requests": [request(), request(page=2)]},
    {"attempt": 4, "status": 200, "duration_ms": 9.0, "category": "tool_error", "requests": [request(redirects=2)]},
]


@pytest.fixture
def make(workspace, admin):
    (installation,) = installed(workspace, admin, PROBE)

    def made(exchanges, **fields):
        run = make_run(workspace, installation, admin, target="probe.look_up", **{"mode": "live"} | fields)
        CallRecord.objects.create(
            workspace=workspace,
            run=run,
            version_digest=run.version_digest,
            action=run.target,
            mode=run.mode,
            inputs={},
            exchanges=exchanges,
        )
        return run

    return made


def page(client_of, admin, run) -> str:
    return " ".join(client_of(admin).get(run.get_absolute_url()).content.decode().split())


def test_each_request_stands_there_with_what_came_back(make, client_of, admin):
    text = page(client_of, admin, make(ATTEMPTS))
    assert "<h2>Requests</h2><span>5 sent</span>" in text
    assert text.count("GET https://api.probe.example/things/{key}?fields") == 5
    for words in ("503", "did not answer in time.", "200, tool error", "2 redirects followed", "2.0 KiB"):
        assert words in text


@pytest.mark.parametrize(
    ("exchanges", "fields"),
    [
        (ATTEMPTS, {"mode": "simulated"}),
        ([{"attempt": 1, "status": 200, "duration_ms": 1.0}], {}),
        ([], {"state": "failed", "error_category": "policy_block"}),
    ],
    ids=["simulated", "python", "stopped"],
)
def test_what_sent_nothing_shows_no_requests(make, client_of, admin, exchanges, fields):
    assert 'id="requests"' not in page(client_of, admin, make(exchanges, **fields))


def test_the_page_reads_them_in_one_query_however_many(make, client_of, admin):
    few, many = make(ATTEMPTS[:1]), make(ATTEMPTS * 20)
    counts = []
    for run in (few, many):
        with CaptureQueriesContext(connection) as queries:
            page(client_of, admin, run)
        counts.append(len(queries))
    assert counts[0] == counts[1]
