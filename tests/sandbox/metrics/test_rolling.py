"""Roll-ups: each run counted exactly once, in the hour in which it ended, whenever and by whomever it is written."""

import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connection, transaction
from django.utils import timezone

from galaxy.core.scope import workspace_scope
from sandbox.metrics import rolling
from sandbox.metrics.reading import figures_of
from sandbox.metrics.retention import drop_old
from sandbox.metrics.rolling import behind_since, roll_up
from sandbox.metrics.windows import window_of
from sandbox.models import Charge, RollUp, Run, Uncounted
from tests.extensions import PROBE, installed
from tests.playhouse import staged
from tests.sandbox.health.calls import CHECKED, connect, make_calls
from tests.sandbox.run_rows import make_run

NOW = datetime(2026, 11, 26, 14, 30, tzinfo=UTC)


@pytest.fixture
@staged
def pulse(workspace, admin):
    return installed(workspace, admin, CHECKED)[0]


def figures(pulse, window="7d", **options):
    return {one.target: one for one in figures_of(pulse.workspace, window_of(window), **options)}


def test_runs_that_ended_are_told_once_they_are_rolled_up(pulse):
    reached = connect(pulse)
    make_calls(reached, 60)
    make_calls(reached, 3, category="transient")
    make_calls(reached, 2, category="validation", target="pulse.add")
    make_calls(reached, 1, state="cancelled", started_at=None, target="pulse.add")
    assert behind_since(pulse.workspace) and not figures(pulse)
    assert roll_up() == 66 and roll_up() == 0
    assert behind_since(pulse.workspace) is None
    told = figures(pulse)
    listed, added = told["pulse.list"], told["pulse.add"]
    assert (listed.calls, listed.good, listed.bad, listed.callers) == (63, 60, 3, 0)
    assert listed.errors == {"transient": 3} and listed.success == "95.23 %"
    assert listed.p95_ms == pytest.approx(100, rel=0.01) and not listed.is_slow
    assert (added.calls, added.callers, added.mistakes) == (3, 3, {"validation": 2, "cancelled": 1})
    assert added.p95_ms is None and added.error_rate is None
    assert sum(slot.calls for slot in listed.slots) == 63


def test_hours_and_days_say_the_same(pulse):
    reached = connect(pulse)
    for hours in (1, 5, 23):
        make_calls(reached, 4, age=timedelta(hours=hours))
    roll_up()
    hours, days = figures(pulse, "24h")["pulse.list"], figures(pulse, "7d")["pulse.list"]
    assert (hours.calls, hours.p95_ms) == (days.calls, days.p95_ms) == (12, days.p95_ms)
    assert [slot.calls for slot in hours.slots].count(4) == 3


def test_checks_and_rehearsals_are_left_out_and_what_is_simulated_is_told_apart(pulse):
    reached = connect(pulse)
    make_calls(reached, 2, is_check=True)
    tried = make_run(pulse.workspace, pulse, pulse.installed_by, target="pulse.list", state="waiting")
    make_run(pulse.workspace, pulse, pulse.installed_by, target="pulse.list", rehearses=tried)
    make_calls(reached, 3, mode="simulated")
    make_calls(reached, 1)
    assert roll_up() == 4
    assert figures(pulse)["pulse.list"].calls == 1
    assert figures(pulse, simulated=True)["pulse.list"].calls == 3


def test_a_run_that_ends_late_is_counted_where_it_ended(pulse):
    reached = connect(pulse)
    make_calls(reached, 1)
    roll_up()
    asked = timezone.now() - timedelta(days=3)
    run = make_run(
        pulse.workspace, pulse, pulse.installed_by, target="pulse.list", mode="live", state="queued", created_at=asked
    )
    assert roll_up() == 0
    Run.objects.filter(pk=run.pk).update(
        state="succeeded", started_at=asked, finished_at=timezone.now() - timedelta(days=2)
    )
    assert roll_up() == 1
    slots = figures(pulse)["pulse.list"].slots
    assert [slot.calls for slot in slots][-3] == 1 and sum(slot.calls for slot in slots) == 2


