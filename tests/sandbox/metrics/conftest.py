"""A workspace in which things ran: a connector, a transform and a pack, and what they cost."""

from datetime import timedelta

import pytest
from django.utils import timezone

from tests.extensions import PACK, PROBE, TIDY, installed
from tests.playhouse import staged
from tests.sandbox.health.calls import CHECKED, connect, make_calls
from tests.sandbox.run_rows import make_outcome, make_run

PRICE = "    cost: { unit: call, amount: 0.02, currency: EUR }\n"
LINE = "    scopes: [beats.read]\n"


@pytest.fixture
@staged
def parts(workspace, admin):
    return installed(workspace, admin, CHECKED.replace(LINE, LINE + PRICE), PROBE, TIDY, PACK)


@pytest.fixture
def busy(parts, admin):
    """Calls of pulse.list that are quick and cost two cents, of pulse.add that are slow and fail; an outcome."""
    pulse, _, tidy, pack = parts
    reached = connect(pulse)
    make_calls(reached, 40)
    slow = {"target": "pulse.add", "error": {"error_code": "http_500", "status": 500}}
    make_calls(reached, 6, category="transient", **slow)
    make_calls(reached, 30, target="pulse.add", **_took(3_000))
    make_calls(reached, 2, target="pulse.add", category="validation")
    make_calls(reached, 5, target="pulse.list", mode="simulated")
    run = make_run(pulse.workspace, pack, admin, mode="live", scenario="", kind="pack")
    make_run(
        pulse.workspace, tidy, admin, mode="live", scenario="", kind="transform", parent=run, step_id="a", **_took(100)
    )
    make_outcome(run)
    return pulse


def _took(ms: int) -> dict:
    at = timezone.now() - timedelta(minutes=1)
    return {"created_at": at, "started_at": at, "finished_at": at + timedelta(milliseconds=ms)}
