"""What a call counts as, by the column that PostgreSQL keeps."""

import pytest

from sandbox.models import Run
from tests.extensions import PROBE, installed
from tests.playhouse import staged
from tests.sandbox.run_rows import make_run

LIVE = {"mode": "live", "scenario": ""}


def failed(category: str, *, code: str = "http_500", status: int | None = 500) -> dict:
    error = {"error_code": code, "status": status, "sentence": "No.", "next_step": "Wait."}
    return LIVE | {"state": "failed", "error_category": category, "error": error}


@pytest.fixture
@staged
def probe(workspace, admin):
    return installed(workspace, admin, PROBE)[0]


@pytest.mark.parametrize(
    ("fields", "counts_as"),
    [
        (LIVE, "good"),
        (LIVE | {"state": "running"}, ""),
        (LIVE | {"state": "waiting"}, ""),
        (LIVE | {"is_check": True}, ""),
        (LIVE | {"kind": "transform"}, ""),
        (LIVE | {"kind": "pack"}, ""),
        ({}, ""),
        ({"state": "failed"}, ""),
        (LIVE | {"state": "cancelled"}, "caller"),
        (failed("transient", status=503), "bad"),
        (failed("transient", code="breaker_open", status=None), "bad"),
        (failed("auth_error", status=401), "bad"),
        (failed("tool_error"), "bad"),
        (failed("rate_limit", status=429), "bad"),
        (failed("quota", status=403), "bad"),
        (failed("transient") | {"state": "unknown"}, "bad"),
        (failed("validation", code="output_mismatch", status=200), "bad"),
        (failed("validation", code="output_not_plain", status=200), "bad"),
        (failed("validation", code="http_422", status=422), "caller"),
        (failed("not_found", status=404), "caller"),
        (failed("policy_block", code="denied", status=None), "caller"),
        (failed("rate_limit", code="budget_spent", status=None), "caller"),
        (failed("quota", code="agent_budget_spent", status=None), "caller"),
    ],
)
def test_a_call_counts_by_what_became_of_it(workspace, admin, probe, fields, counts_as):
    run = make_run(workspace, probe, admin, **fields)
    assert Run.objects.get(pk=run.pk).counts_as == counts_as


def test_settling_moves_what_it_counts_as(workspace, admin, probe):
    run = make_run(workspace, probe, admin, **failed("transient") | {"state": "unknown"})
    Run.objects.filter(pk=run.pk).update(state="succeeded")
    assert Run.objects.get(pk=run.pk).counts_as == "good"