def test_what_is_settled_moves_from_failed_to_succeeded_and_is_counted_once(pulse):
    reached = connect(pulse)
    make_calls(reached, 1, category="transient", state="unknown")
    roll_up()
    before = figures(pulse)["pulse.list"]
    assert (before.calls, before.bad, before.unknown, before.errors) == (1, 1, 1, {"transient": 1})
    Run.objects.filter(target="pulse.list").update(state="succeeded", error_category="", error=None)
    roll_up()
    after = figures(pulse)["pulse.list"]
    assert (after.calls, after.good, after.bad, after.unknown, after.errors) == (1, 1, 0, 0, {})


def test_settled_before_it_was_ever_counted_it_counts_as_it_is(pulse):
    make_calls(connect(pulse), 1, category="transient", state="unknown")
    Run.objects.filter(target="pulse.list").update(state="failed")
    assert roll_up() == 1
    told = figures(pulse)["pulse.list"]
    assert (told.calls, told.bad, told.unknown) == (1, 1, 0)


def test_a_kill_in_the_middle_leaves_everything_to_be_counted_once(pulse, monkeypatch):
    make_calls(connect(pulse), 10)

    def killed(*args):
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(rolling, "write_rollups", killed)
        with pytest.raises(KeyboardInterrupt), transaction.atomic():
            roll_up()
    assert Uncounted.objects.count() == 10 and not RollUp.objects.exists()
    assert roll_up() == 10 and figures(pulse)["pulse.list"].calls == 10


def test_a_batch_after_the_other_adds_up(pulse, monkeypatch):
    monkeypatch.setattr(rolling, "BATCH", 7)
    make_calls(connect(pulse), 20)
    assert roll_up() == 20
    assert figures(pulse)["pulse.list"].calls == 20
    assert RollUp.objects.filter(period="hour").count() == 1


def test_targets_beyond_the_cap_are_told_together(pulse, settings):
    settings.METRICS_MOST_TARGETS = 3
    reached = connect(pulse)
    for at in range(5):
        make_calls(reached, at + 1, target=f"pulse.a{at}")
    roll_up()
    told = figures(pulse)
    assert set(told) == {"pulse.a0", "pulse.a1", "pulse.a2", ""}
    assert (told[""].calls, told[""].installation) == (9, None)
    make_calls(reached, 1, target="pulse.a1")
    make_calls(reached, 1, target="pulse.a9")
    roll_up()
    again = figures(pulse)
    assert (again["pulse.a1"].calls, again[""].calls) == (3, 10)
    assert RollUp.objects.filter(installation=None).count() == 2  # an hour and a day


PRICES = {
    "scopes: [beats.read]\n": "cost: { unit: call, amount: 0.02, currency: EUR }",
    "scopes: [beats.write]\n": "cost: { unit: token, amount: 0.000002, currency: USD, count: outputs.tokens }",
}


def priced_manifest() -> str:
    found = CHECKED.replace("pulse", "priced")
    for line, cost in PRICES.items():
        found = found.replace(f"    {line}", f"    {line}    {cost}\n")
    return found


def test_what_calls_cost_is_a_ledger_and_its_sums(workspace, admin):
    priced = installed(workspace, admin, priced_manifest())[0]
    reached = connect(priced)
    make_calls(reached, 50, target="priced.list")
    make_calls(reached, 5, target="priced.list", category="transient")  # nothing was had
    make_calls(reached, 5, target="priced.list", mode="simulated")
    make_calls(reached, 2, target="priced.add", outputs={"tokens": 1_500})
    make_calls(reached, 1, target="priced.add", outputs={"id": "no number"})
    roll_up()
    told = figures(priced)
    assert told["priced.list"].money == {"EUR": Decimal("1")} and told["priced.list"].units == {"call": 50}
    assert told["priced.add"].money == {"USD": Decimal("0.006")} and told["priced.add"].units == {"token": 3000}
    assert figures(priced, simulated=True)["priced.list"].money == {}
    assert sum(one.amount for one in Charge.objects.filter(currency="EUR")) == 1
    assert Charge.objects.count() == 52
    Run.objects.filter(target="priced.list", state="failed").update(state="unknown")
    roll_up()
    assert figures(priced)["priced.list"].money == {"EUR": Decimal("1.1")} and Charge.objects.count() == 57


