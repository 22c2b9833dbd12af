"""Each bad answer meets each kind of action under each policy: it lands in exactly one category, and no write is done
twice that may be done once only.

GALAXY_WRITE_MATRIX=1 writes matrix.txt anew, from what the calls give.
"""

import json
import os
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import product

import pytest
from django.db import connections

from galaxy.core.scope import workspace_scope
from sandbox.errors import CATEGORIES
from sandbox.models import CallRecord, Run
from tests.sandbox.live.conftest import finished
from tests.sandbox.live.faults import FAULTS, KINDS, POLICIES, Fault, manifest, target
from tests.sandbox.live.matrix import Line, read, write

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "owner"])


class Effects:
    """The peer's script of one fault; counts the writes that it did, by the input they were sent with."""

    def __init__(self, fault: Fault):
        self.fault = fault
        self.counts: Counter[str] = Counter()

    def __call__(self, request: bytes, send) -> None:
        if self.fault.acts and not request.startswith(b"GET"):
            self.counts[request.split(b" ")[1].decode().rpartition("/")[2]] += 1
        self.fault.reply(send)


@pytest.fixture
def lines(meridian, cast, connect, peer):
    """What every fault comes to. The runs of one fault go on at once, each with an input of its own."""
    for host in sorted({fault.host for fault in FAULTS}):
        for policy in POLICIES:
            connect(manifest(host, policy))

    def line(fault: Fault, effects: Effects, kind: str, policy: str) -> Line:
        key = fault.key or f"{kind}-{policy}".replace(" ", "-")
        with workspace_scope([meridian.pk]):
            try:
                run = finished(meridian, cast["admin"], target(fault, kind, policy), {"key": key})
            finally:
                connections.close_all()
        error = run.error or {"error_code": "", "attempts": 1}
        facts = (run.error_category, error["error_code"], error["attempts"], run.state, effects.counts[key])
        return Line(fault.name, kind, policy, *map(str, facts))

    found = []
    with ThreadPoolExecutor(len(KINDS) * len(POLICIES)) as pool:
        for fault in FAULTS:
            peer.script = effects = Effects(fault)
            found += pool.map(partial(line, fault, effects), *zip(*product(KINDS, POLICIES), strict=True))
    return found


@pytest.mark.asvs("16.5.2")
def test_every_bad_answer_comes_to_what_the_table_says(lines):
    if os.environ.get("GALAXY_WRITE_MATRIX"):
        write(lines)
    assert [line for line in lines if line not in read()] == []
    assert len(lines) == len(read())
    failed = Run.objects.exclude(state=Run.State.SUCCEEDED)
    for run in failed:
        assert run.error_category in CATEGORIES
        assert run.error["sentence"].endswith(".") and run.error["next_step"], run.error
        assert run.outputs is None, "half a result was kept"
    records = json.dumps(list(CallRecord.objects.values_list("exchanges", "outputs")), default=str)
    assert "Sign in" not in records and "Bad gateway" not in records


def test_the_table_has_no_write_that_was_done_twice_and_no_doubt_without_one():
    """Of the table itself: what its lines promise holds for all of them."""
    for line in read():
        effects = int(line.effects)
        if line.action == "plain write":
            assert effects <= 1, line
            assert line.state != "failed" or not effects, line
        if line.retry == "none":
            assert line.attempts in {"0", "1"}, line
        assert (line.state == "unknown") <= (line.action == "plain write"), line
        assert bool(line.category) == (line.state != "succeeded"), line
    assert {(line.fault, line.action, line.retry) for line in read()} == {
        (fault.name, kind, policy) for fault in FAULTS for kind in KINDS for policy in POLICIES
    }
