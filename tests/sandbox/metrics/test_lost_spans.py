"""A span store that fails never fails a run: it goes on without, the loss is counted, and the page says so."""

from datetime import UTC, datetime, timedelta

import pytest
from django.core.cache import cache
from django.db import DatabaseError
from django.utils import timezone

from galaxy.core.telemetry.tallies import SPANS_LOST, tallies
from sandbox import tracing
from sandbox.models import Run, Span
from sandbox.services import invoke, perform
from tests.extensions import PROBE, installed
from tests.playhouse import staged


@pytest.fixture
@staged
def probe(workspace, admin):
    return installed(workspace, admin, PROBE)[0]


@pytest.fixture
def no_partition(monkeypatch):
    """Spans of a year for which PostgreSQL has no partition; the pause ends with the test."""
    far = timezone.now() + timedelta(days=3_000)

    class Far:
        now = staticmethod(lambda: far)

    cache.delete(f"galaxy:tally:{SPANS_LOST}")
    monkeypatch.setattr(tracing, "timezone", Far)
    monkeypatch.setattr(tracing, "_keeps_from", 0.0)


def test_a_run_is_asked_for_and_done_where_no_span_can_be_stored(
    no_partition, workspace, admin, probe, client_of, monkeypatch
):
    run = invoke(workspace, actor=admin, target="probe.look_up", inputs={"key": "a"}, simulate=True)
    assert run.state == "queued" and not tracing.keeps_spans() and tallies()[SPANS_LOST] == 1
    monkeypatch.setattr(tracing, "_keeps_from", 0.0)  # it tries again, and fails again
    perform(run.pk)
    run.refresh_from_db()
    assert run.state == "succeeded" and not Span.objects.filter(run_id=run.pk).exists()
    assert tallies()[SPANS_LOST] > 3
    page = client_of(admin).get(run.get_absolute_url()).content.decode()
    assert "Its spans are missing" in page


def test_while_it_is_known_to_fail_nothing_is_tried(no_partition, workspace, admin, probe):
    first = invoke(workspace, actor=admin, target="probe.look_up", inputs={"key": "a"}, simulate=True)
    again = invoke(workspace, actor=admin, target="probe.look_up", inputs={"key": "b"}, simulate=True)
    assert {first.state, again.state} == {"queued"} and Run.objects.filter(target="probe.look_up").count() == 2


def test_other_failures_of_the_database_are_not_swallowed(monkeypatch):
    monkeypatch.setattr(tracing, "_keeps_from", 0.0)
    calls = []

    @tracing.outlives_its_spans
    def broken():
        calls.append(datetime.now(UTC))
        raise DatabaseError('relation "sandbox_run" is not there')

    with pytest.raises(DatabaseError, match="sandbox_run"):
        broken()
    assert len(calls) == 1 and tracing.keeps_spans()
