"""The waterfall: spans in reading order on one scale. Pure, so no database."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from sandbox.trace import waterfall

START = datetime(2026, 11, 25, 8, 0, tzinfo=UTC)


@dataclass
class FakeSpan:
    name: str
    start_ms: float = 0
    duration_ms: float = 100
    parent: "FakeSpan | None" = None
    parent_id: UUID | None = None
    run_id: UUID | None = None
    kind: str = "call"
    status: str = "ok"
    attributes: dict = field(default_factory=dict)
    pk: UUID = field(default_factory=uuid4)

    def __post_init__(self):
        self.started_at = START + timedelta(milliseconds=self.start_ms)
        if self.parent:
            self.parent_id = self.parent.pk


def names(trace):
    return [("  " * row.depth) + row.span.name for row in trace.rows]


def test_a_parent_comes_before_its_children_and_siblings_by_start():
    run = FakeSpan("run", 0, 300)
    call = FakeSpan("call", 100, 200, run)
    trace = waterfall(
        [
            FakeSpan("attempt 2", 250, 50, call),
            call,
            FakeSpan("attempt 1", 110, 20, call),
            FakeSpan("policy", 5, 1, run),
            run,
        ]
    )
    assert names(trace) == ["run", "  policy", "  call", "    attempt 1", "    attempt 2"]
    assert [row.start_ms for row in trace.rows] == [0, 5, 100, 110, 250]
    assert trace.total_ms == 300
    assert trace.summary == "5, none missing"


def test_the_scale_ends_with_the_last_span_even_past_its_parents_end():
    run = FakeSpan("run", 0, 100)
    trace = waterfall([run, FakeSpan("late", 150, 50, run)])
    assert trace.total_ms == 200


def test_a_missing_parent_is_counted_once_and_its_children_stay_in_sight():
    gone = uuid4()
    trace = waterfall([FakeSpan("run"), FakeSpan("b", 10, parent_id=gone), FakeSpan("a", 5, parent_id=gone)])
    assert names(trace) == ["run", "a", "b"]
    assert [row.is_orphan for row in trace.rows] == [False, True, True]
    assert trace.summary == "3, 1 missing"


def test_the_span_of_a_run_that_still_goes_on_is_awaited_and_not_missing():
    running = uuid4()
    trace = waterfall([FakeSpan("policy", parent_id=running)], runs=[running])
    assert (trace.missing, names(trace)) == (0, ["policy"])


def test_a_step_shows_its_own_spans_with_its_root_at_the_top():
    pack, step = uuid4(), uuid4()
    root = FakeSpan("run pack", 0, 500, run_id=pack)
    own = FakeSpan("run step", 100, 50, root, run_id=step)
    trace = waterfall([root, own, FakeSpan("call", 110, 30, own, run_id=step)], run_id=step)
    assert names(trace) == ["run step", "  call"]
    assert (trace.rows[0].start_ms, trace.total_ms, trace.missing) == (0, 50, 0)


def test_a_circle_of_parents_hides_nothing():
    one, two = FakeSpan("one", 0), FakeSpan("two", 1)
    one.parent_id, two.parent_id = two.pk, one.pk
    assert {row.span.name for row in waterfall([FakeSpan("run"), one, two]).rows} == {"run", "one", "two"}


def test_both_attempts_at_a_run_are_shown_though_their_spans_share_its_id():
    run = uuid4()
    first, second = FakeSpan("first", 0, pk=run), FakeSpan("second", 200, pk=run)
    assert names(waterfall([first, second, FakeSpan("call", 210, 10, second)])) == ["first", "  call", "second"]


def test_bars_tell_waiting_failure_work_and_what_is_quick_apart():
    spans = [
        FakeSpan("work", 0, 1000),
        FakeSpan("quick", 1, 5),
        FakeSpan("wait", 2, 500, status="waited"),
        FakeSpan("fail", 3, 5, status="error"),
    ]
    assert [row.bar for row in waterfall(spans).rows] == ["work", "fast", "wait", "fail"]


def test_only_a_number_counts_as_the_status_of_an_answer():
    rows = waterfall([FakeSpan("a", attributes={"status": 429}), FakeSpan("b", 1, attributes={"status": True})]).rows
    assert [row.http_status for row in rows] == [429, None]


def test_nothing_measured_is_an_empty_trace():
    trace = waterfall([])
    assert (list(trace.rows), trace.total_ms, trace.summary) == ([], 0.0, "none yet")


def test_deep_trees_stay_on_the_last_indent():
    spans = [FakeSpan("0")]
    for number in range(1, 6):
        spans.append(FakeSpan(str(number), number, 10, spans[-1]))
    assert [row.depth for row in waterfall(spans).rows] == [0, 1, 2, 3, 3, 3]