def test_nothing_is_seen_of_another_workspace(pulse, other_workspace, stranger):
    make_calls(connect(pulse), 3)
    with workspace_scope([other_workspace.pk]):
        theirs = installed(other_workspace, stranger, PROBE)[0]
        make_run(other_workspace, theirs, stranger, target="probe.create")
        assert roll_up() == 4  # each in its own scope
        assert {row.target for row in RollUp.objects.all()} == {"probe.create"}
    assert {row.target for row in RollUp.objects.all()} == {"pulse.list"}


def test_old_figures_go_hours_before_days(pulse, settings):
    settings.METRICS_HOURS_KEPT_DAYS, settings.METRICS_KEPT_DAYS = 2, 20
    reached = connect(pulse)
    for days in (1, 10, 30):
        make_calls(reached, 1, age=timedelta(days=days))
    roll_up()
    assert RollUp.objects.filter(period="day").count() == 2  # what is past its time is not counted any more
    drop_old()
    assert RollUp.objects.filter(period="hour").count() == 1 and RollUp.objects.filter(period="day").count() == 2


def test_months_of_old_spans_are_dropped_whole(db):
    months = "SELECT relname FROM pg_class WHERE relname ~ '^sandbox_span_[0-9_]+$' ORDER BY 1"
    with connection.cursor() as cursor:
        cursor.execute("SELECT galaxy_make_partitions(1, 8)")
        cursor.execute(months)
        before = [name for (name,) in cursor.fetchall()]
        drop_old()
        cursor.execute(months)
        after = [name for (name,) in cursor.fetchall()]
    assert len(before) - len(after) in {4, 5} and set(after) < set(before) and before[-5:] == after[-5:]


@pytest.fixture
def undone(db):
    """The test's rows are taken back before Django looks each one's keys up, of which a hundred thousand have many."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def test_a_hundred_thousand_durations_against_the_exact_percentiles(pulse, undone):
    """Of five targets whose durations spread over four decades, at both zooms, from rows as runs leave them: one after
    the other, so that a batch of them belongs to a few hours, and a day's figures come of several batches."""
    make_calls(connect(pulse), 1)
    model = Run.objects.get()
    rng = random.Random(112)
    columns = [field.column for field in Run._meta.local_concrete_fields if not field.generated]
    names = ", ".join(f'"{name}"' for name in columns)
    picked = ", ".join(
        {
            "id": "gen_random_uuid()",
            "target": "'t' || mod(n, 5)",
            "created_at": "at",
            "started_at": "at",
            "finished_at": "at + ms[n] * interval '1 millisecond'",
        }.get(name, f'r."{name}"')
        for name in columns
    )
    durations = [round(rng.lognormvariate(5, 1.5), 3) for _ in range(100_000)]
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO sandbox_run ({names}) SELECT {picked} FROM sandbox_run r, (SELECT %s::float8[] AS ms) m,"
            " LATERAL (SELECT n, now() - n * interval '3.6 seconds' AS at FROM generate_series(1, 100000) n) s"
            " WHERE r.id = %s",
            [durations, model.pk],
        )
    assert roll_up() == 100_001
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT target, percentile_disc(0.5) WITHIN GROUP (ORDER BY ms), percentile_disc(0.95) WITHIN GROUP"
            " (ORDER BY ms) FROM (SELECT target, extract(epoch FROM finished_at - started_at)::float8 * 1000 AS ms"
            " FROM sandbox_run WHERE finished_at >= %s) s GROUP BY 1",
            [window_of("7d").since],
        )
        exact = {target: values for target, *values in cursor.fetchall()}
    told = figures(pulse)
    assert set(told) == set(exact) and len(exact) == 6
    for target, (median, most) in exact.items():
        assert told[target].p50_ms == pytest.approx(median, rel=0.01), target
        assert told[target].p95_ms == pytest.approx(most, rel=0.01), target
